"""What is held in SQL: put once, let go oldest first, as destinations and rules are by then."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Chunk, Content, Recipient, Release, State, Withheld
from fmn.model import DestinationState, Key, Origin, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.storage import held, tables
from fmn.storage.accounts import delete_account, erase_late
from fmn.storage.engine import reading, writing
from tests.storage.factories import NOON, a_destination, a_rule, saved, some_preferences

CONTENT = Content("email", "kernel was built", "It was built.\n\x1e", headers={"topic": "build"})


def to(message: str = "m-1", user: str = "alice", **changes: object) -> Recipient:
    facts: dict[str, object] = {
        "keys": (Key(f"{message}:{user}-email"),),
        "address": f"{user}+email@example.org",
        "rules": {RuleId(f"{user}-updates"): "updates"},
        "token": f"token of {user}",
        "footer": f"You get this because of your rule, {user}.",
    }
    return Recipient(**(facts | changes))  # type: ignore[arg-type]


def withheld(
    entry: int, *recipients: Recipient, origin: str = "", content: Content = CONTENT
) -> Withheld:
    chunk = Chunk(Origin(origin or f"0/{entry}-7"), content, recipients or (to(f"m-{entry}"),))
    return Withheld(chunk, 0, f"1700000000000-{entry}", "lane full")


async def put(engine: AsyncEngine, *some: Withheld) -> set[tuple[Key, Origin]]:
    async with writing(engine) as connection:
        return await held.put(connection, some)


async def begin(engine: AsyncEngine, room: int = 1000, kind: str = "email") -> Release | None:
    async with writing(engine) as connection:
        return await held.begin(connection, 0, kind, room=room)


async def begun(engine: AsyncEngine) -> list[Release]:
    """Return the releases that have not ended, as they are now."""
    async with reading(engine) as connection:
        ids = await held.begun(connection)
        found = [await held.again(connection, id_) for id_ in ids]
    return [release for release in found if release]


async def end(engine: AsyncEngine, *releases: str) -> None:
    async with writing(engine) as connection:
        await held.end(connection, releases)


async def counts(engine: AsyncEngine) -> tuple[int | None, int | None]:
    """Return how many rows and how many contents there are."""
    async with reading(engine) as connection:
        return (
            await connection.scalar(select(func.count()).select_from(tables.held)),
            await connection.scalar(select(func.count()).select_from(tables.contents)),
        )


async def everything(engine: AsyncEngine) -> str:
    async with reading(engine) as connection:
        return repr((await connection.execute(select(tables.held))).all())


@pytest.fixture
async def both(engine: AsyncEngine) -> AsyncEngine:
    """Alice and bob, each with a destination and a rule."""
    for user in ("alice", "bob"):
        await saved(engine, prefers(user))
    return engine


def prefers(user: str = "alice", **changes: Any) -> Preferences:
    at = replace(a_destination(user=user), **changes)
    return replace(some_preferences(user, a_rule("updates", at, user=user)), destinations=(at,))


async def test_what_comes_back_is_what_was_withheld(both: AsyncEngine) -> None:
    chunk = withheld(1, to(), to(user="bob"))
    assert await put(both, chunk) == set()
    release = await begin(both)
    assert release is not None
    assert release.chunks == (chunk.chunk,)
    assert (release.channel, release.kind) == (0, "email")
    assert release.entries == {chunk.entry}
    assert (release.suppressed, release.erased) == ((), 0)


async def test_no_row_holds_an_address(both: AsyncEngine) -> None:
    await put(both, withheld(1))
    assert "example.org" not in await everything(both)


async def test_what_is_put_again_changes_nothing(both: AsyncEngine) -> None:
    for _ in range(2):
        assert await put(both, withheld(1, to(), to(user="bob")), withheld(2)) == set()
    assert await counts(both) == (3, 1)


async def test_what_another_origin_has_there_is_left_out(both: AsyncEngine) -> None:
    await put(both, withheld(1, to()))
    again = withheld(2, to(), to(user="bob"), origin="1/9-0")
    for _ in range(2):
        assert await put(both, again) == {("m-1:alice-email", "1/9-0")}
    assert await counts(both) == (2, 1)


async def test_of_two_origins_at_once_the_older_is_the_one(both: AsyncEngine) -> None:
    await put(both, withheld(1), withheld(2, to("m-1"), origin="1/9-0"))
    release = await begin(both)
    assert release is not None
    assert [chunk.origin for chunk in release.chunks] == ["0/1-7"]


async def test_content_is_there_once_and_goes_with_the_last_it_is_for(both: AsyncEngine) -> None:
    other = replace(CONTENT, subject="kernel failed")
    await put(both, withheld(1, to(), to(user="bob")), withheld(2), withheld(3, content=other))
    assert await counts(both) == (4, 2)
    first = await begin(both, room=1)
    second = await begin(both, room=1)
    assert first
    assert second
    await end(both, first.id)
    assert await counts(both) == (2, 2)
    await end(both, second.id)
    assert await counts(both) == (1, 1)
    await put(both, withheld(1))
    assert await counts(both) == (2, 2)


async def test_the_oldest_go_first_and_only_so_many_chunks(both: AsyncEngine) -> None:
    order = [12, 3, 100, 20, 1]
    for entry in order:
        await put(both, withheld(entry, to(f"m-{entry}"), to(f"m-{entry}", user="bob")))
    went = []
    while release := await begin(both, room=2):
        went.append([chunk.origin for chunk in release.chunks])
    assert went == [["0/1-7", "0/3-7"], ["0/12-7", "0/20-7"], ["0/100-7"]]


async def test_more_than_a_piece_goes_in_several_in_order(both: AsyncEngine) -> None:
    count = held.PIECE + 7
    await put(both, *(withheld(entry) for entry in range(count)))
    went: list[str] = []
    while release := await begin(both, room=10**6):
        assert len(release.chunks) <= held.PIECE
        went += [chunk.origin for chunk in release.chunks]
    assert went == [f"0/{entry}-7" for entry in range(count)]


async def test_a_lane_is_named_while_something_waits_for_it(both: AsyncEngine) -> None:
    irc = replace(CONTENT, kind="irc")
    await put(both, withheld(1), withheld(2), replace(withheld(3), channel=3))
    await put(both, replace(withheld(4, content=irc), channel=3))
    async with reading(both) as connection:
        assert await held.lanes(connection) == [(0, "email"), (3, "email"), (3, "irc")]


async def test_what_is_due_at_a_time_does_not_go_because_there_is_room(both: AsyncEngine) -> None:
    await put(both, replace(withheld(1), due=NOON), withheld(2))
    release = await begin(both)
    assert release is not None
    assert [chunk.origin for chunk in release.chunks] == ["0/2-7"]
    assert await begin(both) is None


Change = Callable[[Preferences], Preferences]


def now(**changes: Any) -> Change:
    return lambda _: prefers(**changes)


def rules_are(**changes: object) -> Change:
    return lambda was: replace(
        was,
        rules=tuple(replace(rule, **changes) for rule in was.rules),  # type: ignore[arg-type]
    )


TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda was: replace(was, destinations=(), rules=()), "deleted"),
        (now(state=DestinationState.UNCONFIRMED), "unconfirmed"),
        (now(state=DestinationState.PAUSED), "paused"),
        (now(state=DestinationState.PAUSED, until=TOMORROW), "paused"),
        (now(state=DestinationState.BOUNCING), "bouncing"),
        (now(state=DestinationState.GONE), "gone"),
        (lambda was: replace(was, rules=()), "stopped"),
        (rules_are(enabled=False), "stopped"),
        (rules_are(blocked="too much of it"), "stopped"),
        (rules_are(destinations=()), "stopped"),
    ],
)
async def test_what_changed_meanwhile_keeps_it_from_going(
    both: AsyncEngine, change: Change, why: str
) -> None:
    await put(both, withheld(1, to(), to(user="bob")), withheld(2))
    await saved(both, change(prefers()))
    release = await begin(both)
    assert release is not None
    assert [chunk.recipients for chunk in release.chunks] == [(to(user="bob"),)]
    assert [(o.key, o.kind, o.state, o.reason) for o in release.suppressed] == [
        ("m-1:alice-email", "email", State.SUPPRESSED, why),
        ("m-2:alice-email", "email", State.SUPPRESSED, why),
    ]
    assert release.erased == 0


@pytest.mark.parametrize(
    "change",
    [
        now(state=DestinationState.PAUSED, until=NOON - timedelta(days=999)),
        lambda was: replace(was, rules=(*was.rules, a_rule("more"))),
    ],
)
async def test_a_pause_that_is_over_and_another_rule_change_nothing(
    both: AsyncEngine, change: Change
) -> None:
    await put(both, withheld(1))
    await saved(both, change(prefers()))
    release = await begin(both)
    assert release is not None
    assert (release.chunks, release.suppressed) == ((withheld(1).chunk,), ())


async def test_one_of_its_rules_is_enough(both: AsyncEngine) -> None:
    two = {RuleId("alice-gone"): "gone", RuleId("alice-updates"): "updates"}
    await put(both, withheld(1, to(rules=two)))
    release = await begin(both)
    assert release is not None
    assert release.chunks[0].recipients == (to(rules=two),)


async def test_a_release_that_has_not_ended_is_found_again_as_things_are_now(
    both: AsyncEngine,
) -> None:
    await put(both, withheld(1, to(), to(user="bob")), withheld(2))
    first = await begin(both, room=1)
    assert first
    assert await begun(both) == [first]
    await saved(both, prefers(state=DestinationState.PAUSED))
    (again,) = await begun(both)
    assert (again.id, again.entries) == (first.id, first.entries)
    assert [o.reason for o in again.suppressed] == ["paused"]
    assert [chunk.recipients for chunk in again.chunks] == [(to(user="bob"),)]
    await end(both, first.id)
    assert await begun(both) == []


async def test_of_a_deleted_account_only_that_something_waited_is_left(both: AsyncEngine) -> None:
    irc = replace(CONTENT, kind="irc")
    await put(both, withheld(1, to(), to(user="bob")), withheld(2), withheld(3, content=irc))
    async with writing(both) as connection:
        await delete_account(connection, UserId("id-of-alice"))
    assert "token of alice" not in (left := await everything(both))
    assert "rule, alice" not in left
    assert "'updates'" not in left.replace("{'bob-updates': 'updates'}", "")
    found = {release.kind: release for release in await begun(both)}
    assert {kind: release.erased for kind, release in found.items()} == {"email": 2, "irc": 1}
    assert all(not one.chunks and not one.suppressed for one in found.values())
    assert len({release.id for release in found.values()}) == 2
    await end(both, *(release.id for release in found.values()))
    release = await begin(both)
    assert release is not None
    assert [chunk.recipients for chunk in release.chunks] == [(to(user="bob"),)]
    assert await counts(both) == (1, 1)


async def test_what_comes_late_of_a_deleted_account_is_erased_with_the_rest(
    both: AsyncEngine,
) -> None:
    async with writing(both) as connection:
        ids = await delete_account(connection, UserId("id-of-alice"))
    await put(both, withheld(1))
    assert await begun(both) == []
    async with writing(both) as connection:
        await erase_late(connection, ids)
    assert "alice." not in await everything(both)
    assert [release.erased for release in await begun(both)] == [1]


async def test_content_that_cannot_be_read_costs_only_those_it_is_for(both: AsyncEngine) -> None:
    await put(both, withheld(1, content=replace(CONTENT, subject="old")))
    async with writing(both) as connection:
        await connection.execute(update(tables.contents).values(packed=b"\xc1"))
    await put(both, withheld(2))
    release = await begin(both)
    assert release is not None
    assert [chunk.origin for chunk in release.chunks] == ["0/2-7"]
    assert [o.reason for o in release.suppressed] == ["unreadable"]


async def test_a_digest_of_many_messages_is_one_recipient_again(both: AsyncEngine) -> None:
    digest = to(keys=(Key("m-1:alice-email"), Key("m-2:alice-email")))
    await put(both, withheld(1, digest, to("m-1", user="bob")))
    release = await begin(both)
    assert release is not None
    assert release.chunks[0].recipients == (digest, to("m-1", user="bob"))


async def test_bad_text_does_not_cost_the_batch(both: AsyncEngine) -> None:
    bad = to("m\0\ud800", footer="\0\ud800")
    assert await put(both, withheld(1, bad), withheld(2)) == set()
    assert await put(both, withheld(1, bad), withheld(2)) == set()
    assert await counts(both) == (2, 1)


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield said
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_many_cost_no_more_statements_than_few(both: AsyncEngine) -> None:
    def some(start: int, count: int) -> Iterable[Withheld]:
        return (
            withheld(entry, to(f"m-{entry}"), to(f"m-{entry}", user="bob"))
            for entry in range(start, start + count)
        )

    asked = []
    for start, count in ((0, 2), (10, 200)):
        with statements(both) as said:
            await put(both, *some(start, count))
            release = await begin(both)
            assert release
            await end(both, release.id)
        asked.append(len(said))
    assert asked[0] == asked[1]


async def test_two_may_put_the_same_at_once(postgres_engine: AsyncEngine) -> None:
    await saved(postgres_engine, prefers())
    some = [withheld(entry) for entry in range(300)]
    answers = await asyncio.gather(
        *(put(postgres_engine, *(some if n % 2 else some[::-1])) for n in range(6))
    )
    assert answers == [set()] * 6
    assert await counts(postgres_engine) == (300, 1)


async def test_contents_stay_for_whoever_puts_while_others_remove(
    postgres_engine: AsyncEngine,
) -> None:
    await saved(postgres_engine, prefers())

    async def turn(start: int) -> None:
        for entry in range(start, start + 40):
            await put(postgres_engine, withheld(entry))
            if release := await begin(postgres_engine, room=1):
                assert not release.suppressed
                await end(postgres_engine, release.id)

    await asyncio.gather(*(turn(start) for start in (0, 100, 200, 300)))
    while release := await begin(postgres_engine):
        assert not release.suppressed
        await end(postgres_engine, release.id)
    assert await counts(postgres_engine) == (0, 0)


async def test_two_that_release_at_once_take_different_ones(postgres_engine: AsyncEngine) -> None:
    await saved(postgres_engine, prefers())
    await put(postgres_engine, *(withheld(entry) for entry in range(40)))
    releases = await asyncio.gather(*(begin(postgres_engine, room=10) for _ in range(4)))
    origins = [chunk.origin for release in releases if release for chunk in release.chunks]
    assert len(origins) == len(set(origins))
    async with reading(postgres_engine) as connection:
        marked = select(func.count()).where(tables.held.c.release_id.is_not(None))
        assert await connection.scalar(marked) == len(origins)
