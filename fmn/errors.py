"""What can go wrong, in words.

The docstring of an error is the start of its message; its arguments name the thing, say where
it is and what to do. Foreign exceptions are translated where the foreign library is called.
"""

from datetime import timedelta


class FmnError(Exception):
    """Something went wrong."""

    def __str__(self) -> str:
        return ": ".join([(type(self).__doc__ or "").rstrip("."), *map(str, self.args)])


class ConfigError(FmnError):
    """The configuration cannot be used."""


class InputError(FmnError):
    """The input cannot be used."""


class PreferencesError(InputError):
    """The preferences cannot be used."""


class FieldError(PreferencesError):
    """The preferences cannot be used."""

    def __init__(self, *said: str, path: tuple[str | int, ...], expected: str) -> None:
        super().__init__(*said)
        self.path = path
        """Where what is wrong stands: keys of mappings and places in lists."""
        self.expected = expected
        """What is expected there, in words."""


class SchemaError(FmnError):
    """The database has another schema than this fmn knows."""


class TemplateError(FmnError):
    """A template cannot be rendered."""


class UndecodableMessage(FmnError):
    """The message cannot be decoded."""


class Unavailable(FmnError):
    """A service is away."""


class PermanentFailure(FmnError):
    """It cannot be delivered, now or later."""


class AddressRefused(PermanentFailure):
    """The server of the address takes nothing for it: where that goes on, its owner is told."""


class AddressGone(PermanentFailure):
    """The address does not exist any more, and never will again."""


class TransientFailure(FmnError):
    """It may be delivered later."""

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class InDoubt(TransientFailure):
    """It may have been delivered: the content had left when the connection was lost."""


class PeerAway(TransientFailure):
    """The server behind the whole lane is away: the lane pauses, and no attempt is counted."""


class Absent(TransientFailure):
    """Nobody is there just now: it is waited for, and no attempt is counted."""

    def __init__(self, reason: str, *, retry_after: timedelta, longest: timedelta) -> None:
        super().__init__(reason, retry_after=retry_after)
        self.longest = longest
        """For so long it is waited for; then it cannot be delivered."""
