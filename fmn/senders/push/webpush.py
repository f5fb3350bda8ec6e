"""Web Push: a message handed to the push service of a browser or an app. RFC 8030."""

from collections.abc import Mapping
from datetime import timedelta

from fmn.egress import Answer, Doubt, Outside
from fmn.emission import Content, Recipient
from fmn.errors import AddressGone, AddressRefused, FmnError, PermanentFailure, TransientFailure
from fmn.senders.push.payload import payload_of, topic_of, urgency_of
from fmn.senders.push.subscription import PLAIN, Subscription, host_of
from fmn.senders.push.vapid import Vapid

SMALLER = 1024
"""Bytes of text that are tried where a push service takes less than RFC 8030, 7.2 asks of it."""
TAKEN = range(200, 300)
TOO_LARGE = 413
GONE = {404, 410}
"""RFC 8030, 7.3: a subscription that ended is not there any more."""
OURS = {401, 403}
"""RFC 8292, 4.2: how we signed is not accepted. Our key can be mended, so nothing is lost."""
MALFORMED = 400
"""RFC 9110, 15.5.1: the same would be refused again, but another message may not be."""


class WebPush:
    """Hands messages to push services."""

    def __init__(self, outside: Outside, vapid: Vapid, ttl: timedelta) -> None:
        self._outside = outside
        self._vapid = vapid
        self._ttl = str(int(ttl.total_seconds()))

    async def send(
        self, to: Subscription, content: Content, recipient: Recipient, doubt: Doubt
    ) -> None:
        """Hand one message over; return when the push service has taken it.

        Raises PermanentFailure or TransientFailure; neither names more of it than its host.
        """
        headers = self._headers(to, content, recipient)
        for room in (PLAIN, SMALLER):
            body = to.sealed(payload_of(content, recipient, room))
            answer = await self._outside.post(to.endpoint, body, headers, doubt)
            if answer.status != TOO_LARGE:
                break
        if answer.status not in TAKEN:
            raise self._failure(to, answer)

    def _headers(
        self, to: Subscription, content: Content, recipient: Recipient
    ) -> Mapping[str, str]:
        return {
            "Authorization": self._vapid.header(to.origin),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": self._ttl,
            "Topic": topic_of(recipient),
            "Urgency": urgency_of(content),
        }

    def _failure(self, to: Subscription, answer: Answer) -> FmnError:
        said = f"push service {host_of(to.endpoint)}: {answer.words}"
        if answer.status in GONE:
            return AddressGone(said)
        if answer.status in OURS:
            ours = f"{said}: it does not accept our signature; see vapid_key and vapid_contact"
            return TransientFailure(ours, retry_after=answer.retry_after)
        if answer.is_for_now:  # RFC 8030, 8.4, too
            return TransientFailure(said, retry_after=answer.retry_after)
        if answer.status in {MALFORMED, TOO_LARGE}:
            return PermanentFailure(said)
        # A redirect, which is not followed, or something that is no push service at all.
        return AddressRefused(said)
