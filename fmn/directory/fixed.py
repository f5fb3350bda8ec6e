"""A directory that never changes: for the demo and dry runs."""

import asyncio

from fmn.directory.snapshot import Directory, Snapshot


class Fixed(Directory):
    """Always says the same."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def current(self) -> Snapshot:
        """The one snapshot."""
        return self._snapshot

    async def follow(self) -> None:
        """Wait until cancelled: there is nothing to follow."""
        await asyncio.Event().wait()
