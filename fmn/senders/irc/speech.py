"""What is said on a connection, and what the answers mean for whoever wanted it said.

A nick is looked for before it is spoken to, a channel is joined. A confirmation for a channel goes
to its operators in private: whoever asked for it gets the code from one of them, or does not.
"""

import itertools
from collections.abc import Sequence

from fmn.emission import News
from fmn.errors import Absent, InDoubt, PermanentFailure, TransientFailure
from fmn.senders.irc.answer import Lost
from fmn.senders.irc.connection import Connection
from fmn.senders.irc.lines import Line, clean, pieces
from fmn.senders.irc.settings import Network

CHANNELS = ("#", "&")
REFUSED = {f"{number}" for number in range(400, 600)} | {"716"}
REFUSED_FOR_NOW = {"263", "405", "437", "439", "471", "480", "707"}
"""Busy, in too many channels, too fast, channel full: later it may go."""
NOBODY, ACCOUNT, NAMES = "401", "330", "353"

MOST_OPERATORS = 3
ROBOTS = "serv"
"""How the nicks of a network's services end: they rule channels, and give no code to anybody."""


class Speech:
    """Speaks on one connection, for one send at a time."""

    def __init__(self, connection: Connection, network: Network) -> None:
        self._connection = connection
        self._network = network

    def expect(self, target: str) -> None:
        """Raise Absent where this is a nick that is known not to be there."""
        if not target.startswith(CHANNELS) and self._knows(target) is False:
            raise self._absent(target)

    async def tell(self, target: str, lines: Sequence[str]) -> None:
        """Say lines to a nick or in a channel.

        Raises PermanentFailure, TransientFailure; InDoubt where all lines had left and nothing
        behind them was answered.
        """
        if target.startswith(CHANNELS):
            await self._enter(target)
        else:
            await self._look_for(target)
        await self._say(target, lines)

    async def confirm(self, target: str, user: str, lines: Sequence[str]) -> News | None:
        """Say lines, which hold a code, to whom this target belongs; return what is proven.

        Nothing is said where the network itself proves that a nick is this user's.
        """
        if target.startswith(CHANNELS):
            asked = f"You are an operator of {target}, and {user} wants to be notified there."
            await self._tell_operators(target, [asked, *lines])
        elif self._network.accounts_are_users and await self._is_logged_in(target, user):
            return News.PROVEN
        else:
            await self.tell(target, lines)
        return None

    async def _is_logged_in(self, nick: str, user: str) -> bool:
        await self._look_for(nick)
        heard, fold = await self._ask(nick, f"WHOIS {nick}"), self._connection.support.fold
        said = [
            line for line in heard if line.command == ACCOUNT and fold(line.at(1)) == fold(nick)
        ]
        return user.casefold() in (line.at(2).casefold() for line in said)

    async def _tell_operators(self, channel: str, lines: Sequence[str]) -> None:
        operators = await self._operators(channel)
        reached, failure = 0, PermanentFailure(f"{channel!r}: no operator is there to give a code")
        for operator in operators[:MOST_OPERATORS]:
            try:
                await self._say(operator, lines)
            except (PermanentFailure, Absent) as failed:
                failure = PermanentFailure(f"{channel!r}: {failed.args[0]}")
            else:
                reached += 1
        if not reached:
            raise failure

    async def _operators(self, channel: str) -> list[str]:
        heard = await self._ask(channel, f"NAMES {channel}", refusable=False)
        found = self._rulers(heard, channel)
        if found or self._is_in(channel):
            return found
        heard = await self._enter(channel)  # Who is hidden from others is not from members.
        await self._ask(channel, f"PART {channel}")
        return self._rulers(heard, channel)

    def _rulers(self, heard: Sequence[Line], channel: str) -> list[str]:
        connection, support = self._connection, self._connection.support
        lists = [line for line in heard if line.command == NAMES]
        ours = [line for line in lists if support.fold(line.at(2)) == support.fold(channel)]
        named = [(name, name.lstrip(support.signs)) for line in ours for name in line.last.split()]
        rulers = [nick for name, nick in named if set(name[: -len(nick)]) & set(support.operators)]
        people = [nick for nick in rulers if not support.fold(nick).endswith(ROBOTS)]
        return [nick for nick in people if not connection.is_me(nick)]

    def _is_in(self, channel: str) -> bool:
        return self._connection.support.fold(channel) in self._connection.joined

    async def _enter(self, channel: str) -> list[Line]:
        if self._is_in(channel):
            return []
        return await self._ask(channel, f"JOIN {channel}")

    async def _look_for(self, nick: str) -> None:
        presence = self._connection.presence
        for _ in range(2):  # Where the list of MONITOR is full, the second question is another.
            if self._knows(nick) is not None:
                break
            await self._ask(nick, presence.question(nick), refusable=False)
        self.expect(nick)

    def _knows(self, nick: str) -> bool | None:
        return self._connection.presence.of(nick, self._connection.now)

    async def _say(self, target: str, lines: Sequence[str]) -> None:
        start, most = f"PRIVMSG {target} :", self._network.lines
        room = self._connection.room(target)
        fitting = (piece for line in lines for piece in pieces(clean(line), room) if piece.strip())
        said = list(itertools.islice(fitting, most + 1))
        if len(said) > most:
            said[most - 1 :] = [f"… (cut here: longer than {most} lines)"]
        lines = [start + piece for piece in said]
        try:
            heard = await self._connection.ask(*lines)
        except Lost as lost:
            self._raise_refusal(target, lost.heard)
            # Without the last line nobody has seen the whole of it: it can be said again.
            failure = InDoubt if lost.left == len(lines) else TransientFailure
            raise failure(_lost(target, lost, lines)) from None
        self._raise_refusal(target, heard)

    async def _ask(self, target: str, *lines: str, refusable: bool = True) -> list[Line]:
        try:
            heard = await self._connection.ask(*lines)
        except Lost as lost:
            raise TransientFailure(_lost(target, lost, lines)) from None
        if refusable:
            self._raise_refusal(target, heard)
        return heard

    def _raise_refusal(self, target: str, heard: Sequence[Line]) -> None:
        for line in heard:
            if _is_about_another(line, target):
                continue
            words = f"{target!r}: {self._connection.words(line)} ({line.command})"
            if line.command == NOBODY and not target.startswith(CHANNELS):
                self._connection.presence.missed(target, self._connection.now)
                raise self._absent(target)
            if line.command in REFUSED_FOR_NOW:
                raise TransientFailure(words)
            if line.command in REFUSED:
                raise PermanentFailure(words)

    def _absent(self, nick: str) -> Absent:
        network = self._network
        return Absent(
            f"{nick!r}: nobody has this nick just now",
            retry_after=network.look_again,
            longest=network.wait,
        )


def _lost(target: str, lost: Lost, lines: Sequence[str]) -> str:
    of = f"{lost.left} of {len(lines)}"
    return f"{target!r}: connection lost after {of} lines had left: {lost}"


def _is_about_another(line: Line, target: str) -> bool:
    """Tell whether a refusal names another nick or channel: it came late, for somebody before."""
    about = line.at(1)
    names_one = line.command == NOBODY or about.startswith(CHANNELS)
    return names_one and about.casefold() != target.casefold()
