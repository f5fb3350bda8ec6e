"""A homeserver: asked as one account, and what is made of its answers.

nio knows the paths and has the connections. Its own waiting and repeating is left out: a retry is
the outbox's; and so is its reading of answers, which logs what it does not understand.
"""

import asyncio
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
)
from nio import Api, AsyncClient, AsyncClientConfig
from pydantic import Field, SecretStr

from fmn.config.fields import Section
from fmn.egress.doubt import Doubt, tracing
from fmn.errors import InDoubt, PeerAway, TransientFailure
from fmn.senders.matrix.answer import OK, Answer, Refused, read, spellings

SERVER = r"(?:[0-9A-Za-z.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
USER = rf"@[\x21-\x39\x3b-\x7e]+:{SERVER}"
"""With the letters that were allowed once: such people are still there. Matrix 1.11, appendix 4."""

REDIRECTS = range(300, 400)
NOT_FOUND = 404
NO = set(range(400, 500)) - {429}
"""Statuses of a no that stays one. What failed inside a server is often called `M_UNKNOWN`, too."""

AWAY = {502, 503, 504}
"""What a proxy says of a homeserver that does not answer. Of another server than ours, which does
not answer it, the homeserver says so itself, with an error of Matrix."""

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


class Homeserver:
    """Does what one account may; logs in when it is first asked. Ends with `close`."""

    def __init__(self, account: Account, patience: float, *, alone: bool = True) -> None:
        """Ask this account's homeserver; alone where nobody is written to over another."""
        self._alone = alone
        self._patience = patience
        self._heard = float("-inf")
        self.name = f"homeserver {account.homeserver}"
        self.user = account.user
        self._password = account.password.get_secret_value()
        self._token = account.access_token.get_secret_value()
        self._logged_in = False
        self._refusal, self._rests_until = "", 0.0
        self._turn = asyncio.Lock()
        config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=patience)
        self._client = AsyncClient(account.homeserver, account.user, config=config)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def ask(
        self,
        method: str,
        path: str,
        body: str = "",
        *,
        but: Collection[str] = (),
        doubt: Doubt | None = None,
    ) -> dict[str, Any]:
        """Ask for something; return what is said to it.

        Raises Refused where the error is one of `but`, PeerAway where nobody is there or we are
        not let in, InDoubt where it must not happen twice, which `doubt` says, and may have; else
        TransientFailure.
        """
        token = await self._token_instead_of("")
        answer = await self._request(method, path, body, token=token, doubt=doubt)
        if answer.code == "M_UNKNOWN_TOKEN":
            token = await self._token_instead_of(token)
            answer = await self._request(method, path, body, token=token, doubt=doubt)
        if answer.code in but and answer.status in NO:
            raise Refused(answer)
        return self._granted(answer)

    def late(self, began: float, doubt: Doubt) -> TransientFailure:
        """Return what to raise where the time is up for what began then."""
        why = f"{self.name}: no answer in {self._patience:g} s"
        if self._heard < began:  # by nobody: else it is slow with this, or waits for another
            return self._away(why)
        return self._unanswered(why, doubt)

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
            raise self._away(f"{self.name}: our access_token is not valid there")
        if (rest := self._rests_until - self.now) > 0:
            raise self._away(self._refusal, timedelta(seconds=rest))
        answer = await self._request(*Api.login(self.user, self._password, "fmn"))
        if answer.code in LOGIN_REFUSED:
            self._refusal = f"{self.name}: our login is refused: {answer.words}"
            self._rests_until = self.now + REST
        if answer.status != OK:
            words = self._refusal if answer.code in LOGIN_REFUSED else self._said(answer)
            raise self._away(words, answer.retry_after)
        token = answer.said.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise self._away(f"{self.name}: no token came of our login")
        return token

    def _away(self, why: str, again: timedelta | None = None) -> TransientFailure:
        kind = PeerAway if self._alone else TransientFailure
        return kind(why, retry_after=again or timedelta(seconds=REST))

    def _unanswered(self, why: str, doubt: Doubt | None) -> TransientFailure:
        # What has arrived is known to the homeserver by its transaction id, for each device: with
        # a token that all processes share there is one, and a retry is harmless. Who logged in
        # by password is a device of its own, and another process may be the one that tries again.
        if doubt and doubt.open and self._logged_in:
            return InDoubt(why)
        return TransientFailure(why)

    def _said(self, answer: Answer) -> str:
        return f"{self.name}: {answer.words}"

    def _granted(self, answer: Answer) -> dict[str, Any]:
        if answer.status in AWAY and not answer.code:
            raise self._away(self._said(answer), answer.retry_after)
        if answer.status != OK:
            raise TransientFailure(self._said(answer), retry_after=answer.retry_after)
        return answer.said

    async def _request(
        self,
        method: str,
        path: str,
        body: str = "",
        *,
        token: str = "",
        doubt: Doubt | None = None,
    ) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._answer(method, path, body, headers, doubt or Doubt())
            return replace(answer, hidden=spellings(token, self._password))
        except ClientConnectorError as failed:
            raise self._away(f"{self.name}: no answer: {_words(failed)}") from None
        except (ClientError, OSError, ValueError, RecursionError) as failed:
            raise self._unanswered(f"{self.name}: no answer: {_words(failed)}", doubt) from None

    async def _answer(
        self, method: str, path: str, body: str, headers: dict[str, str], doubt: Doubt
    ) -> Answer:
        response = await self._sent(method, path, body, headers, doubt)
        self._heard = self.now
        if response.status in REDIRECTS:
            response.close()
            words = f"redirects are not followed ({response.status})"
            raise self._away(f"{self.name}: {words}")
        # Another status than OK is a no, whatever else is said.
        doubt.open = response.status == OK
        try:
            answer = await read(response)
        except ValueError as failed:
            if response.status not in AWAY:
                raise
            words = f"no answer: {_words(failed)} ({response.status})"
            raise self._away(f"{self.name}: {words}") from None
        doubt.open = False
        return answer

    async def _sent(
        self, method: str, path: str, body: str, headers: dict[str, str], doubt: Doubt
    ) -> ClientResponse:
        """As nio's `send`, but for redirects: they would carry our login to another host."""
        client = self._client
        session = client.client_session
        if session is None:
            timeout = ClientTimeout(total=self._patience)
            session = ClientSession(timeout=timeout, trace_configs=[tracing()])
            client.client_session = session
        # nio puts the token into the path, too, where logs of proxies would show it.
        url = client.homeserver + path.partition("?")[0]
        answer: ClientResponse = await session.request(
            method,
            url,
            data=body or None,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=doubt,
        )
        return answer


def _words(failed: Exception) -> str:
    # Their own words hold addresses and what else was sent.
    return (isinstance(failed, OSError) and failed.strerror) or type(failed).__name__
