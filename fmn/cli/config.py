"""`fmn config`: what is set, and whether it can be used."""

from datetime import timedelta
from typing import Any

import typer
from pydantic import SecretStr
from rich.text import Text

from fmn.cli.say import emit, say
from fmn.cli.settings import ConfigFile, Site, site
from fmn.config import UNITS
from fmn.errors import ConfigError
from fmn.web.login import check_login

config = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What is set, and whether it can be used."
)


@config.command("check")
def check_settings(config: ConfigFile = None) -> None:
    """Say whether the settings can be used; exit 2 with file, key and what is expected if not."""
    found = site(config)
    say(f"{_where(found)}: fine")
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
    senders = {kind: found.section(kind).model_dump() for kind in found.senders}
    return found.settings.model_dump() | {"senders": senders}


def _shown(value: Any) -> Any:  # noqa: ANN401  # whatever a setting may be
    """Return a setting as JSON can say it: a secret masked, a duration as it is written."""
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value())
    return _span(value) if isinstance(value, timedelta) else value


def _span(time: timedelta) -> str:
    """Return a duration as people write it, in the largest unit that says it in a whole number."""
    units = ((unit, timedelta(**{name: 1})) for unit, name in reversed(UNITS.items()))
    whole = (f"{time // one}{unit}" for unit, one in units if not time % one)
    return next(whole, f"{time.total_seconds():g}s")


def _masked(secret: str) -> str:
    """Return an address without login and options, and nothing of any other secret."""
    scheme, is_address, rest = secret.partition("://")
    if not is_address:
        return secret and "***"
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{at and '***@'}{place.partition('?')[0]}"
