"""What settings are made of: sections that refuse what they do not know, durations, secrets."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

SHORTEST_SECRET = 32
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd])", value) if isinstance(value, str) else None
    duration = timedelta(**{UNITS[found[2]]: float(found[1])}) if found else timedelta()
    if not duration:
        raise ValueError("expected a number above 0 and a unit: '5s', '10m', '1h', '30d'")
    return duration


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""Written as a number and a unit: `5s`, `10m`, `1h`, `30d`."""


def _is_file(path: str) -> str:
    if path and not Path(path).is_file():
        raise ValueError(f"there is no file {path!r}")
    return path


ExistingFile = Annotated[str, AfterValidator(_is_file)]
"""Path of a file that is there, or empty."""


def _is_long(secret: SecretStr) -> SecretStr:
    if 0 < len(secret) < SHORTEST_SECRET:
        raise ValueError(f"expected at least {SHORTEST_SECRET} characters")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_is_long)]
"""A key that nobody guesses, or empty."""


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError:
        raise ValueError("expected a network, without bits of a host: '10.1.0.0/16'") from None


AllowedNetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""One of our own that may be reached: `10.1.0.0/16`."""


class Section(BaseModel):
    """A part of the settings; senders declare theirs in their own file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
