"""What a server says it can do, and how it reads names: numeric 005, ISUPPORT."""

from string import ascii_lowercase, ascii_uppercase

from fmn.senders.irc.lines import Line

ALSO_UPPER = {"ascii": ("", ""), "rfc1459-strict": ("[]\\", "{}|"), "rfc1459": (r"[]\~", "{}|^")}
"""Of each CASEMAPPING the characters besides letters that have a lower case. RFC 1459, 2.2."""
UNBOUNDED, DIGITS = 10**9, 10


class Support:
    """What the server has told so far; before that, what RFC 1459 says."""

    def __init__(self) -> None:
        self._told = {"CASEMAPPING": "rfc1459", "PREFIX": "(ov)@+", "CHANTYPES": "#&"}

    def hear(self, line: Line) -> None:
        """Take in a line of numeric 005."""
        for token in line.arguments[1:-1]:
            name, _, value = token.partition("=")
            if name in {*self._told, "MONITOR"}:
                self._told[name] = value

    @property
    def monitored(self) -> int:
        """How many nicks may be watched at a time with MONITOR; 0 where it is not offered."""
        most = self._told.get("MONITOR", "0")
        return int(most) if most.isdecimal() and len(most) < DIGITS else UNBOUNDED

    @property
    def operators(self) -> str:
        """The signs before the nick of whoever rules a channel: `@` and what is above it."""
        signs = self._told["PREFIX"].rpartition(")")[2]
        above, sign, _ = signs.partition("@")
        return above + sign

    @property
    def signs(self) -> str:
        """Every sign that may stand before a nick in a list of names."""
        return self._told["PREFIX"].rpartition(")")[2]

    def fold(self, name: str) -> str:
        """Return a nick or channel so that two are equal where the server says they are."""
        upper, lower = ALSO_UPPER.get(self._told["CASEMAPPING"], ALSO_UPPER["rfc1459"])
        return name.translate(str.maketrans(ascii_uppercase + upper, ascii_lowercase + lower))
