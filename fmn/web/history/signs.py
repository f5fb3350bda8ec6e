"""By which keys a rule is found: those it has, and those that brought it up or would have."""

from collections.abc import Sequence
from typing import Any

from fmn.rules.explanation import Cost, Sign
from fmn.rules.words import both, short

SHOWN = 5
"""Keys that people are told."""
MOST = 1_000
"""Keys that machines are told."""


def in_words(signs: Sequence[Sign] | None) -> str:
    """Return a clause about a rule: `brought up by application koji; not by application bodhi`."""
    if signs is None:
        return "it has no keys, so it is looked at for every message"
    if not signs:
        return "no message can have what it asks for now"
    shown = signs[:SHOWN]
    there = [short(each.key) for each in shown if each.present]
    missing = [short(each.key) for each in shown if not each.present]
    more = [f"{len(signs) - SHOWN:,} more"] if len(signs) > SHOWN else []
    if not there:
        return f"not brought up: the message has none of {both(missing + more)}"
    if missing:
        return f"brought up by {both(there)}; not by {both(missing + more)}"
    return f"brought up by {both(there)}" + "".join(f"; it has {each} keys" for each in more)


def signs_json(signs: Sequence[Sign] | None) -> list[dict[str, Any]] | None:
    """Return the keys for machines, those of the message first; None where there are none."""
    if signs is None:
        return None
    return [{"key": each.key, "present": each.present} for each in signs[:MOST]]


def cost_json(cost: Cost) -> list[str] | None:
    """Return the keys of a rule for machines; None where it is looked at for every message."""
    return None if cost.is_everywhere else list(cost.keys[:MOST])
