"""Which of many words stand in the summary or the text of a message."""

from collections.abc import Iterable

from fmn.rules.index.pieces import Pieces
from fmn.rules.sought import Word


class Words:
    """Finds which of many words a text has."""

    def __init__(self, sought: Iterable[tuple[int, Word]]) -> None:
        written = [(word.text, place) for place, word in sought]
        self._pieces = Pieces((text, place) for text, place in written if text)
        self._empty = [place for text, place in written if not text]

    def found(self, folded: bytes) -> list[int]:
        """Return the places of those in the folded texts of a message, which has some."""
        return self._empty + self._pieces.found(folded)
