"""FCM, against a fake that knows tokens as Google's does: it proves our client, not Google's."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from fmn.bench.samples import vapid_key
from fmn.emission import Content, Recipient
from fmn.errors import (
    AddressGone,
    AddressRefused,
    FmnError,
    PeerAway,
    PermanentFailure,
    TransientFailure,
)
from fmn.model import Key, RuleId
from fmn.senders.push import Push
from fmn.senders.push.payload import topic_of
from tests.peers import free_port
from tests.peers.http import Http, Raw
from tests.peers.push import Fcm, Refusal

TOKEN = "dGVzdA:APA91b_the-registration"  # noqa: S105  # of nobody
CONTENT = Content(
    kind="push",
    subject="kernel-6.1 failed to build",
    text="It failed.",
    headers={"severity": "error", "url": "https://koji.example/build/1"},
)
ALICE = Recipient((Key("m1:d1"),), f"fcm:{TOKEN}", {RuleId("r1"): "My packages"})


def settings(fcm: Fcm, folder: Path, **more: Any) -> Push.Settings:
    known = {
        "fcm_credentials": fcm.credentials(folder),
        "fcm_url": fcm.url,
        "private_networks": ("127.0.0.0/8",),
        "timeout": "10s",
    }
    return Push.Settings(**known | more)


@pytest.fixture
async def push(fcm: Fcm, tmp_path: Path) -> AsyncIterator[Push]:
    async with Push(settings(fcm, tmp_path, ttl="2h")) as made:
        yield made


async def failing(push: Push) -> FmnError:
    with pytest.raises(FmnError) as failure:
        await push.send(CONTENT, ALICE)
    return failure.value


def error(status: int, code: str, words: str = "") -> Refusal:
    """What FCM says, as its reference has it."""
    details = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
    said = {"code": status, "message": words, "status": code, "details": [details]}
    return Refusal(status, json.dumps({"error": said}))


async def test_an_app_gets_title_text_and_link(fcm: Fcm, push: Push) -> None:
    await push.send(CONTENT, ALICE)

    topic = topic_of(ALICE)
    assert fcm.messages == [
        {
            "token": TOKEN,
            "notification": {"title": "kernel-6.1 failed to build", "body": "It failed."},
            "data": {"url": "https://koji.example/build/1", "tag": topic},
            "android": {
                "priority": "HIGH",
                "ttl": "7200s",
                "collapse_key": topic,
                "notification": {"tag": topic},
            },
            "apns": {"headers": {"apns-collapse-id": topic, "apns-priority": "10"}},
            "webpush": {"headers": {"TTL": "7200", "Topic": topic, "Urgency": "high"}},
        }
    ]


async def test_what_is_long_is_cut_to_what_fcm_takes(fcm: Fcm, push: Push) -> None:
    """At most 4096 bytes: FCM's reference of Message."""
    await push.send(replace(CONTENT, subject="日" * 5000, text="🎉" * 5000), ALICE)
    (message,) = fcm.messages
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= 4096
    assert message["notification"]["body"].endswith("🎉…")


async def test_one_token_serves_until_it_ends(fcm: Fcm, push: Push) -> None:
    for _ in range(3):
        await push.send(CONTENT, ALICE)
    assert fcm.granted == ["token-1"]


async def test_a_token_that_ends_soon_is_not_used_again(
    fcm: Fcm,
    push: Push,
) -> None:
    fcm.lasts = 30
    for _ in range(2):
        await push.send(CONTENT, ALICE)
    assert fcm.granted == ["token-1", "token-2"]


async def test_a_token_that_is_refused_is_asked_for_anew_once(
    fcm: Fcm,
    push: Push,
) -> None:
    await push.send(CONTENT, ALICE)
    fcm.revoked = {"token-1"}
    await push.send(CONTENT, ALICE)
    assert (len(fcm.messages), fcm.granted) == (2, ["token-1", "token-2"])

    fcm.revoked = {f"token-{number}" for number in range(9)}
    assert type(await failing(push)) is TransientFailure
    assert fcm.granted == ["token-1", "token-2", "token-3"]


NOT_A_TOKEN = "The registration token is not a valid FCM registration token"  # noqa: S105
REFUSALS = [
    (error(404, "UNREGISTERED", "Requested entity was not found."), AddressGone),
    (error(404, "NOT_FOUND", "no such project"), TransientFailure),
    (error(400, "INVALID_ARGUMENT", NOT_A_TOKEN), AddressRefused),
    (error(400, "INVALID_ARGUMENT", "Invalid value at 'message.token'"), AddressRefused),
    (error(400, "INVALID_ARGUMENT", "Invalid value at 'message.android.ttl'"), PermanentFailure),
    (error(403, "PERMISSION_DENIED"), TransientFailure),
    (error(403, "SENDER_ID_MISMATCH", "SenderId mismatch"), AddressRefused),
    (error(429, "QUOTA_EXCEEDED"), TransientFailure),
    (error(500, "INTERNAL"), TransientFailure),
    (error(503, "UNAVAILABLE"), TransientFailure),
    (Refusal(404, "<html>not found"), TransientFailure),
    (Refusal(400, "[" * 100_000), PermanentFailure),
    (Refusal(302, headers={"Location": "/elsewhere"}), TransientFailure),
]


