"""Times as they come in from outside."""

from datetime import UTC, datetime


def read_moment(text: object) -> datetime:
    """Return the time that is written there (ISO 8601), in UTC.

    Raises ValueError where there is none, it has no zone, or no clock can show it in UTC.
    """
    if not isinstance(text, str):
        raise ValueError("expected a string")  # noqa: TRY004  # to whoever asks it is all the same
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a time between the years 1 and 9999, in UTC") from None
