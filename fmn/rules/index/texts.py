"""Which of many words and regular expressions stand in the summary or the text of a message."""

from collections.abc import Sequence

from fmn.model import Message
from fmn.rules.index.expressions import Expressions
from fmn.rules.index.pieces import BETWEEN, Pieces, encoded
from fmn.rules.sought import Expression, Word, folded_texts


class Texts:
    """Finds words, and what regular expressions need, in one pass over the folded texts."""

    def __init__(
        self, words: Sequence[tuple[int, Word]], expressions: Sequence[tuple[int, Expression]]
    ) -> None:
        self._expressions = Expressions(expressions)
        written = [(word.text, place) for place, word in words]
        self._empty = [place for text, place in written if not text]
        needs = ((piece, ~number) for piece, number in self._expressions.needs)
        self._pieces = Pieces((*((text, place) for text, place in written if text), *needs))

    def found(self, message: Message) -> list[int]:
        """Return the places of those in the texts of a message, each once."""
        folded = BETWEEN.join(map(encoded, folded_texts(message)))
        if not folded:
            return []
        found = self._pieces.found(folded)
        likely = {~number for number in found if number < 0}
        places = [place for place in found if place >= 0] if likely else found
        return [*self._empty, *places, *self._expressions.found(message, likely)]
