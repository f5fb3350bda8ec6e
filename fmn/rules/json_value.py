"""A JSON value as the argument of a filter: numbers exact, bounded, compared as JSON compares."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, TypeGuard

from pydantic import BeforeValidator

from fmn.rules.bounds import LONGEST, MOST_VALUES
from fmn.rules.words import named, quoted, short

DEEPEST = 50
"""Levels of lists and objects in an argument; a value in a body that is deeper equals none."""
SHORT = 10**15
"""A whole number below it is written out."""
LITERAL = re.compile(r"true|false|null|-?[0-9.]+(?:[eE][-+]?[0-9]+)?")
"""A string that looks like another value."""
NUMBERS = (int, Decimal)
"""Types of numbers; whatever has a fraction is read as a Decimal."""


def _json(value: object) -> object:
    exact = _exact(value)
    if len(list(islice(_parts(exact), MOST_VALUES + 1))) > MOST_VALUES:
        raise ValueError(f"expected at most {MOST_VALUES:,} values in it")
    return exact


def _exact(value: object, depth: int = 0) -> object:
    if depth > DEEPEST:
        raise ValueError(f"expected at most {DEEPEST} lists and objects within each other")
    if isinstance(value, list | tuple):
        return [_exact(item, depth + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {_text(name): _exact(item, depth + 1) for name, item in value.items()}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    raise ValueError("expected a string, a number, true, false, null, a list or an object")


def _parts(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parts(item)


def _text(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError(f"expected at most {LONGEST:,} characters")
    if re.search("[\ud800-\udfff]", text):
        raise ValueError("there is half of a surrogate pair")
    return text


def _number(value: object) -> int | Decimal:
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not is_number(exact) or not Decimal(exact).is_finite():
        raise ValueError("expected a finite number")
    if len(Decimal(exact).as_tuple().digits) > LONGEST:
        raise ValueError(f"expected at most {LONGEST:,} digits")
    return exact


Json = Annotated[Any, BeforeValidator(_json)]
Number = Annotated[Any, BeforeValidator(_number)]


def is_number(value: object) -> TypeGuard[int | Decimal]:
    """Tell whether a value is a number; to Python true is one, to JSON it is not."""
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def identity(value: object, depth: int = 0) -> str:
    """Return a text that is equal for equal JSON only: 1 is 1.0, but neither true nor "1"."""
    if depth > DEEPEST:
        return "…"  # no argument is that deep, so this equals none
    if isinstance(value, str):
        return f'"{value}"' if depth == 0 else json.dumps(value)
    if is_number(value):
        return _plain(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(identity(item, depth + 1) for item in value)}]"
    if isinstance(value, dict):
        items = sorted((name, identity(item, depth + 1)) for name, item in value.items())
        return f"{{{','.join(f'{json.dumps(name)}:{item}' for name, item in items)}}}"
    return json.dumps(value)


def _plain(number: int | Decimal) -> str:
    if -SHORT < number < SHORT and (type(number) is int or int(number) == number):
        return str(int(number))
    digits, _, exponent = f"{Decimal(number):E}".partition("E")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{exponent}"


def summed_up(value: object) -> str:
    """Return a value for people: of a list or an object only how large it is."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return value if isinstance(value, str) else _written(value)


def in_words(value: object) -> str:
    """Return a value as it reads in a sentence: strings that could be taken for others quoted."""
    if isinstance(value, str):
        return quoted(value) if LITERAL.fullmatch(value) else named(value)
    return short(_written(value))


def _written(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        items = (f"{_written(name)}: {_written(item)}" for name, item in value.items())
        return f"{{{', '.join(items)}}}"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
