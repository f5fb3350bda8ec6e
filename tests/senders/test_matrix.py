import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fmn.emission import FOOTER, Content, Recipient
from fmn.errors import AddressRefused, PermanentFailure, TransientFailure
from fmn.kinds import Proof
from fmn.model import Key, RuleId
from fmn.senders.matrix import Matrix
from fmn.senders.matrix.event import CUT, event_of
from tests.peers import PATIENCE, free_port
from tests.peers.http import Http, Raw, Reply, Request, http_server
from tests.peers.synapse import CLIENT, PASSWORD, Person, Synapse

CONTENT = Content(kind="matrix", subject="build", text=f"kernel-6.1 failed to build\n{FOOTER}")
CONFIRMATION = replace(CONTENT, text="Your code: K7QX-3MZA", headers={"code": "K7QX-3MZA"})
TOKEN = "syt_hush_hush"  # noqa: S105  # of a scripted homeserver
SHORT = "0.5s"


def to(address: str, key: str = "m1:d1") -> Recipient:
    rules = {RuleId("r1"): "My packages"}
    return Recipient(keys=(Key(key),), address=address, rules=rules, footer="because you asked")


def saying(text: str) -> Content:
    return replace(CONTENT, text=text)


def at(url: str, bot: Person, **more: Any) -> Matrix:
    given: dict[str, Any] = {"homeserver": url, "user": bot.id, "access_token": bot.token}
    return Matrix(Matrix.Settings(**given | more))


def by_password(url: str, bot: Person, **more: Any) -> Matrix:
    return at(url, bot, **{"access_token": "", "password": PASSWORD} | more)


def scripted(port: int, **more: Any) -> Matrix:
    given: dict[str, Any] = {"user": "@fmn:fmn.test", "access_token": TOKEN}
    return Matrix(Matrix.Settings(homeserver=f"http://127.0.0.1:{port}", **given | more))


@asynccontextmanager
async def between(synapse: Synapse) -> AsyncIterator[Http]:
    """Stand between a sender and the homeserver, and see and pass on everything."""
    async with http_server() as middle:
        middle.answer = lambda request: passed(synapse, request)
        yield middle


def passed(synapse: Synapse, request: Request) -> Reply:
    headers = {name: request.headers[name] for name in ("authorization",) & request.headers.keys()}
    answer = synapse.http.request(
        request.method, request.target, content=request.body, headers=headers
    )
    return Reply(answer.status_code, answer.content)


@pytest.fixture
def alice(synapse: Synapse) -> Person:
    return synapse.somebody("alice")


@pytest.fixture
def bot(synapse: Synapse) -> Person:
    return synapse.somebody("fmn")


@pytest.fixture
def admin(synapse: Synapse) -> Person:
    return synapse.somebody("admin", admin=True)


async def test_a_person_is_invited_to_a_direct_room_and_reads_there_what_was_said_before(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))

    ((room, told),) = alice.invitations().items()
    invited = [event["content"] for event in told if event.get("state_key") == alice.id]
    assert [(one["membership"], one["is_direct"]) for one in invited] == [("invite", True)]
    alice.join(room)
    (message,) = alice.read(room)
    assert message["sender"] == bot.id
    assert message["content"] == {
        "msgtype": "m.text",
        "body": "kernel-6.1 failed to build\nbecause you asked",
    }
    assert bot.direct() == {alice.id: [room]}


async def test_html_goes_beside_the_text(synapse: Synapse, alice: Person, bot: Person) -> None:
    content = replace(CONTENT, html=f"<p>kernel <b>failed</b></p>{FOOTER}")
    async with at(synapse.url, bot) as matrix:
        await matrix.send(content, to(alice.id))

    (message,) = alice.read(alice.come())
    assert message["content"]["format"] == "org.matrix.custom.html"
    assert message["content"]["formatted_body"] == "<p>kernel <b>failed</b></p>because you asked"
    assert message["content"]["body"] == "kernel-6.1 failed to build\nbecause you asked"


