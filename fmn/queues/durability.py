"""What the server promises of what it was given, read from its own settings."""

import re
from enum import StrEnum
from typing import Any

from redis.exceptions import ResponseError

Client = Any
"""The library's client, whose raw commands have no types."""
LAG = 2.0
"""Seconds within which `appendfsync everysec` has everything on disk.
Source: the comments in redis.conf; a write is put off while an fsync is under way."""


class Durability(StrEnum):
    """What is lost where the server ends at once, or its power."""

    NONE = "none"
    """No append-only file: everything."""
    SYSTEM = "no fsync"
    """Killed nothing; without power what the operating system had not written, about 30 s."""
    EVERYSEC = "everysec"
    """Killed or without power up to LAG seconds; nobody is told whether a write is safe."""
    CONFIRMED = "everysec, confirmed"
    """The same, but WAITAOF tells when a write is safe."""
    ALWAYS = "always"
    """Nothing: what was answered is on disk."""


async def durability(client: Client) -> Durability:
    """Read it. Where the server does not let us see its settings, the weaker one is believed."""
    persistence = await client.execute_command("INFO", "persistence")
    if figure(persistence, "aof_enabled", "0") != "1":
        return Durability.NONE
    fsync = await _setting(client, "appendfsync")
    if fsync == "always":
        return Durability.ALWAYS
    if fsync == "no":
        return Durability.SYSTEM
    return Durability.CONFIRMED if await _has_waitaof(client) else Durability.EVERYSEC


def figure(info: bytes, name: str, usual: str) -> str:
    """Return a figure out of an answer to INFO, or what is usual where it is not there."""
    found = re.search(rf"^{name}:([^\r\n]*)", info.decode(errors="replace"), re.MULTILINE)
    return found[1] if found else usual


async def _setting(client: Client, name: str) -> str:
    try:
        answer = await client.execute_command("CONFIG", "GET", name)
    except ResponseError:  # not allowed to us
        return ""
    return str(answer[1].decode()) if answer else ""


async def _has_waitaof(client: Client) -> bool:
    try:
        known = await client.execute_command("COMMAND", "INFO", "WAITAOF")
    except ResponseError:
        return False
    return bool(known and known[0])
