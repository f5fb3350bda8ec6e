from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover, people
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.words import either, users_named


class Agent(Filter):
    """One of the users did it."""

    title: ClassVar[str] = "done by people"

    users: Strings = Field(title="Users", examples=[["me"]])

    def matches(self, message: Message, me: Me) -> bool:
        return bool(message.agent and me.is_user(message.agent, self._users))

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown([message.agent] if message.agent else [])

    def clause(self) -> tuple[str, str]:
        users = either(users_named(self.users))
        return f"was done by {users}", f"was not done by {users}"

    def keys(self) -> Cover:
        return Cover(frozenset(people("agent", self._users)))

    @cached_property
    def _users(self) -> frozenset[str]:
        return frozenset(self.users)
