"""Emitting: what a worker made of a message, as steps of a channel.

An emission for very many goes out in several steps. Its recipients are ordered by kind and
destination, so where the last step ended says all that whoever takes it over must know.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fmn.emission import Chunk, Emission, LogLine, Outcome, Recipient, State
from fmn.model import split_key
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import Overflow, Step, Write, arguments, pack

CHUNKS = 50
"""Chunks of one step at most."""


async def emit(connection: Connection, k: int, steps: list[Step]) -> None:
    """Do steps that have no input to acknowledge, in one unit."""
    outputs, told = arguments(steps)
    fixed = [keys.channel(k), *keys.of_steps(k)]
    await connection.run("step", [*fixed, *outputs], "", "", *told)


def in_parts(  # noqa: PLR0913  # what leaves, and how
    k: int,
    entry: str,
    emission: Emission,
    effort: Counter[str],
    *,
    come: str = "",
    lane_mark: int | None = None,
) -> list[Step]:
    """Return the steps in which an emission leaves; `come`: how far it had come before.

    Chunks that find a lane at its mark go into the lane `held`; without a mark none does.
    """
    chunks = _behind(emission.chunks, come)
    *early, last = [chunks[at : at + CHUNKS] for at in range(0, len(chunks), CHUNKS)] or [()]
    steps: list[Step] = []
    for some in early:
        part, after = Emission(some, ()), _place_of(some[-1], some[-1].recipients[-1])
        steps.append(Step(entry, writes_of(k, part, lane_mark), _made(part), (come, after)))
        come = after
    rest = Emission(last, emission.log)
    counts = _made(rest) + effort + Counter(handled=1)
    return [
        *steps,
        Step(entry, writes_of(k, rest, lane_mark), counts, (come, "") if come else None),
    ]


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


def _behind(chunks: Sequence[Chunk], come: str) -> tuple[Chunk, ...]:
    """Return the chunks without the recipients up to this place."""
    return tuple(_left(chunks, come)) if come else tuple(chunks)


def _left(chunks: Sequence[Chunk], come: str) -> Iterator[Chunk]:
    for chunk in chunks:
        # A kind has no space, so places are ordered as kinds and destinations are.
        left = tuple(to for to in chunk.recipients if _place(chunk, to) > tuple(come.split(" ", 1)))
        if left:
            yield replace(chunk, recipients=left)


def _place(chunk: Chunk, to: Recipient) -> tuple[str, str]:
    return chunk.content.kind, split_key(to.keys[0])[1]


def _place_of(chunk: Chunk, to: Recipient) -> str:
    return " ".join(_place(chunk, to))
