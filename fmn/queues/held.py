"""The lane `held`: chunks that did not go into their lane, on their way to SQL and back.

What is counted as held is in the lane or in SQL. `held <kind>` counts what SQL has: each entry is
left in one step that says so, and each release takes it back, once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from fmn.emission import DUPLICATE, Chunk, Outcome, Release, State, Withheld
from fmn.errors import Unavailable
from fmn.model import Key, Origin
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.emitting import log_writes
from fmn.queues.entries import DeadLetter, Step, UnreadableEntry, Write, arguments, pack, unpack
from fmn.queues.keeping import keep_all, readable
from fmn.queues.life import Life
from fmn.queues.reader import Entry, Reader

GROUP = "schedulers"
REMEMBERED = timedelta(days=1)
"""For so long a release that is repeated is known to have been done."""

Others = Collection[tuple[Key, Origin]]
Keep = Callable[[Sequence[Withheld]], Awaitable[Others]]
"""Keeps what is withheld; returns those of which another origin's is there already."""

_log = structlog.get_logger()


class HeldLane:
    """The lane `held` of all channels, as the scheduler reads it, and the way out of it."""

    def __init__(self, connection: Connection, life: Life, *, batch: int, lane_mark: int) -> None:
        self._connection = connection
        self._reader = Reader(connection, life, GROUP, keys.held)
        self._life = life
        self._batch = batch
        self._mark = lane_mark

    async def each(self, keep: Keep, stop: asyncio.Event) -> None:
        """Give what is withheld to `keep`, many at a time; leave what it has kept.

        While it is unavailable they wait. What it refuses becomes a dead letter.
        """
        async for batch in self._reader.batches(self._batch, stop):
            k = batch.channel
            withheld, refused = readable(batch.entries, lambda e: _withheld(k, e), "scheduler")  # noqa: B023  # it is done with at once
            try:
                answers, not_kept = await keep_all(keep, withheld, self._life, stop)
            except Unavailable:
                return  # told to stop while the database is away: the entries stay pending
            refused |= not_kept
            others = {pair for answer in answers for pair in answer}
            steps = [
                self._buried(k, entry, refused[entry])
                if entry in refused
                else _left(k, entry, withheld[entry], others)
                for entry in batch.entries
            ]
            await self._reader.finish(k, steps)

    async def room(self, k: int, kind: str) -> int:
        """Return how many chunks a lane takes back: to its mark, once it is below half of it."""
        lane = [("XLEN", keys.outbox(k, kind)), ("ZCARD", keys.retry(k, kind))]
        there = sum(await self._connection.all(lane))
        return self._mark - there if 2 * there < self._mark else 0

    async def let_go(self, release: Release) -> bool:
        """Put a release into its lane unless that was done before; tell whether it has gone.

        Not yet, while an entry it came from is not left: whoever has that may keep it again.
        """
        k, kind = release.channel, release.kind
        lane = [Write(keys.outbox(k, kind), pack(c), c.notifications) for c in release.chunks]
        step = Step("", (*lane, *log_writes(k, release.suppressed)), _counts(release))
        outputs, told = arguments([step])
        fixed = [keys.released(k, release.id), keys.held(k), keys.counts(k)]
        entries = msgspec.json.encode(sorted(release.entries))
        lives = int(REMEMBERED.total_seconds() * 1000)
        answer: int = await self._connection.run(
            "unhold", [*fixed, *outputs], lives, entries, *told
        )
        return answer >= 0

    async def have_gone(self, releases: Sequence[Release]) -> list[str]:
        """Return the ids of those of which Redis still knows that they have gone."""
        marks = [("EXISTS", keys.released(one.channel, one.id)) for one in releases]
        known = await self._connection.all(marks)
        return [one.id for one, there in zip(releases, known, strict=True) if there]

    def _buried(self, k: int, entry: Entry, why: Exception) -> Step:
        _log.error("gave a held chunk up", channel=k, entry=entry.id, why=str(why), exc_info=why)
        tries, now = entry.tries + 1, datetime.now(UTC)
        letter = DeadLetter("chunk", self._life.name, str(why), tries, now, entry.value)
        write = Write(keys.dead(k), pack(letter), entry.n)
        return Step(entry.id, (write,), {f"dead {_kind(entry)}": entry.n})


def _withheld(k: int, entry: Entry) -> Withheld:
    return Withheld(unpack(entry.value, Chunk), k, entry.id, entry.reason)


def _kind(entry: Entry) -> str:
    try:
        return unpack(entry.value, Chunk).content.kind
    except UnreadableEntry:
        return "held"


def _left(k: int, entry: Entry, withheld: Withheld, others: Others) -> Step:
    """Return what becomes of an entry that is kept."""
    chunk, now = withheld.chunk, datetime.now(UTC)
    kind, lines, counts = chunk.content.kind, list[Outcome](), Counter[str]()
    for recipient in chunk.recipients:
        for key in recipient.keys:
            other = (key, chunk.origin) in others
            state = State.SUPPRESSED if other else State.HELD
            reason = DUPLICATE if other else withheld.reason
            rules = tuple(recipient.rules)
            lines.append(Outcome(key, kind, rules, state, now, reason=reason))
            counts[f"suppressed {kind} {DUPLICATE}" if other else f"held {kind}"] += 1
    return Step(entry.id, log_writes(k, lines), counts)


def _counts(release: Release) -> Counter[str]:
    kind, counts = release.kind, Counter[str]()
    if release.erased:
        counts[f"suppressed {kind} deleted"] = release.erased
    for outcome in release.suppressed:
        counts[f"suppressed {kind} {outcome.reason}"] += 1
    went = sum(chunk.notifications for chunk in release.chunks)
    counts[f"held {kind}"] = -went - len(release.suppressed) - release.erased
    return counts
