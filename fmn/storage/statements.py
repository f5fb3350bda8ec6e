"""Pieces of statements that SQLite and PostgreSQL need in different words, or with care."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    any_,
    cast,
    extract,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = postgresql.Insert | sqlite.Insert


def is_postgresql(connection: AsyncConnection) -> bool:
    """Tell which of the two it is."""
    return connection.dialect.name == "postgresql"


def insert(connection: AsyncConnection, table: Table) -> Insert:
    """Return an INSERT that may say what happens on a conflict."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def among(
    connection: AsyncConnection, column: Column[Any], values: Sequence[str] | Sequence[int]
) -> ColumnElement[bool]:
    """Return the condition that the column has one of these values.

    They are one parameter: thousands are no matter, and the statement is always the same.
    """
    if is_postgresql(connection):
        return column == any_(literal(list(values), ARRAY(column.type)))
    rows = func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(select(rows.c.value))


def oldest(
    at: Column[datetime], before: datetime, at_most: int, *columns: ColumnElement[Any]
) -> Select[Any]:
    """Return a choice of the oldest rows, to be erased in this transaction.

    Rows that another transaction holds are left for the next time: it may take its rows in
    another order, and then each would wait for the other.
    """
    old = select(*columns).where(at < before).order_by(at).limit(at_most)
    return old.with_for_update(skip_locked=True)


def holds(connection: AsyncConnection, column: Column[str], text: str) -> ColumnElement[bool]:
    """Return the condition that the text stands somewhere in the column; case counts."""
    place = func.strpos if is_postgresql(connection) else func.instr
    return place(column, literal(text, column.type)) > 0


def quarter_of(connection: AsyncConnection, at: Column[datetime]) -> ColumnElement[int]:
    """Return the number of the quarter of an hour, counted from 1970."""
    seconds = extract("epoch", at)
    whole = func.floor(seconds) if is_postgresql(connection) else seconds
    return cast(whole, BigInteger) // 900


def each_of(connection: AsyncConnection, column: Column[Any]) -> ColumnElement[str]:
    """Return each element of a list of strings, kept as JSON: every one makes a row."""
    name = "json_array_elements_text" if is_postgresql(connection) else "json_each"
    rows = getattr(func, name)(column).table_valued("value", joins_implicitly=True)
    return cast(rows.c.value, Text)
