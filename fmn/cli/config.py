"""`fmn config`: what is set, and whether it can be used."""

from typing import Any

import typer

from fmn.cli.say import emit, say
from fmn.cli.settings import ConfigFile, Site, site

config = typer.Typer(no_args_is_help=True, help="What is set, and whether it can be used.")


@config.command("check")
def check_settings(config: ConfigFile = None) -> None:
    """Say whether the settings can be used; exit 2 with file, key and what is expected if not."""
    say(f"{_where(site(config))}: fine")


@config.command()
def show(config: ConfigFile = None) -> None:
    """Print every setting as it is in force, secrets masked, and where it came from."""
    found = site(config)
    say(f"configuration: {_where(found)}")
    for name in sorted(found.source.variables.values()):
        say(f"and from the environment: {name}")
    emit(_shown(found))


def _where(found: Site) -> str:
    return found.source.file or "defaults (no --config, no FMN_CONFIG, no ./fmn.toml)"


def _shown(found: Site) -> dict[str, Any]:
    settings = found.settings.model_dump(mode="json")
    senders = {kind: found.section(kind).model_dump(mode="json") for kind in found.senders}
    return settings | {"senders": senders}
