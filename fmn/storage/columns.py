"""Column types that keep the same values on SQLite and on PostgreSQL."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from fmn.storage.seal import Seal

REFUSED = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL does not take as text: NUL, and surrogates, which UTF-8 cannot write."""

Number = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. SQLite numbers rows by itself only where the type is called INTEGER."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC with its zone, also where the database keeps no zone.

    One without a zone is taken for UTC: a message that says so little must not stop the rest.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        return value and _in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        return value and _in_utc(value)


class Words(TypeDecorator[str]):
    """Text; what a database refuses is replaced, so one bad character costs no batch."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        return value and _clean(value)


class Json(TypeDecorator[Any]):
    """JSON; None is NULL, and text in it is cleaned as in Words."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002  # JSON is what it is; SQLAlchemy's signature
        return _clean_all(value)


class Address(Words):
    """An address, sealed with the secret of the engine."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        clean = super().process_bind_param(value, dialect)
        return clean and seal_of(dialect).close(clean)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value and seal_of(dialect).open(value)


class Entry(Json):
    """Preferences as an entry of the feed, the addresses in it sealed."""

    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:  # noqa: ANN401  # JSON is what it is
        return _each_address(super().process_bind_param(value, dialect), seal_of(dialect).close)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401  # JSON is what it is
        return _each_address(value, seal_of(dialect).open)


def use_seal(dialect: Dialect, seal: Seal) -> None:
    """Have all columns of addresses of an engine sealed with this."""
    vars(dialect)["fmn_seal"] = seal


def seal_of(dialect: Dialect) -> Seal:
    """Return what `use_seal` was given; without that nothing is sealed."""
    seal: Seal = vars(dialect).get("fmn_seal") or Seal()
    return seal


def _each_address(entry: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401  # JSON is what it is
    if not entry:
        return entry
    rows = [row | {"address": change(row["address"])} for row in entry["destinations"]]
    return entry | {"destinations": rows}


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _clean(text: str) -> str:
    return REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


def _clean_all(value: object) -> object:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(name): _clean_all(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_all(each) for each in value]
    return value
