"""One number of rules, measured in a process of its own, so that its memory is only theirs.

`python -m fmn.bench.rules.scale TASK` prints, each as a line of JSON, what is measured just now,
and at the end what was seen. Garbage is collected before memory is read, and never else: what is
there when the timing begins is frozen.
"""

import asyncio
import gc
import sys
from contextlib import suppress
from math import ceil
from typing import cast

import msgspec

from fmn.bench.figure import Said
from fmn.bench.rules.building import built
from fmn.bench.rules.changes import changed
from fmn.bench.rules.crowds import crowds
from fmn.bench.rules.loop import Loop
from fmn.bench.rules.messages import messages
from fmn.bench.rules.seen import Round, Seen, Task
from fmn.bench.rules.timing import Contest, effort, timed
from fmn.bench.rules.workload import row
from fmn.bench.rules.world import World
from fmn.errors import Unavailable
from fmn.service import log_to_stderr

WARMING = 200
LINE = 1 << 20
"""Bytes of a line, at most."""


async def seen_of(task: Task, said: Said) -> Seen:
    """Return what a process of its own saw. Raises Unavailable where it failed."""
    command = (sys.executable, "-m", "fmn.bench.rules.scale", msgspec.json.encode(task).decode())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, limit=LINE)
    line: str | Seen | None = None
    try:
        async for raw in cast("asyncio.StreamReader", process.stdout):
            line = msgspec.json.decode(raw, type=str | Seen)
            if isinstance(line, str):
                said(line)
        await process.wait()
    finally:
        with suppress(ProcessLookupError):  # it has ended, as it should
            process.kill()
    if process.returncode or not isinstance(line, Seen):
        raise Unavailable(f"{task.rules:,} rules", "could not be measured; why stands above")
    return line


def measured(task: Task, said: Said) -> Seen:
    """Return what this process sees."""
    gc.disable()
    world = World(task.rules, task.seed)
    said("build")
    rule_set, cost = built(world)
    said("messages and loop")
    rounds = [
        list(messages(world, each * task.messages, task.messages)) for each in range(task.rounds)
    ]
    loop, times = _loop(world, task)
    gc.freeze()
    timed(rule_set, list(messages(world, task.rounds * task.messages, WARMING)))
    contest, results = Contest(rule_set, loop, times), list[Round]()
    for number, each in enumerate(rounds):
        said(f"round {number + 1}")
        results.append(contest.round(each, task.compared))
    said("differences")
    differences = sum(contest.differences(each[: task.compared]) for each in rounds)
    spent = effort(rule_set, rounds[0])
    said("changes")
    changes, more = changed(rule_set, world, rounds[0], task)
    said("crowds")
    gathered, wrong = crowds(rule_set, task.crowd, task.rounds)
    differences += more + wrong
    return Seen(task.rules, cost, tuple(results), spent, changes, gathered, differences, len(loop))


def _loop(world: World, task: Task) -> tuple[Loop, float]:
    """Return the loop of some users' rules, and how many times as many there are."""
    numbers = range(0, world.users, ceil(world.rules / task.asked))
    some = (row(world, number) for number in numbers)
    return Loop(some, world.memberships), world.users / len(numbers)


def _print(line: str | Seen) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    log_to_stderr("error")
    _print(measured(msgspec.json.decode(sys.argv[1], type=Task), _print))
