"""Everything sought that cannot be looked up as it stands, asked of a message all at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmn.model import Message
from fmn.rules.access import Key, Sought
from fmn.rules.index.bodies import Bodies
from fmn.rules.index.globs import Globs
from fmn.rules.index.texts import Texts
from fmn.rules.index.values import Found
from fmn.rules.sought import (
    Begins,
    Equal,
    Exists,
    Expression,
    Limit,
    Pattern,
    Word,
)

IN_BODY = (Equal, Begins, Limit, Exists)


class Seekers:
    """Finds which of many sought keys a message has.

    The time follows the message and what it has, not how many are sought. Many messages may be
    asked after each other, but not at the same time from several threads.
    """

    def __init__(self, sought: Sequence[Sought]) -> None:
        kinds = defaultdict[type, list[tuple[int, Any]]](list)
        for place, each in enumerate(sought):
            kinds[_kind(each)].append((place, each))
        in_body = [each for kind in IN_BODY for each in kinds.pop(kind, [])]
        self._globs = _of(Globs, kinds.pop(Pattern, []))
        words, expressions = kinds.pop(Word, []), kinds.pop(Expression, [])
        self._texts = Texts(words, expressions) if words or expressions else None
        self._bodies = _of(Bodies, in_body)
        self._others = [each for others in kinds.values() for each in others]

    def found(self, message: Message, keys: Sequence[Key]) -> NDArray[np.intp]:
        """Return the places of those that the message has, each once.

        `keys` are those of the message (`keys_of`).
        """
        found = Found()
        if self._globs:
            found.places += self._globs.found(keys)
        if self._texts:
            found.places += self._texts.found(message)
        if self._bodies:
            self._bodies.find(message.content, found)
        if self._others:
            found.places += (place for place, each in self._others if has(message, each))
        places = np.array(found.places, np.intp)
        return np.concatenate([places, *found.ranges]) if found.ranges else places


def has(message: Message, sought: Sought) -> bool:
    """Tell whether a message has one thing, and of one that raises that it has."""
    try:
        return sought.fits(message)
    except Exception:  # noqa: BLE001  # of a kind that another package brings
        # Then the rest of the rule decides, which raises too, and that is reported. Not found, it
        # would be a rule that silently never matches.
        return True


def _of(seeker: Any, sought: list[tuple[int, Any]]) -> Any:  # noqa: ANN401  # one of four classes
    return seeker(sought) if sought else None


def _kind(sought: Sought) -> type:
    if isinstance(sought, Expression) and not _is_encodable(sought.regex):
        return object  # RE2 cannot even be asked
    return type(sought)


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
