"""Kinds are files: a filter kind in `rules/filters/`, a sender kind in `senders/`.

Another package adds one by an entry point of the group of the same name (`fmn.senders`).
Nothing is registered: what stands in the folder is there.
"""

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Protocol, Self

from fmn.emission import Content, Learned, News, Recipient
from fmn.errors import ConfigError


class MissingLibrary(ConfigError):
    """A library that a kind needs is not installed."""


def kinds(package: str) -> Mapping[str, str]:
    """Return kind → module for each kind of this package, without importing any."""
    folder = import_module(package)
    own = {name: f"{package}.{name}" for _, name, _ in pkgutil.iter_modules(folder.__path__)}
    return {point.name: point.value for point in entry_points(group=package)} | own


def load(module: str) -> Any:  # noqa: ANN401  # what a kind is, its caller knows
    """Import a kind's module and return its class, which is named like the file.

    Raises MissingLibrary.
    """
    name = module.rpartition(".")[2]
    try:
        return getattr(import_module(module), name.title())
    except ModuleNotFoundError as missing:
        extra = f"it needs {missing.name}, which comes with the extra: fmn[{name}]"
        raise MissingLibrary(f"kind {name!r}", extra) from missing


class Proof(StrEnum):
    """How it is shown that an address may be written to."""

    LINK = "link"
    """Somebody opens the link that was sent there."""
    CODE = "code"
    """Somebody types, on our pages, the code that was sent there."""
    PAGE = "page"
    """It was made on our own page, by the browser that is to be reached."""
    ANSWER = "answer"
    """What stands there answers what was sent there: the sender learns it (`News.PROVEN`)."""


@dataclass(frozen=True, slots=True)
class AddressField:
    """One thing people give of an address."""

    name: str
    """Letters of a to z and `_`."""
    label: str
    hint: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class AddressForm:
    """How people give an address of a kind: its fields, and how these are put together."""

    title: str
    """What to call this on a page: `E-mail`, `Slack`."""
    fields: tuple[AddressField, ...]
    pattern: str
    """The address, each field in braces: `slack:{token}`."""

    def address(self, given: Mapping[str, str]) -> str:
        """Return the address; whether it is one, `Sender.fault` tells."""
        return self.pattern.format_map({one.name: given.get(one.name, "") for one in self.fields})


Tell = Callable[[Learned], Awaitable[None]]
"""Puts what was learned on the log; returns when it is safe there. Raises Unavailable."""


class Kind(Protocol):
    """What a kind of sender tells the pages, without speaking to anybody."""

    @property
    def lacks(self) -> str | None:
        """Which setting is missing before it can send anything; None where none is."""

    @property
    def forms(self) -> tuple[AddressForm, ...]:
        """How people give an address of this kind: one way or several."""

    def fault(self, address: str) -> str | None:
        """Return why nothing can ever be sent to this address; None if it may.

        Repeats nothing of what `shown` hides.
        """

    def proof(self, address: str) -> Proof:
        """Return how it is shown that this address may be written to."""

    def shown(self, address: str) -> str:
        """Return the address as its owner may see it, without what is secret in it."""


class Sender(Kind, Protocol):
    """Speaks one outside protocol and does only I/O: a file a kind in `senders/`.

    Its class is named like the file, has its settings in a nested class `Settings`, and lives
    from `async with` to its end. Before that it only answers what a Kind is asked.
    """

    @property
    def at_once(self) -> int:
        """How many sends may be in flight."""

    @property
    def account(self) -> str | None:
        """An outside account that only one process at a time may use; None where any may."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def send(self, content: Content, recipient: Recipient) -> News | None:
        """Send content to a recipient; return what was learned of the address, if anything was.

        Raises PermanentFailure (AddressRefused, AddressGone) or TransientFailure, with retry_after
        if the peer said one: Absent where nobody is there, PeerAway where the one server behind the
        whole lane is, InDoubt where the content may have arrived. No reason may hold what `shown`
        hides.
        """

    async def hear(self, tell: Tell) -> None:
        """Tell what comes back by itself, until cancelled; return at once where nothing does.

        One process at a time does this. Needs no `async with`.
        """
