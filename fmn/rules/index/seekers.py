from collections.abc import Sequence

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Sought
from fmn.rules.index.postings import Numbers


class Seekers:
    """Stand-in."""

    def __init__(self, sought: Sequence[Sought]) -> None:
        self._sought = sought

    def found(self, message: Message, keys: Sequence[Key]) -> Numbers:
        return np.array([n for n, s in enumerate(self._sought) if s.fits(message)], np.uint32)
