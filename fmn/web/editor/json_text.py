"""Values of JSON as people type them into one field: quotes only where they are needed."""

import json
from typing import Any

import msgspec

from fmn.exact import exact_json


def read_json(text: str) -> Any:  # noqa: ANN401  # JSON is what it is
    """Return the value of a text that is JSON; of any other the text itself, without spaces.

    `7`, `true`, `null`, `[1, 2]` are what they are in JSON; `"7"` is a string, and so is `koji`.
    """
    try:
        value = exact_json(text)
    except (ValueError, RecursionError):
        return text.strip()
    # What Python takes for a number and JSON does not know: NaN, Infinity.
    return text.strip() if isinstance(value, float) else value


def write_json(value: Any) -> str:  # noqa: ANN401  # JSON is what it is
    """Return a text from which `read_json` makes this value."""
    if isinstance(value, str):
        plain = value.isprintable() and read_json(value) == value and value != ""
        return value if plain else json.dumps(value, ensure_ascii=False)
    return msgspec.json.Encoder(decimal_format="number").encode(value).decode()
