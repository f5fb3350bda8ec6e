"""JSON with its numbers as they are written."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

INT_DIGITS = 4000
"""int() refuses more than 4,300 digits, to protect from its quadratic cost."""


def exact_json(raw: bytes | str) -> Any:  # noqa: ANN401  # JSON is what it is
    """Read JSON with its numbers kept exact: integers as int, all others as Decimal.

    Raises ValueError where it is not JSON, or has an exponent that no Decimal has.
    """
    text = raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw), "surrogatepass")
    if text.startswith("\ufeff"):
        raise ValueError("a byte order mark is no JSON")
    return _DECODER.decode(text)


def _exact(number: str) -> Decimal:
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValueError(f"{number[:40]}: the exponent is too large") from None


def _exact_int(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < INT_DIGITS else Decimal(digits)


_DECODER = json.JSONDecoder(parse_float=_exact, parse_int=_exact_int)
"""One for all: to make one takes longer than to read a short text."""
