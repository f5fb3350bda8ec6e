"""Filters of somebody else's: without keys, with keys of their own, personal, and broken ones."""

from dataclasses import dataclass
from typing import ClassVar

from fmn.model import Message, Severity
from fmn.rules.access import Cover, Key, Own
from fmn.rules.filter import Filter
from fmn.rules.me import Me


class _Elsewhere(Filter):
    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return ()

    def clause(self) -> tuple[str, str]:
        return "is so", "is not so"


class Shouted(_Elsewhere):
    """It says nothing of its keys."""

    def matches(self, message: Message, me: Me) -> bool:
        return message.summary.isupper()


class Listed(_Elsewhere):
    """It has no hash, since a list has none."""

    users: list[str]

    def matches(self, message: Message, me: Me) -> bool:
        return message.agent in self.users


class Called(_Elsewhere):
    """It depends on whose rule it is, and nobody knows how."""

    def matches(self, message: Message, me: Me) -> bool:
        return me.user[0] in message.summary or not me.groups.isdisjoint(message.groups)


class Broken(_Elsewhere):
    """It raises for messages of some topics."""

    topic: str

    def matches(self, message: Message, me: Me) -> bool:
        if self.topic in message.topic:
            raise RecursionError(f"too deep for {self.topic!r}")
        return message.app is None


class BrokenFor(_Elsewhere):
    """It raises for one user only."""

    user: str

    def matches(self, message: Message, me: Me) -> bool:
        if me.user == self.user:
            raise LookupError(f"nothing of {me.user}")
        return True


class Grave(_Elsewhere):
    """Its keys tell less than it asks: some messages have one and do not match."""

    def matches(self, message: Message, me: Me) -> bool:
        meant = (message.app or "").casefold() == "koji" or me.user in message.users
        return meant and message.severity >= Severity.WARNING

    def keys(self) -> Cover:
        return Cover(frozenset({Key("application", "koji"), Own("user")}), exact=False)


class Never(_Elsewhere):
    """It knows that it matches nothing."""

    def matches(self, message: Message, me: Me) -> bool:
        return False

    def keys(self) -> Cover:
        return Cover(frozenset())


@dataclass(frozen=True)
class Length:
    """A summary of so many characters; some lengths are too much for it."""

    least: int
    most: int
    share: ClassVar[float] = 0.1

    def fits(self, message: Message) -> bool:
        if len(message.summary) > self.most:
            raise ValueError(f"more than {self.most}")
        return len(message.summary) >= self.least


class Long(_Elsewhere):
    """It is found by something that only its author knows, and that may raise."""

    least: int
    most: int

    def matches(self, message: Message, me: Me) -> bool:
        return Length(self.least, self.most).fits(message)

    def keys(self) -> Cover:
        return Cover(frozenset({Length(self.least, self.most)}))


class Unready(_Elsewhere):
    """It cannot even say its keys."""

    def matches(self, message: Message, me: Me) -> bool:
        return True

    def keys(self) -> Cover:
        raise NotImplementedError("not yet")
