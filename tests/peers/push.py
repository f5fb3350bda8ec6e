"""Push services in this process: one that opens what it gets, and one that plays Google's."""

import base64
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]  # it has no types
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

TOPIC = re.compile("[A-Za-z0-9_-]{1,32}")
URGENCIES = {"very-low", "low", "normal", "high"}
VAPID = re.compile(r"vapid t=([^,\s]+), ?k=([A-Za-z0-9_-]+)")
LARGEST = 4096
DAY = 86400


def letters(raw: bytes) -> str:
    """Return bytes in base64url, as browsers give them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True)
class Pushed:
    """A message as the push service got it, and as the browser reads it."""

    headers: Mapping[str, str]
    size: int
    plain: bytes
    claims: Mapping[str, Any]
    """What we said of ourselves, signed."""
    key: str
    """Whom the signature is by."""

    @property
    def said(self) -> Any:
        return json.loads(self.plain)


@dataclass
class Subscriber:
    """A browser: it alone can read what is pushed to it."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey
    secret: bytes
    got: list[Pushed] = field(default_factory=list)

    @property
    def p256dh(self) -> str:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return letters(point)

    @property
    def auth(self) -> str:
        return letters(self.secret)

    @property
    def address(self) -> str:
        return f"{self.endpoint}#p256dh={self.p256dh}&auth={self.auth}"


@dataclass(frozen=True)
class Refusal:
    """What a peer shall answer instead of taking it; it may be more than one time."""

    status: int
    words: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class PushService:
    """RFC 8030, as far as an application server sees it."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals: list[Refusal] = []
        """The next answers; after these everything is taken."""
        self.asked: list[str] = []
        """Every path that was posted to."""
        self.largest = LARGEST
        self._subscribers: dict[str, Subscriber] = {}

    def subscribe(self) -> Subscriber:
        """Let a new browser subscribe."""
        path = f"/push/{os.urandom(16).hex()}"
        key = ec.generate_private_key(ec.SECP256R1())
        self._subscribers[path] = new = Subscriber(f"{self.url}{path}", key, os.urandom(16))
        return new

    async def take(self, request: web.Request) -> web.Response:
        """Take a push as RFC 8030, 8188, 8291 and 8292 want it, or say what is wrong with it."""
        self.asked.append(request.path)
        body = await request.read()
        if self.refusals:
            refusal = self.refusals.pop(0)
            return web.Response(status=refusal.status, text=refusal.words, headers=refusal.headers)
        if (subscriber := self._subscribers.get(request.path)) is None:
            return web.Response(status=404, text=f"no subscription {request.path}")
        if len(body) > self.largest:
            return web.Response(status=413)
        if fault := _fault(request.headers):
            return web.Response(status=400, text=fault)
        claims, key = _signed(request.headers.get("Authorization", ""))
        if claims.get("aud") != self.url or not 0 < claims.get("exp", 0) - time.time() <= DAY:
            return web.Response(status=403, text="not signed for us and now")
        opened: bytes = http_ece.decrypt(
            body, private_key=subscriber.key, auth_secret=subscriber.secret, version="aes128gcm"
        )
        subscriber.got.append(Pushed(dict(request.headers), len(body), opened, claims, key))
        return web.Response(status=201, headers={"Location": f"{self.url}/message/1"})


def _fault(headers: Mapping[str, str]) -> str:
    if not headers.get("TTL", "").isdigit():
        return "no TTL"  # RFC 8030, 5.2
    if headers.get("Content-Encoding") != "aes128gcm":
        return "not aes128gcm"  # RFC 8291, 4
    if headers.get("Urgency", "normal") not in URGENCIES:
        return "no such urgency"  # RFC 8030, 5.3
    return "" if TOPIC.fullmatch(headers.get("Topic", "x")) else "not a topic"  # RFC 8030, 5.4


def _signed(header: str) -> tuple[Mapping[str, Any], str]:
    found = VAPID.fullmatch(header)
    assert found, header
    token, key = found.groups()
    point = base64.urlsafe_b64decode(key + "=")
    assert len(point) == 65, key
    public: dict[str, str | list[str]] = {
        "kty": "EC",
        "crv": "P-256",
        "x": letters(point[1:33]),
        "y": letters(point[33:]),
    }
    return jwt.decode(token, ECKey.import_key(public), algorithms=["ES256"]).claims, key


@dataclass
class Fcm:
    """FCM HTTP v1 and the token endpoint beside it, for one project."""

    key: rsa.RSAPrivateKey
    url: str = ""
    lasts: int = 3600
    """Seconds each token works, as it says."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    """The next answers to messages."""
    grants: list[Refusal] = field(default_factory=list)
    """The next answers to who asks for a token."""

    def credentials(self, folder: Path) -> str:
        """Write the file of a service account; return its path."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        said = {
            "type": "service_account",
            "project_id": "fmn-test",
            "private_key_id": "1",
            "private_key": pem,
            "client_email": "fmn@fmn-test.example",
            "token_uri": f"{self.url}/token",
        }
        path = folder / "account.json"
        path.write_text(json.dumps(said))
        return str(path)

    async def grant(self, request: web.Request) -> web.Response:
        """Give a token for an assertion: RFC 7523."""
        form = await request.post()
        if self.grants:
            refusal = self.grants.pop(0)
            return web.Response(status=refusal.status, text=refusal.words, headers=refusal.headers)
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        claims = jwt.decode(str(form["assertion"]), RSAKey.import_key(public), ["RS256"]).claims
        assert (claims["iss"], claims["aud"]) == ("fmn@fmn-test.example", f"{self.url}/token")
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["iat"] < claims["exp"] <= claims["iat"] + 3600
        self.granted.append(f"token-{len(self.granted) + 1}")
        answer = {
            "access_token": self.granted[-1],
            "expires_in": self.lasts,
            "token_type": "Bearer",
        }
        return web.json_response(answer)

    async def take(self, request: web.Request) -> web.Response:
        """Take a message, or answer what a test wants."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.granted or token in self.revoked:
            return web.json_response(
                {"error": {"code": 401, "status": "UNAUTHENTICATED"}}, status=401
            )
        if self.refusals:
            refusal = self.refusals.pop(0)
            return web.Response(status=refusal.status, text=refusal.words, headers=refusal.headers)
        self.messages.append((await request.json())["message"])
        return web.json_response({"name": "projects/fmn-test/messages/1"})


@pytest.fixture
async def push_service() -> AsyncIterator[PushService]:
    service = PushService()
    app = web.Application()
    app.router.add_post("/push/{name}", service.take)
    async with TestServer(app, host="127.0.0.1") as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service


@pytest.fixture(scope="session")
def google_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def fcm(google_key: rsa.RSAPrivateKey) -> AsyncIterator[Fcm]:
    service = Fcm(google_key)
    app = web.Application()
    app.router.add_post("/token", service.grant)
    app.router.add_post("/v1/projects/fmn-test/messages:send", service.take)
    async with TestServer(app, host="127.0.0.1") as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service
