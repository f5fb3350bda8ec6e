"""Which schema a database has, which one this fmn needs, and the way from one to the other.

Alembic is configured here, in code: `fmn db` needs no file beside the migrations, which are in
`alembic/` of a checkout and in `fmn/storage/migrations` of an installed wheel.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.errors import SchemaError
from fmn.storage.engine import name_of, open_engine, reading, take_turn, writing
from fmn.storage.sealing import check_secret


async def upgrade(url: str) -> None:
    """Bring the database to the schema this fmn knows; all of it or nothing.

    Raises SchemaError where a newer fmn was here.
    """
    async with open_engine(url) as engine, writing(engine) as connection:
        await take_turn(connection)
        found = await connection.run_sync(_revision)
        _refuse_unknown(engine, found)
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))


async def current(url: str) -> str | None:
    """Return the revision of the database; None before its first upgrade."""
    async with open_engine(url) as engine, reading(engine) as connection:
        return await connection.run_sync(_revision)


async def require_schema(engine: AsyncEngine) -> None:
    """Raise SchemaError unless the database has exactly the schema this fmn knows.

    Raises ConfigError where its addresses were sealed with another secret.
    """
    async with reading(engine) as connection:
        found = await connection.run_sync(_revision)
    _refuse_unknown(engine, found)
    if found != (needed := _scripts().get_current_head()):
        state = f"it is at {found}" if found else "it is empty"
        raise SchemaError(name_of(engine.url), f"{state}, {needed} is needed; run `fmn db upgrade`")
    async with reading(engine) as connection:
        await check_secret(connection)


def _refuse_unknown(engine: AsyncEngine, found: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            name_of(engine.url), f"it is at {found}, made by a newer fmn; install that one or later"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _migrations() -> Path:
    # The wheel first: beside an installed fmn, `alembic/` is the library.
    installed = Path(__file__).with_name("migrations")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"
