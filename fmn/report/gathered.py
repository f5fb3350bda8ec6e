"""What the queues counted, as the values of the report and the ledger."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from fmn.queues.figures import Figures
from fmn.queues.waits import percentile
from fmn.report.figures import ChannelLoad, LaneLoad, Load, WorkerLoad
from fmn.report.ledger import Ledger, Messages, Notifications

MICROSECONDS = 1e6
VERSION = re.compile(r"unknown [0-9]{1,3}")
WORKER = re.compile(r"worker (\S+) .+")
WAIT = re.compile(r"wait (\S+) ([0-9]{1,3})")


def load_of(stand: Sequence[Figures], channels: int) -> Load:
    """Return how the load spread over workers, lanes and channels, these since N was last set."""
    counts = _sum(stand)
    spread = tuple(
        ChannelLoad(f.channel, max(0, f.counts["taken"] - f.counts["taken before"]))
        for f in stand
        if f.channel < channels
    )
    workers = sorted({found[1] for found in map(WORKER.fullmatch, counts) if found})
    lanes = sorted({lane for figures in stand for lane in figures.waiting})
    return Load(
        spread,
        tuple(_worker(name, counts) for name in workers),
        tuple(_lane(lane, counts, stand) for lane in lanes),
    )


def ledger_of(stand: Sequence[Figures]) -> Ledger:
    """Return where everything is.

    Lost is what a consumer put and Redis forgot; in mode pubsub what nobody heard.
    """
    counts = _sum(stand)
    messages = Messages(
        taken=counts["taken"],
        handled=counts["handled"],
        dead=counts["dead"],
        waiting=sum(figures.messages_waiting for figures in stand),
        lost=counts["lost"] + max(0, counts["published"] - counts["heard"]),
        undecodable=counts["undecodable"],
    )
    notifications = Notifications(
        made=_of("made", counts),
        sent=_of("sent", counts),
        in_doubt=_of("doubt", counts),
        suppressed=_suppressed(counts),
        failed=_of("failed", counts),
        held=sum(figures.held for figures in stand),
        waiting=sum(sum(figures.waiting.values()) for figures in stand),
        retrying=sum(sum(figures.retrying.values()) for figures in stand),
        dead=_of("dead", counts),
    )
    unknown = {int(name[8:]): by for name, by in counts.items() if VERSION.fullmatch(name)}
    return Ledger(messages, notifications, unknown=unknown)


def _sum(stand: Sequence[Figures]) -> Counter[str]:
    total: Counter[str] = Counter()
    for figures in stand:
        total.update(figures.counts)
    return total


def _of(what: str, counts: Mapping[str, int]) -> int:
    """Return the sum over all lanes, which stand behind the word."""
    return sum(by for name, by in counts.items() if name.startswith(f"{what} "))


def _suppressed(counts: Mapping[str, int]) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for name, by in counts.items():
        word, _, rest = name.partition(" ")
        if word == "suppressed":
            reasons[rest.partition(" ")[2]] += by
    return dict(reasons)


def _worker(name: str, counts: Counter[str]) -> WorkerLoad:
    waits = {
        int(found[2]): by
        for field, by in counts.items()
        if (found := WAIT.fullmatch(field)) and found[1] == name
    }
    return WorkerLoad(
        worker=name,
        messages=counts[f"worker {name} messages"],
        busy_seconds=counts[f"worker {name} busy"] / MICROSECONDS,
        wait_p50=percentile(waits, 0.5),
        wait_p99=percentile(waits, 0.99),
        helped=counts[f"worker {name} helped"],
    )


def _lane(lane: str, counts: Counter[str], stand: Sequence[Figures]) -> LaneLoad:
    return LaneLoad(
        lane=lane,
        waiting=sum(figures.waiting.get(lane, 0) for figures in stand),
        retrying=sum(figures.retrying.get(lane, 0) for figures in stand),
        held=counts[f"held {lane}"],
        sent=counts[f"sent {lane}"] + counts[f"doubt {lane}"],
        suppressed=_of(f"suppressed {lane}", counts),
        failed=counts[f"failed {lane}"],
        dead=counts[f"dead {lane}"],
    )
