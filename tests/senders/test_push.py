"""Web Push, against a push service that opens what it gets."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from fmn.emission import Content, Recipient
from fmn.errors import (
    Absent,
    AddressGone,
    AddressRefused,
    FmnError,
    InDoubt,
    PermanentFailure,
    TransientFailure,
)
from fmn.model import Key, RuleId
from fmn.senders.push import Push
from tests.peers.http import Http, Raw, Reply
from tests.peers.push import PushService, Refusal, letters

CONTENT = Content(
    kind="push",
    subject="kernel-6.1 failed to build ✓",
    text="Größe: 日本語 🎉",
    headers={"severity": "error", "url": "https://koji.example/build/1"},
)
LOOPBACK = ("127.0.0.0/8",)
PATIENCE = 0.5


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def raw(key: ec.EllipticCurvePrivateKey) -> str:
    return letters(key.private_numbers().private_value.to_bytes(32))


def pem(key: ec.EllipticCurvePrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def point() -> bytes:
    return new_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def some_address(endpoint: str = "https://push.example/abc", **keys: bytes) -> str:
    found = {"p256dh": point(), "auth": b"0123456789abcdef"} | keys
    return f"{endpoint}#p256dh={letters(found['p256dh'])}&auth={letters(found['auth'])}"


def settings(**more: Any) -> Push.Settings:
    known = {
        "vapid_key": raw(new_key()),
        "vapid_contact": "mailto:admin@fmn.example",
        "private_networks": LOOPBACK,
        "timeout": "10s",
    }
    return Push.Settings(**known | more)


def to(address: str, key: str = "m1:d1") -> Recipient:
    return Recipient((Key(key),), address, {RuleId("r1"): "My packages"})


async def failing(address: str, content: Content = CONTENT, **more: Any) -> FmnError:
    async with Push(settings(**more)) as push:
        with pytest.raises(FmnError) as failure:
            await push.send(content, to(address))
    return failure.value


@pytest.mark.real
async def test_only_the_browser_reads_what_is_pushed_and_it_is_signed(
    push_service: PushService,
) -> None:
    alice, push = push_service.subscribe(), Push(settings(ttl="2h"))
    async with push:
        await push.send(CONTENT, to(alice.address))

    (pushed,) = alice.got
    assert pushed.said["title"] == "kernel-6.1 failed to build ✓"
    assert pushed.said["body"] == "Größe: 日本語 🎉"
    assert pushed.said["url"] == "https://koji.example/build/1"
    assert pushed.headers["TTL"] == "7200"
    assert pushed.headers["Urgency"] == "high"
    assert pushed.headers["Topic"] == pushed.said["tag"]
    assert pushed.claims["sub"] == "mailto:admin@fmn.example"
    assert pushed.key == push.public_key


@pytest.mark.real
async def test_the_longest_push_is_as_large_as_every_push_service_takes_it(
    push_service: PushService,
) -> None:
    alice = push_service.subscribe()
    async with Push(settings()) as push:
        await push.send(replace(CONTENT, text="x" * 100_000), to(alice.address))
    assert [pushed.size for pushed in alice.got] == [4096]


@pytest.mark.real
async def test_a_resend_replaces_what_it_repeats_and_others_stay(
    push_service: PushService,
) -> None:
    alice = push_service.subscribe()
    async with Push(settings()) as push:
        for key in ("m1:d1", "m1:d1", "m2:d1"):
            await push.send(CONTENT, to(alice.address, key))
    first, again, other = [pushed.headers["Topic"] for pushed in alice.got]
    assert first == again
    assert first != other


ANSWERS = [
    (404, AddressGone),
    (410, AddressGone),
    (400, PermanentFailure),
    (405, AddressRefused),
    (301, AddressRefused),
    (307, AddressRefused),
    (401, TransientFailure),
    (403, TransientFailure),
    (408, TransientFailure),
    (429, TransientFailure),
    (500, TransientFailure),
    (503, TransientFailure),
]


@pytest.mark.real
@pytest.mark.parametrize(("status", "failure"), ANSWERS)
async def test_each_refusal_is_what_it_means_and_keeps_the_address_secret(
    push_service: PushService,
    status: int,
    failure: type[FmnError],
) -> None:
    alice = push_service.subscribe()
    words = f"no such thing: {alice.endpoint}, {alice.endpoint.rpartition('/')[2]}"
    elsewhere = {"Location": push_service.subscribe().endpoint}
    push_service.refusals = [Refusal(status, words, elsewhere)]

    failed = await failing(alice.address)

    assert type(failed) is failure
    assert f"127.0.0.1: {status}" in str(failed)
    assert "no such thing" in str(failed)
    for secret in (alice.endpoint.rpartition("/")[2], alice.auth, alice.p256dh):
        assert secret not in str(failed)
    assert len(push_service.asked) == 1  # no redirect was followed


@pytest.mark.real
@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_it_waits_as_long_as_the_push_service_says(
    push_service: PushService,
    status: int,
) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    waits = []
    for asked in ("120", until):
        push_service.refusals = [Refusal(status, headers={"Retry-After": asked})]
        failed = await failing(push_service.subscribe().address)
        assert isinstance(failed, TransientFailure)
        waits.append(failed.retry_after)

    assert waits[0] == timedelta(minutes=2)
    assert waits[1] is not None
    assert timedelta(minutes=4) < waits[1] <= timedelta(minutes=5)


@pytest.mark.real
async def test_what_is_too_large_is_said_once_more_in_fewer_words(
    push_service: PushService,
) -> None:
    push_service.largest = 2000
    alice = push_service.subscribe()
    async with Push(settings()) as push:
        await push.send(replace(CONTENT, text="long " * 1000), to(alice.address))

    (pushed,) = alice.got
    assert pushed.size <= 2000
    assert pushed.said["body"].startswith("long long")
    assert pushed.said["body"].endswith("…")


@pytest.mark.real
async def test_what_is_too_large_in_few_words_too_fails_for_good(
    push_service: PushService,
) -> None:
    push_service.largest = 100
    failed = await failing(push_service.subscribe().address)
    assert type(failed) is PermanentFailure
    assert len(push_service.asked) == 2


async def test_one_that_hangs_the_second_time_is_left_alone(http: Http) -> None:
    http.replies(Reply(413), Raw(b"", "stall"))
    async with asyncio.timeout(10), Push(settings(timeout="1s")) as push:
        for failure in (InDoubt, Absent):
            with pytest.raises(FmnError) as failed:
                await push.send(CONTENT, to(some_address(http.url())))
            assert type(failed.value) is failure
    assert len(http.requests) == 2


@pytest.mark.real
async def test_a_send_that_is_given_up_is_in_nobodys_way(
    push_service: PushService,
) -> None:
    alice = push_service.subscribe()
    async with Push(settings()) as push:
        sending = asyncio.create_task(push.send(CONTENT, to(alice.address)))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await push.send(CONTENT, to(alice.address, "m2:d1"))
    assert alice.got
