"""What a process is asked to measure, and what it saw: numbers of one count of rules."""

import msgspec


class Task(msgspec.Struct, frozen=True):
    """How much is measured in one process."""

    rules: int
    seed: int = 1
    rounds: int = 5
    messages: int = 2_000
    """In each round."""
    compared: int = 30
    """Of them, with the loop."""
    asked: int = 200_000
    """Rules the loop is made of, at most: where there are more, of every so many users."""
    edits: int = 200
    crowd: int = 0
    """Users of the largest crowd; 0: only a small one."""


class Built(msgspec.Struct, frozen=True):
    """What it cost to make the rule set. Seconds; bytes of a rule that can match."""

    reading: float
    """Rows to cards and plans."""
    putting: float
    sealing: float
    memory: float
    """Resident, all of it."""
    cards: float
    """Of that, names and addresses as they are packed."""


class Round(msgspec.Struct, frozen=True):
    """One round of messages. Rates are messages in a second, times microseconds."""

    rate: float
    p50: float
    p99: float
    compared: float
    """Rate of the messages that the loop had, too."""
    loop: float
    """Rate of the loop, were it made of all rules."""


class Effort(msgspec.Struct, frozen=True):
    """Means of one message."""

    matches: float
    keys: float
    candidates: float
    asked: float


class Changes(msgspec.Struct, frozen=True):
    """One user's edits, and matching meanwhile. Microseconds, but for `sealing`: seconds."""

    edits: int
    reading: float
    """Five rules to a card and plans, in the middle."""
    edit: float
    """The one in the middle."""
    longest_edit: float
    before: float
    """Mean match when nothing was pending."""
    pending: float
    """Mean match of the same messages when all was."""
    sealing: float
    longest: float
    """The longest match while another thread sealed."""
    p99: float


class Crowd(msgspec.Struct, frozen=True):
    """A message for many: microseconds of a match in each round."""

    name: str
    matches: int
    times: tuple[float, ...]


class Seen(msgspec.Struct, frozen=True):
    """All that one process saw."""

    rules: int
    built: Built
    rounds: tuple[Round, ...]
    effort: Effort
    changes: Changes
    crowds: tuple[Crowd, ...]
    differences: int
    """Rules that only one of the two said to match, or that raised."""
    compared: int
    """Rules of the loop."""
