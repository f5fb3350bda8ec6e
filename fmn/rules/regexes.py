"""Regular expressions of RE2, and how many and how costly those of one user may be.

RE2's time grows with the text and with the steps a pattern is compiled to: what bounds the steps
bounds what each message costs.
"""

import re
from typing import Any

import re2

from fmn.rules.bounds import MOST_REGEXES, REGEX_COST

LARGEST = 64 * 1024
"""Memory in bytes that a pattern may need to be compiled."""
ROOM = 4 * LARGEST
"""Memory in bytes for what a pattern learns while it searches: with less it is slow."""


class Budget:
    """What one user's regular expressions may still cost together."""

    def __init__(self) -> None:
        self._many = MOST_REGEXES
        self._cost = REGEX_COST

    def take(self, pattern: str) -> None:
        """Count this pattern. Raises ValueError where RE2 refuses it or there are too many."""
        self._many -= 1
        if self._many < 0:
            raise ValueError(f"expected at most {MOST_REGEXES} regular expressions of one user")
        # Before it is compiled, since that alone takes its time.
        self._spend(len(pattern))
        try:
            self._spend(_compiled(pattern, LARGEST).programsize)
        except re2.error as refused:
            said = refused.args[0].decode("utf-8", "replace")
            raise ValueError(f"RE2 refuses it: {said}") from None

    def _spend(self, cost: int) -> None:
        self._cost -= cost
        if self._cost < 0:
            raise ValueError(
                f"the regular expressions of one user are too much with it: expected at most "
                f"{REGEX_COST:,} characters and steps of RE2 together"
            )


class Saved(Budget):
    """Of what is saved already: it was counted then, and is not compiled before it is needed."""

    def take(self, pattern: str) -> None:
        """Take any pattern."""


def searching(patterns: tuple[str, ...]) -> list[Any]:
    """Return these patterns compiled, without those that RE2 refuses."""
    found = []
    for pattern in patterns:
        try:
            found.append(_compiled(pattern, ROOM))
        except re2.error:  # another RE2 took it when it was saved
            continue
    return found


def searchable(text: str) -> str:
    """Return a text as RE2 can read it: JSON can name half of a surrogate pair, UTF-8 cannot."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def _compiled(pattern: str, memory: int) -> Any:  # noqa: ANN401  # RE2 has no types
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    options.never_capture = True  # only the whole is asked for, which is faster to find
    return re2.compile(pattern, options)