@pytest.mark.parametrize(("refusal", "failure"), REFUSALS, ids=lambda one: str(one)[:60])
async def test_each_refusal_is_what_it_means(
    fcm: Fcm,
    push: Push,
    refusal: Refusal,
    failure: type[FmnError],
) -> None:
    fcm.refusals = [refusal]
    failed = await failing(push)
    assert type(failed) is failure
    assert f"FCM: {refusal.status}" in str(failed)


async def test_no_reason_holds_a_token(fcm: Fcm, push: Push) -> None:
    fcm.refusals = [error(400, "INVALID_ARGUMENT", f"registration token {TOKEN} with token-1")]
    failed = await failing(push)
    assert TOKEN not in str(failed)
    assert "token-1" not in str(failed)


async def test_it_waits_as_long_as_fcm_says(fcm: Fcm, push: Push) -> None:
    fcm.refusals = [Refusal(429, headers={"Retry-After": "90"})]
    failed = await failing(push)
    assert isinstance(failed, TransientFailure)
    assert failed.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(400, '{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'),
        Refusal(503, "", {"Retry-After": "10"}),
        Refusal(200, "nonsense"),
        Refusal(200, '{"access_token": "hush-hush"}'),
        Refusal(200, '{"access_token": 1, "expires_in": 3600}'),
    ],
    ids=str,
)
async def test_without_a_token_it_is_a_failure_for_now_that_says_so(
    fcm: Fcm,
    push: Push,
    refusal: Refusal,
) -> None:
    fcm.grants = [refusal]
    failed = await failing(push)
    assert isinstance(failed, TransientFailure)
    assert failed.retry_after
    assert f"Google gave no token to our service account: {refusal.status}" in str(failed)
    assert "hush-hush" not in str(failed)

    await push.send(CONTENT, ALICE)
    assert len(fcm.messages) == 1


async def slowly(request: web.Request, handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(0.8)
    return await handler(request)


async def test_a_whole_send_takes_no_longer_than_the_timeout(fcm: Fcm, tmp_path: Path) -> None:
    """Token, post, 401, token, post: each in time, all together not."""
    app = web.Application(middlewares=[web.middleware(slowly)])
    app.router.add_post("/token", fcm.grant)
    app.router.add_post("/v1/projects/fmn-test/messages:send", fcm.take)
    fcm.revoked = {"token-1"}
    async with TestServer(app, host="127.0.0.1") as server:
        fcm.url = str(server.make_url("")).rstrip("/")
        async with Push(settings(fcm, tmp_path, timeout="2s")) as push:
            failed = await failing(push)

    assert type(failed) is TransientFailure  # What left was answered.
    assert "Android app: not taken in 2 s" in str(failed)
    assert fcm.messages == []


async def test_google_away_is_a_failure_for_now(fcm: Fcm, tmp_path: Path) -> None:
    port = free_port()
    fcm.url, real = f"http://127.0.0.1:{port}", fcm.url
    given = settings(fcm, tmp_path)
    fcm.url = real
    async with Push(given) as push:
        failed = await failing(push)
    assert isinstance(failed, TransientFailure)
    assert f"127.0.0.1:{port}" in str(failed)


AWAY = [
    Refusal(400, '{"error": "invalid_grant"}'),
    Refusal(503, "", {"Retry-After": "10"}),
    Refusal(200, "nonsense"),
]


@pytest.mark.parametrize("refusal", AWAY, ids=str)
async def test_without_a_token_the_lane_waits_where_nobody_is_served_without(
    fcm: Fcm, push: Push, refusal: Refusal
) -> None:
    fcm.grants = [refusal]
    assert type(await failing(push)) is PeerAway


@pytest.mark.parametrize("refusal", AWAY, ids=str)
async def test_without_a_token_browsers_are_reached_all_the_same(
    fcm: Fcm, tmp_path: Path, refusal: Refusal
) -> None:
    fcm.grants = [refusal]
    both = {"vapid_key": vapid_key(), "vapid_contact": "mailto:fmn@example.org"}
    async with Push(settings(fcm, tmp_path, **both)) as push:
        failed = await failing(push)
    assert type(failed) is TransientFailure
    assert failed.retry_after


async def test_a_token_that_was_asked_for_and_not_given_is_no_notification_in_doubt(
    fcm: Fcm, http: Http, tmp_path: Path
) -> None:
    """That a request got no answer matters where it holds the notification."""
    http.replies(Raw(b""))
    fcm.url = http.url("")
    both = {"vapid_key": vapid_key(), "vapid_contact": "mailto:fmn@example.org"}
    no: dict[str, Any] = {}
    for more, failure in ((no, PeerAway), (both, TransientFailure)):
        async with Push(settings(fcm, tmp_path, **more)) as push:
            assert type(await failing(push)) is failure
