"""IRC in the demo: what would be said, kept for the table at the end."""

from pathlib import Path
from types import TracebackType
from typing import Self

from fmn.emission import Content, Recipient
from fmn.kinds import Proof, Tell


class Said:
    """A sender that says nothing to anybody and remembers every line."""

    at_once = 1
    account = None

    def __init__(self, file: Path) -> None:
        self.lines: list[tuple[str, str]] = []
        """Address and line."""
        self._file = file

    lacks = None
    forms = ()

    def fault(self, address: str) -> str | None:
        """Return why nothing can be said there; it can be said anywhere."""
        return None if address else "empty"

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # one address is as good as another
        """Return how it is shown that one may speak there."""
        return Proof.CODE

    def shown(self, address: str) -> str:
        """Return the address: nothing of it is secret."""
        return address

    async def hear(self, tell: Tell) -> None:
        """Hear nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Remember the lines, and write them to the file for people to follow."""
        text = content.text_for(recipient)
        said = [(recipient.address, line) for line in text.splitlines() if line]
        self.lines += said
        with self._file.open("a") as file:  # a line of a demo
            file.writelines(f"to {address}: {line}\n" for address, line in said)
