"""Who is on a network now: told by the server with MONITOR, or asked for with ISON.

MONITOR (IRCv3) tells once who is there, and from then on whoever comes and goes. Where the server
has none, or its list is full, ISON (RFC 1459, 5.8) tells of the moment, and that is believed for a
short while.
"""

from fmn.senders.irc.lines import Line
from fmn.senders.irc.support import Support

ONLINE, OFFLINE, FULL, ISON = "730", "731", "734", "303"
NUMBERS = {ONLINE, OFFLINE, FULL, ISON}


class Presence:
    """What one connection knows of nicks. Times are seconds of one clock."""

    def __init__(self, support: Support, *, memory: float) -> None:
        self._support = support
        self._memory = memory
        self._watched: dict[str, bool | None] = {}
        self._seen: dict[str, tuple[bool, float]] = {}  # and until when that is believed
        self._asked = ""
        self._full = False

    def of(self, nick: str, now: float) -> bool | None:
        """Tell whether this nick is there; None where it must be asked for."""
        name = self._support.fold(nick)
        there, until = self._seen.get(name, (None, now))
        return there if now < until else self._watched.get(name)

    def question(self, nick: str) -> str:
        """Return the line that asks for this nick."""
        self._asked = self._support.fold(nick)
        if self._full or len(self._watched) >= self._support.monitored:
            return f"ISON {nick}"
        self._watched[self._asked] = None
        return f"MONITOR + {nick}"

    def missed(self, nick: str, now: float) -> None:
        """Note that the server has just said that nobody has this nick."""
        self._believe(self._support.fold(nick), there=False, now=now)

    def hear(self, line: Line, now: float) -> None:
        """Take in one of NUMBERS."""
        if line.command == FULL:
            self._full = True
            self._watched.pop(self._asked, None)
        elif line.command == ISON:
            names = {self._support.fold(name) for name in line.last.split()}
            self._believe(self._asked, there=self._asked in names, now=now)
        else:
            for target in line.last.split(","):
                self._told(target.partition("!")[0], there=line.command == ONLINE)

    def _told(self, nick: str, *, there: bool) -> None:
        name = self._support.fold(nick)
        if name in self._watched:
            self._watched[name] = there
            self._seen.pop(name, None)

    def _believe(self, name: str, *, there: bool, now: float) -> None:
        self._seen = {one: seen for one, seen in self._seen.items() if now < seen[1]}
        self._seen[name] = there, now + self._memory
