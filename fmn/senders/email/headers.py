"""Lines of a header: folded, in ASCII, and never more than the one header they are."""

import re
from binascii import b2a_base64
from collections.abc import Iterator

LONGEST_LINE = 76
"""Characters of a line with encoded words (RFC 2047, 2); the others are folded there, too."""

LONGEST_WORD = 900
"""Characters; what cannot be folded must fit into a line, of 998 (RFC 5322, 2.1.1)."""

ENCODED = 33
"""Bytes in an encoded word: with the name of each header of ours before it, it fits in a line."""

NOT_IN_HEADERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
WORD = re.compile(" +[^ ]+")


def header(name: str, text: str) -> str:
    """Return a header of this text, whatever it holds, with its line end."""
    line = one_line(text)
    start = f"{name}: {line}"
    if line.isascii() and len(start) <= LONGEST_LINE:
        return f"{start}\r\n"
    words = WORD.findall(f" {line}")
    if not line.isascii() or max(map(len, words)) > LONGEST_WORD:
        words = [f" {word}" for word in _encoded(line.encode())]
    return "\r\n".join(_folded(f"{name}:", words)) + "\r\n"


def one_line(text: str) -> str:
    """Return the text as one line that says in a header what it says here."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text.strip()
    # What looks like an encoded word would be decoded by whoever reads it, line ends and all.
    return NOT_IN_HEADERS.sub(" ", text).replace("=?", "= ?").strip()


def _folded(line: str, words: list[str]) -> Iterator[str]:
    line += words[0]  # Programs have read a header without anything on its first line as empty.
    for word in words[1:]:
        if len(line) + len(word) > LONGEST_LINE:
            yield line
            line = ""
        line += word
    yield line


def _encoded(raw: bytes) -> Iterator[str]:
    at = 0
    while at < len(raw):  # An encoded word holds whole characters (RFC 2047, 5).
        word = raw[at : at + ENCODED].decode(errors="ignore").encode()
        yield f"=?utf-8?b?{b2a_base64(word, newline=False).decode()}?="
        at += len(word)
