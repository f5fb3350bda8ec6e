"""How much one user may write. More is refused: every worker has all of it in memory."""

from typing import Annotated

from pydantic import Field, StrictStr

MOST_RULES = 1_000
"""Rules of one user."""
MOST_DESTINATIONS = 100
"""Destinations of one user."""
MOST_FILTERS = 50
"""Filters of one rule."""
MOST_VALUES = 1_000
"""Values in one list, and in one JSON value."""
MOST_REGEXES = 100
"""Regular expressions of one user, in all rules."""
REGEX_COST = 10_000
"""Characters of all these together, and steps of RE2 that they are compiled to."""
LARGEST = 256 * 1024
"""Bytes of one user's preferences: as `codec.size_of` counts them, and as text to import."""
LONGEST = 10_000
"""Characters of one value, digits of one number."""

Value = Annotated[StrictStr, Field(max_length=LONGEST)]
"""A written string: a number or a truth value is none."""