async def test_the_same_notification_twice_is_one_event_whichever_process_repeats_it(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))
        await matrix.send(CONTENT, to(alice.id))
    async with at(synapse.url, bot) as another:
        await another.send(CONTENT, to(alice.id))
        await another.send(saying("another one"), to(alice.id, "m2:d1"))

    told = alice.told(alice.come())
    assert told == ["kernel-6.1 failed to build\nbecause you asked", "another one"]


async def test_a_retry_after_a_lost_answer_gets_the_same_event(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    events: list[str] = []

    def lose_the_first(request: Request) -> Reply | Raw:
        reply = passed(synapse, request)
        if "/send/" not in request.target:
            return reply
        events.append(json.loads(reply.body)["event_id"])
        return Raw(reply.head() + reply.body[:5]) if len(events) == 1 else reply

    async with between(synapse) as middle, by_password(middle.url(""), bot) as matrix:
        middle.answer = lose_the_first
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{middle.port}"):
            await matrix.send(CONTENT, to(alice.id))
        await matrix.send(CONTENT, to(alice.id))

    assert len(events) == 2
    assert len(set(events)) == 1
    assert len(alice.told(alice.come())) == 1


async def test_one_room_for_a_person_also_by_those_who_come_later(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id, "m1:d1"))
        await matrix.send(saying("two"), to(alice.id, "m2:d1"))
    room = alice.come()
    async with at(synapse.url, bot) as later:
        await later.send(saying("three"), to(alice.id, "m3:d1"))

    assert alice.told(room) == ["one", "two", "three"]
    assert alice.invitations() == {}
    assert bot.direct() == {alice.id: [room]}


async def test_first_notifications_in_the_same_moment_make_one_room_for_each_person(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    bob = synapse.somebody("bob")
    people = [alice, bob] * 5
    async with at(synapse.url, bot) as matrix:
        sends = (matrix.send(saying(f"{i}"), to(p.id, f"m{i}:d")) for i, p in enumerate(people))
        await asyncio.gather(*sends)

    rooms = {person.id: person.come() for person in (alice, bob)}
    assert sorted(alice.told(rooms[alice.id])) == ["0", "2", "4", "6", "8"]
    assert sorted(bob.told(rooms[bob.id])) == ["1", "3", "5", "7", "9"]
    assert bot.direct() == {person: [room] for person, room in rooms.items()}
    assert set(bot.joined()) == set(rooms.values())


async def test_a_send_that_is_given_up_half_way_leaves_one_room_to_the_next(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with between(synapse) as middle, at(middle.url(""), bot) as matrix:
        first = asyncio.create_task(matrix.send(saying("one"), to(alice.id, "m1:d1")))
        await middle.until(lambda: any("createRoom" in one.target for one in middle.requests))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await matrix.send(saying("two"), to(alice.id, "m2:d1"))

    room = alice.come()
    assert "two" in alice.told(room)
    assert bot.direct() == {alice.id: [room]}
    assert bot.joined() == [room]


async def test_a_room_that_could_not_be_noted_is_noted_with_the_next_notification(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with between(synapse) as middle, at(middle.url(""), bot) as matrix:

        def not_noting(request: Request) -> Reply:
            noting = request.method == "PUT" and "m.direct" in request.target
            return Reply(503, b"{}") if noting else passed(synapse, request)

        middle.answer = not_noting
        with pytest.raises(TransientFailure, match="503"):
            await matrix.send(CONTENT, to(alice.id))
        middle.answer = lambda request: passed(synapse, request)
        await matrix.send(CONTENT, to(alice.id))

    assert bot.direct() == {alice.id: [alice.come()]}


async def test_what_else_the_account_has_noted_stays(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    noted = {"@carol:fmn.test": ["!old:fmn.test"], "@odd:fmn.test": "no list", alice.id: []}
    bot.note_direct(noted)
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))

    assert bot.direct() == noted | {alice.id: [alice.come()]}


async def test_who_left_is_invited_once_more_and_then_is_left_in_peace(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id, "m1:d1"))
        room = alice.come()
        alice.leave(room)
        await matrix.send(saying("two"), to(alice.id, "m2:d1"))
        assert list(alice.invitations()) == [room]
        alice.leave(room)

        with pytest.raises(AddressRefused, match=alice.id):
            await matrix.send(saying("three"), to(alice.id, "m3:d1"))
        assert alice.invitations() == {}
        await matrix.send(CONFIRMATION, to(alice.id, "m4:d1"))
        assert alice.come() == room
        await matrix.send(saying("five"), to(alice.id, "m5:d1"))

    assert alice.told(room) == ["one", "two", "Your code: K7QX-3MZA", "five"]


async def test_who_came_back_may_leave_and_be_invited_again(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        for number in range(3):
            await matrix.send(saying("come"), to(alice.id, f"m{number}:d1"))
            room = alice.come()
            await matrix.send(saying("you are here"), to(alice.id, f"n{number}:d1"))
            alice.leave(room)

    assert bot.joined() == [room]


async def test_a_room_we_are_no_longer_in_is_replaced_once(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id, "m1:d1"))
        old = alice.come()
        bot.leave(old)
        # Of the same words in the same millisecond a homeserver makes one event: an event's ID is
        # the hash of what it says.
        sends = (matrix.send(saying(f"{i}"), to(alice.id, f"m{i}:d1")) for i in (2, 3))
        await asyncio.gather(*sends)

    new = alice.come()
    assert sorted(alice.told(new)) == ["2", "3"]
    assert bot.direct() == {alice.id: [new, old]}


async def test_a_room_we_were_never_in_is_replaced(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    bot.note_direct({alice.id: ["!elsewhere:fmn.test"]})
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id))

    room = alice.come()
    assert alice.told(room) == ["one"]
    assert bot.direct() == {alice.id: [room, "!elsewhere:fmn.test"]}


