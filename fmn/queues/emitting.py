"""Emitting: what a worker made of a message, as steps of a channel.

An emission for very many leaves in several steps, one for each of its parts. These are in the order
of kinds and destinations, so where the last step ended says all that whoever takes it over must
know.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fmn.emission import Chunk, Emission, LogLine, Outcome, State
from fmn.model import Key, split_key
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import Overflow, Step, Write, arguments, pack

Place = tuple[str, str]
"""Of a notification in an emission: its kind and its destination."""


async def emit(connection: Connection, k: int, steps: list[Step]) -> None:
    """Do steps that have no input to acknowledge, in one unit."""
    outputs, told = arguments(steps)
    fixed = [keys.channel(k), *keys.of_steps(k)]
    await connection.run("step", [*fixed, *outputs], "", "", *told)


def in_parts(  # noqa: PLR0913  # what leaves, and how
    k: int,
    entry: str,
    emission: Emission,
    effort: Callable[[], Counter[str]],
    *,
    come: str = "",
    lane_mark: int | None = None,
) -> Iterator[Step]:
    """Yield the steps in which an emission leaves; `come`: how far it had come before.

    What follows a step is made when it is asked for: so that one should be done by then. `effort`
    is asked at the last. Chunks that find a lane at its mark go into the lane `held`; without a
    mark none does.
    """
    while emission.rest is not None:
        part = _behind(emission, come)
        if end := max(_places(part), default=None):
            after = " ".join(end)
            yield Step(entry, writes_of(k, part, lane_mark), _made(part), (come, after))
            come = after
        emission = emission.rest()
    last = _behind(emission, come)
    counts = _made(last) + effort() + Counter(handled=1)
    yield Step(entry, writes_of(k, last, lane_mark), counts, (come, "") if come else None)


def writes_of(k: int, emission: Emission, lane_mark: int | None = None) -> tuple[Write, ...]:
    """Return where each part of an emission goes: chunks into their lanes, lines into the log."""
    lanes = (_into_lane(k, chunk, lane_mark) for chunk in emission.chunks)
    return (*lanes, *log_writes(k, emission.log))


def _into_lane(k: int, chunk: Chunk, mark: int | None) -> Write:
    kind = chunk.content.kind
    full = Overflow(keys.retry(k, kind), mark, keys.held(k)) if mark else None
    return Write(keys.outbox(k, kind), pack(chunk), chunk.notifications, overflow=full)


def log_writes(k: int, lines: Sequence[LogLine]) -> tuple[Write, ...]:
    """Return these lines as writes to the log of a channel."""
    return tuple(Write(keys.log(k), pack(line)) for line in lines)


def _made(emission: Emission) -> Counter[str]:
    """Return what the ledger counts of an emission: made, by lane; suppressed, by reason."""
    counts: Counter[str] = Counter()
    for chunk in emission.chunks:
        counts[f"made {chunk.content.kind}"] += chunk.notifications
    for line in emission.log:
        if isinstance(line, Outcome) and line.state is State.SUPPRESSED:
            counts[f"made {line.kind}"] += 1
            counts[f"suppressed {line.kind} {line.reason}"] += 1
    return counts


def _behind(emission: Emission, come: str) -> Emission:
    """Return the emission without the notifications up to this place."""
    if not come:
        return emission
    kind, _, destination = come.partition(" ")  # A kind has no space.
    end = kind, destination
    chunks = (_left(chunk, end) for chunk in emission.chunks)
    lines = (line for line in emission.log if not (isinstance(line, Outcome) and _of(line) <= end))
    return replace(emission, chunks=tuple(c for c in chunks if c.recipients), log=tuple(lines))


def _left(chunk: Chunk, end: Place) -> Chunk:
    left = (to for to in chunk.recipients if _place(chunk.content.kind, to.keys[0]) > end)
    return replace(chunk, recipients=tuple(left))


def _places(emission: Emission) -> Iterator[Place]:
    """Yield the places of what is suppressed, and where each chunk ends."""
    yield from (_of(line) for line in emission.log if isinstance(line, Outcome))
    for chunk in emission.chunks:
        yield _place(chunk.content.kind, chunk.recipients[-1].keys[0])


def _of(line: Outcome) -> Place:
    return _place(line.kind, line.key)


def _place(kind: str, key: Key) -> Place:
    return kind, split_key(key)[1]
