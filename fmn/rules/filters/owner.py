from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Self

from pydantic import Field, model_validator

from fmn.model import Message
from fmn.rules.access import Cover, people, teams
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.words import either, named, users_named


class Owner(Filter):
    """An artifact of the message is directly owned by one of the users, or of the groups."""

    title: ClassVar[str] = "about what I or my groups own"

    users: Strings = Field(default=(), title="Users", examples=[["me"]])
    groups: Strings = Field(default=(), title="Groups", examples=[["mine"]])

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.users and not self.groups:
            raise ValueError("expected `users` and/or `groups`")
        return self

    def matches(self, message: Message, me: Me) -> bool:
        return next(self._owners(message, me), None) is not None

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown(self._owners(message, me)) or shown(sorted(message.artifacts))

    def clause(self) -> tuple[str, str]:
        groups = ("your groups" if g == "mine" else f"the group {named(g)}" for g in self.groups)
        owners = either([*users_named(self.users), *groups])
        own = "own" if owners.split()[-1] in {"you", "groups", "more"} else "owns"
        if owners == "you":
            return "is about something you own", "is not about anything you own"
        return (
            f"is about something that {owners} {own}",
            f"is not about anything that {owners} {own}",
        )

    def keys(self) -> Cover:
        users, groups = people("owner", self._users), teams("owning group", self._groups)
        return Cover(frozenset([*users, *groups]))

    def _owners(self, message: Message, me: Me) -> Iterator[str]:
        for owned in message.owners:
            for user in sorted(owned.users):
                if me.is_user(user, self._users):
                    yield f"{owned.artifact}: {user}"
            for group in sorted(owned.groups):
                if me.is_group(group, self._groups):
                    yield f"{owned.artifact}: group {group}"

    @cached_property
    def _users(self) -> frozenset[str]:
        return frozenset(self.users)

    @cached_property
    def _groups(self) -> frozenset[str]:
        return frozenset(self.groups)