def refusing(*targets: str) -> Callable[[Request], Reply]:
    """Be a homeserver without rooms that says M_FORBIDDEN to these, and repeats the request."""

    def answer(request: Request) -> Reply:
        said = f"no: {request.headers.get('authorization')} {request.body.decode()}"
        no = json.dumps({"errcode": "M_FORBIDDEN", "error": said}).encode()
        if any(target in request.target for target in targets):
            return Reply(403, no)
        if "createRoom" in request.target:
            invites = json.loads(request.body).get("invite")
            return Reply(403, no) if invites else Reply(200, b'{"room_id": "!made:fmn.test"}')
        if "m.direct" in request.target or "m.room.member" in request.target:
            return Reply(404, b'{"errcode": "M_NOT_FOUND"}')
        return Reply(200, b"{}")

    return answer


async def test_that_our_account_may_make_no_rooms_is_a_failure_for_now() -> None:
    async with http_server() as http, scripted(http.port) as matrix:
        http.answer = refusing("createRoom")
        with pytest.raises(TransientFailure, match="M_FORBIDDEN"):
            await matrix.send(CONTENT, to("@alice:fmn.test"))


async def test_who_is_not_to_be_invited_is_refused_and_no_room_is_made_each_time() -> None:
    async with http_server() as http, scripted(http.port) as matrix:
        http.answer = refusing("/invite")
        for _ in range(3):
            with pytest.raises(AddressRefused, match=r"@alice:fmn\.test.*M_FORBIDDEN"):
                await matrix.send(CONTENT, to("@alice:fmn.test"))

    made = [json.loads(one.body) for one in http.requests if "createRoom" in one.target]
    assert [one.get("invite", []) for one in made] == [["@alice:fmn.test"], []]


