"""The process that Apprise runs in: `python -m fmn.senders.chat.speaking`.

It reads lines and answers each with one, until its input ends. Apprise tells only whether a
notification was sent, follows redirects and believes that any answer is small. So every plug-in
of it speaks through a session of ours, which keeps the first answer that says no.
"""

import io
import os
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_network
from typing import Any, BinaryIO, cast

import apprise
import msgspec
import requests
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from fmn.egress import Answer, guard
from fmn.senders.chat.asked import Reply, Request, Start, line

MOST_MEMORY = 1 << 30
"""Bytes of addresses; of real memory it has less than a tenth."""
MOST_READ = 16 * 1024
"""Bytes of a service's answer that are read."""
TAKEN = range(200, 300)
"""Statuses that say so: RFC 9110, 15.3."""
OVERDUE = 4
"""After so many times its patience the process ends itself, should nobody else have done it."""

Post = Callable[..., requests.Response]
Connect = Callable[[Any], None]


class Ear:
    """Stands between Apprise and the network, and knows why a notification did not go."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.secrets: tuple[str, ...] = ()
        self.answer: Answer | None = None
        self.failure: Exception | None = None
        self.connected = False
        """Whether there was somebody to take it."""

    def listen(self, secrets: tuple[str, ...]) -> None:
        """Forget what was heard; from now on it is about another notification."""
        self.secrets, self.answer, self.failure = secrets, None, None

    def post(self, post: Post, request: requests.PreparedRequest) -> requests.Response:
        """Do what Apprise asks for, once, within bounds. Raises RequestException otherwise."""
        # What is unpacked may be much larger than what came.
        request.headers["Accept-Encoding"] = "identity"
        self.answer, self.connected = None, False
        try:
            response = post(request, stream=True, allow_redirects=False, timeout=self._patience)
        except Exception as failed:
            self.failure = failed
            raise
        body = self._beginning(response)
        response.raw = io.BytesIO(body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.answer = Answer(response.status_code, headers, body, self.secrets)
        if response.status_code not in TAKEN:
            # A plug-in may try again, or go on with the next; a failure stops it.
            raise requests.HTTPError("not taken")
        return response

    def _beginning(self, response: requests.Response) -> bytes:
        """Return what comes of the body in time: once the head came, the service has spoken.

        Where it has taken the notification, nothing is waited for: whoever asked us might give
        up meanwhile, and have it sent again.
        """
        read = bytearray()
        until = time.monotonic() + self._patience / 2
        with suppress(HTTPError, OSError):
            while response.status_code not in TAKEN and time.monotonic() < until:
                if not (more := response.raw.read1(MOST_READ - len(read))):
                    break
                read += more
        response.close()
        return bytes(read)


def main() -> None:
    """Answer each line with a line."""
    lines, replies = sys.stdin.buffer, _replies()
    start = msgspec.json.decode(lines.readline(), type=Start)
    _bound()
    guard([ip_network(network) for network in start.networks])
    ear = Ear(start.patience)
    _speak_through(ear)
    apprise.Apprise.instantiate("ntfy://ready")  # It loads its plug-ins now, in nobody's time.
    _say(replies, Reply(0, sent=True))
    for request in _requests(lines):
        signal.setitimer(signal.ITIMER_REAL, OVERDUE * start.patience)
        _say(replies, _reply(ear, request))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _replies() -> BinaryIO:
    """Return where replies go, and nothing else that is printed."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return replies


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # It would hold secrets.


def _speak_through(ear: Ear) -> None:
    class Session(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self.trust_env = False  # No proxy stands before the guard, no .netrc is read.

        def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
            return ear.post(super().send, request)

    for module in (requests, requests.sessions):
        cast(Any, module).Session = Session
    for connection in (HTTPConnection, HTTPSConnection):
        cast(Any, connection).connect = _telling(ear, connection.connect)


def _telling(ear: Ear, connect: Connect) -> Connect:
    def connected(connection: HTTPConnection) -> None:
        connect(connection)  # TLS and its certificate included
        ear.connected = True

    return connected


def _requests(lines: Iterable[bytes]) -> Iterable[Request]:
    return (msgspec.json.decode(each, type=Request) for each in lines)


def _say(replies: BinaryIO, reply: Reply) -> None:
    replies.write(line(reply))
    replies.flush()


def _reply(ear: Ear, request: Request) -> Reply:
    ear.listen(request.secrets)
    sent = _sent(request)
    # A status says what was taken. Some plug-ins want to see it in the body, too.
    if sent or (ear.answer and ear.answer.status in TAKEN):
        return Reply(request.number, sent=True)
    if (answer := ear.answer) is None:
        return _unheard(ear, request.number)
    wait = answer.retry_after
    return Reply(
        request.number,
        sent=False,
        status=answer.status,
        words=answer.words,
        wait=wait.total_seconds() if wait else None,
    )


def _sent(request: Request) -> bool:
    asset = apprise.AppriseAsset(
        app_id="fmn", app_desc="Notifications", app_url="", image_url_mask="", async_mode=False
    )
    service = apprise.Apprise.instantiate(request.url, asset=asset)
    if not isinstance(service, apprise.NotifyBase):
        return False
    service.request_rate_per_sec = 0  # It would sleep here, with nobody else served.
    form = apprise.NotifyFormat.TEXT if request.escape else None
    speaker = apprise.Apprise(service, asset=asset)
    return bool(speaker.notify(body=request.text, title=request.subject, body_format=form))


def _unheard(ear: Ear, number: int) -> Reply:
    failure = ear.failure
    root: BaseException | None = failure
    while root and (deeper := root.__cause__ or root.__context__):
        root = deeper
    words = "no answer in time" if isinstance(failure, requests.Timeout) else _words(root)
    never = root is None or isinstance(root, PermissionError)
    doubt = ear.connected and not never
    return Reply(number, sent=False, words=words, doubt=doubt, never=never)


def _words(root: BaseException | None) -> str:
    # The texts of requests and urllib3 hold whole addresses: none of them is passed on.
    match root:
        case None:
            return "Apprise does not take it as it is"
        case PermissionError():
            return "it leads to an address that is not public"
        case socket.gaierror():
            return "there is no such host, or nobody knows it now"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {root.verify_message}"
    return getattr(root, "strerror", None) or "what it answers is not HTTP"


if __name__ == "__main__":
    main()
