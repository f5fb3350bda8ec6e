"""Why a rule matches a message, or why not; and what it costs to look for it."""

from dataclasses import dataclass

from fmn.model import Message
from fmn.rules.access import Key, keys_of
from fmn.rules.filter import Filter
from fmn.rules.index.seekers import Seekers
from fmn.rules.me import Me
from fmn.rules.plan import plan_of
from fmn.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Answer:
    """What one filter said, for people."""

    kind: str
    negated: bool
    holds: bool
    """With the negation."""
    deciding: tuple[str, ...]
    """The values that made it so, short enough for a page."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A key by which a rule is found, and whether a message has it."""

    key: str
    """In words: `owner alice`, `topic like *.build.*`."""
    present: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """How a rule will be found."""

    keys: tuple[str, ...]
    """In words: the rule is looked at when a message has one of them."""
    is_everywhere: bool = False
    """It has no keys: it is looked at for every message."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a rule matches a message, or why not."""

    matched: bool
    filters: tuple[Answer, ...]
    why: str | None = None
    """What keeps the rule from matching whatever its filters say: private, disabled, an error."""
    signs: tuple[Sign, ...] | None = ()
    """Every key that would have brought the rule up, present ones first; None: it has none, and is
    looked at for every message."""


def explanation(rule: Rule, message: Message, me: Me) -> Explanation:
    """Return why the rule matches this message, or why not."""
    try:
        answers = tuple(_answer(filter_, message, me) for filter_ in rule.filters)
        matched, obstacle = rule.matches(message, me), rule.obstacle(message)
        return Explanation(matched, answers, obstacle, _signs(rule, message, me))
    except Exception as error:  # noqa: BLE001  # whatever a rule raises is its explanation
        return Explanation(matched=False, filters=(), why=f"the rule raised {error!r}")


def cost(rule: Rule, me: Me) -> Cost:
    """Return how the rule will be found."""
    keys = plan_of(rule.filters).resolved(me)
    if keys is None:
        return Cost((), is_everywhere=True)
    return Cost(tuple(sorted(map(str, keys))))


def _answer(filter_: Filter, message: Message, me: Me) -> Answer:
    return Answer(
        filter_.kind, filter_.negate, filter_.holds(message, me), filter_.deciding(message, me)
    )


def _signs(rule: Rule, message: Message, me: Me) -> tuple[Sign, ...] | None:
    keys = plan_of(rule.filters).resolved(me)
    if keys is None:
        return None
    there = keys_of(message)
    sought = [key for key in keys if not isinstance(key, Key)]
    # All at once: a list of a thousand globs is no reason to go through a message a thousand times.
    found = {sought[place] for place in Seekers(sought).found(message, there).tolist()}
    present = found.union(there)
    signs = (Sign(str(key), key in present) for key in keys)
    return tuple(sorted(signs, key=lambda sign: (not sign.present, sign.key)))
