"""The demo's stage: an embedded Valkey, SQLite, a mail server that keeps mails, the whole road."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from json import dumps
from pathlib import Path
from secrets import token_hex
from socket import socket
from typing import Any

from fmn.bus.facts import Decoder
from fmn.bus.file import STDIN
from fmn.cli.lines import Lines
from fmn.cli.road import Road
from fmn.cli.settings import Site
from fmn.config import read
from fmn.demo.said import Said
from fmn.demo.sink import mail_sink
from fmn.demo.table import Told
from fmn.errors import InputError, Unavailable
from fmn.model import DestinationState
from fmn.preferences.values import Book, Preferences
from fmn.queues.connection import connect
from fmn.queues.embedded import embedded
from fmn.queues.figures import Figures, figures
from fmn.serving import address_of, serving
from fmn.storage import schema
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import Delivery, deliveries
from fmn.storage.preferences import save

PATIENCE = 300.0
"""Seconds all deliveries of the demo may take."""

Sections = dict[str, dict[str, Any]]

LOOK = 0.05
"""Seconds between two looks whether all is delivered."""


@dataclass(frozen=True)
class Stage:
    """Where the demo plays: everything it makes stands in one folder."""

    site: Site
    book: Book
    file: str
    lines: int
    """How many the file has, bad ones included."""
    summaries: dict[str, str]
    """Id of each message → its summary, in the order of the file."""
    folder: Path
    said: Said

    @property
    def mails(self) -> Path:
        """Where the mails are."""
        return self.folder / "mails"

    @property
    def _messages(self) -> Path:
        # A copy: whoever publishes while the demo runs writes there.
        return self.folder / "messages.jsonl"

    @property
    def _directory(self) -> Path:
        return self.folder / "directory.toml"

    @property
    def settings_file(self) -> Path:
        """A configuration with which other verbs look at this demo while it runs."""
        return self.folder / "fmn.toml"

    @asynccontextmanager
    async def playing(self, ear: socket | None = None) -> AsyncIterator[None]:
        """Run the whole road until the block ends, and the pages where there is an ear for them."""
        async with embedded(self.folder) as queues, mail_sink(self.mails) as port:
            pages = self._pages(address_of(ear)) if ear else {}
            shutil.copyfile(self.file, self._messages)
            self._directory.write_text(toml(directory_in_toml(self.book)))
            self.settings_file.write_text(self._settings(queues, port, pages))
            await schema.upgrade(self._storage)
            await self._save_everybody()
            settings, source = read(str(self.settings_file), environ={})
            site = replace(self.site, settings=settings, source=source)
            road = Road(site, senders={"irc": self.said})
            stop = asyncio.Event()
            async with AsyncExitStack() as open_pages, asyncio.TaskGroup() as group:
                if ear:
                    await open_pages.enter_async_context(serving(road.pages, ear))
                group.create_task(road.all(stop))
                try:
                    yield
                finally:
                    stop.set()

    async def settled(self) -> list[Figures]:
        """Return the figures once nothing waits anywhere."""
        async with connect(self._queues) as connection, _patience(self.folder):
            while not _is_settled(stand := await figures(connection), self.lines):  # noqa: ASYNC110  # it is on the server
                await asyncio.sleep(LOOK)
        return stand

    async def told(self) -> list[Told]:
        """Return what became of each notification, as messages, users and destinations stand."""
        async with open_engine(self._storage) as engine, reading(engine) as connection:
            found = [_told(one, self.summaries) for one in await deliveries(connection)]
        messages = {message: place for place, message in enumerate(self.summaries)}
        users = [(user.user, at.name) for user in self.book.users for at in user.destinations]
        return sorted(
            found, key=lambda one: (messages[one.message], users.index((one.user, one.destination)))
        )

    @property
    def _storage(self) -> str:
        return f"sqlite:///{self.folder / 'fmn.db'}"

    @property
    def _queues(self) -> str:
        return read(str(self.settings_file), environ={})[0].queues.url.get_secret_value()

    @property
    def user(self) -> str:
        """Whose pages the demo shows."""
        return self.book.users[0].user

    def _pages(self, url: str) -> dict[str, Any]:
        return {"url": url, "secret": token_hex(32), "login": "local", "user": self.user}

    def _settings(self, queues: str, port: int, pages: dict[str, Any]) -> str:
        bus = self.site.settings.bus
        sections: dict[str, dict[str, Any]] = {
            "bus": {
                "kind": "file",
                "path": str(self._messages),
                "max_body": bus.max_body,
                "private_topics": bus.private_topics,
            },
            "queues": {"url": queues},
            "storage": {"url": self._storage},
            "retry": {"first": "1s"},
            "senders.email": {"host": "127.0.0.1", "port": port},
            "senders.irc": {"nick": "fmn"},  # nothing is said there: `Said` is in its place
            "directory": {"path": str(self._directory)},
            "web": pages,
        }
        return toml(sections)

    async def _save_everybody(self) -> None:
        async with open_engine(self._storage) as engine, writing(engine) as transaction:
            for user in self.book.users:
                await save(transaction, _confirmed(user), by="fmn demo")


def staged(site: Site, book: Book, file: str) -> Stage:
    """Return a stage in a new folder, which stays for people to look into.

    Says which lines of the file are no messages. Raises InputError where there is no file.
    """
    if not book.users:
        raise InputError("--rules", "there is nobody in it")
    if file == STDIN:
        raise InputError("--messages", "expected a file: the demo reads it twice")
    messages = Lines(file, site.settings.bus, Decoder.line)
    summaries: dict[str, str] = {}
    good = 0
    for good, message in enumerate(messages, 1):  # noqa: B007  # the last one is how many
        summaries.setdefault(message.id, message.summary or message.topic)
    folder = Path(tempfile.mkdtemp(prefix="fmn-demo-"))
    (folder / "mails").mkdir()
    said = Said(folder / "irc.txt")
    return Stage(site, book, file, good + messages.bad, summaries, folder, said)


@asynccontextmanager
async def _patience(folder: Path) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise Unavailable("the demo", f"not all is delivered in time; see {folder}") from None


def _is_settled(stand: Sequence[Figures], expected: int) -> bool:
    """Tell whether all that is expected came in, and all of it is recorded."""
    arrived = sum(f.counts["taken"] + f.counts["undecodable"] for f in stand)
    waiting = sum(f.messages_waiting + f.log_waiting for f in stand)
    lanes = sum(sum(f.waiting.values()) + sum(f.retrying.values()) + f.held for f in stand)
    # More arrive where an answer of the server was lost: what was put twice is told once.
    return arrived >= expected and waiting == lanes == 0


def directory_in_toml(book: Book) -> Sections:
    """Return what RULES.yaml says of owners and groups, as an operator's directory has it."""
    owners: Sections = {
        f"owners.{_text(of.artifact)}": {"users": sorted(of.users), "groups": sorted(of.groups)}
        for of in book.owners
    }
    groups: dict[str, list[str]] = {}
    for user in book.users:
        for group in user.groups:
            groups.setdefault(_text(group), []).append(user.user)
    return owners | {"groups": groups}


def toml(sections: Sections) -> str:
    """Return sections and their values as a TOML file."""
    lines = (
        line
        for section, keys in sections.items()
        for line in (f"[{section}]", *(f"{key} = {_text(to)}" for key, to in keys.items()))
    )
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    # What JSON says of texts, numbers and lists, TOML says in the same words, but for one.
    return dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _confirmed(user: Preferences) -> Preferences:
    """Return preferences all of whose destinations are confirmed: nobody else reads the mails."""
    active = tuple(replace(at, state=DestinationState.ACTIVE) for at in user.destinations)
    return replace(user, destinations=active)


def _told(one: Delivery, summaries: dict[str, str]) -> Told:
    return Told(
        message=one.message,
        summary=summaries[one.message],
        user=one.user or "",
        rules=one.rules,
        destination=one.destination or "",
        kind=one.kind or "",
        address=one.address or "",
        status=one.state.value,
        reason=one.reason,
    )
