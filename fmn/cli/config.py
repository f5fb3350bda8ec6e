"""`fmn config`: what is set, and whether it can be used."""

from contextlib import suppress
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import typer
from pydantic import SecretStr
from rich.text import Text

from fmn.cli.say import emit, say
from fmn.cli.settings import ConfigFile, Site, site
from fmn.config.fields import UNITS
from fmn.errors import ConfigError
from fmn.kinds import MissingLibrary
from fmn.web.login import check_login

config = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What is set, and whether it can be used."
)


@config.command("check")
def check_settings(config: ConfigFile = None) -> None:
    """Say whether the settings can be used; exit 2 with file, key and what is expected if not."""
    found = site(config)
    say(f"{_where(found)}: fine; sends by {', '.join(found.uses()) or 'nothing'}")
    for lack in found.lacking():
        say(Text(f"but it {lack}"))
    try:
        check_login(found.settings.web, found.settings.service.bind)
    except ConfigError as missing:
        say(Text(f"but `fmn web` would not start: {missing}"))


@config.command()
def show(config: ConfigFile = None) -> None:
    """Print every setting as it is in force, secrets masked, and where it came from."""
    found = site(config)
    say(f"configuration: {_where(found)}")
    for name in sorted(found.source.variables.values()):
        say(f"and from the environment: {name}")
    emit(_shown(_settings(found)))


def _where(found: Site) -> str:
    return found.source.file or "defaults (no --config, no FMN_CONFIG, no ./fmn.toml)"


def _settings(found: Site) -> dict[str, Any]:
    senders: dict[str, Any] = {}
    for kind in found.senders:
        with suppress(MissingLibrary):  # so its settings are not known here
            senders[kind] = found.section(kind).model_dump()
    return found.settings.model_dump() | {"senders": senders}


def _shown(value: Any) -> Any:  # noqa: ANN401  # whatever a setting may be
    """Return a setting as JSON can say it: a secret masked, a duration as it is written."""
    if isinstance(value, dict):
        return {name: (_address if name == "url" else _shown)(each) for name, each in value.items()}
    if isinstance(value, SecretStr):
        return value.get_secret_value() and "***"
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    if isinstance(value, IPv4Network | IPv6Network):
        return str(value)
    return _span(value) if isinstance(value, timedelta) else value


def _span(time: timedelta) -> str:
    """Return a duration as people write it, in the largest unit that says it in a whole number."""
    units = ((unit, timedelta(**{name: 1})) for unit, name in reversed(UNITS.items()))
    whole = (f"{time // one}{unit}" for unit, one in units if not time % one)
    return next(whole, f"{time.total_seconds():g}s")


def _address(value: str | SecretStr) -> str:
    """Return an address without login and options."""
    address = value.get_secret_value() if isinstance(value, SecretStr) else value
    scheme, is_address, rest = address.partition("://")
    if not is_address:
        return address and "***"
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{at and '***@'}{place.partition('?')[0]}"
