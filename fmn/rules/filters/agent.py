from functools import cached_property

from pydantic import Field

from fmn.model import Message
from fmn.rules.filter import Filter, Me, Strings, shown


class Agent(Filter):
    """One of the users did it."""

    users: Strings = Field(title="Users", examples=[["me"]])

    def matches(self, message: Message, me: Me) -> bool:
        return bool(message.agent and me.is_user(message.agent, self._users))

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown([message.agent] if message.agent else [])

    @cached_property
    def _users(self) -> frozenset[str]:
        return frozenset(self.users)
