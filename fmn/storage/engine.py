"""Connections to SQLite or PostgreSQL, with the same promises on both.

`reading` is one moment of the database and blocks nobody; `writing` is all or nothing. Where
the database is away, both raise Unavailable and name it without its password.
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from fmn.errors import ConfigError, Unavailable
from fmn.storage.columns import use_seal
from fmn.storage.seal import Seal

PATIENCE = 10
"""Seconds to wait for a connection or for a lock."""

LONGEST = 60
"""Seconds a statement may take."""

TURN = 0x666D6E
"""The lock of PostgreSQL for whoever writes preferences or migrates: "fmn" as a number."""

AWAY = {"08", "28", "3D", "40", "53", "55", "57", "58"}
"""Classes of SQLSTATE that accuse the server, its load or the way to it, not the statement:
connection, login, no such database, rolled back, resources, locks, operator, system.
Source: PostgreSQL, appendix A."""

PARAMETERS = {"host": "host", "sslmode": "ssl"}
"""What an address of PostgreSQL may hold behind `?`, and what the driver calls it."""


Engine = AsyncEngine
"""What `open_engine` opens, for those who only pass it on."""


@asynccontextmanager
async def open_engine(url: str, secret: str = "") -> AsyncIterator[AsyncEngine]:
    """Open `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`; nothing connects yet.

    With a secret, addresses are sealed (`storage.seal`). Raises ConfigError where the address or
    its driver is wrong; reading does where the secret is.
    """
    engine = _engine(_parsed(url))
    use_seal(engine.sync_engine.dialect, Seal(secret))
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Read one moment of the database, without waiting for who writes."""
    isolation: dict[str, Any] = {"fmn_reading": True}
    if engine.dialect.name == "postgresql":
        isolation |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _translated(engine.url):
        async with engine.execution_options(**isolation).begin() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Write in one transaction, which is committed unless the block raises."""
    with _translated(engine.url):
        async with engine.begin() as connection:
            yield connection


async def take_turn(connection: AsyncConnection) -> None:
    """Wait until no other transaction has the turn; keep it until this one ends.

    On SQLite every writing transaction has it from its start.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(TURN)))


def name_of(url: URL) -> str:
    """Return what to call a database: its address without the password."""
    plain = url.set(drivername=url.get_backend_name(), query={})
    return plain.render_as_string(hide_password=True)


def _parsed(url: str) -> URL:
    expected = "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("storage.url", expected) from None
    if parsed.drivername not in {"sqlite", "postgresql"}:
        raise ConfigError("storage.url", f"{parsed.drivername}: {expected}")
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigError("storage.url", f"it names no database; {expected}")
    return parsed


def _engine(url: URL) -> AsyncEngine:
    try:
        return _sqlite(url) if url.drivername == "sqlite" else _postgresql(url)
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "storage.url", f"{missing.name} is missing; install fmn with its extra `postgres`"
        ) from None


def _postgresql(url: URL) -> AsyncEngine:
    if unknown := set(url.query) - set(PARAMETERS):
        raise ConfigError("storage.url", f"?{min(unknown)}=: expected {' or '.join(PARAMETERS)}")
    query = {PARAMETERS[name]: value for name, value in url.query.items()}
    limits = {
        "statement_timeout": LONGEST,
        "lock_timeout": PATIENCE,
        # A process that was stopped, or whose host is gone, must not keep its locks for hours.
        "idle_in_transaction_session_timeout": LONGEST,
    }
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg", query=query),
        hide_parameters=True,  # addresses and tokens are no part of an error
        pool_timeout=PATIENCE,
        pool_pre_ping=True,  # a server that was restarted costs no transaction
        connect_args={
            "timeout": PATIENCE,
            "command_timeout": LONGEST + PATIENCE,  # for a server that does not answer at all
            "server_settings": {name: f"{seconds}s" for name, seconds in limits.items()},
        },
    )


def _sqlite(url: URL) -> AsyncEngine:
    folder = Path(url.database or "").absolute().parent
    if not folder.is_dir():
        raise ConfigError("storage.url", f"there is no folder {folder}; expected one to write in")
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        hide_parameters=True,  # addresses and tokens are no part of an error
        pool_timeout=PATIENCE,
        # The driver's own transactions begin late and deferred: ours begin in _begin.
        connect_args={"isolation_level": None, "timeout": PATIENCE},
    )
    event.listen(engine.sync_engine, "connect", _connected)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _connected(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401  # the driver's
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: Any) -> None:  # noqa: ANN401  # the driver's
    # While somebody writes to a new database, SQLite refuses this at once, whatever the timeout
    # is: so wait as whoever writes does, and ask again. Once it is done it is never refused.
    until = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return


def _begin(connection: Connection) -> None:
    # Whoever reads first and writes later fails at once when another wrote in between: so
    # whoever may write asks for the lock first, and waits for it.
    reads = connection.get_execution_options().get("fmn_reading")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    try:
        yield
    except (OSError, PoolTimeoutError) as failed:
        raise Unavailable(name_of(url), str(failed) or "no answer in time") from failed
    except DBAPIError as failed:
        if not _is_away(failed):
            raise
        raise Unavailable(name_of(url), str(failed.orig).rpartition(">: ")[2]) from failed


def _is_away(failed: DBAPIError) -> bool:
    state = getattr(failed.orig, "sqlstate", None)
    if state is None:  # SQLite has none, nor has a connection that broke
        away = (OperationalError, DatabaseError)
        return failed.connection_invalidated or type(failed) in away
    return state[:2] in AWAY
