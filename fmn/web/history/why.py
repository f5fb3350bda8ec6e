"""Why a user got a message, and why not: each rule, each filter, and where a delivery stopped."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from fmn.directory.snapshot import Directory
from fmn.preferences.sentence import Clause, clauses, sentence
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.explanation import Answer, Explanation
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from fmn.storage import editing
from fmn.storage.accounts import account
from fmn.storage.engine import Engine, reading
from fmn.storage.lookback import Judged, Reached, message_of, outcomes
from fmn.storage.preferences import load_user, newest
from fmn.web.history.signs import in_words, signs_json


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule and what it said to the message."""

    rule: Rule
    explanation: Explanation

    @property
    def sentence(self) -> str:
        """Return the rule in one sentence."""
        return sentence(self.rule)

    @property
    def answers(self) -> Iterator[tuple[Clause, Answer]]:
        """Return what each filter asks and what it said; nothing where the rule raised."""
        return zip(clauses(self.rule), self.explanation.filters, strict=False)

    @property
    def stopped_by(self) -> int | None:
        """Return the place, from 1, of the first filter that did not hold."""
        places = enumerate(self.explanation.filters, start=1)
        return next((place for place, answer in places if not answer.holds), None)

    @property
    def brought_up(self) -> str:
        """Return which keys brought the rule up, or would have; empty where it raised."""
        said = self.explanation
        return in_words(said.signs) if said.filters or said.signs is None else ""

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        said = self.explanation
        filters = [asdict(each) | {"deciding": list(each.deciding)} for each in said.filters]
        named = {"rule": self.rule.name, "id": self.rule.id}
        verdict = {"matched": said.matched, "why": said.why, "filters": filters}
        return named | verdict | {"keys": signs_json(said.signs)}


@dataclass(frozen=True, slots=True)
class Why:
    """All there is to say about one message and one user."""

    judged: Judged
    user: str
    now: bool
    """By the preferences of now, not by those in force then."""
    version: int
    """Number of the change of preferences by which was judged; 0: the user had none yet."""
    verdicts: tuple[Verdict, ...]
    """In the user's order."""
    reached: tuple[Reached, ...]
    """What became of it, by destination."""

    @property
    def matched(self) -> bool:
        """Tell whether any rule matches."""
        return any(verdict.explanation.matched for verdict in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines: what `fmn explain` prints and the API answers."""
        return {
            "message": self.judged.message.id,
            "user": self.user,
            "by": "now" if self.now else "then",
            "version": self.version,
            "rules": [verdict.as_json() for verdict in self.verdicts],
            "deliveries": [_delivery(each) for each in self.reached],
        }


class Sources(Protocol):
    """What an explanation is made from."""

    @property
    def engine(self) -> Engine: ...

    @property
    def filters(self) -> Mapping[str, type[Filter]]: ...

    @property
    def directory(self) -> Directory: ...


async def why(parts: Sources, user: str, message: str, *, now: bool) -> Why | None:
    """Return why; None where there is no such user, or no such message that the user may see.

    Groups of the user are those the directory knows now, owners those recorded with the message.
    """
    async with reading(parts.engine) as connection:
        judged = await message_of(connection, message, viewer=user)
        theirs = await account(connection, user)
        if not judged or not theirs:
            return None
        if now:
            version = await newest(connection)
            preferences = await load_user(connection, user, parts.filters)
        else:
            version, kinds = judged.version, parts.filters
            preferences = await editing.in_force(connection, theirs.id, version, kinds)
        reached = await outcomes(connection, theirs.id, judged.message.id)
    if not preferences:
        return Why(judged, user, now, 0, (), tuple(reached))
    # In a thread, because a regex may need long: others go on meanwhile.
    verdicts = await asyncio.to_thread(_verdicts, parts, preferences, judged)
    return Why(judged, user, now, version, verdicts, tuple(reached))


def _verdicts(parts: Sources, preferences: Preferences, judged: Judged) -> tuple[Verdict, ...]:
    rules = rule_set([preferences], groups=parts.directory)
    message = judged.message
    return tuple(Verdict(rule, rules.explain(rule, message)) for rule in preferences.rules)


def _delivery(reached: Reached) -> dict[str, Any]:
    return {
        "destination": reached.name,
        "kind": reached.kind,
        "state": reached.state.value,
        "reason": reached.reason,
        "attempts": reached.attempts,
        "at": reached.at.isoformat(),
        "rules": list(reached.rules.values()),
    }
