"""Giving what was read to a database, which may be away for a while, and may refuse some of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import structlog
from redis.backoff import ExponentialWithJitterBackoff

from fmn.errors import Unavailable
from fmn.queues.entries import UnreadableEntry
from fmn.queues.life import Life
from fmn.queues.reader import DEADLY, Entry

T = TypeVar("T")
R = TypeVar("R")

_log = structlog.get_logger()


def readable(
    entries: Sequence[Entry], read: Callable[[Entry], T], process: str
) -> tuple[dict[Entry, T], dict[Entry, Exception]]:
    """Return what can be read, and why the rest cannot."""
    values: dict[Entry, T] = {}
    refused: dict[Entry, Exception] = {}
    for entry in entries:
        if entry.poison:
            why = f"its {process} died {DEADLY} times with it alone in hand"
            refused[entry] = UnreadableEntry(why)
            continue
        try:
            values[entry] = read(entry)
        except UnreadableEntry as failed:
            refused[entry] = failed
    return values, refused


async def keep_all(
    keep: Callable[[Sequence[T]], Awaitable[R]],
    values: Mapping[Entry, T],
    life: Life,
    stop: asyncio.Event,
) -> tuple[list[R], dict[Entry, Exception]]:
    """Keep all at once, or one by one where one is refused; return the answers and which were.

    While the database is away they wait. Raises Unavailable when told to stop meanwhile.
    """
    try:
        return [await _patiently(keep, list(values.values()), life, stop)], {}
    except Unavailable:
        raise
    except Exception as failed:  # noqa: BLE001  # one must not hold back the others
        if len(values) == 1:
            return [], dict.fromkeys(values, failed)
    answers, refused = list[R](), dict[Entry, Exception]()
    for entry, value in values.items():
        answered, not_kept = await keep_all(keep, {entry: value}, life, stop)
        answers += answered
        refused |= not_kept
    return answers, refused


async def _patiently(
    keep: Callable[[Sequence[T]], Awaitable[R]],
    values: Sequence[T],
    life: Life,
    stop: asyncio.Event,
) -> R:
    backoff, failures = ExponentialWithJitterBackoff(base=0.25, cap=2), 0
    while True:
        try:
            return await keep(values)
        except Unavailable as away:
            if stop.is_set():
                raise
            if failures == 0:
                _log.warning("the database is away; what is to be kept waits", why=str(away))
            failures += 1
            life.took()
            await asyncio.sleep(backoff.compute(failures))
