"""What every filter is: one yes/no question about a message, which may be negated."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from fmn.model import Message
from fmn.rules.access import Cover
from fmn.rules.bounds import MOST_VALUES, Value
from fmn.rules.me import Me
from fmn.rules.sought import OURS

SHOWN_VALUES = 5
SHOWN_CHARACTERS = 80

Strings = Annotated[tuple[Value, ...], Field(min_length=1, max_length=MOST_VALUES)]
"""A written list of strings, never empty."""


class Filter(BaseModel, ABC):
    """One yes/no question about a message. A kind is a file in `filters/` with one subclass.

    Its fields are the arguments as people write them, its docstring is its help text. It is pure
    and total: what a message lacks makes it false.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    negate: StrictBool = Field(default=False, title="Not")

    @property
    def kind(self) -> str:
        """The name of the file it stands in."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def regexes(self) -> tuple[str, ...]:
        """Regular expressions it searches with: those of one user are counted."""
        return ()

    @abstractmethod
    def matches(self, message: Message, me: Me) -> bool:
        """Answer the question, leaving `negate` aside."""

    @abstractmethod
    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        """Return the values that made it true or, where it is false, those it looked at."""

    @abstractmethod
    def clause(self) -> tuple[str, str]:
        """Return its clause in the rule's sentence, and that turned round; `negate` aside.

        It goes on from "When a message …": `comes from koji`, `does not come from koji`.
        """

    def keys(self) -> Cover | None:
        """Return its access keys, `negate` aside.

        None: nobody knows, so it is asked of every message, and for each user.
        """
        return None

    @cached_property
    def cover(self) -> Cover | None:
        """Its access keys, asked for once; None too where it cannot say them.

        Keys of a kind that we do not know are taken to be found too often rather than too seldom.
        """
        try:
            cover = self.keys()
        except Exception:  # noqa: BLE001  # one bad rule must not cost the others
            return None
        if cover is None or all(isinstance(key, OURS) for key in cover.keys):
            return cover
        return replace(cover, exact=False)

    def holds(self, message: Message, me: Me) -> bool:
        """Answer the question, turned round where it is negated."""
        return self.matches(message, me) is not self.negate

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by their written names, without those left at their default."""
        written = self.model_dump(by_alias=True, exclude_unset=True, exclude={"negate"})
        return written | ({"negate": True} if self.negate else {})


def shown(values: Iterable[str]) -> tuple[str, ...]:
    """Return the first of these values, each short enough for a page."""
    return tuple(map(_short, islice(values, SHOWN_VALUES)))


def _short(value: str) -> str:
    return value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"
