"""Postfix: a real queue, which returns what it cannot deliver; and its smtp-sink, which eats all.

Mail for gone.test goes to a server that may refuse it, mail for example.org to where mails come
back, everything else nowhere.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import answers, free_port, lacking, need, running, wait_until
from tests.peers.smtp import Smtp, mail_server

ETC = Path("/etc/postfix")
DAEMONS = Path("/usr/lib/postfix/sbin")
FILES = ("master.cf", "postfix-files", "postfix-script", "post-install", "dynamicmaps.cf")
NOBODY = 65534
"""Whom the maildir belongs to: Postfix delivers to nobody with root's rights."""


@dataclass(frozen=True)
class Postfix:
    """A server of its own, in a folder of its own."""

    program: str
    folder: Path
    port: int
    gone: Smtp
    """The mail server of gone.test."""

    @property
    def maildir(self) -> Path:
        """Where what comes back is, where it comes back over `virtual:`."""
        return self.folder / "mail" / "returned"

    def start(self, returns: str) -> None:
        """Start it; `returns` is who gets mail for example.org, as in transport(5)."""
        for part in ("etc", "queue", "data", "mail"):
            (self.folder / part).mkdir(mode=0o755)
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", NOBODY)
        for file in FILES:
            shutil.copy(ETC / file, self.folder / "etc")
        (self.folder / "etc" / "main.cf").write_text("\n".join(self._settings(returns)) + "\n")
        (self.folder / "etc" / "master.cf").write_text("\n".join(self._services()) + "\n")
        self.run("start")
        wait_until(lambda: answers(self.port), "Postfix")

    def run(self, word: str) -> None:
        """Tell Postfix to start or to stop."""
        command = [self.program, "-c", str(self.folder / "etc"), word]
        with (self.folder / "out").open("ab") as out:  # It leaves children that hold a pipe open.
            done = subprocess.run(command, stdout=out, stderr=out, check=False, timeout=60)
        if done.returncode:
            pytest.fail(f"postfix {word}: {(self.folder / 'out').read_text()[-2000:]}")

    def _settings(self, returns: str) -> list[str]:
        gone = f"smtp:[127.0.0.1]:{self.gone.port}"
        return [
            "compatibility_level = 3.6",
            f"queue_directory = {self.folder}/queue",
            f"data_directory = {self.folder}/data",
            f"daemon_directory = {DAEMONS}",
            f"command_directory = {Path(self.program).parent}",
            "mail_owner = postfix",
            "setgid_group = postdrop",
            "inet_interfaces = loopback-only",
            "inet_protocols = ipv4",
            "myhostname = mx.example.org",
            "mydestination =",
            "mynetworks = 127.0.0.0/8",
            "default_transport = discard:",
            "local_transport = discard:",
            "alias_maps =",
            "alias_database =",
            "smtp_dns_support_level = disabled",
            f"virtual_mailbox_base = {self.folder}/mail",
            "virtual_mailbox_maps = static:returned/",
            f"virtual_uid_maps = static:{NOBODY}",
            f"virtual_gid_maps = static:{NOBODY}",
            f"maillog_file = {self.folder}/maillog",
            f"maillog_file_prefixes = {self.folder}",
            f"transport_maps = inline:{{ {{gone.test = {gone}}}, {{example.org = {returns}}} }}",
        ]

    def _services(self) -> Iterator[str]:
        for line in (ETC / "master.cf").read_text().splitlines():
            words = line.split()
            if line[:1] in {"", "#", " ", "\t"} or words[7] == "pipe":
                continue
            if words[1] == "inet":
                words[0] = f"127.0.0.1:{self.port}"
            words[4] = "n"  # no chroot
            yield " ".join(words)


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    program = need("postfix", "postfix")
    if os.geteuid() != 0:
        lacking("only root can start Postfix")
    folder = Path(tempfile.mkdtemp(prefix="fmn-postfix-"))
    folder.chmod(0o755)  # Postfix reads it as somebody else.
    try:
        with mail_server() as gone:
            server = Postfix(program, folder, free_port(), gone)
            try:
                yield server
            finally:
                if (folder / "etc").exists():
                    server.run("stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def smtp_sink(tmp_path: Path) -> Iterator[int]:
    """The port of a mail server in another process, which throws everything away."""
    port = free_port()
    whose = ["-u", "postfix"] if os.geteuid() == 0 else []
    command = [need("smtp-sink", "postfix"), *whose, f"127.0.0.1:{port}", "100"]
    with running(command, tmp_path, ready=lambda: answers(port)):
        yield port
