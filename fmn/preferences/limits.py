"""How much one user may have, whoever saves it: what is over a limit may only shrink."""

from collections import Counter

from fmn.errors import PreferencesError
from fmn.preferences.codec import size_of
from fmn.preferences.values import Preferences
from fmn.rules.bounds import LARGEST
from fmn.rules.regexes import Budget


def check_limits(before: Preferences, after: Preferences) -> None:
    """Raise PreferencesError where a change makes preferences larger than one user's may be."""
    _check_size(before, after)
    regexes = _regexes(after)
    if regexes <= _regexes(before):
        return
    try:
        budget = Budget()
        for pattern in regexes.elements():
            budget.take(pattern)
    except ValueError as refused:
        raise PreferencesError(after.user, str(refused)) from None


def _check_size(before: Preferences, after: Preferences) -> None:
    size = size_of(after)
    if size > LARGEST and size > size_of(before):
        said = f"they are {size // 1024:,} KiB large, may be {LARGEST // 1024:,} KiB"
        raise PreferencesError(after.user, f"{said}: shorten or delete rules")


def _regexes(preferences: Preferences) -> Counter[str]:
    filters = (filter_ for rule in preferences.rules for filter_ in rule.filters)
    return Counter(pattern for filter_ in filters for pattern in filter_.regexes)
