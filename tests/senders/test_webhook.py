import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fmn.emission import FOOTER, Content, News, Recipient
from fmn.errors import Absent, AddressGone, AddressRefused, PermanentFailure, TransientFailure
from fmn.kinds import Proof
from fmn.model import Key, RuleId
from fmn.senders.webhook import Webhook, signature
from tests.peers import free_port
from tests.peers.http import Http, Raw, Reply, Request, http_server
from tests.senders.conftest import Certificate

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
LOOPBACK = ["127.0.0.0/8"]
ADDRESS = f"https://hooks.example.org/services/very-secret-path#secret={SECRET}"

CONTENT = Content(
    kind="webhook",
    subject="kernel-7.1 failed to build",
    text=f"kernel-7.1 failed\n{FOOTER}to build.\n\n",
    headers={
        "topic": "org.example.build",
        "app": "koji",
        "severity": "error",
        "message": "m1",
        "url": "https://koji.example.org/1",
        "sent_at": "2026-11-21T06:00:00Z",
        "artifact": "rpms/kernel",
        "stop": "https://fmn.example.org/stop/",
    },
)
CHALLENGE = Content(
    kind="webhook", subject="Confirm", text="…", headers={"code": "K7QX-3MZA", "user": "alice"}
)


def to(address: str, *keys: str, **more: Any) -> Recipient:
    named = tuple(map(Key, keys or ["m1:d1"]))
    rules = {RuleId("r1"): "My packages", RuleId("r2"): "Failures"}
    return Recipient(**{"keys": named, "address": address, "rules": rules, "token": "t0k"} | more)


def hook(http: Http, path: str = "/services/very-secret-path", secret: str = SECRET) -> str:
    return f"{http.url(path)}#secret={secret}"


def made(**settings: Any) -> Webhook:
    return Webhook(Webhook.Settings(**{"private_networks": LOOPBACK, **settings}))


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with made() as entered:
        yield entered


