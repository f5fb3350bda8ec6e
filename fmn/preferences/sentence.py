"""A rule as one sentence, in the words of its filters."""

from dataclasses import dataclass

from fmn.rules.rule import Rule
from fmn.rules.words import both, few


@dataclass(frozen=True, slots=True)
class Clause:
    """What one filter adds to the sentence."""

    words: str
    negated: bool


def clauses(rule: Rule) -> tuple[Clause, ...]:
    """Return a clause for each filter, negated ones in negated words."""
    return tuple(Clause(each.clause()[each.negate], each.negate) for each in rule.filters)


def sentence(rule: Rule) -> str:
    """Return the rule in one sentence.

    "When a message comes from koji and is about something you own, tell email and irc."; of a rule
    without filters "Tell email of every message."
    """
    said = clauses(rule)
    asked = [clause.words for clause in said if not clause.negated]
    excepted = [clause.words for clause in said if clause.negated]
    told = few(destination.name for destination in rule.destinations) or "nobody"
    if not asked:
        which = f" that {both(excepted)}" if excepted else ""
        return f"Tell {told} of every message{which}."
    but = f", but {both(excepted)}" if excepted else ""
    return f"When a message {both(asked)}{but}, tell {told}."
