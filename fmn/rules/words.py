"""How values read in a sentence: few, short, and each recognisable as one."""

import re
from collections.abc import Iterable, Sequence

MOST = 4
"""Values that are named all; of more only the first, and how many there are."""
NAMED = 3
LONGEST = 60
"""Characters of one value."""
PLAIN = re.compile(r"[^\s,;“”]+")
"""What needs no quotation marks."""


def either(values: Iterable[str]) -> str:
    """Return words joined by commas and "or": `koji, bodhi, copr or 7 more`."""
    return _joined(_cut(values), "or")


def both(values: Iterable[str]) -> str:
    """Return words joined by commas and "and", all of them."""
    return _joined(list(values), "and")


def few(values: Iterable[str]) -> str:
    """Return words joined by commas and "and", cut short like `either`."""
    return _joined(_cut(values), "and")


def named(value: str) -> str:
    """Return a value as one word: in quotation marks where it would not be seen as one."""
    return short(value) if PLAIN.fullmatch(value) else quoted(value)


def users_named(users: Iterable[str]) -> Iterable[str]:
    """Return the users of a filter in words: `me` is you."""
    return ("you" if user == "me" else named(user) for user in users)


def quoted(value: str) -> str:
    """Return a value in quotation marks."""
    return f"“{short(value)}”"


def short(value: str) -> str:
    """Return a value, cut short where it is long, and with what cannot be seen spelt out."""
    seen = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in seen)


def _joined(words: Sequence[str], by: str) -> str:
    first, last = words[:-1], "".join(words[-1:])
    return f"{', '.join(first)} {by} {last}" if first else last


def _cut(values: Iterable[str]) -> Sequence[str]:
    distinct = list(dict.fromkeys(values))
    if len(distinct) <= MOST:
        return distinct
    return [*distinct[:NAMED], f"{len(distinct) - NAMED} more"]
