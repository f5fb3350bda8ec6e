"""What stands at a path of a message's body: names joined by dots.

`[]` behind a name is each element of a list and `[-1]` the last: `update.builds[].nvr`. A path
that leads nowhere leads to nothing; nothing here raises, whatever the body is.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any


def values_at(body: object, path: str) -> Sequence[Any]:
    """Return the values at this path of a body, in its order."""
    values = [body]
    for step in path.split("."):
        name, _, which = step.partition("[")
        values = [value[name] for value in values if isinstance(value, dict) and name in value]
        if which:
            values = [one for value in values for one in _elements(value, which)]
    return values


def texts_at(body: object, path: str) -> Iterator[str]:
    """Yield the texts and numbers at this path, as text."""
    for value in values_at(body, path):
        if isinstance(value, str):
            yield value
        elif isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, int | float | Decimal):
            yield str(value)


def _elements(value: object, which: str) -> Sequence[Any]:
    if not isinstance(value, list):
        return []
    return value if which == "]" else value[-1:]