@pytest.mark.parametrize("login", [{}, {"access_token": "", "password": 'hu"sh-hüsh'}])
async def test_what_is_secret_is_not_in_what_a_homeserver_repeats(login: dict[str, str]) -> None:
    async with http_server() as http, scripted(http.port, **login) as matrix:
        http.answer = refusing("login", "profile", "createRoom")
        with pytest.raises(TransientFailure, match="no: ") as failure:
            await matrix.send(CONTENT, to("@alice:fmn.test"))

    assert TOKEN not in str(failure.value)
    assert "sh-h" not in str(failure.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_our_login_is_not_followed(status: int) -> None:
    login = {"access_token": "", "password": "hush-hush"}
    async with (
        http_server() as other,
        http_server() as http,
        scripted(http.port, **login) as matrix,
    ):
        http.replies(Reply(status, b"", {"Location": other.url("/login")}))
        with pytest.raises(TransientFailure, match="redirects are not followed"):
            await matrix.send(CONTENT, to("@alice:fmn.test"))

    assert other.requests == []


async def test_a_person_there_is_not_is_refused_and_no_room_is_made(
    synapse: Synapse, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        with pytest.raises(AddressRefused, match="nobody has this Matrix ID"):
            await matrix.send(CONTENT, to("@nobody:fmn.test"))

    assert bot.joined() == []


async def test_a_name_with_signs_of_addresses_in_it_is_a_name(
    synapse: Synapse, bot: Person
) -> None:
    alice = synapse.somebody("a/../l=i+ce.")
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id))
        await matrix.send(saying("two"), to(alice.id, "m2:d1"))

    assert alice.told(alice.come()) == ["one", "two"]


async def test_a_server_ours_does_not_talk_to_refuses(synapse: Synapse, bot: Person) -> None:
    async with at(synapse.url, bot) as matrix:
        with pytest.raises(AddressRefused, match="Federation denied"):
            await matrix.send(CONTENT, to("@alice:example.org"))


async def test_an_account_that_was_closed_is_refused(
    synapse: Synapse, alice: Person, bot: Person, admin: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))
        admin.ask("POST", f"/_synapse/admin/v1/deactivate/{alice.id}", {"erase": True})

        with pytest.raises(AddressRefused, match=alice.id):
            await matrix.send(CONTENT, to(alice.id, "m2:d1"))


async def test_too_fast_is_a_failure_for_now_that_says_how_long(
    synapse: Synapse, alice: Person, bot: Person, admin: Person
) -> None:
    limit = {"messages_per_second": 1, "burst_count": 1}
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))
        admin.ask("POST", f"/_synapse/admin/v1/users/{bot.id}/override_ratelimit", limit)

        sends = (matrix.send(CONTENT, to(alice.id, f"n{i}:d1")) for i in range(10))
        came = await asyncio.gather(*sends, return_exceptions=True)

    refused = [one for one in came if one is not None]
    assert refused
    for one in refused:
        assert isinstance(one, TransientFailure)
        assert one.retry_after is not None
        assert timedelta() < one.retry_after <= timedelta(seconds=10)
        assert "M_LIMIT_EXCEEDED" in str(one)


