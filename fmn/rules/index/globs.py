"""Which of many globs match a value of a message."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fmn.rules.access import Key
from fmn.rules.index.pieces import Pieces, encoded, rarest
from fmn.rules.sought import Pattern

ROOM = 32 * 1024 * 1024
"""Bytes, roughly, for the values that are remembered."""
OVERHEAD = 256
"""Bytes of one remembered value, besides its characters and places."""


class Globs:
    """Finds which of many globs match the values of a message, and remembers it.

    Topics and names of artifacts come again and again. When there is no room left for more, all
    values are forgotten: those that matter are soon back.
    """

    def __init__(self, sought: Iterable[tuple[int, Pattern]], *, room: int = ROOM) -> None:
        fields = defaultdict(list)
        for place, pattern in sought:
            fields[pattern.field].append((place, pattern))
        self._fields: dict[str, _OfField] = {
            field: _OfField(patterns) for field, patterns in fields.items()
        }
        self._room = self._left = room
        self._known: dict[str, dict[str, tuple[int, ...]]] = {field: {} for field in fields}

    def found(self, keys: Sequence[Key]) -> set[int]:
        """Return the places of those that match one of the keys."""
        found: set[int] = set()
        for field, value in keys:
            known = self._known.get(field)
            if known is None:
                continue
            places = known.get(value)
            if places is None:
                places = self._asked(field, value)
            if places:
                found.update(places)
        return found

    def _asked(self, field: str, value: str) -> tuple[int, ...]:
        places = self._fields[field].matching(value)
        size = OVERHEAD + 4 * len(value) + 8 * len(places)
        if size > self._left:
            self._left = self._room
            for known in self._known.values():
                known.clear()
        if size <= self._left:
            self._left -= size
            self._known[field][value] = places
        return places


class _OfField:
    def __init__(self, sought: Sequence[tuple[int, Pattern]]) -> None:
        self._patterns = dict(sought)
        needs = list(rarest([_needs(pattern.glob) for _, pattern in sought]))
        self._pieces = Pieces(
            (piece, place) for (place, _), need in zip(sought, needs, strict=True) for piece in need
        )
        self._bare = [place for (place, _), need in zip(sought, needs, strict=True) if not need]

    def matching(self, value: str) -> tuple[int, ...]:
        likely = self._bare + self._pieces.found(encoded(value))
        return tuple(place for place in likely if self._patterns[place].matches(value))


def _needs(glob: str) -> list[frozenset[str]]:
    return [frozenset([piece]) for piece in re.split(r"[*?]+", glob) if piece]
