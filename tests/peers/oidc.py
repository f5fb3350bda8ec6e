"""An OpenID provider: oidc-provider-mock as a process of its own.

It speaks plain http on loopback, takes every client, and signs in whoever posts a `sub` to its
authorization page.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers import answers, free_port, lacking, running


@dataclass(frozen=True)
class OpenId:
    """A provider that runs."""

    url: str
    known: set[str] = field(default_factory=set)

    def knows(self, sub: str, **claims: Any) -> None:
        """Tell the provider of somebody, whose name is the `sub` unless the claims say another."""
        claims = {"preferred_username": sub} | claims
        httpx.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()
        self.known.add(sub)

    async def sign_in(self, way: str, sub: str) -> str:
        """Sign in at the address to which a client sent us; return where it sends us back to."""
        if sub not in self.known:
            self.knows(sub)
        return await self._answer(way, {"sub": sub})

    async def deny(self, way: str) -> str:
        """Refuse, as somebody does who has second thoughts; return where it sends us back to."""
        return await self._answer(way, {"action": "deny"})

    async def _answer(self, way: str, form: dict[str, str]) -> str:
        assert way.startswith(f"{self.url}/")
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(way, data=form)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


@contextmanager
def openid_provider(folder: Path) -> Iterator[OpenId]:
    """Run a provider on a free port until the block ends."""
    if not find_spec("oidc_provider_mock"):
        lacking("oidc-provider-mock is not installed; pip install oidc-provider-mock")
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "oidc_provider_mock",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
        "-n",
        "true",
    ]
    with running(command, folder, ready=lambda: answers(port)):
        yield OpenId(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenId]:
    """A provider for all tests: who it knows is up to each."""
    with openid_provider(tmp_path_factory.mktemp("openid") / "provider") as provider:
        yield provider
