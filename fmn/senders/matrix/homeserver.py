"""A homeserver: asked as one account, and what is made of its answers.

nio knows the paths and has the connections. Its own waiting and repeating is left out: a retry is
the outbox's; and so is its reading of answers, which logs what it does not understand.
"""

import asyncio
import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from nio import Api, AsyncClient, AsyncClientConfig
from pydantic import Field, SecretStr

from fmn.config.fields import Section
from fmn.errors import TransientFailure

SERVER = r"(?:[0-9A-Za-z.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
USER = rf"@[\x21-\x39\x3b-\x7e]+:{SERVER}"
"""With the letters that were allowed once: such people are still there. Matrix 1.11, appendix 4."""

OK = 200
REDIRECTS = range(300, 400)
NOT_FOUND = 404
NO = set(range(400, 500)) - {429}
"""Statuses of a no that stays one. What failed inside a server is often called `M_UNKNOWN`, too."""

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes. `m.direct` of some hundred thousand people."""
LONGEST_WAIT = timedelta(days=1)
FAREWELL = 1.0
"""Seconds for our logout."""
LOGIN_REFUSED = {"M_FORBIDDEN", "M_USER_DEACTIVATED"}
REST = 60.0
"""Seconds until we try again after our login was refused: who tries often is locked out."""


class Account(Section):
    """Who we are, and where: a password, or an access token, which all processes share."""

    homeserver: str = Field(default="", pattern=r"^(https?://[^\s/?#@]+(/[^\s/?#@]+)*)?$")
    user: str = Field(default="", pattern=rf"^({USER})?$")
    password: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")

    @property
    def lacks(self) -> str | None:
        """Which setting is missing; None where none is."""
        if not self.homeserver:
            return "homeserver"
        if not self.user:
            return "user"
        proven = self.password.get_secret_value() or self.access_token.get_secret_value()
        return None if proven else "access_token or password"


class Refused(Exception):
    """The homeserver says no, for a reason that whoever asked knows what to make of."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(answer.words)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What the homeserver said."""

    status: int
    said: dict[str, Any]
    retry_after: timedelta | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """What nobody may read in `words`, should the homeserver repeat it."""

    @property
    def code(self) -> str:
        """Why it says no, `M_…`; empty where it does not."""
        return "" if self.status == OK else str(self.said.get("errcode", ""))

    @property
    def words(self) -> str:
        said = f"{self.said.get('error', '')} ({self.code or self.status})"
        for secret in self.hidden:
            said = said.replace(secret, "…")
        return "".join(c if c.isprintable() else " " for c in said).strip()[-500:]


class Homeserver:
    """Does what one account may; logs in when it is first asked. Ends with `close`."""

    def __init__(self, account: Account, patience: float) -> None:
        self.name = f"homeserver {account.homeserver}"
        self.user = account.user
        self._password = account.password.get_secret_value()
        self._token = account.access_token.get_secret_value()
        self._logged_in = False
        self._refusal, self._rests_until = "", 0.0
        self._turn = asyncio.Lock()
        config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=patience)
        self._client = AsyncClient(account.homeserver, account.user, config=config)

    async def ask(
        self, method: str, path: str, body: str = "", *, but: Collection[str] = ()
    ) -> dict[str, Any]:
        """Ask for something; return what is said to it.

        Raises Refused where the error is one of `but`, else TransientFailure.
        """
        token = await self._token_instead_of("")
        answer = await self._request(method, path, body, token=token)
        if answer.code == "M_UNKNOWN_TOKEN":
            token = await self._token_instead_of(token)
            answer = await self._request(method, path, body, token=token)
        if answer.code in but and answer.status in NO:
            raise Refused(answer)
        return self._granted(answer)

    async def close(self) -> None:
        """Log out where we had logged in, if anybody is there."""
        if self._logged_in:
            with suppress(TransientFailure, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._request(*Api.logout(""), token=self._token)
        await self._client.close()

    async def _token_instead_of(self, stale: str) -> str:
        async with self._turn:
            if self._token in {"", stale}:
                self._token = await self._login()
                self._logged_in = True
            return self._token

    async def _login(self) -> str:
        if not self._password:
            raise TransientFailure(f"{self.name}: our access_token is not valid there")
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            raise TransientFailure(
                self._refusal, retry_after=timedelta(seconds=self._rests_until - now)
            )
        answer = await self._request(*Api.login(self.user, self._password, "fmn"))
        if answer.code in LOGIN_REFUSED:
            self._refusal = f"{self.name}: our login is refused: {answer.words}"
            self._rests_until = now + REST
            raise TransientFailure(self._refusal, retry_after=timedelta(seconds=REST))
        token = self._granted(answer).get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise TransientFailure(f"{self.name}: no token came of our login")
        return token

    def _granted(self, answer: Answer) -> dict[str, Any]:
        if answer.status != OK:
            words = f"{self.name}: {answer.words}"
            raise TransientFailure(words, retry_after=answer.retry_after)
        return answer.said

    async def _request(self, method: str, path: str, body: str = "", *, token: str = "") -> Answer:
        # nio puts the token into the path, too, where logs of proxies would show it.
        path = path.partition("?")[0]
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = await self._sent(method, path, body, headers)
            if response.status in REDIRECTS:
                response.close()
                words = f"redirects are not followed ({response.status})"
                raise TransientFailure(f"{self.name}: {words}")
            return replace(await _read(response), hidden=_spellings(token, self._password))
        except (ClientError, OSError, ValueError, RecursionError) as failed:
            # Their own words hold addresses and what else was sent.
            words = (isinstance(failed, OSError) and failed.strerror) or type(failed).__name__
            raise TransientFailure(f"{self.name}: no answer: {words}") from None

    async def _sent(
        self, method: str, path: str, body: str, headers: dict[str, str]
    ) -> ClientResponse:
        """As nio's `send`, but for redirects: they would carry our login to another host."""
        client = self._client
        session = client.client_session
        if session is None:
            session = ClientSession(timeout=ClientTimeout(total=client.config.request_timeout))
            client.client_session = session
        url = client.homeserver + path
        answer: ClientResponse = await session.request(
            method, url, data=body or None, headers=headers, allow_redirects=False
        )
        return answer


def _spellings(*secrets: str) -> tuple[str, ...]:
    """Return them as they are and as they stand in JSON, the longest first."""
    spelled = {said for one in secrets for said in (one, json.dumps(one)[1:-1])}
    return tuple(sorted(spelled - {""}, key=len, reverse=True))


async def _read(response: ClientResponse) -> Answer:
    async with response:
        try:
            await response.content.readexactly(LARGEST_ANSWER)
        except asyncio.IncompleteReadError as whole:
            said = json.loads(whole.partial)
        else:
            raise ValueError("too long")
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004  # as what is not JSON
    return Answer(response.status, said, _wait(said, response.headers.get("Retry-After", "")))


def _wait(said: dict[str, Any], header: str) -> timedelta | None:
    # The header is the newer way, but whole seconds.
    ms = said.get("retry_after_ms")
    if not isinstance(ms, int | float):
        ms = int(header) * 1000 if re.fullmatch(r"[0-9]{1,9}", header) else 0
    return min(timedelta(milliseconds=min(ms, 1e11)), LONGEST_WAIT) if ms > 0 else None
