"""JSON for machines to stdout, words for people to stderr; files, where `-` is one of these."""

import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.text import Text

from fmn.errors import InputError


def say(words: RenderableType) -> None:
    """Show something to people."""
    # Lines stay lines: only tables are fitted to the width.
    lines = isinstance(words, str | Text)
    Console(stderr=True, highlight=False).print(words, soft_wrap=lines)


def emit(value: Any) -> None:  # noqa: ANN401  # whatever is JSON
    """Write a value for machines: one line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def emit_text(text: str) -> None:
    """Write text that is the result itself, YAML or a number."""
    sys.stdout.write(text)


def write_lines(file: str, values: list[dict[str, Any]]) -> None:
    """Write values to a file, or with `-` to stdout, one line of JSON each."""
    text = "".join(msgspec.json.encode(value).decode() + "\n" for value in values)
    write_text(file, text)


def write_text(file: str, text: str) -> None:
    """Write text to a file, or with `-` to stdout. Raises InputError where it cannot be."""
    if file == "-":
        emit_text(text)
        return
    try:
        Path(file).write_text(text)
    except OSError as failed:
        raise InputError(file, failed.strerror or failed) from None


def read_text(path: str) -> str:
    """Read a file, or `-` for stdin. Raises InputError."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except OSError as failed:
        raise InputError(path, failed.strerror or failed) from None
    except UnicodeDecodeError as failed:
        raise InputError(path, f"not UTF-8: {failed}") from None
