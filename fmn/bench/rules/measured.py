"""`fmn bench rules`: how fast one message finds its rules, and what it costs to keep them.

Rules and messages are made from a seed: `workload` says what people ask for, `messages` what
comes. Each number of rules has a process of its own, on one core. There the rule set is made from
rows as a worker makes it, and stands against a loop that asks every rule (`loop`): the same rules,
messages, process. The loop has 200,000 rules at most, of every so many users, and its time is
reckoned up; its users' matches must be the same in every round. Machines differ, so read the
ratios: the first line says how fast this one is.

messages    matched in a second, on one core, other messages in each round; bodies are read before
            that, for both sides. What is timed ends with the numbers of users and rules, for both:
            no destination is made. ÷ the loop: the mean time of the last messages of each round.
            Nothing is collected while it is timed (gc is off, and what is there is frozen)
build       rows to cards and plans, and one index of these; making the rows up is not in it
bytes       resident memory of a rule that can match, all caches given back; of it the cards:
            names and addresses, without which nobody could be told
edits       five other rules for each of 200 users, put one user at a time; messages matched while
            these are pending, and while another thread makes one index of all
crowds      a message for 0, 10, 1,000 and 100,000 users; 100,000 thresholds, words, regexes
            on one application, of which few or many match. And the same message for 1,000
            users where there are ten times as many other rules
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fmn.bench.figure import Figure, Said
from fmn.bench.machine import this_machine
from fmn.bench.rules.figures import figures_of
from fmn.bench.rules.scale import seen_of
from fmn.bench.rules.seen import Task

RULES = 10_000, 100_000, 1_000_000
MILLION = 1_000_000
CROWD = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rules: Sequence[int] = RULES
    rounds: int = 5
    messages: int = 2_000
    """In each round."""
    compared: int = 30
    """With the loop, in each round."""
    edits: int = 200
    crowd: int = CROWD
    """Users of the largest crowd, who are there beside the most rules, a million at most."""
    seed: int = 1


async def measured(plan: Plan, said: Said) -> list[Figure]:
    """Return all figures. Raises Unavailable where a process failed."""
    said("calibration")
    figures = [await this_machine(plan.rounds)]
    seen = [await seen_of(task, _prefixed(said, task)) for task in _tasks(plan)]
    return [*figures, *figures_of(seen)]


def _tasks(plan: Plan) -> Iterator[Task]:
    sizes = sorted(set(plan.rules))
    crowded = max((size for size in sizes if size <= MILLION), default=0)
    for size in sizes:
        yield Task(
            *(size, plan.seed, plan.rounds, plan.messages, plan.compared),
            edits=plan.edits,
            crowd=plan.crowd if size == crowded else 0,
        )


def _prefixed(said: Said, task: Task) -> Said:
    return lambda what: said(f"{task.rules:,} rules, {what}")
