r"""Paths into the body of a message: names joined by dots, `[]` is each element of a list.

`\.` is a dot in a name. A name on what is no object, and `[]` on what is no list, lead nowhere.
"""

import re
from functools import lru_cache

KEPT = 1_000
"""Paths that are known by heart."""


class Path:
    """One path, read."""

    def __init__(self, written: str) -> None:
        self.steps = [_step(part) for part in re.split(r"(?<!\\)\.", written)]
        """Each name with the number of `[]` behind it."""

    def values(self, content: object) -> list[object]:
        """Return every value that stands there."""
        values = [content]
        for name, lists in self.steps:
            values = [value[name] for value in values if isinstance(value, dict) and name in value]
            for _ in range(lists):
                values = [item for value in values if isinstance(value, list) for item in value]
        return values


@lru_cache(KEPT)
def path_of(written: str) -> Path:
    """Return a path; most rules name the same few."""
    return Path(written)


def _step(part: str) -> tuple[str, int]:
    end = len(part)
    while part.endswith("[]", 0, end):
        end -= 2
    return part[:end].replace(r"\.", "."), (len(part) - end) // 2
