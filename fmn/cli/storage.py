"""`fmn db`: the schema of the database."""

import typer

from fmn.cli.say import emit_text, say
from fmn.cli.settings import ConfigFile, run, site
from fmn.storage import schema

db = typer.Typer(no_args_is_help=True, add_completion=False, help="The schema of the database.")


@db.command()
def upgrade(config: ConfigFile = None) -> None:
    """Bring the database to the schema this fmn knows, all of it or nothing."""
    url = site(config).settings.storage.url.get_secret_value()
    run(schema.upgrade(url))
    say(f"the database is at {run(schema.current(url))}")


@db.command()
def current(config: ConfigFile = None) -> None:
    """Print the revision of the database, `none` before its first upgrade."""
    url = site(config).settings.storage.url.get_secret_value()
    emit_text(f"{run(schema.current(url)) or 'none'}\n")
