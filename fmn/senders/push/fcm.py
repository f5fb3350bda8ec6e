"""Firebase Cloud Messaging, HTTP v1: notifications for Android apps.

What it answers: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fmn.egress import Answer, Doubt, Outside
from fmn.emission import Content, Recipient
from fmn.errors import (
    AddressGone,
    AddressRefused,
    FmnError,
    PeerAway,
    PermanentFailure,
    TransientFailure,
)
from fmn.senders.push.google import Account, Tokens, object_in
from fmn.senders.push.payload import topic_of, urgency_of, words_of

START = "fcm:"
ADDRESS = re.compile(r"fcm:[A-Za-z0-9_:-]{1,4096}")
"""A registration token. Its form is not documented; these letters are what they are made of."""
PATTERN = "fcm:{token}"

ROOM = 2048
"""Bytes of JSON for our words. A message may have 4096, and some of it stands in it twice."""
TAKEN = 200
MALFORMED = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
TOO_LARGE = 413


class Fcm:
    """Hands messages to FCM, as the project of a service account."""

    def __init__(
        self, outside: Outside, account: Account, *, url: str, ttl: timedelta, alone: bool
    ) -> None:
        """Hand over at this URL; alone where nobody is served over anything else."""
        self._outside = outside
        self._alone = alone
        self._tokens = Tokens(outside, account)
        self._url = f"{url.rstrip('/')}/v1/projects/{account.project}/messages:send"
        self._ttl = int(ttl.total_seconds())

    async def send(self, content: Content, recipient: Recipient, doubt: Doubt) -> None:
        """Hand one message over; return when FCM has taken it.

        Raises PermanentFailure or TransientFailure, which do not hold the registration token;
        PeerAway where we get no token ourselves and nobody is served without.
        """
        body = json.dumps({"message": self._message(content, recipient)}).encode()
        token = await self._token()
        answer = await self._posted(body, token, doubt)
        if answer.status == UNAUTHORIZED:
            token = await self._token(not_this=token)
            answer = await self._posted(body, token, doubt)
        if answer.status != TAKEN:
            raise _failure(answer, recipient.address.removeprefix(START), token)

    async def _token(self, *, not_this: str = "") -> str:
        try:
            return await self._tokens.token(not_this=not_this)
        except TransientFailure as failed:
            if not self._alone:
                raise  # Browsers are reached all the same.
            raise PeerAway(*failed.args, retry_after=failed.retry_after) from None

    async def _posted(self, body: bytes, token: str, doubt: Doubt) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._outside.post(self._url, body, headers, doubt)

    def _message(self, content: Content, recipient: Recipient) -> dict[str, Any]:
        said = words_of(content, recipient, ROOM)
        topic, urgency = topic_of(recipient), urgency_of(content)
        soon = urgency == "high"
        return {
            "token": recipient.address.removeprefix(START),
            "notification": {"title": said["title"], "body": said["body"]},
            "data": {name: said[name] for name in ("url", "stop", "tag") if name in said},
            "android": {
                "priority": "HIGH" if soon else "NORMAL",
                "ttl": f"{self._ttl}s",
                "collapse_key": topic,
                "notification": {"tag": topic},
            },
            "apns": {
                "headers": {"apns-collapse-id": topic, "apns-priority": "10" if soon else "5"}
            },
            "webpush": {"headers": {"TTL": str(self._ttl), "Topic": topic, "Urgency": urgency}},
        }


def _failure(answer: Answer, *secrets: str) -> FmnError:
    said = f"FCM: {replace(answer, hidden=secrets).words}"
    error = object_in(answer).get("error")
    why = json.dumps(error) if isinstance(error, dict) else ""
    if answer.status == NOT_FOUND and "UNREGISTERED" in why:
        return AddressGone(said)
    if answer.status == MALFORMED and re.search(r"message\.token|registration token", why):
        return AddressRefused(said)
    if answer.status == FORBIDDEN and "SENDER_ID_MISMATCH" in why:
        return AddressRefused(said)  # The app belongs to another project than ours.
    if answer.status in {MALFORMED, TOO_LARGE}:
        return PermanentFailure(said)
    # Too much, away, or our own project and its rights: all of that can be mended.
    return TransientFailure(said, retry_after=answer.retry_after)
