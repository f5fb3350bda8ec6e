"""Which settings a verb runs with, and which kinds there are: read here, passed on from here."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fmn import kinds
from fmn.config import Settings, Source, check, read
from fmn.config.fields import Section
from fmn.errors import ConfigError
from fmn.kinds import MissingLibrary, Sender
from fmn.rules.filter import Filter
from fmn.storage.engine import Engine, open_engine

ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Settings; else FMN_CONFIG, else ./fmn.toml."),
]


@dataclass(frozen=True)
class Site:
    """Settings and kinds: all that a verb starts from."""

    settings: Settings
    source: Source
    filters: Mapping[str, type[Filter]]
    senders: Mapping[str, str]
    """Sender kind → module."""

    def sender(self, kind: str) -> Sender:
        """Return a sender of this kind with its settings. Raises ConfigError."""
        if kind not in self.senders:
            raise ConfigError(f"sender {kind!r}", f"there is no such kind; {known(self.senders)}")
        made = kinds.load(self.senders[kind])
        sender: Sender = made(self.section(kind))
        return sender

    def uses(self) -> dict[str, Sender]:
        """Return the kinds that can send here, of those with settings; without any, of all.

        None of them speaks yet.
        """
        made = {kind: self._made(kind) for kind in sorted(self.settings.senders or self.senders)}
        return {kind: sender for kind, sender in made.items() if sender and not sender.lacks}

    def lacking(self) -> list[str]:
        """Return, of each kind with settings that cannot send, why."""
        lacks = {kind: self._lacks(kind) for kind in sorted(self.settings.senders)}
        return [f"sends nothing by {kind}: {why}" for kind, why in lacks.items() if why]

    def _lacks(self, kind: str) -> str | None:
        try:
            return self.sender(kind).lacks
        except MissingLibrary as missing:
            return ": ".join(map(str, missing.args))

    def _made(self, kind: str) -> Sender | None:
        try:
            return self.sender(kind)
        except MissingLibrary:
            return None

    def shown(self, kind: str, address: str) -> str:
        """Return an address without what is secret in it; of a kind that is not here, nothing."""
        sender = self._made(kind) if kind in self.senders else None
        return sender.shown(address) if sender else "***"

    def engine(self) -> AbstractAsyncContextManager[Engine]:
        """Return the database, to be opened by `async with`."""
        storage = self.settings.storage
        return open_engine(storage.url.get_secret_value(), storage.secret.get_secret_value())

    def section(self, kind: str) -> Section:
        """Return the settings of one sender kind. Raises ConfigError."""
        model: type[Section] = kinds.load(self.senders[kind]).Settings
        return check(model, self.settings.senders.get(kind, {}), self.source, f"senders.{kind}")


def known(names: Mapping[str, Any]) -> str:
    """Return which there are, for an error."""
    return f"there are {', '.join(sorted(names))}"


def site(config: str | None) -> Site:
    """Read the settings and look which kinds there are; refuse what nobody knows."""
    settings, source = read(config, os.environ)
    found = Site(settings, source, filter_kinds(), kinds.kinds("fmn.senders"))
    for kind in settings.senders:
        if kind not in found.senders:
            at = source.name(f"senders.{kind}")
            raise ConfigError(at, f"there is no such kind of sender; {known(found.senders)}")
        with suppress(MissingLibrary):  # other processes, on other hosts, may have it
            found.section(kind)
    return found


def filter_kinds() -> dict[str, type[Filter]]:
    """Return every filter kind, loaded."""
    return {kind: kinds.load(at) for kind, at in kinds.kinds("fmn.rules.filters").items()}


def run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # whatever the work returns
    """Run the asynchronous part of a verb."""
    return asyncio.run(work)
