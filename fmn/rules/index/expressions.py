"""Which of many regular expressions are found in the summary or the text of a message."""

from collections.abc import Sequence

from fmn.model import Message
from fmn.rules.index.literals import required
from fmn.rules.index.pieces import Pieces, rarest
from fmn.rules.index.regex_sets import RegexSets
from fmn.rules.sought import Expression, searched


class Expressions:
    """Finds which of many regular expressions a message has.

    Most need a piece of text as it stands, `fail` in `(?i)fail(ed|ure)`: they are asked where it
    is found. A set of RE2 takes the others; for all it would be too slow, since it learns anew
    from each text that differs from those before.
    """

    def __init__(self, sought: Sequence[tuple[int, Expression]]) -> None:
        needs = list(rarest([required(expression.regex) for _, expression in sought]))
        self._expressions = dict(sought)
        self._pieces = Pieces(
            (piece, place) for (place, _), need in zip(sought, needs, strict=True) for piece in need
        )
        bare = [each for each, need in zip(sought, needs, strict=True) if not need]
        self._sets = RegexSets(bare) if bare else None

    def found(self, message: Message, folded: bytes) -> set[int]:
        """Return the places of those in the texts of a message, which has some."""
        likely = set(self._pieces.found(folded))
        found = {place for place in likely if self._expressions[place].fits(message)}
        if self._sets:
            found |= self._sets.found(message, [text.encode() for text in searched(message)])
        return found
