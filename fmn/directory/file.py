"""A directory in a TOML file.

    [owners."rpms/kernel"]
    users = ["alice"]
    groups = ["kernel-sig"]

    [groups]
    kernel-sig = ["alice", "bob"]

Whoever writes it should write another file and rename that over this one: half a file may be
valid TOML, and would be believed.
"""

import asyncio
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

import structlog
from pydantic import BaseModel, ValidationError

from fmn import config
from fmn.directory.snapshot import Directory, Snapshot
from fmn.errors import ConfigError
from fmn.model import Ownership

EXPECTED = (
    'expected [owners."type/name"] with users and groups, and [groups] with lists of users; '
    "names are strings"
)

_log = structlog.get_logger()


class _Owners(BaseModel, frozen=True, extra="forbid"):
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


class _Contents(BaseModel, frozen=True, extra="forbid"):
    owners: dict[str, _Owners] = {}
    groups: dict[str, frozenset[str]] = {}


class FileDirectory(Directory):
    """What a TOML file says; without a path nobody owns anything."""

    def __init__(self, settings: config.Directory) -> None:
        """Read the file. Raises ConfigError, which names file, key and what is expected."""
        self._path = settings.path
        self._pause = settings.refresh.total_seconds()
        self._snapshot = _read(self._path, Snapshot()) if self._path else Snapshot()
        self._away = False

    @property
    def current(self) -> Snapshot:
        """What the file said when it could last be read."""
        return self._snapshot

    async def follow(self) -> None:
        """Look at the file every `refresh` until cancelled; away or bad is as last known."""
        while True:
            await asyncio.sleep(self._pause)
            if self._path:
                await self._refresh()

    async def _refresh(self) -> None:
        try:
            # Not in the loop: a large directory takes seconds to parse.
            fresh = await asyncio.to_thread(_read, self._path, self._snapshot)
        except ConfigError as failed:
            if not self._away:
                _log.warning("directory away, going on as last known", reason=str(failed))
            self._away = True
            return
        if self._away or fresh is not self._snapshot:
            _log.info("directory read", path=self._path, version=fresh.version)
        self._away, self._snapshot = False, fresh


def _read(path: str, last: Snapshot) -> Snapshot:
    try:
        raw = Path(path).read_bytes()
        version = hashlib.sha256(raw).hexdigest()[:16]
        return last if version == last.version else _snapshot(_contents(path, raw), version)
    except OSError as failed:
        raise ConfigError("directory.path", path, failed.strerror or failed) from None


def _contents(path: str, raw: bytes) -> _Contents:
    try:
        return _Contents.model_validate(tomllib.loads(raw.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as failed:
        raise ConfigError(path, f"not TOML: {failed}") from None
    except ValidationError as refused:
        key = ".".join(map(str, refused.errors()[0]["loc"]))
        raise ConfigError(path, key, EXPECTED) from None


def _snapshot(contents: _Contents, version: str) -> Snapshot:
    owners = {
        artifact: Ownership(artifact, who.users, who.groups)
        for artifact, who in contents.owners.items()
    }
    return Snapshot(owners, _by_user(contents.groups), version)


def _by_user(members: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for group, users in members.items():
        for user in users:
            groups.setdefault(user, set()).add(group)
    return {user: frozenset(names) for user, names in groups.items()}
