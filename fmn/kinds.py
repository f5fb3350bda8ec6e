"""Kinds are files: a filter kind in `rules/filters/`, a sender kind in `senders/`.

Another package adds one by an entry point of the group of the same name (`fmn.senders`).
Nothing is registered: what stands in the folder is there.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Protocol, Self

from fmn.emission import Content, Recipient


def kinds(package: str) -> Mapping[str, str]:
    """Return kind → module for each kind of this package, without importing any."""
    folder = import_module(package)
    own = {name: f"{package}.{name}" for _, name, _ in pkgutil.iter_modules(folder.__path__)}
    return {point.name: point.value for point in entry_points(group=package)} | own


def load(module: str) -> Any:  # noqa: ANN401  # what a kind is, its caller knows
    """Import a kind's module and return its class, which is named like the file."""
    name = module.rpartition(".")[2]
    return getattr(import_module(module), name.title())


class Sender(Protocol):
    """Speaks one outside protocol and does only I/O: a file a kind in `senders/`.

    Its class is named like the file, has its settings in a nested class `Settings`, and lives
    from `async with` to its end.
    """

    @staticmethod
    def fault(address: str) -> str | None:
        """Return why nothing can ever be sent to this address; None if it may."""

    @staticmethod
    def unproven(address: str) -> str | None:
        """Return why reading what is sent to this address proves nothing; None where it does."""

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

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Send content to a recipient.

        Raises TransientFailure, with retry_after if the peer said one, or PermanentFailure.
        """
