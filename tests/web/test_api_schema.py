"""Whatever somebody sends: no answer is a fault of ours, and every answer is a documented one."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fmn.emission import Handled
from fmn.storage.engine import open_engine
from fmn.storage.schema import upgrade
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import recorded
from tests.web.callers import token_of, with_rule
from tests.web.history import NOW
from tests.web.served import served

EXAMPLES = 25
"""Made by chance for each operation, beside all the borderline ones."""
SETTINGS = """
headers = {{ Authorization = "Bearer {token}" }}
seed = 1
generation.max-examples = {examples}
generation.database = "none"
parameters = {{ "path.destination" = "{destination}", "query.message" = "m-1" }}

[checks]
# A rule must name a destination that is there: no schema says so.
positive_data_acceptance.enabled = false
# What is far too large is not read to its end.
negative_data_rejection.expected-statuses = ["400", "404", "412", "413", "415", "422", "428"]
missing_required_header.expected-statuses = ["415", "422", "428"]

# What is borderline in a rule is tried once: it takes long.
[[operations]]
include-name = {once}
phases.coverage.enabled = false
"""


ONCE = {
    "sqlite": ["PUT /rules/{rule}", "POST /rules/preview"],
    "postgresql": ["PUT /rules/{rule}", "POST /rules/preview", "PUT /preferences", "POST /rules"],
}
"""Over each sort of database, what is tried with values by chance alone."""


@pytest.fixture(params=["sqlite", "postgres"])
async def both(request: pytest.FixtureRequest, parts: Parts) -> AsyncIterator[Parts]:
    """The parts, over each sort of database."""
    if request.param == "sqlite":
        yield parts
        return
    request.node.user_properties.append(("real", "yes"))
    url: str = await asyncio.to_thread(request.getfixturevalue, "postgres")
    await upgrade(url)
    async with open_engine(url) as engine:
        yield replace(parts, engine=engine)


async def test_schemathesis_finds_no_fault(both: Parts, tmp_path: Path) -> None:
    app = create_app(both)
    api, _ = await with_rule(app)
    [to] = (await api.get("/destinations")).json()["destinations"]
    await recorded(both.engine, Handled(a_message("m-1"), NOW, 1, 0))
    token = await token_of(both, "alice", ("read", "write", "admin"))
    known = {"token": token, "examples": EXAMPLES, "destination": to["id"]}
    once = ONCE[both.engine.dialect.name]
    (tmp_path / "schemathesis.toml").write_text(SETTINGS.format(once=once, **known))
    async with served(app) as address:
        done = await asyncio.to_thread(_examine, address, tmp_path)
    assert done.returncode == 0, _short(done.stdout) + done.stderr[-2000:]


def _examine(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    document = f"{address}/api/v1/openapi.json"
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--no-color", "run", document],
        capture_output=True, text=True, cwd=folder, check=False, timeout=300,
    )  # fmt: skip


def _short(text: str) -> str:
    lines = (line[:300] for line in text.splitlines())
    return "\n".join(lines)[-10_000:]
