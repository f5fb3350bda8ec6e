from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover, teams
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.words import either, named


class Group(Filter):
    """One of the groups is among those the message mentions."""

    title: ClassVar[str] = "that mentions a group"

    groups: Strings = Field(title="Groups", examples=[["mine", "python-sig"]])

    def matches(self, message: Message, me: Me) -> bool:
        return next(self._meant(message.groups, me), None) is not None

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        groups = sorted(message.groups)
        return shown(self._meant(groups, me)) or shown(groups)

    def clause(self) -> tuple[str, str]:
        yours = ["a group of yours"] if "mine" in self.groups else []
        others = [named(group) for group in self.groups if group != "mine"]
        groups = " or ".join(yours + ([f"the group {either(others)}"] if others else []))
        return f"mentions {groups}", f"does not mention {groups}"

    def keys(self) -> Cover:
        return Cover(frozenset(teams("group", self._groups)))

    def _meant(self, groups: Iterable[str], me: Me) -> Iterator[str]:
        return (group for group in groups if me.is_group(group, self._groups))

    @cached_property
    def _groups(self) -> frozenset[str]:
        return frozenset(self.groups)
