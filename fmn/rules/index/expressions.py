"""Which of many regular expressions are found in the summary or the text of a message."""

from collections import defaultdict
from collections.abc import Sequence

from fmn.model import Message
from fmn.rules.index.literals import required
from fmn.rules.index.pieces import Need, rarest
from fmn.rules.index.regex_sets import RegexSets
from fmn.rules.sought import Expression, searched


class Expressions:
    """Finds which of many regular expressions a message has.

    Most need a piece of text as it stands, `fail` in `(?i)fail(ed|ure)`: those that need the same
    are a set, which is asked where that is found. One set of all would be too slow, since it
    learns anew from each text that differs from those before.
    """

    def __init__(self, sought: Sequence[tuple[int, Expression]]) -> None:
        needs = rarest([required(expression.regex) for _, expression in sought])
        alike = defaultdict[Need, list[tuple[int, Expression]]](list)
        for need, each in zip(needs, sought, strict=True):
            alike[need].append(each)
        self._sets = [RegexSets(each) for each in alike.values()]
        self._bare = [number for number, need in enumerate(alike) if not need]
        self.needs = [(piece, number) for number, need in enumerate(alike) for piece in need]
        """Each piece of text, and the number of a set that may be found where it stands."""

    def found(self, message: Message, numbers: set[int]) -> list[int]:
        """Return the places of those in the texts of a message, which has what these sets need."""
        likely = numbers.union(self._bare)
        if not likely:
            return []
        texts = [text.encode() for text in searched(message)]
        return [place for number in likely for place in self._sets[number].found(message, texts)]
