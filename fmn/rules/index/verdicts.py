"""What one message says to rests: each shared filter is asked once, very many are preselected."""

import numpy as np
from numpy.typing import NDArray

from fmn.rules.index.postings import Numbers
from fmn.rules.index.question import Question
from fmn.rules.index.rests import NONE, Rests
from fmn.rules.me import Me

NOBODY = Me("", frozenset())
"""Who asks where it does not matter."""


class Verdicts:
    """The verdicts on one message. Where more than `hot` rests come up, most are preselected."""

    def __init__(self, rests: Rests, question: Question, hot: int) -> None:
        self._rests = rests
        self._question = question
        self._hot = hot
        self._said: dict[int, bool] = {}
        self._holds: dict[int, bool] = {NONE: True}
        self.errors: dict[int, Exception] = {}
        """Rests of which a shared filter raised; they do not hold."""

    @property
    def asked(self) -> int:
        """Return how many filters were asked."""
        return len(self._said)

    def hold(self, rests: Numbers) -> NDArray[np.bool]:
        """Tell of which of these rests the shared part holds."""
        if len(rests) <= self._hot:
            return np.array([self.holds(rest) for rest in rests.tolist()], bool)
        distinct, places = np.unique(rests, return_inverse=True)
        return self._distinct(distinct)[places]

    def holds(self, rest: int) -> bool:
        """Tell whether the shared part of one rest holds."""
        known = self._holds.get(rest)
        if known is None:
            known = self._holds[rest] = self._judged(rest)
        return known

    def _distinct(self, rests: Numbers) -> NDArray[np.bool]:
        crowd = self._rests.crowd
        ready = crowd.ready(rests) if len(rests) > self._hot else np.zeros(len(rests), bool)
        holds = np.empty(len(rests), bool)
        if ready.any():
            holds[ready] = crowd.judged(rests[ready], self._question)
        holds[~ready] = [self.holds(rest) for rest in rests[~ready].tolist()]
        return holds

    def _judged(self, rest: int) -> bool:
        try:
            return all(map(self._filter, self._rests[rest].shared))
        except Exception as error:  # noqa: BLE001  # one bad rule must not cost the others
            self.errors[rest] = error
            return False

    def _filter(self, number: int) -> bool:
        said = self._said.get(number)
        if said is None:
            filter_ = self._rests.filters[number]
            said = self._said[number] = filter_.holds(self._question.message, NOBODY)
        return said
