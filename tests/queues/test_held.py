"""The lane `held`: what is kept leaves it once and is counted once; what goes back goes once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from fmn.emission import Chunk, Emission, Outcome, Release, State, Withheld
from fmn.errors import Unavailable
from fmn.model import Key, RuleId
from fmn.queues import keys
from fmn.queues.dead import dead_letters
from fmn.queues.figures import figures
from fmn.queues.held import GROUP, Others
from fmn.queues.purge import purge
from fmn.queues.reader import DEADLY
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Member, member
from tests.queues.full import MARK, TIMES, chunks_in, handle, held_lane, keep, notifications
from tests.queues.road import lines_of, one_mail_each
from tests.storage.factories import NOON

WITHHELD = 4


@pytest.fixture
async def joined(redis_url: str) -> AsyncIterator[Member]:
    """A process beside a lane that is full, and four chunks that found it so."""
    async with member(redis_url, "scheduler", 1) as process:
        await handle(process, one_mail_each, [a_message(f"m-{i}") for i in range(MARK + WITHHELD)])
        yield process


def a_release(*chunks: Chunk, **changes: object) -> Release:
    facts = {"channel": 0, "kind": "email", "entries": frozenset(), "suppressed": ()}
    return Release("r-1", chunks=chunks, **(facts | changes))  # type: ignore[arg-type]


async def test_what_is_kept_is_counted_as_held_before_and_after(joined: Member) -> None:
    assert (await notifications(joined.connection)).held == WITHHELD
    kept = await keep(joined, WITHHELD)
    assert [one.chunk.recipients[0].keys for one in kept] == [
        (f"m-{i}:d-email",) for i in range(MARK, MARK + WITHHELD)
    ]
    assert {(one.channel, one.reason, one.due) for one in kept} == {(0, "lane full", None)}
    (stand,) = await figures(joined.connection)
    assert (stand.holding, stand.counts["held email"]) == (0, WITHHELD)
    assert (await notifications(joined.connection)).held == WITHHELD


async def test_who_waits_is_told_why(joined: Member) -> None:
    await keep(joined, WITHHELD)
    lines = await lines_of(joined, MARK + 2 * WITHHELD)
    held = [line for line in lines if isinstance(line, Outcome)]
    assert [(o.key, o.kind, o.rules, o.state, o.reason) for o in held] == [
        (f"m-{i}:d-email", "email", (RuleId("r-1"),), State.HELD, "lane full")
        for i in range(MARK, MARK + WITHHELD)
    ]


async def test_what_another_origin_has_there_already_is_a_duplicate(joined: Member) -> None:
    first, *_ = await chunks_in(joined.connection, "held")
    await keep(
        joined, WITHHELD, [(Key("m-3:d-email"), first.origin), (Key("m-4:d-email"), first.origin)]
    )
    found = await notifications(joined.connection)
    assert (found.held, found.suppressed) == (WITHHELD - 1, {"duplicate": 1})


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_kept(joined: Member) -> None:
    await joined.connection.do(
        "XADD", keys.held(0), "*", "v", 1, "n", 2, "r", "lane full", "d", b"\xc1"
    )
    await joined.connection.do("HINCRBY", keys.counts(0), "made email", 2)
    assert len(await keep(joined, WITHHELD)) == WITHHELD
    found = await notifications(joined.connection)
    assert (found.held, found.dead) == (WITHHELD, 2)
    letters = [letter async for _, letter in dead_letters(joined.connection)]
    assert [(letter.what, letter.entry) for letter in letters] == [("chunk", b"\xc1")]


async def test_what_kills_its_scheduler_again_and_again_is_a_dead_letter(joined: Member) -> None:
    lane = keys.held(0)
    await joined.connection.do("XGROUP", "CREATE", lane, GROUP, "0")
    read = ("XREADGROUP", "GROUP", GROUP, "a dead one", "COUNT", 1, "STREAMS", lane, ">")
    ((_, ((entry, _),)),) = await joined.connection.do(*read)
    await joined.connection.do("HSET", keys.suspects(0), f"{lane} {entry.decode()}", DEADLY)
    assert len(await keep(joined, WITHHELD - 1)) == WITHHELD - 1
    found = await notifications(joined.connection)
    assert (found.held, found.dead) == (WITHHELD - 1, 1)
    (stand,) = await figures(joined.connection)
    assert stand.counts["dead email"] == 1


async def test_while_the_database_is_away_nothing_leaves_the_lane(
    redis_url: str, joined: Member
) -> None:
    stop = asyncio.Event()

    async def away(withheld: Sequence[Withheld]) -> Others:
        stop.set()
        raise Unavailable("the database", "it is not there")

    async with member(redis_url, "scheduler", 1) as other, asyncio.timeout(TIMES):
        await held_lane(other).each(away, stop)
    (stand,) = await figures(joined.connection)
    assert (stand.holding, stand.counts["held email"]) == (WITHHELD, 0)
    assert len(await keep(joined, WITHHELD)) == WITHHELD
    assert (await notifications(joined.connection)).held == WITHHELD


async def test_what_is_refused_is_a_dead_letter_and_the_others_are_kept(joined: Member) -> None:
    stop, kept = asyncio.Event(), list[Key]()

    async def put(withheld: Sequence[Withheld]) -> Others:
        theirs = [key for one in withheld for to in one.chunk.recipients for key in to.keys]
        if "m-4:d-email" in theirs:
            raise ValueError("no such value")
        kept.extend(theirs)
        if len(kept) == WITHHELD - 1:
            stop.set()
        return ()

    async with asyncio.timeout(TIMES):
        await held_lane(joined).each(put, stop)
    found = await notifications(joined.connection)
    assert kept == ["m-3:d-email", "m-5:d-email", "m-6:d-email"]
    assert (found.held, found.dead) == (WITHHELD - 1, 1)


async def test_a_release_goes_once_however_often_it_is_repeated(joined: Member) -> None:
    chunks = [one.chunk for one in await keep(joined, WITHHELD)]
    stopped = Outcome(Key("m-6:d-email"), "email", (), State.SUPPRESSED, NOON, reason="stopped")
    release = a_release(*chunks[:2], suppressed=(stopped,), erased=1)
    for _ in range(3):
        assert await held_lane(joined).let_go(release)
        assert (await chunks_in(joined.connection, "email"))[MARK:] == chunks[:2]
        found = await notifications(joined.connection)
        assert (found.waiting, found.held) == (MARK + 2, 0)
        assert found.suppressed == {"stopped": 1, "deleted": 1}
    lines = await lines_of(joined, MARK + 2 * WITHHELD + 1)
    assert [o for o in lines if isinstance(o, Outcome) and o.state is not State.HELD] == [stopped]


async def test_what_may_be_kept_again_does_not_go_yet(joined: Member) -> None:
    kept = list[Withheld]()

    async def put(withheld: Sequence[Withheld]) -> Others:
        kept.extend(withheld)
        release = a_release(
            *(one.chunk for one in kept), entries=frozenset(one.entry for one in kept)
        )
        assert not await held_lane(joined).let_go(release)
        stop.set()
        return ()

    stop = asyncio.Event()
    async with asyncio.timeout(TIMES):
        await held_lane(joined).each(put, stop)
    assert (await notifications(joined.connection)).held == WITHHELD
    release = a_release(*(one.chunk for one in kept), entries=frozenset(one.entry for one in kept))
    assert await held_lane(joined).let_go(release)
    found = await notifications(joined.connection)
    assert (found.held, found.waiting) == (0, MARK + WITHHELD)


async def test_a_lane_takes_back_up_to_its_mark_once_it_is_below_half(joined: Member) -> None:
    lane = held_lane(joined)
    rooms = []
    for _ in range(MARK + 1):
        rooms.append(await lane.room(0, "email"))
        await joined.connection.do(
            "XTRIM", keys.outbox(0, "email"), "MAXLEN", max(0, MARK - len(rooms))
        )
    assert rooms == [0, 0, 2, 3]


async def test_what_waits_for_a_deleted_account_is_purged_and_says_still_why(
    joined: Member,
) -> None:
    both = a_chunk(a_recipient(destination="d-alice"), a_recipient(destination="d-bob"))
    await handle(joined, lambda _, __: Emission((both,), ()), [a_message("m-9")])
    assert await purge(joined.connection, frozenset({"d-alice", "d-email"})) == MARK + WITHHELD + 1
    (left,) = await keep(joined, 1)
    assert ([to.keys for to in left.chunk.recipients], left.reason) == (
        [("m-1:d-bob",)],
        "lane full",
    )
    found = await notifications(joined.connection)
    assert (found.held, found.waiting) == (1, 0)
    assert found.suppressed == {"deleted": MARK + WITHHELD + 1}
