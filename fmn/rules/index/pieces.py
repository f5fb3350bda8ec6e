"""Many short texts looked for in one long text at once, by the automaton of Aho and Corasick."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from ahocorasick_rs import BytesAhoCorasick

WINDOW = 16 * 1024
"""Bytes that are looked through at once: each place where a piece stands is an object for then."""
DEEPEST = 4
"""Pieces within the automaton that may end at the same place."""
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
        places = defaultdict(list)
        for piece, place in sought:
            places[encoded(piece)].append(place)
        shallow, self._deeper = _layered(places)
        self._places = [places[piece] for piece in shallow]
        self._automaton = BytesAhoCorasick(shallow)
        self._longest = max(map(len, shallow), default=1)

    def found(self, text: bytes) -> list[int]:
        """Return the places of all pieces that stand in an encoded text."""
        if not self._places:
            return []
        found = self._numbers(text)
        if not found:
            return []
        places = [place for number in found for place in self._places[number]]
        if self._deeper:
            for number in found & self._deeper.keys():
                for piece, others in self._deeper[number]:
                    places += others if piece in text else ()
        return places

    def _numbers(self, text: bytes) -> set[int]:
        numbers: set[int] = set()
        for window in self._windows(text):
            hits = self._automaton.find_matches_as_indexes(window, overlapping=True)
            numbers.update(map(itemgetter(0), hits))
        return numbers

    def _windows(self, text: bytes) -> Iterable[bytes]:
        if len(text) <= WINDOW:
            return (text,)
        step = max(WINDOW, self._longest)
        return (text[at : at + step + self._longest - 1] for at in range(0, len(text), step))


def encoded(text: str) -> bytes:
    """Return a text as pieces are looked for in it; half of a surrogate pair is a character too."""
    return text.encode("utf-8", "surrogatepass")


def rarest(asked: Sequence[Sequence[Need]]) -> Iterator[Need]:
    """Return of each list the need that texts meet seldomest; an empty one of an empty list.

    How rare that is is guessed: a piece is rare when it is long, and when few others need it.
    """
    many = Counter(piece for needs in asked for need in needs for piece in need)

    def share(need: Need) -> float:
        return sum(many[piece] * 0.25 ** min(len(piece), 8) for piece in need)

    return (min(needs, key=share, default=frozenset()) for needs in asked)


_Deeper = dict[int, list[tuple[bytes, list[int]]]]


def _layered(places: dict[bytes, list[int]]) -> tuple[list[bytes], _Deeper]:
    # Of pieces that end alike ("a", "aa", "aaa"…) the automaton tells each at each place, which is
    # a matter of gigabytes for a thousand of them in a long text. So of such a row it has the
    # shortest only; the others, by the longest of these, are asked where that one is found.
    shallow: list[bytes] = []
    deeper: _Deeper = defaultdict(list)
    row: list[tuple[bytes, int]] = []
    for backwards in sorted(piece[::-1] for piece in places):
        while row and not backwards.startswith(row[-1][0]):
            row.pop()
        piece = backwards[::-1]
        if len(row) < DEEPEST:
            row.append((backwards, len(shallow)))
            shallow.append(piece)
        else:
            deeper[row[-1][1]].append((piece, places[piece]))
    return shallow, dict(deeper)
