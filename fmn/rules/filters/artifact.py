from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from fmn.model import Message
from fmn.rules.filter import Filter, Me, Strings, shown
from fmn.rules.glob import Globs


class Artifact(Filter):
    """One artifact has one of the types and a name that one of the patterns matches."""

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

    def _is_meant(self, artifact: str) -> bool:
        type_, _, name = artifact.partition("/")
        return (not self.types or type_ in self._types) and self._names.match(name)

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(self.types)

    @cached_property
    def _names(self) -> Globs:
        return Globs(self.names or ("*",))
