from functools import cached_property
from itertools import product, starmap
from typing import ClassVar, Self

from pydantic import Field, model_validator

from fmn.model import Message
from fmn.rules.access import Cover, Key
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.glob import Globs, is_wild
from fmn.rules.me import Me
from fmn.rules.sought import Pattern, sought
from fmn.rules.words import either, named

NOUNS = {
    "rpms": "an rpm",
    "containers": "a container",
    "modules": "a module",
    "flatpaks": "a flatpak",
}
MOST_KEYS = 1_000
"""Pairs of type and name; above it the names alone do."""


class Artifact(Filter):
    """The message is about a package, container or project with one of the names.

    In a name `*` is any run of characters, `?` is one. Types, `rpms` say, narrow it down or
    stand alone.
    """

    title: ClassVar[str] = "about packages or projects by name"

    types: Strings = Field(default=(), title="Types", examples=[["rpms", "containers"]])
    names: Strings = Field(default=(), title="Names", examples=[["kernel", "python3-*"]])

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.types and not self.names:
            raise ValueError("expected `types` and/or `names`")
        return self

    def matches(self, message: Message, me: Me) -> bool:
        return any(map(self._is_meant, message.artifacts))

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        artifacts = sorted(message.artifacts)
        return shown(filter(self._is_meant, artifacts)) or shown(artifacts)

    def clause(self) -> tuple[str, str]:
        meant = either(self._nouns())
        return f"is about {meant}", f"is not about {meant}"

    def keys(self) -> Cover:
        if not self.types:
            return Cover(frozenset(sought("name", name) for name in self.names))
        if any(name and not name.strip("*") for name in self.names or ("*",)):
            return Cover(frozenset(Key("type", type_) for type_ in self.types))
        if len(self.types) * len(self.names) > MOST_KEYS or self._is_odd:
            return Cover(frozenset(sought("name", name) for name in self.names), exact=False)
        return Cover(frozenset(starmap(_pair, product(self.types, self.names))))

    def _nouns(self) -> list[str]:
        names = f" named {either(map(named, self.names))}" if self.names else ""
        if not self.types:
            return [f"something{names}"]
        nouns = [NOUNS[type_] for type_ in self.types if type_ in NOUNS]
        others = [type_ for type_ in self.types if type_ not in NOUNS]
        pairs = product(others, self.names or ("*",))
        known = [either(nouns) + names] if nouns else []
        return known + [named(f"{type_}/{name}") for type_, name in pairs]

    def _is_meant(self, artifact: str) -> bool:
        type_, _, name = artifact.partition("/")
        return (not self.types or type_ in self._types) and self._names.match(name)

    @property
    def _is_odd(self) -> bool:
        # Type and name joined would mean something else.
        return "" in self.names or any(is_wild(type_) or "/" in type_ for type_ in self.types)

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(self.types)

    @cached_property
    def _names(self) -> Globs:
        return Globs(self.names or ("*",))


def _pair(type_: str, name: str) -> Key | Pattern:
    return sought("artifact", f"{type_}/{name}")
