"""A rule set of the world, made as a worker makes it; and what that costs."""

import ctypes
import gc
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from fmn.bench.rules.rows import Reading, UserRow
from fmn.bench.rules.seen import Built
from fmn.bench.rules.workload import row, rows
from fmn.bench.rules.world import World
from fmn.rules.rule_set import RuleSet

AT_ONCE = 1_000
"""Users whose rows exist at once: making them is not timed."""
SAMPLES = 1_000
"""Cards that are weighed."""
POINTER, ROUNDED = 8, 16
"""Bytes of the place in a list, and what an object's size is rounded up to."""


def built(world: World) -> tuple[RuleSet, Built]:
    """Return the rule set of the world, and what it cost."""
    _ = world.memberships.members_of("")  # the directory's, not the rules'
    put_all(RuleSet(), [row(world, 0)])  # so that all code is there
    before = memory()
    rule_set = RuleSet(groups=world.memberships)
    reading, putting, rules = put_all(rule_set, rows(world))
    began = time.perf_counter()
    rule_set.seal()()
    sealing = time.perf_counter() - began
    size = (memory() - before) / max(rules, 1)
    return rule_set, Built(reading, putting, sealing, size, _cards(world))


def put_all(rule_set: RuleSet, users: Iterable[UserRow]) -> tuple[float, float, int]:
    """Put all these; return seconds of reading and of putting, and how many rules can match."""
    reading = Reading()
    read_in, put_in, rules = 0.0, 0.0, 0
    for block in _blocks(users):
        began = time.perf_counter()
        read = [reading.read(each) for each in block]
        between = time.perf_counter()
        for card, plans in read:
            rule_set.put(card, plans)
        put_in += time.perf_counter() - between
        read_in += between - began
        rules += sum(len(plans) for _, plans in read)
    return read_in, put_in, rules


def memory() -> int:
    """Return the bytes this process holds, without what could be given back."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _blocks(users: Iterable[UserRow]) -> Iterator[list[UserRow]]:
    left = iter(users)
    while block := list(islice(left, AT_ONCE)):
        yield block


def _cards(world: World) -> float:
    """Return the bytes of a rule's share of its user's card, packed, in the mean of some."""
    reading, encode = Reading(), msgspec.msgpack.Encoder().encode
    size = rules = 0
    for number in range(0, world.users, max(world.users // SAMPLES, 1)):
        card, plans = reading.read(row(world, number))
        size += POINTER - sys.getsizeof(encode(card)) // -ROUNDED * ROUNDED
        rules += len(plans)
    return size / rules
