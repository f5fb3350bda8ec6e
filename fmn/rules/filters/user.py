from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover, people
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.words import either, users_named


class User(Filter):
    """One of the users is among those the message mentions."""

    title: ClassVar[str] = "that mentions people"

    users: Strings = Field(title="Users", examples=[["me"]])

    def matches(self, message: Message, me: Me) -> bool:
        return next(self._meant(message.users, me), None) is not None

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        users = sorted(message.users)
        return shown(self._meant(users, me)) or shown(users)

    def clause(self) -> tuple[str, str]:
        users = either(users_named(self.users))
        return f"mentions {users}", f"does not mention {users}"

    def keys(self) -> Cover:
        return Cover(frozenset(people("user", self._users)))

    def _meant(self, users: Iterable[str], me: Me) -> Iterator[str]:
        return (user for user in users if me.is_user(user, self._users))

    @cached_property
    def _users(self) -> frozenset[str]:
        return frozenset(self.users)
