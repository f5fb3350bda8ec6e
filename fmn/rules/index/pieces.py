"""Many short texts looked for in one long text at once, by the automaton of Aho and Corasick."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from ahocorasick_rs import BytesAhoCorasick

WINDOW = 16 * 1024
"""Bytes that are looked through at once: each place where a piece stands is an object for then."""
LONGEST = 64
"""Bytes of what is looked for at once; of a longer piece its end is."""
DEEPEST = 4
"""How many that are looked for at once may end at the same place."""
BETWEEN = b"\xff"
"""A byte that is in no UTF-8, so in no piece."""

Need = frozenset[str]
"""Pieces one of which must stand there."""


class Pieces:
    """Finds which of many pieces stand in a text.

    The time follows the length of the text and how often pieces stand in it.
    """

    def __init__(self, sought: Iterable[tuple[str, int]]) -> None:
        """Take each piece, which must not be empty, with its place; both may come again."""
        places = defaultdict[bytes, list[int]](list)
        for piece, place in sought:
            places[encoded(piece)].append(place)
        ends, numbers = _ends(places)
        self._places: list[tuple[int, ...]] = [()] * len(ends)
        self._longer = defaultdict[int, list[tuple[bytes, tuple[int, ...]]]](list)
        for whole, number in numbers.items():
            if whole == ends[number]:
                self._places[number] = tuple(places[whole])
            else:
                self._longer[number].append((whole, tuple(places[whole])))
        self._automaton = BytesAhoCorasick(ends)

    def found(self, text: bytes) -> list[int]:
        """Return the places of all pieces that stand in an encoded text."""
        if not self._places:
            return []
        found = self._ends_in(text)
        places = [place for number in found for place in self._places[number]]
        for number in found & self._longer.keys() if self._longer else ():
            for whole, others in self._longer[number]:
                places += others if whole in text else ()
        return places

    def _ends_in(self, text: bytes) -> set[int]:
        numbers: set[int] = set()
        for at in range(0, len(text), WINDOW):
            window = text[at : at + WINDOW + LONGEST - 1]
            hits = self._automaton.find_matches_as_indexes(window, overlapping=True)
            numbers.update(map(itemgetter(0), hits))
        return numbers


def encoded(text: str) -> bytes:
    """Return a text as pieces are looked for in it; half of a surrogate pair is a character too."""
    return text.encode("utf-8", "surrogatepass")


def rarest(asked: Sequence[Sequence[Need]]) -> Iterator[Need]:
    """Return of each list the need that texts meet seldomest; an empty one of an empty list.

    How rare that is is guessed: a piece is rare when it is long, and when few others need it.
    """
    many = Counter(piece for needs in asked for need in needs for piece in need)

    def share(need: Need) -> float:
        return sum(many[piece] * 0.5 ** min(len(piece), 8) for piece in need)

    return (min(needs, key=share, default=frozenset()) for needs in asked)


def _ends(pieces: Iterable[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    # The automaton knows pieces by how they end: long ones would take it long to build. Of ends
    # that end alike ("a", "aa", "aaa"…) it would tell each at each place, which is a matter of
    # gigabytes for a thousand of them in a long text, so of such a row it has the shortest only.
    ends: list[bytes] = []
    numbers: dict[bytes, int] = {}
    row: list[tuple[bytes, int]] = []
    for backwards in sorted(piece[::-1] for piece in pieces):
        end = backwards[:LONGEST]
        while row and not end.startswith(row[-1][0]):
            row.pop()
        if len(row) < DEEPEST and not (row and row[-1][0] == end):
            row.append((end, len(ends)))
            ends.append(end[::-1])
        numbers[backwards[::-1]] = row[-1][1]
    return ends, numbers
