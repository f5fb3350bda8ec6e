"""Becoming known to a server, and logged in where we have an account.

SASL PLAIN (RFC 4616; IRCv3 SASL) where the server offers it, before anybody sees us; otherwise
NickServ is told the password once we are there. Where we have an account and cannot log in we do
not stay: channels and people that only let accounts speak to them would refuse what we say for
good, and their owners would be told that their address is a wrong one.
"""

import asyncio

import structlog

from fmn.senders.irc.connection import Connection
from fmn.senders.irc.lines import Line
from fmn.senders.irc.settings import Network

MORE_NICKS = ("_", "__", "___")
NICK_IN_USE = {"433", "436", "437"}
UNWELCOME = {"432", "463", "464", "465", "466"}
LOGGED_IN = {"903", "907"}
LOGIN_REFUSED = {"902", "904", "905", "906", "908"}
"""Locked, wrong, too long, aborted, another mechanism."""
WHOIS_ACCOUNT, WHOIS_REGISTERED, NOW_LOGGED_IN, NOBODY = "330", "307", "900", "401"
MOST_NOTICES = 10
AFTERTHOUGHT = 5.0
"""Seconds. NickServ may greet us before it answers; and it is asked for nicks in vain."""


class LoginRefused(ConnectionError):
    """The server does not want us as we are: trying again soon makes nothing better."""


class Registration:
    """What to say to a server until it welcomes us; each line it says may lead to some of ours."""

    def __init__(self, network: Network) -> None:
        self.welcome = False
        self.logged_in = False
        self._network = network
        self._nicks = [network.nick + more for more in MORE_NICKS]
        self._capabilities = ""

    def opening(self) -> list[str]:
        """Return the lines to begin with."""
        network = self._network
        password = network.password.get_secret_value()
        return [
            *(["CAP LS 302"] if network.login else []),
            *([f"PASS :{password}"] if password else []),
            f"NICK {network.nick}",
            f"USER {network.nick} 0 * :{network.realname}",
        ]

    def answer(self, line: Line) -> list[str]:
        """Return the lines to answer this one with. Raises LoginRefused."""
        if line.command == "001":
            self.welcome = True
        elif line.command in NICK_IN_USE and self._nicks:
            return [f"NICK {self._nicks.pop(0)}"]
        elif line.command in NICK_IN_USE | UNWELCOME:
            raise LoginRefused(f"it does not want us as {self._network.nick!r}")
        elif self._network.login:
            return self._log_in(line)
        return []

    def _log_in(self, line: Line) -> list[str]:
        match line.command, line.at(1), line.at(2):
            case "CAP", "LS", "*":
                self._capabilities += f"{line.last} "
            case "CAP", "LS", _:
                offered = _offers_plain(self._capabilities + line.last)
                return ["CAP REQ :sasl"] if offered else ["CAP END"]
            case "CAP", "ACK", _:
                return ["AUTHENTICATE PLAIN"]
            case "CAP", "NAK", _:
                return ["CAP END"]
            case "AUTHENTICATE", _, _ if line.at(0) == "+":
                return [f"AUTHENTICATE {piece}" for piece in self._network.sasl]
            case number, _, _ if number in LOGGED_IN:
                self.logged_in = True
                return ["CAP END"]
            case number, _, _ if number in LOGIN_REFUSED:
                raise LoginRefused(f"it does not log us in as {self._network.login!r}")
        return []


def _offers_plain(capabilities: str) -> bool:
    values = dict(one.partition("=")[::2] for one in capabilities.split())
    return "PLAIN" in values.get("sasl", "").upper().split(",") or values.get("sasl") == ""


class Services:
    """What NickServ does for us, once the connection is listened to."""

    def __init__(self, connection: Connection, network: Network) -> None:
        self._connection = connection
        self._network = network
        self._name = network.nickserv.partition("@")[0]
        self._log = structlog.get_logger(kind="irc", server=network.server)

    async def identify(self) -> None:
        """Log in. Raises LoginRefused where that fails."""
        network, words = self._network, ""
        within = network.timeout.total_seconds()
        password = network.account_password.get_secret_value()
        said = await self._tell(f"IDENTIFY {network.login} {password}", within=within)
        for _ in range(MOST_NOTICES):
            if said and said.command == NOBODY:
                raise LoginRefused(f"there is neither SASL nor {self._name} to log us in")
            if said and said.command == "NOTICE":
                words = self._connection.words(said)
                self._log.info("NickServ says", words=words)
            if await self._is_logged_in():
                return
            if said is None:
                break
            said = await self._tell(within=min(AFTERTHOUGHT, within))
        raise LoginRefused(f"{self._name} does not log us in as {network.login!r}: {words or '…'}")

    async def regain(self) -> None:
        """Take our nick back from whoever has it, if NickServ can do that."""
        network, connection = self._network, self._connection
        for verb in ("REGAIN", "GHOST"):
            within = min(AFTERTHOUGHT, network.timeout.total_seconds())
            await self._tell(f"{verb} {network.nick}", within=within)
            if not connection.is_me(network.nick):
                await connection.ask(f"NICK {network.nick}")
            if connection.is_me(network.nick):
                return
        self._log.warning("somebody else has our nick", nick=network.nick)

    async def _tell(self, *commands: str, within: float) -> Line | None:
        lines = [f"PRIVMSG {self._network.nickserv} :{command}" for command in commands]
        return await self._connection.listen_for(self._is_answer, *lines, within=within)

    def _is_answer(self, line: Line) -> bool:
        if line.command == "NOTICE":
            return line.nick.casefold() == self._name.casefold()
        moved = line.command == "NICK" and self._connection.is_me(line.last)
        return moved or line.command in {NOW_LOGGED_IN, NOBODY}

    async def _is_logged_in(self) -> bool:
        lines = await self._connection.ask(f"WHOIS {self._connection.nick}")
        proofs = {WHOIS_ACCOUNT, WHOIS_REGISTERED, NOW_LOGGED_IN}
        return any(line.command in proofs for line in lines)


async def log_in(connection: Connection, network: Network) -> bool:
    """Become known to the server; tell whether we are logged in. Raises OSError.

    Nobody listens to the connection meanwhile. The server has the timeout for all its answers.
    """
    registration = Registration(network)
    lines = registration.opening()
    connection.nick = network.nick
    until = connection.now + network.timeout.total_seconds()
    while not registration.welcome:
        began = connection.now
        for line in lines:
            await connection.write(line)
        until += connection.now - began  # Our own pace is not the server's fault.
        async with asyncio.timeout_at(until):
            heard = await connection.heard()
        try:
            lines = registration.answer(heard)
        except LoginRefused as refused:
            words = f"{connection.words(heard)} ({heard.command})"
            raise LoginRefused(f"{refused}: {words}") from None
    return registration.logged_in


async def settle(connection: Connection, network: Network, *, logged_in: bool) -> None:
    """Do what comes after the welcome; somebody listens to the connection. Raises OSError."""
    services = Services(connection, network)
    if network.login and not logged_in:
        await services.identify()
    if network.login and not connection.is_me(network.nick):
        await services.regain()
    await connection.ask(f"WHOIS {connection.nick}")  # How others see us, for the room in a line.
