"""A real IRC network: InspIRCd with Atheme's services, so that there are accounts on it.

What differs between networks is told when one is started: which modules it has, how fast people
may speak.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers import answers, free_port, need, running, wait_until
from tests.peers.ngircd import person

MODULES = ("cap", "sasl", "ircv3", "services_account", "spanningtree", "monitor")
SERVICES = (
    "protocol/inspircd",
    "backend/opensex",
    "crypto/pbkdf2v2",
    "nickserv/main",
    "nickserv/identify",
    "nickserv/register",
    "nickserv/ghost",
    "saslserv/main",
    "saslserv/plain",
)
FAST = 'fakelag="no" threshold="1000" commandrate="1000000"'
PASSWORD = "hush-hush"  # noqa: S105  # of the accounts in the tests


class Inspircd:
    """The network; its services come up some time after its server."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._links = free_port()
        self._folder = folder
        self._life = ExitStack()

    def start(
        self, *, modules: Sequence[str] = MODULES, speed: str = FAST, services: bool = True
    ) -> None:
        """Start the server, and the services unless there shall be none."""
        server = need("inspircd", "inspircd")
        self._write("inspircd.conf", self._server(modules, speed))
        self._run(
            [server, "--config", str(self._folder / "inspircd.conf"), "--nofork", "--nopid"],
            self.port,
        )
        if services:
            self._start_services()

    def stop(self) -> None:
        self._life.close()

    def _start_services(self) -> None:
        services = need("atheme-services", "atheme-services")
        self._write("atheme.conf", _services(self._links))
        where = [
            "-D",
            str(self._folder),
            "-p",
            str(self._folder / "pid"),
            "-l",
            str(self._folder / "atheme.log"),
        ]
        config = str(self._folder / "atheme.conf")
        self._run([services, "-n", "-c", config, *where], None)
        log = self._folder / "atheme.log"
        wait_until(lambda: log.exists() and "finished synching" in log.read_text(), "atheme")

    def _run(self, command: list[str], port: int | None) -> None:
        # Neither runs as root; whoever is somebody else already needs no other user.
        user = [need("runuser", "util-linux"), "-u", "irc", "--"] if os.getuid() == 0 else []
        up = running([*user, *command], self._folder, ready=lambda: port is None or answers(port))
        runner = self._life.enter_context(up)
        self._life.callback(_end_children, runner)

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)

    def _server(self, modules: Sequence[str], speed: str) -> str:
        limits = 'timeout="60" hardsendq="1M" softsendq="8192" recvq="8192"'
        counts = 'localmax="200" globalmax="200" resolvehostnames="no"'
        here = f'address="127.0.0.1" port="{self.port}" type="clients"'
        link = f'ipaddr="127.0.0.1" port="{self._links}" allowmask="127.0.0.0/8"'
        return "\n".join(
            [
                '<server name="irc.fmn.test" description="t" network="FmnNet" id="001">',
                '<admin name="a" nick="a" email="a@fmn.test">',
                f"<bind {here}>",
                f'<bind address="127.0.0.1" port="{self._links}" type="servers">',
                *(f'<module name="{module}">' for module in modules),
                f'<connect name="main" allow="*" {limits} {counts} {speed}>',
                '<uline server="services.fmn.test" silent="yes">',
                '<sasl target="services.fmn.test">',
                f'<link name="services.fmn.test" {link} sendpass="pw" recvpass="pw">',
            ]
        )


def _services(port: int) -> str:
    names = 'netname = "FmnNet"; adminname = "a"; adminemail = "a@fmn.test";'
    limits = "recontime = 1; maxlogins = 5; maxusers = 50; auth = none; casemapping = rfc1459;"
    mail = 'registeremail = "n@fmn.test"; mta = "/bin/true";'
    who = 'host = "services.fmn.test"; real = "s";'
    return "\n".join(
        [
            *(f'loadmodule "modules/{module}";' for module in SERVICES),
            'uplink "irc.fmn.test" { host = "127.0.0.1"; send_password = "pw";',
            f'receive_password = "pw"; port = {port}; }};',
            'serverinfo { name = "services.fmn.test"; desc = "s"; numeric = "00A";',
            f"{names} {mail} {limits} }};",
            f'nickserv {{ nick = "NickServ"; user = "NickServ"; {who} }};',
            f'saslserv {{ nick = "SaslServ"; user = "SaslServ"; {who} }};',
        ]
    )


def _end_children(runner: subprocess.Popen[bytes]) -> None:
    """End what runuser runs; then it ends itself, which leaves nothing behind."""
    children = Path(f"/proc/{runner.pid}/task/{runner.pid}/children")
    named = children.read_text().split() if children.exists() else []
    for child in named:
        os.kill(int(child), signal.SIGTERM)
    if named:
        runner.wait(20)


async def register(port: int, nick: str) -> None:
    """Have an account of this name registered, with PASSWORD."""
    async with person(port, nick) as owner:
        await owner.write(f"PRIVMSG NickServ :REGISTER {PASSWORD} {nick}@fmn.test")
        await owner.until(" 900 ")


@pytest.fixture
def inspircd() -> Iterator[Inspircd]:
    """One that is not started yet: each test says which it wants."""
    need("inspircd", "inspircd")
    need("atheme-services", "atheme-services")
    folder = Path(tempfile.mkdtemp(prefix="fmn-irc-"))  # pytest's folders are for root alone
    if os.getuid() == 0:
        shutil.chown(folder, "irc")
    network = Inspircd(folder)
    try:
        yield network
    finally:
        network.stop()
        shutil.rmtree(folder)