def verified(request: Request, key: bytes = KEY) -> Any:
    """Do what a receiver does: by the text of Standard Webhooks, not by our code."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
    digest = hmac.new(key, signed.encode() + request.body, hashlib.sha256).digest()
    scheme, _, encoded = request.headers["webhook-signature"].partition(",")
    assert scheme == "v1"
    assert hmac.compare_digest(base64.b64decode(encoded), digest)
    assert abs(time.time() - int(request.headers["webhook-timestamp"])) < 300
    return json.loads(request.body)


async def test_a_notification_is_a_signed_post_of_json(webhook: Webhook, http: Http) -> None:
    assert await webhook.send(CONTENT, to(hook(http))) is None

    (request,) = http.requests
    said = verified(request)
    assert (request.method, request.target) == ("POST", "/services/very-secret-path")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "fmn"
    assert said == {
        "type": "notification",
        "version": 1,
        "id": request.headers["webhook-id"],
        "messages": ["m1"],
        "subject": "kernel-7.1 failed to build",
        "text": "kernel-7.1 failed\nto build.",
        "facts": {
            "topic": "org.example.build",
            "app": "koji",
            "severity": "error",
            "url": "https://koji.example.org/1",
            "sent_at": "2026-11-21T06:00:00Z",
            "artifact": "rpms/kernel",
        },
        "rules": ["My packages", "Failures"],
        "stop": "https://fmn.example.org/stop/t0k",
    }


async def test_what_is_not_known_is_not_said(webhook: Webhook, http: Http) -> None:
    bare = replace(CONTENT, headers={})
    await webhook.send(bare, to(hook(http)))
    await webhook.send(CONTENT, to(hook(http), token=""))

    first, second = map(verified, http.requests)
    assert first["facts"] == {}
    assert "stop" not in first
    assert "stop" not in second


async def test_a_digest_names_all_its_messages(webhook: Webhook, http: Http) -> None:
    await webhook.send(CONTENT, to(hook(http), "2026:a.b:d1", "m2:d1"))

    assert verified(http.requests[0])["messages"] == ["2026:a.b", "m2"]


async def test_the_secret_is_never_sent(webhook: Webhook, http: Http) -> None:
    await webhook.send(CONTENT, to(hook(http)))

    assert SECRET not in repr(http.requests)
    assert SECRET.removeprefix("whsec_") not in repr(http.requests)


async def test_a_retry_has_the_id_of_the_first_try_and_no_other_has_it(
    webhook: Webhook, http: Http
) -> None:
    for keys in (["m.1:d1"], ["m.1:d1"], ["m.1:d2"], ["m2:d1"], ["m.1:d1", "m2:d1"]):
        await webhook.send(CONTENT, to(hook(http), *keys))

    first, again, *others = (request.headers["webhook-id"] for request in http.requests)
    assert first == again
    assert len({first, *others}) == 4
    assert all("." not in one and len(one) <= 64 for one in others)


@pytest.mark.parametrize("secret", ["0123456789abcdef", "a_secret-of.mine~+/=" * 10])
async def test_a_secret_without_a_prefix_is_the_key(
    webhook: Webhook, http: Http, secret: str
) -> None:
    await webhook.send(CONTENT, to(hook(http, secret=secret)))

    verified(http.requests[0], secret.encode())


KEYS = st.binary(min_size=24, max_size=24)
SIGNED = st.tuples(
    st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True),
    st.integers(0, 2**40).map(str),
    st.binary(),
)


@given(KEYS, KEYS, SIGNED, SIGNED)
def test_a_signature_holds_for_what_was_signed_with_this_key_and_for_nothing_else(
    key: bytes, other_key: bytes, what: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    other_secret = "whsec_" + base64.b64encode(other_key).decode()
    expected = hmac.new(key, b".".join([*map(str.encode, what[:2]), what[2]]), hashlib.sha256)

    signed = signature(secret, *what)

    assert signed == f"v1,{base64.b64encode(expected.digest()).decode()}"
    assert (signed == signature(secret, *other)) == (what == other)
    assert (signed == signature(other_secret, *what)) == (key == other_key)


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    # From the text of Standard Webhooks.
    sent = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
    )
    assert sent == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "body",
    [
        b"K7QX-3MZA",
        b" K7QX-3MZA\r\n",
        b'{"challenge": "K7QX-3MZA"}',
        b'\n{"challenge":"K7QX-3MZA"}\n',
    ],
)
async def test_an_endpoint_that_answers_the_challenge_has_proven_itself(
    webhook: Webhook, http: Http, body: bytes
) -> None:
    http.replies(Reply(200, body))

    assert await webhook.send(CHALLENGE, to(hook(http), "fmn-own-confirm-1:d1")) is News.PROVEN
    assert verified(http.requests[0]) == {
        "type": "confirmation",
        "version": 1,
        "id": http.requests[0].headers["webhook-id"],
        "challenge": "K7QX-3MZA",
        "user": "alice",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"k7qx-3mza",
        b"K7QX-3MZAK7QX-3MZA",
        b'"K7QX-3MZA"',
        b'{"challenge": null}',
        b'{"challenge": "K7QX-3MZ',
        b'{"challenge": "K7QX-3MZA", "user": "alice"}',
        b"[" * 16000,
        b"\xff",
        b"<p>K7QX-3MZA</p>",
    ],
)
async def test_any_other_answer_proves_nothing_and_says_what_was_expected(
    webhook: Webhook, http: Http, body: bytes
) -> None:
    http.replies(Reply(200, body))

    with pytest.raises(PermanentFailure, match="expected the challenge alone, as text or as"):
        await webhook.send(CHALLENGE, to(hook(http)))


async def test_an_echo_proves_nothing(webhook: Webhook, http: Http) -> None:
    http.answer = lambda request: Reply(200, request.body)

    with pytest.raises(PermanentFailure, match="expected the challenge"):
        await webhook.send(CHALLENGE, to(hook(http)))


async def test_a_notification_that_is_taken_proves_nothing(webhook: Webhook, http: Http) -> None:
    http.replies(Reply(200, b"K7QX-3MZA"))

    assert await webhook.send(CONTENT, to(hook(http))) is None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_sent(webhook: Webhook, http: Http, status: int) -> None:
    http.replies(Reply(status))

    assert await webhook.send(CONTENT, to(hook(http))) is None


FAILURES: list[tuple[int, type[Exception]]] = [
    *((status, AddressRefused) for status in (300, 301, 302, 307, 308, 401, 403, 404, 405)),
    (410, AddressGone),
    *((status, PermanentFailure) for status in (400, 402, 409, 413, 422, 499)),
    *((status, TransientFailure) for status in (408, 425, 429, 500, 501, 503, 599, 600, 999)),
]


@pytest.mark.parametrize(("status", "failure"), FAILURES)
async def test_any_other_status_is_the_failure_it_means(
    webhook: Webhook, http: Http, status: int, failure: type[Exception]
) -> None:
    http.replies(Reply(status, b"the words", {"Retry-After": "77"}))

    with pytest.raises(failure) as failed:
        await webhook.send(CONTENT, to(hook(http)))

    assert type(failed.value) is failure
    assert f"http://127.0.0.1:{http.port}/…: {status}" in str(failed.value)
    assert "the words" in str(failed.value)
    if isinstance(failed.value, TransientFailure):
        assert failed.value.retry_after == timedelta(seconds=77)


async def test_a_redirect_is_not_followed_and_that_is_said(webhook: Webhook, http: Http) -> None:
    async with http_server() as other:
        http.replies(Reply(307, b"", {"Location": other.url()}))
        with pytest.raises(AddressRefused, match="redirects are not followed"):
            await webhook.send(CONTENT, to(hook(http)))

    assert other.connections == 0


async def test_no_reason_repeats_what_is_secret(webhook: Webhook, http: Http) -> None:
    for status in (302, 400, 404, 410, 500):
        http.replies(Reply(status, f"no {hook(http)} very-secret-path {SECRET}\n\x07!".encode()))
        with pytest.raises((PermanentFailure, TransientFailure)) as failed:
            await webhook.send(CONTENT, to(hook(http)))

        assert "very-secret-path" not in str(failed.value)
        assert SECRET.removeprefix("whsec_") not in str(failed.value)
        assert str(failed.value).isprintable()


PEERS = {
    "says nothing": Raw(b"", "stall"),
    "hangs up": Raw(),
    "talks nonsense": Raw(b"\x00\xff nonsense\r\n\r\n:\r\n 001\r\n-\r\n" * 3, "stall"),
    "talks without an end": Raw(b"x" * 1_000_000, "repeat"),
    "talks nonsense and hangs up": Raw(b"999 \xff\r\n"),
}


@pytest.mark.parametrize("name", PEERS)
async def test_a_peer_that_fails_is_a_failure_for_now_that_names_it(http: Http, name: str) -> None:
    http.replies(PEERS[name])
    async with made(timeout="0.5s") as webhook:
        async with asyncio.timeout(10):
            with pytest.raises(TransientFailure, match=f"http://127.0.0.1:{http.port}") as failed:
                await webhook.send(CONTENT, to(hook(http)))
        await http.until(lambda: not http.open)

    assert "very-secret-path" not in str(failed.value)


async def test_a_peer_that_is_away_is_a_failure_for_now_then_left_alone() -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/hook#secret={SECRET}"
    async with made() as webhook:
        with pytest.raises(TransientFailure, match=f"http://127.0.0.1:{port}: Connection refused"):
            await webhook.send(CONTENT, to(address))
        with pytest.raises(Absent, match=f"http://127.0.0.1:{port} did not answer"):
            await webhook.send(CONTENT, to(address))


async def test_who_stalls_does_not_stop_the_others(http: Http) -> None:
    http.replies(Raw(b"", "stall"))
    async with http_server() as well, made(at_once=4) as webhook:
        stalled = [asyncio.create_task(webhook.send(CONTENT, to(hook(http)))) for _ in range(9)]
        await http.until(lambda: http.requests)
        for _ in range(10):
            await webhook.send(CONTENT, to(hook(well)))
        assert not any(task.done() for task in stalled)
        for task in stalled:
            task.cancel()
        await asyncio.wait(stalled)

    assert len(well.requests) == 10


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
async def test_without_leave_nobody_posts_into_our_networks(http: Http, host: str) -> None:
    address = f"{http.url(host=host)}#secret={SECRET}"
    async with made(private_networks=[]) as webhook:
        with pytest.raises(PermanentFailure, match="not public"):
            await webhook.send(CONTENT, to(address))

    assert http.connections == 0


FAULTS = {
    "": "not an address that begins with",
    "alice": "not an address that begins with",
    "https://hooks.example.org/fmn": "without #secret=",
    "https://hooks.example.org/fmn#secret=": "without #secret=",
    "https://hooks.example.org/fmn#secret=tooshort": "without #secret=",
    "https://hooks.example.org/fmn#secret=" + "x" * 201: "without #secret=",
    "https://hooks.example.org/fmn#x#secret=0123456789abcdef": "without #secret=",
    "https://hooks.example.org/fmn#secret=0123456789abcdef,b": "without #secret=",
    "https://hooks.example.org/fmn#secret=0123456789abcdef b": "a space",
    "https://hooks.example.org/fmn#secret=0123456789abcdef\r\nX: y": "a control character",
    "https://hooks.example.org/fmn#secret=whsec_not-base64!": "without #secret=",
    "https://hooks.example.org/fmn#secret=whsec_not-base64.": "not base64",
    "https://hooks.example.org/fmn#secret=whsec_MfKQ9r8GKYqrTw": "not base64",
    "https://hooks.example.org/fmn#secret=whsec_MfKQ9r8GKYo=": "too short",
    "https://alice:pw@hooks.example.org/fmn#secret=0123456789abcdef": "a login",
    "http://10.0.0.1/fmn#secret=0123456789abcdef": "not public",
    "http://127.1/fmn#secret=0123456789abcdef": "without a valid host",
}


@pytest.mark.parametrize("address", FAULTS)
async def test_what_is_no_webhook_fails_for_good_before_anybody_is_asked(address: str) -> None:
    async with made(private_networks=[]) as webhook:
        why = webhook.fault(address)
        with pytest.raises(PermanentFailure) as failed:
            await webhook.send(CONTENT, to(address))

    assert FAULTS[address] in (why or "")
    assert (why or "?") in str(failed.value)
    assert "0123456789abcdef" not in str(failed.value)
    assert str(failed.value).isprintable()


ODD = st.text(st.sampled_from("[]@:?#%/.\u00e9\u3002a1x-")).map("https://{}".format)


@given(st.text() | ODD)
@example("https://\u00e9]b[@?")
def test_whatever_people_give_there_is_an_answer_and_no_secret_in_it(text: str) -> None:
    webhook = made()
    for address in (text, f"https://{text}", f"{ADDRESS}{text}", f"https://a.b/{text}#secret=x"):
        assert webhook.shown(address).isprintable()
        assert (webhook.fault(address) or "").isprintable()
        assert webhook.proof(address) is Proof.ANSWER


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (ADDRESS, "https://hooks.example.org/…"),
        ("https://hooks.example.org:8443?key=secret#secret=x", "https://hooks.example.org:8443/…"),
        ("https://hooks.example.org", "https://hooks.example.org/…"),
        ("http://[2001:db8::1]:80/secret", "http://[2001:db8::1]:80/…"),
        ("https://bücher.example/secret", "https://bücher.example/…"),
        ("https://alice:secret@hooks.example.org/", "this webhook"),
        ("secret", "this webhook"),
        ("", "this webhook"),
    ],
)
def test_of_an_address_only_the_host_is_shown(address: str, shown: str) -> None:
    assert made().shown(address) == shown


def test_people_give_an_address_and_a_secret() -> None:
    (form,) = made().forms
    given_ = {"url": "https://hooks.example.org/services/very-secret-path", "secret": SECRET}

    assert form.address(given_) == ADDRESS
    assert made().fault(form.address(given_)) is None
    assert [field.secret for field in form.fields] == [False, True]


async def test_it_lacks_nothing_and_hears_nothing() -> None:
    async def tell(_: object) -> None:
        raise AssertionError

    assert made().lacks is None
    assert made().account is None
    assert made(at_once=7).at_once == 7
    await made().hear(tell)


@pytest.mark.parametrize(
    "settings",
    [
        {"private_networks": ["127.0.0.1/8"]},  # an address, not a network
        {"private_networks": ["intranet"]},
        {"user_agent": "fmn\r\nX: y"},
        {"user_agent": ""},
        {"at_once": 0},
        {"timeout": "0s"},
        {"timeout": "31s"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Webhook.Settings(**settings)


async def test_who_we_are_can_be_set(http: Http) -> None:
    async with made(user_agent="fmn/1 (+https://fmn.example.org)") as webhook:
        await webhook.send(CONTENT, to(hook(http)))

    assert http.requests[0].headers["user-agent"] == "fmn/1 (+https://fmn.example.org)"


POSTING = """
import asyncio, sys
from fmn.emission import Content, Recipient
from fmn.senders.webhook import Webhook

async def main():
    settings = Webhook.Settings(private_networks=["127.0.0.0/8"])
    async with Webhook(settings) as webhook:
        await webhook.send(Content("webhook", "A", "B"), Recipient(("m:d",), sys.argv[1], {}))
asyncio.run(main())
"""


async def test_a_certificate_that_the_system_trusts_is_trusted(certificate: Certificate) -> None:
    async with http_server(certificate.context()) as peer:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", POSTING),
            f"{peer.url(host='localhost')}#secret={SECRET}",
            env=os.environ | {"SSL_CERT_FILE": str(certificate.path)},
            stderr=subprocess.PIPE,
        )
        _, said = await running.communicate()

    assert running.returncode == 0, said
    assert verified(peer.requests[0])["subject"] == "A"


async def test_no_other_certificate_is(webhook: Webhook, certificate: Certificate) -> None:
    async with http_server(certificate.context()) as peer:
        address = f"{peer.url(host='localhost')}#secret={SECRET}"
        with pytest.raises(TransientFailure, match="its certificate is not trusted: self"):
            await webhook.send(CONTENT, to(address))

    assert peer.requests == []
