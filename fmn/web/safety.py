"""What keeps the pages safe whoever asks: headers, no foreign forms, no endless bodies.

Pure ASGI, around the whole application: no page can forget it.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fmn.web.parts import Parts
from fmn.web.problems import refusal

LARGEST = 2 * 1024 * 1024
"""Bytes of a request's body at most."""
YEAR = 31_536_000
"""Seconds."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
WITHOUT_COOKIE = ("/stop/", "/undo/", "/confirm/", "/api/")
"""Where a signed link or a token says who comes: a mail program posts there from anywhere."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{what}-src 'self'" for what in ("style", "script", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def headers_for(parts: Parts, scope: Scope, status: int) -> Mapping[str, str]:
    """Return the headers that an answer with this status must have."""
    secure = {"Strict-Transport-Security": f"max-age={YEAR}"} if parts.secure else {}
    return HEADERS | secure | {"Cache-Control": _caching(scope, status)}


class Safe:
    """Refuses what comes from a foreign page; gives every answer its headers."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                needed = headers_for(self._parts, scope, message["status"])
                MutableHeaders(scope=message).update(needed)
            await send(message)

        app: ASGIApp = self._app
        if why := self._fault(scope):
            app = refusal(Request(scope), 403, why)
        elif _holds_null(scope):
            app = refusal(Request(scope), 400, "the address holds a character that cannot be")
        await app(scope, receive, send_safely)

    def _fault(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        if scope["method"] in SAFE_METHODS or path.startswith(WITHOUT_COOKIE):
            return None
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        foreign = origin is not None and not self._is_ours(origin, headers.get("host", ""))
        if foreign or headers.get("sec-fetch-site") == "cross-site":
            return "this was sent from another site: go to the page itself and try again"
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        known = urlsplit(self._parts.settings.url)
        ours = f"{known.scheme}://{known.netloc}"
        # Behind a proxy that ends TLS we do not know the scheme, but the host.
        return origin == ours or origin in {f"https://{host}", f"http://{host}"}


class Bounded:
    """Refuses a body that is too large, before all of it was read."""

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._largest)
        said = Headers(scope=scope).get("content-length", "")
        body.is_too_large = said.isdecimal() and int(said[:20]) > self._largest
        try:
            if not body.is_too_large:
                await self._app(scope, body.receive, body.send)
        except _TooLarge:
            pass
        if body.is_too_large and not body.is_answered:
            why = f"it is larger than {self._largest // 1024} KiB"
            await refusal(Request(scope), 413, why)(scope, receive, send)


class _TooLarge(Exception):
    pass


class _Body:
    def __init__(self, receive: Receive, send: Send, largest: int) -> None:
        self._receive = receive
        self._send = send
        self._left = largest
        self.is_too_large = False
        self.is_answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.is_too_large = True
            raise _TooLarge
        return message

    async def send(self, message: Message) -> None:
        # Whoever caught our exception may want to say something of its own.
        if self.is_too_large and not self.is_answered:
            return
        self.is_answered = True
        await self._send(message)


def _caching(scope: Scope, status: int) -> str:
    if not scope["path"].startswith("/static/") or status not in {200, 206, 304}:
        return "no-store"
    # The pages name static files with a mark of what is in them.
    return f"public, max-age={YEAR}, immutable" if scope["query_string"] else "no-cache"


def _holds_null(scope: Scope) -> bool:
    return "\0" in scope["path"] or b"%00" in scope["query_string"]
