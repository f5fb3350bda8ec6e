"""The verdict: what came out, held against what the oracle foretold."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.oracle import Fate, Key

SHOWN = 5
"""So many examples of what is wrong."""


@dataclass(frozen=True)
class Outcome:
    """All that can be seen when everything has drained."""

    received: Mapping[Key, int]
    """How often the mail server took each."""
    history: Mapping[Key, tuple[str, str | None]]
    """State and reason of each delivery in SQL."""
    messages: int
    """In the history."""
    ledger: Mapping[str, Any]
    ledger_exit: int
    in_doubt: AbstractSet[Key] = field(default=frozenset())
    """What a fault may have left in doubt: in a sender's hand then, or its answer was lost."""
    republished: int = 0
    """Messages the publisher had to put on the bus again, as it could not know."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong, and the figures."""

    wrong: tuple[str, ...]
    figures: Mapping[str, int]


def judge(fates: Mapping[Key, Fate], messages: int, seen: Outcome) -> Verdict:
    """Hold what was seen against what was foretold."""
    wanted = {key for key, fate in fates.items() if fate is Fate.SENT}
    twice = {key: times for key, times in seen.received.items() if times > 1}
    missing, unexpected = wanted - set(seen.received), set(seen.received) - wanted
    surplus = sum(twice.values()) - len(twice)
    doubted = int(seen.ledger["notifications"]["in_doubt"])
    wrong = [
        *_some("missing", missing),
        *_some("unexpected", unexpected),
        *_some("twice although nothing left them in doubt", set(twice) - seen.in_doubt),
        *(_if(surplus > doubted, f"{surplus} surplus mails, only {doubted} counted in doubt")),
        *_of_history(fates, messages, seen),
        *_of_ledger(fates, messages, seen),
    ]
    figures = {
        "expected": len(wanted),
        "received": sum(seen.received.values()),
        "missing": len(missing),
        "unexpected": len(unexpected),
        "surplus": surplus,
        "in_doubt": doubted,
        "failed": sum(fate is Fate.FAILED for fate in fates.values()),
        "republished": seen.republished,
    }
    return Verdict(tuple(wrong), figures)


def _of_history(fates: Mapping[Key, Fate], messages: int, seen: Outcome) -> list[str]:
    states = {key: state for key, (state, _) in seen.history.items()}
    other = {key for key in fates if states.get(key) != fates[key]}
    silent = {
        key
        for key, fate in fates.items()
        if fate is Fate.FAILED and "550" not in (seen.history.get(key, ("", ""))[1] or "")
    }
    return [
        *_some("with another state in the history", other),
        *_some("in the history and never foretold", set(states) - set(fates)),
        *_some("failed without the mail server's words", silent),
        *_if(
            seen.messages != messages, f"{seen.messages} of {messages} messages are in the history"
        ),
    ]


def _of_ledger(fates: Mapping[Key, Fate], messages: int, seen: Outcome) -> list[str]:
    taken, made = seen.ledger["messages"], seen.ledger["notifications"]
    told = Counter(fates.values())
    suppressed = made["suppressed"]
    again = taken["taken"] - messages
    wrong = {
        f"`fmn ledger` ends with {seen.ledger_exit}": seen.ledger_exit != 0,
        f"the ledger has residuals: {taken}, {made}": taken["residual"] or made["residual"],
        f"{taken['taken']} messages taken, {messages} were published": again < 0,
        f"the ledger has {taken['lost']} messages lost": taken["lost"],
        f"dead: {taken['dead']} messages, {made['dead']} notifications": taken["dead"]
        or made["dead"],
        f"not done: {taken['waiting']}, {made['waiting']}, {made['retrying']}, {made['held']}": (
            taken["waiting"] or made["waiting"] or made["retrying"] or made["held"]
        ),
        f"sent {made['sent']} and in doubt {made['in_doubt']}, foretold {told[Fate.SENT]}": (
            made["sent"] + made["in_doubt"] != told[Fate.SENT]
        ),
        f"failed {made['failed']}, foretold {told[Fate.FAILED]}": (
            made["failed"] != told[Fate.FAILED]
        ),
        f"suppressed {dict(suppressed)}, foretold {told[Fate.SUPPRESSED]} unconfirmed": (
            suppressed.get("unconfirmed", 0) < told[Fate.SUPPRESSED]
            or (not again and sum(suppressed.values()) != told[Fate.SUPPRESSED])
            or set(suppressed) - {"unconfirmed", "duplicate"}
        ),
    }
    return [words for words, true in wrong.items() if true]


def _some(what: str, keys: AbstractSet[Key]) -> list[str]:
    shown = ", ".join(f"{message} for {address}" for message, address in sorted(keys)[:SHOWN])
    return _if(bool(keys), f"{len(keys)} {what}: {shown}{' …' * (len(keys) > SHOWN)}")


def _if(true: bool, words: str) -> list[str]:
    return [words] if true else []
