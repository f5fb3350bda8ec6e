"""A package of somebody else's, which adds a filter kind and a sender kind: both are traps."""

from pathlib import Path

FILTER = '''
"""Kills its worker, or makes it slow, as the message says."""

import os
import time

from fmn.rules.filter import Filter


class Trap(Filter):
    """Every message, and some are traps."""

    def matches(self, message, me):
        word, _, seconds = (message.text or "").partition(" ")
        if word == "kill":
            os._exit(1)
        if word == "sleep":
            time.sleep(float(seconds))
        return True

    def deciding(self, message, me):
        return ()

    def clause(self):
        return "is a trap", "is no trap"
'''

SENDER = '''
"""Writes down who was sent to; kills its process at one address."""

import os
from pathlib import Path

from fmn.config.fields import Section
from fmn.kinds import Proof


class Trap:
    """Hands notifications to a file."""

    class Settings(Section):
        into: str = ""
        at_once: int = 5

    forms = ()
    lacks = None
    account = None

    def __init__(self, settings):
        self._settings = settings
        self.at_once = settings.at_once

    def fault(self, address):
        return None

    def proof(self, address):
        return Proof.LINK

    def shown(self, address):
        return address

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, content, recipient):
        if recipient.address == "kill":
            os._exit(1)
        line = f"{recipient.keys[0]}\\n".encode()
        into = os.open(self._settings.into, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(into, line)
        os.close(into)

    async def hear(self, tell):
        pass
'''

POINTS = """
[fmn.rules.filters]
trap = fmn_traps.filters.trap

[fmn.senders]
trap = fmn_traps.senders.trap
"""


def install(folder: Path) -> None:
    """Install the package into a folder."""
    files = {
        "fmn_traps/__init__.py": "",
        "fmn_traps/filters/__init__.py": "",
        "fmn_traps/filters/trap.py": FILTER,
        "fmn_traps/senders/__init__.py": "",
        "fmn_traps/senders/trap.py": SENDER,
        "fmn_traps-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: fmn-traps\nVersion: 1\n",
        "fmn_traps-1.dist-info/entry_points.txt": POINTS,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
