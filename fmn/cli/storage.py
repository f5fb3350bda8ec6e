"""`fmn db`: the schema of the database, and its secret."""

import typer

from fmn.cli.say import emit_text, say
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.errors import ConfigError
from fmn.storage import schema
from fmn.storage.engine import writing
from fmn.storage.sealing import seal as seal_all

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


@db.command()
def seal(config: ConfigFile = None) -> None:
    """Seal with storage.secret every address that still stands in the clear."""
    at = site(config)
    if not at.settings.storage.secret:
        raise ConfigError(at.source.name("storage.secret"), "expected one to seal with")
    say(f"{run(_seal(at)):,} rows are sealed")


async def _seal(at: Site) -> int:
    async with at.engine() as engine:
        await schema.require_schema(engine)
        async with writing(engine) as transaction:
            return await seal_all(transaction)