WAITS = [
    (b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}', "", timedelta(seconds=1.5)),
    (b'{"errcode": "M_LIMIT_EXCEEDED"}', "7", timedelta(seconds=7)),
    (b'{"errcode": "M_LIMIT_EXCEEDED"}', "", None),
    (b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": "soon"}', "later", None),
    (b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": -1}', "", None),
    (b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1e300}', "", timedelta(days=1)),
    (b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": NaN}', "", None),
    (b"{}", "999999999", timedelta(days=1)),
]


@pytest.mark.parametrize(("body", "header", "expected"), WAITS)
async def test_how_long_to_wait_is_what_the_homeserver_says(
    body: bytes, header: str, expected: timedelta | None
) -> None:
    async with http_server() as http, scripted(http.port) as matrix:
        http.replies(Reply(429, body, {"Retry-After": header}))
        with pytest.raises(TransientFailure) as failure:
            await matrix.send(CONTENT, to("@alice:fmn.test"))

    assert failure.value.retry_after == expected
    assert len(http.requests) == 1


async def test_it_logs_in_once_and_out_at_the_end(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    before = bot.ask("GET", f"{CLIENT}/devices")
    async with by_password(synapse.url, bot) as matrix:
        sends = (matrix.send(CONTENT, to(alice.id, f"m{number}:d1")) for number in range(5))
        await asyncio.gather(*sends)
        assert len(bot.ask("GET", f"{CLIENT}/devices")["devices"]) == 2

    assert bot.ask("GET", f"{CLIENT}/devices") == before


async def test_a_token_that_is_no_longer_valid_is_replaced_by_a_new_login(
    synapse: Synapse, alice: Person, bot: Person, admin: Person
) -> None:
    async with by_password(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id, "m1:d1"))
        bot.ask("POST", f"{CLIENT}/logout/all", {})
        sends = (matrix.send(saying(f"{i}"), to(alice.id, f"n{i}:d1")) for i in range(5))
        await asyncio.gather(*sends)
        devices = admin.ask("GET", f"/_synapse/admin/v2/users/{bot.id}/devices")

    assert sorted(alice.told(alice.come())) == ["0", "1", "2", "3", "4", "one"]
    assert devices["total"] == 1


async def test_an_access_token_that_is_no_longer_valid_is_a_failure_for_now_of_ours(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))
        bot.ask("POST", f"{CLIENT}/logout/all", {})
        with pytest.raises(TransientFailure, match="our access_token is not valid") as failure:
            await matrix.send(CONTENT, to(alice.id, "m2:d1"))

    assert bot.token not in str(failure.value)


async def test_a_token_of_somebody_else_is_a_failure_for_now(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot, user="@other:fmn.test") as matrix:
        with pytest.raises(TransientFailure, match="M_FORBIDDEN"):
            await matrix.send(CONTENT, to(alice.id))


async def test_a_wrong_password_is_tried_once_and_a_failure_for_now_that_does_not_tell_it(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    wrong = {"password": "wr0ng-and-secret"}
    async with between(synapse) as middle, by_password(middle.url(""), bot, **wrong) as matrix:
        sends = (matrix.send(CONTENT, to(alice.id, f"m{number}:d1")) for number in range(5))
        came = await asyncio.gather(*sends, return_exceptions=True)
        with pytest.raises(TransientFailure, match="our login is refused") as failure:
            await matrix.send(CONTENT, to("@bob:fmn.test"))

    assert len(middle.requests) == 1
    for failed in (*came, failure.value):
        assert isinstance(failed, TransientFailure)
        assert failed.retry_after is not None
        assert failed.retry_after > timedelta()
        assert "wr0ng" not in str(failed)
        assert f"127.0.0.1:{middle.port}" in str(failed)


async def test_a_homeserver_that_comes_back_is_used_again(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with by_password(synapse.url, bot) as matrix:
        await matrix.send(saying("one"), to(alice.id, "m1:d1"))
        synapse.stop()
        try:
            with pytest.raises(TransientFailure, match=f"127.0.0.1:{synapse.port}"):
                await matrix.send(saying("two"), to(alice.id, "m2:d1"))
        finally:
            synapse.start()
        await matrix.send(saying("two"), to(alice.id, "m2:d1"))

    assert alice.told(alice.come()) == ["one", "two"]


async def test_a_token_that_was_doubted_wrongly_is_used_again() -> None:
    room = {"@bob:fmn.test": ["!there:fmn.test"], "membership": "join"}
    async with http_server() as http, scripted(http.port) as matrix:
        http.replies(Reply(401, b'{"errcode": "M_UNKNOWN_TOKEN"}'))
        with pytest.raises(TransientFailure):
            await matrix.send(CONTENT, to("@bob:fmn.test"))
        http.replies(Reply(200, json.dumps(room).encode()))
        await matrix.send(CONTENT, to("@bob:fmn.test"))

    assert http.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"


LONG = ["word " * 40_000, "wörd ✓ 日本語 🎉 " * 10_000, '"\\\n' * 50_000, "x" * 2_000_000]


@pytest.mark.parametrize("text", LONG)
async def test_a_text_that_is_too_long_is_cut_and_keeps_its_footer(
    synapse: Synapse, alice: Person, bot: Person, text: str
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying(text + FOOTER), to(alice.id))

    (told,) = alice.told(alice.come())
    beginning, end = told.split(CUT)
    assert text.startswith(beginning)
    assert end == "\nbecause you asked"
    assert len(json.dumps(told, ensure_ascii=False).encode()) > 50_000


@given(text=st.text(st.characters(), min_size=1), times=st.integers(1, 70_000), end=st.text())
def test_no_event_is_too_large_whatever_is_said(text: str, times: int, end: str) -> None:
    content = replace(
        saying(f"x{text * min(times, 200_000 // len(text))}{FOOTER}"), html="<p>x</p>"
    )
    event = event_of(content, replace(to("@alice:fmn.test"), footer=end * 100))

    assert len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()) <= 60_000


async def test_nothing_to_say_fails_for_good() -> None:
    async with scripted(free_port()) as matrix:
        with pytest.raises(PermanentFailure, match="empty"):
            await matrix.send(saying(" \n"), to("@alice:fmn.test"))


async def test_text_that_no_server_takes_is_left_out(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with at(synapse.url, bot) as matrix:
        await matrix.send(saying("half: \ud800 nothing: \x00 bell: \x07."), to(alice.id))

    assert alice.told(alice.come()) == ["half:  nothing:  bell: ."]


FAILING: dict[str, Reply | Raw] = {
    "says nothing": Raw(then="stall"),
    "hangs up": Raw(),
    "talks nonsense": Raw(b"\x00\xff nonsense\r\n\r\n", "stall"),
    "talks without an end": Raw(then="repeat"),
    "has an answer without an end": Raw(b"HTTP/1.1 200 OK\r\n\r\n", "repeat"),
    "says a part of it and stalls": Raw(
        b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"', "stall"
    ),
    "says a part of it and hangs up": Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"'),
    "says no JSON": Reply(200, b"<html>"),
    "says JSON of another kind": Reply(200, b"[]"),
    "says deep JSON": Reply(200, b"[" * 100_000),
    "has an error of its own": Reply(500, b'{"errcode": "M_UNKNOWN", "error": "bo\\nom"}'),
    "is away behind its proxy": Reply(502, b"<html>Bad Gateway</html>"),
    "is not a homeserver": Reply(404, b"<html>Not Found</html>"),
    "does not know the call": Reply(404, b'{"errcode": "M_UNRECOGNIZED"}'),
    "says an odd error": Reply(403, b'{"errcode": ["M_FORBIDDEN"], "error": {}}'),
    "leads elsewhere without an end": Reply(302, b"", {"Location": "/"}),
}


@pytest.mark.parametrize("secret", ["access_token", "password"])
@pytest.mark.parametrize("name", FAILING)
async def test_a_homeserver_that_fails_at_once_is_a_failure_for_now(name: str, secret: str) -> None:
    login = {"access_token": "", "timeout": SHORT, secret: TOKEN}
    async with http_server() as http, scripted(http.port, **login) as matrix:
        http.replies(FAILING[name])
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(TransientFailure, match=f"127.0.0.1:{http.port}") as failure:
                await matrix.send(CONTENT, to("@alice:fmn.test"))

    assert str(failure.value).isprintable()
    assert TOKEN not in str(failure.value)


async def sent_at_last(matrix: Matrix, content: Content, recipient: Recipient) -> None:
    """Try again as the outbox does: what was under way may still have to fail."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await matrix.send(content, recipient)
            except TransientFailure:
                await asyncio.sleep(0.01)


HALF_WAY = ["says nothing", "hangs up", "says no JSON", "has an error of its own"]
STEPS = ["m.direct", "profile", "createRoom", "m.room.member", "/send/"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", HALF_WAY)
async def test_a_homeserver_that_fails_half_way_costs_that_attempt_only(
    synapse: Synapse, alice: Person, bot: Person, name: str, step: str
) -> None:
    async with between(synapse) as middle, at(middle.url(""), bot, timeout="2s") as matrix:
        await sent_at_last(matrix, saying("zero"), to(bob := synapse.somebody("bob").id))
        whom = bob if step == "m.room.member" else alice.id

        def fail_there(request: Request) -> Reply | Raw:
            return FAILING[name] if step in request.target else passed(synapse, request)

        middle.answer = fail_there
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{middle.port}"):
            await matrix.send(CONTENT, to(whom, "m1:d1"))
        middle.answer = lambda request: passed(synapse, request)
        await sent_at_last(matrix, saying("at last"), to(whom, "m1:d1"))

    if whom == alice.id:
        assert alice.told(alice.come()) == ["at last"]


@pytest.mark.parametrize("token", ["", 5, None, "a b", "x\r\nX-Y: z", "ü"])
async def test_a_login_that_gives_no_token_is_a_failure_for_now(token: object) -> None:
    login: dict[str, Any] = {"access_token": "", "password": "x"}
    async with http_server() as http, scripted(http.port, **login) as matrix:
        http.replies(Reply(200, json.dumps({"access_token": token}).encode()))
        with pytest.raises(TransientFailure, match="no token came of our login"):
            await matrix.send(CONTENT, to("@alice:fmn.test"))


async def test_people_of_a_server_are_written_to_by_the_account_for_it(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with http_server() as http:
        account = {
            "homeserver": http.url(""),
            "user": "@news:mozilla.org",
            "access_token": TOKEN,
        }
        instances = {"mozilla.org": account}
        room = {"@bob:mozilla.org": ["!there:mozilla.org"], "membership": "join"}
        http.replies(Reply(200, json.dumps(room).encode()))
        async with at(synapse.url, bot, instances=instances) as matrix:
            await matrix.send(saying("to bob"), to("@bob:mozilla.org"))
            await matrix.send(saying("to alice"), to(alice.id))
            with pytest.raises(AddressRefused):  # by the usual account, to a name that is like it
                await matrix.send(saying("to carol"), to("@carol:not.mozilla.org"))

    assert alice.told(alice.come()) == ["to alice"]
    assert {one.headers["authorization"] for one in http.requests} == {f"Bearer {TOKEN}"}
    (said,) = [one for one in http.requests if "/send/" in one.target]
    assert said.method == "PUT"
    assert unquote(said.target) == (
        f"{CLIENT}/rooms/!there:mozilla.org/send/m.room.message/{to('@bob:mozilla.org').identity}"
    )
    assert json.loads(said.body) == {"msgtype": "m.text", "body": "to bob"}


async def test_an_instance_that_stalls_holds_up_nobody_elses_people(
    synapse: Synapse, alice: Person, bot: Person
) -> None:
    async with http_server() as http:
        http.replies(Raw(then="stall"))
        stalling = {"homeserver": http.url(""), "user": "@n:mozilla.org", "access_token": TOKEN}
        async with at(synapse.url, bot, instances={"mozilla.org": stalling}) as matrix:
            stuck = asyncio.create_task(matrix.send(CONTENT, to("@bob:mozilla.org")))
            await http.until(lambda: http.requests)
            await matrix.send(saying("to alice"), to(alice.id))
            assert not stuck.done()
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)

    assert alice.told(alice.come()) == ["to alice"]


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def test_no_secret_is_logged_or_stands_in_an_address(
    synapse: Synapse, alice: Person, bot: Person, everything_logged: pytest.LogCaptureFixture
) -> None:
    tokens: set[str] = set()
    async with between(synapse) as middle, by_password(middle.url(""), bot) as matrix:
        await matrix.send(CONTENT, to(alice.id))
        with pytest.raises(AddressRefused):
            await matrix.send(CONTENT, to("@nobody:fmn.test"))
    for request in middle.requests:
        tokens.add(request.headers.get("authorization", "").removeprefix("Bearer "))

    secrets = {PASSWORD, *tokens} - {""}
    targets = " ".join(request.target for request in middle.requests)
    assert len(secrets) == 2  # the password, and the token of the one login
    for secret in secrets:
        assert secret not in everything_logged.text
        assert secret not in targets
        assert secret not in repr(matrix) + repr(vars(matrix))
    assert "access_token" not in targets


ADDRESSES = [
    "@alice:example.org",
    "@a.b_c=d-e/f+g:example.org:8448",
    "@alice:127.0.0.1",
    "@alice:[::1]:8448",
    "@Alice!:example.org",
    "@" + "a" * 242 + ":example.org",
]
NO_ADDRESSES = [
    "",
    "alice",
    "@alice",
    "alice:example.org",
    "@:example.org",
    "@alice:",
    "@alice:example.org:",
    "@alice:example.org:123456",
    "@alice:exa mple.org",
    "@ali ce:example.org",
    "@älice:example.org",
    "@alice:example.org\n",
    "@alice:example.org\r\nx",
    "@alice\x00:example.org",
    "@alice:example.org,@bob:example.org",
    "@alice:exämple.org",
    "@alice:example.org/x",
    "@alice:example.org\ud800",
    "#room:example.org",
    "!room:example.org",
    "@" + "a" * 243 + ":example.org",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_may_be_a_matrix_id_is_one(address: str) -> None:
    assert scripted(free_port()).fault(address) is None


@pytest.mark.parametrize("address", NO_ADDRESSES)
async def test_what_is_no_matrix_id_fails_for_good_and_is_named(address: str) -> None:
    async with scripted(free_port()) as matrix:
        assert matrix.fault(address)
        with pytest.raises(PermanentFailure) as failure:
            await matrix.send(CONTENT, to(address))

    assert repr(address) in str(failure.value)
    assert str(failure.value).isprintable()


WHOLE = {"homeserver": "https://matrix.example.org", "user": "@fmn:example.org", "password": "x"}
LACKING: list[tuple[dict[str, Any], str | None]] = [
    ({}, "senders.matrix.homeserver is not set"),
    (WHOLE | {"homeserver": ""}, "senders.matrix.homeserver is not set"),
    (WHOLE | {"user": ""}, "senders.matrix.user is not set"),
    (WHOLE | {"password": ""}, "senders.matrix.access_token or password is not set"),
    (WHOLE | {"password": "", "access_token": "x"}, None),
    (WHOLE, None),
    (
        WHOLE | {"instances": {"mozilla.org": {"homeserver": "https://mozilla.org"}}},
        'senders.matrix.instances."mozilla.org".user is not set',
    ),
]


@pytest.mark.parametrize(("given", "expected"), LACKING)
def test_it_says_which_setting_is_missing(given: dict[str, Any], expected: str | None) -> None:
    assert Matrix(Matrix.Settings(**given)).lacks == expected


@pytest.mark.parametrize(
    "given",
    [
        {"homeserver": "matrix.example.org"},
        {"homeserver": "https://matrix.example.org/"},
        {"homeserver": "https://user:pw@matrix.example.org"},
        {"user": "fmn"},
        {"at_once": 0},
        {"instances": {"mozilla.org": {"timeout": "1s"}}},
        {"instances": {"https://mozilla.org": {}}},
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Matrix.Settings(**given)


def test_people_give_their_matrix_id_and_prove_it_by_a_code() -> None:
    matrix = scripted(free_port())
    (form,) = matrix.forms

    assert form.address({"address": "@alice:example.org"}) == "@alice:example.org"
    assert matrix.proof("@alice:example.org") is Proof.CODE
    assert matrix.shown("@alice:example.org") == "@alice:example.org"
    assert matrix.account is None
    assert matrix.at_once == 10
