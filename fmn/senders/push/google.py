"""Who we are to Google: a service account, and the tokens it gets for an hour at a time."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlencode

from google.auth import jwt
from google.auth.crypt import RSASigner, Signer

from fmn.egress import Answer, Outside
from fmn.errors import InDoubt, TransientFailure

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523, 2.1."""
LASTS = 3600
"""Seconds an assertion may last at most, as Google wants it."""
EARLY = 60
"""Seconds before its end a token is not used any more: a request takes its time."""
GRANTED = 200
WAIT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A service account, as its JSON file describes it."""

    email: str
    project: str
    token_url: str
    signer: Signer

    @classmethod
    def of(cls, text: str) -> Self:
        """Read the text of its file. Raises ValueError, without a word of the key."""
        try:
            said: Mapping[str, str] = json.loads(text)
            signer = RSASigner.from_string(said["private_key"], said.get("private_key_id"))  # type: ignore[no-untyped-call]
            return cls(said["client_email"], said["project_id"], said["token_uri"], signer)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("not the JSON file of a service account") from None

    def assertion(self) -> str:
        """Return what is exchanged for a token: RFC 7523, 2.1."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + LASTS, "iss": self.email, "scope": SCOPE}
        signed: bytes = jwt.encode(self.signer, claims | {"aud": self.token_url})  # type: ignore[no-untyped-call]
        return signed.decode()


class Tokens:
    """The token of an account, kept until it ends."""

    def __init__(self, outside: Outside, account: Account) -> None:
        self._outside = outside
        self._account = account
        self._turn = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def token(self, *, not_this: str = "") -> str:
        """Return a token; another one than `not_this`, which was refused.

        Raises TransientFailure where there is none just now: nobody's address is to blame.
        """
        async with self._turn:  # All who need a new one wait for the same.
            now = asyncio.get_running_loop().time()
            if now >= self._until or self._token == not_this:
                self._token, lasts = await self._granted()
                self._until = now + lasts - EARLY
            return self._token

    async def _granted(self) -> tuple[str, float]:
        assertion = self._account.assertion()
        form = {"grant_type": GRANT, "assertion": assertion}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        try:
            answer = await self._outside.post(self._account.token_url, body, headers)
        except InDoubt as lost:  # of a token, not of what is to be sent: there may be two
            raise TransientFailure(*lost.args) from None
        said = object_in(answer)
        token, lasts = said.get("access_token"), said.get("expires_in")
        if answer.status == GRANTED and isinstance(token, str) and isinstance(lasts, int | float):
            return token, lasts
        shown = replace(answer, hidden=(assertion,), body=b"" if token else answer.body)
        ours = f"Google gave no token to our service account: {shown.words}; see fcm_credentials"
        raise TransientFailure(ours, retry_after=answer.retry_after or WAIT)


def object_in(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one where there is none."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
