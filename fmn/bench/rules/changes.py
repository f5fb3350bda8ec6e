"""Users who change their rules, and what matching costs until all is one index again."""

import time
from collections.abc import Sequence
from itertools import cycle
from statistics import fmean, median
from threading import Thread

from fmn.bench.rules.loop import Loop
from fmn.bench.rules.rows import Reading, UserRow
from fmn.bench.rules.seen import Changes, Task
from fmn.bench.rules.timing import US, Contest, share, timed
from fmn.bench.rules.workload import row
from fmn.bench.rules.world import World
from fmn.model import Message
from fmn.rules.rule_set import RuleSet


def changed(
    rule_set: RuleSet, world: World, messages: Sequence[Message], task: Task
) -> tuple[Changes, int]:
    """Change some users' rules; return what it cost, and how many differences there were.

    The loop of these users is compared while the changes are pending, and when they are not.
    """
    before = fmean(timed(rule_set, messages))
    step = max(world.users // task.edits, 1)
    rows = [row(world, number, edited=True) for number in range(0, world.users, step)]
    read, edits = _edits(rule_set, rows[: task.edits])
    pending = fmean(timed(rule_set, messages))
    contest = Contest(rule_set, Loop(rows[: task.edits], world.memberships), 1)
    differences = contest.differences(messages[: task.compared])
    sealing, meanwhile = _sealed(rule_set, messages)
    differences += contest.differences(messages[: task.compared])
    costs = (median(read), median(edits), max(edits), before, pending)
    return Changes(len(edits), *costs, sealing, max(meanwhile), share(meanwhile, 0.99)), differences


def _edits(rule_set: RuleSet, rows: Sequence[UserRow]) -> tuple[list[float], list[float]]:
    reading = Reading()
    read, put = list[float](), list[float]()
    for each in rows:
        began = time.perf_counter()
        card, plans = reading.read(each)
        between = time.perf_counter()
        rule_set.put(card, plans)
        put.append((time.perf_counter() - between) * US)
        read.append((between - began) * US)
    return read, put


def _sealed(rule_set: RuleSet, messages: Sequence[Message]) -> tuple[float, list[float]]:
    """Seal in another thread; return its seconds, and microseconds of each match meanwhile."""
    began, times = time.perf_counter(), list[float]()
    thread = Thread(target=rule_set.seal())
    thread.start()
    for message in cycle(messages):
        times += timed(rule_set, [message])
        if not thread.is_alive():
            break
    thread.join()
    return time.perf_counter() - began, times
