"""Malformed input, made from a seed: so many at each door as FMN_TEST_INPUTS says.

A test that fails shows its seed; FMN_TEST_SEED makes the same input again.
"""

import json
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from random import Random, SystemRandom
from typing import Any

import msgspec
import pytest

from fmn.bus.facts import FACTS
from fmn.queues.entries import UnreadableEntry, unpack, unpack_line
from tests.peers.amqp import Raw, long, short

A_FEW = 600
"""Inputs for each door, where nobody asks for more."""

SCHEMAS = sorted(point.name for point in entry_points(group="fedora.messages"))
WORDS = [b"", b"alice", b"None", b"\xc3\xa9", b"\0", b"a\r\nb", b"x" * 200, b"kernel"]
NOT_TEXT = [b"\xff\xfe", b"\xed\xa0\x80", b"a\xc3"]
ODD = [
    *(b"NaN", b"Infinity", b"-0", b"1e999", b"1" * 5000, b"null", b"true", b"[]", b"{}"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"', b'{"a":1,"a":2}', b'"None"'),
    b"[" * 3000,
]
"""What stands in JSON where something else is expected."""

SIZES = {b"t": 1, b"b": 1, b"s": 2, b"I": 4, b"l": 8, b"D": 5}
"""Types in tables of AMQP, and how many bytes a value has."""


def inputs() -> int:
    """Return how many inputs a door gets."""
    return int(os.environ.get("FMN_TEST_INPUTS", A_FEW))


@pytest.fixture
def dice() -> Random:
    """Chance that can be had again."""
    seed = os.environ.get("FMN_TEST_SEED") or str(SystemRandom().randrange(10**9))
    print(f"FMN_TEST_SEED={seed}")  # noqa: T201  # shown where the test fails
    return Random(seed)  # noqa: S311  # not a secret


@cache
def samples() -> tuple[dict[str, Any], ...]:
    """Return good messages: those of the demo, as a file of messages has them."""
    lines = (files("fmn.demo") / "messages.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)


@dataclass(frozen=True)
class Deliveries:
    """What may come over AMQP that a server lets pass."""

    dice: Random

    def many(self, topic: bytes, count: int) -> Iterator[Raw]:
        """Yield so many, under topics that begin so."""
        for _ in range(count):
            yield Raw(self.topic(topic), self.properties(), self.body())

    def topic(self, start: bytes) -> bytes:
        return start + b"." + self.word()[: 250 - len(start)]

    def odd(self, share: float = 0.1) -> bool:
        return self.dice.random() < share

    def word(self) -> bytes:
        """Return what is mostly text."""
        if self.odd(0.03):
            return self.dice.choice((*NOT_TEXT, self.dice.randbytes(self.dice.randrange(40))))
        return self.dice.choice(WORDS)

    def body(self) -> bytes:
        """Return a good body, one with something wrong, or nothing like one."""
        way = self.dice.random()
        if way < 0.05:
            return self.dice.randbytes(self.dice.randrange(300))
        if way < 0.051:
            return b'{"a":"%s"}' % (b"x" * (2**20 - self.dice.randrange(20)))
        if way < 0.2:
            return self.line()
        good = json.dumps(self.dice.choice(samples()).get("body", {})).encode()
        return self.mutated(good) if way < 0.8 else good

    def line(self) -> bytes:
        """Return a line of a file, good or with one thing wrong."""
        good = json.dumps(self.dice.choice(samples())).encode()
        return self.mutated(good) if self.odd(0.8) else good

    def mutated(self, raw: bytes) -> bytes:
        """Return it with one place changed: cut, doubled, flipped, or odd JSON put in."""
        at = self.dice.randrange(len(raw) + 1)
        to = min(len(raw), at + self.dice.randrange(30))
        value = raw.find(b": ", at) + 2
        return self.dice.choice(
            (
                lambda: raw[:at],
                lambda: raw[:at] + raw[to:],
                lambda: raw[:to] + raw[at:],
                lambda: raw[:at] + self.dice.randbytes(to - at) + raw[to:],
                lambda: raw[:value] + self.dice.choice(ODD) + raw[value:],
                lambda: raw[:value] + self.dice.choice(ODD) + raw[_end_of_value(raw, value) :],
            )
        )()

    def properties(self) -> bytes:
        """Return flags and values: each by itself good, odd, or not there."""
        kinds = (None, b"application/json", b"application/json", FACTS.encode(), self.word())
        others = (b"utf-16", b"latin-1", self.word())
        encodings = others if self.odd() else (None, b"utf-8")
        made: tuple[bytes | None, ...] = (
            _maybe(short, self.dice.choice(kinds)),
            _maybe(short, self.dice.choice(encodings)),
            long(self.headers()) if self.odd(0.8) else None,
            bytes([self.dice.randint(1, 2)]) if self.odd(0.3) else None,  # the only ones
            bytes([self.dice.randrange(256)]) if self.odd(0.2) else None,
            _maybe(short, self.dice.choice((None, self.word()))),
            _maybe(short, self.dice.choice((None, self.word()))),
            None,  # when it expires: the server reads it
            _maybe(short, self.dice.choice((None, b"id", self.word(), b"y" * 255))),
            self.dice.randbytes(8) if self.odd(0.05) else None,
            _maybe(short, self.dice.choice((None, self.word()))),
            None,  # who publishes: the server compares it
            _maybe(short, self.dice.choice((None, self.word()))),
        )
        flags = sum(0x8000 >> place for place, value in enumerate(made) if value is not None)
        return struct.pack(">H", flags) + b"".join(filter(None, made))

    def headers(self) -> bytes:
        """Return the inside of a table: some names that are facts, some that are none."""
        prefix = b"fedora_messaging_"
        names = (
            *(b"sent-at", b"fmn_private", prefix + b"schema", prefix + b"severity"),
            *(prefix + b"user_" + self.word(), prefix + b"rpm_" + self.word(), self.word()),
        )
        chosen = self.dice.sample(names, self.dice.randrange(len(names)))
        return b"".join(short(name) + self.value(name, 3) for name in chosen)

    def value(self, name: bytes, depth: int) -> bytes:
        """Return a value of a table, its type before it."""
        if name.endswith(b"schema") and self.odd(0.8):
            return b"S" + long(self.dice.choice(SCHEMAS).encode())
        if name == b"sent-at" and self.odd(0.5):
            times = (b"2026-05-04T08:00:00+00:00", b"0001-01-01T00:00:00+14:00", b"yesterday")
            return b"S" + long(self.dice.choice(times))
        if name == b"sent-at" and self.odd():
            return b"T" + self.dice.randbytes(8)
        return self.any_value(depth)

    def any_value(self, depth: int) -> bytes:
        kind = self.dice.choice(
            [*SIZES, b"d", b"S", b"S", b"x", b"V", *([b"F", b"A"] if depth else [])]
        )
        if kind in SIZES:
            return kind + self.dice.randbytes(SIZES[kind])
        if kind == b"d":  # a finite one: of any other the server itself makes an error
            return kind + struct.pack(">d", self.dice.uniform(-1e300, 1e300))
        if kind in (b"S", b"x"):
            return kind + long(self.word())
        inside = [self.any_value(depth - 1) for _ in range(self.dice.randrange(4))] if depth else []
        if kind == b"F":
            inside = [short(self.word()) + one for one in inside]
        return kind if kind == b"V" else kind + long(b"".join(inside))


Fields = list[tuple[bytes, bytes]]
UNKNOWN = re.compile(rb"[1-9][0-9]{0,2}")


@dataclass(frozen=True)
class Entries:
    """Entries that nobody of fmn wrote, made from the values of good ones.

    Whatever a value is, the shape cannot read it; the version may be one of a newer fmn.
    """

    dice: Random
    good: Sequence[bytes]
    shape: type | None
    """None: a line of the log."""

    def fields(self) -> Fields:
        """Return the fields of one entry of a stream."""
        if self.dice.random() < 0.3:
            return self._wrong_fields()
        return [(b"v", b"1"), (b"n", self.count()), (b"d", self.value())]

    def _wrong_fields(self) -> Fields:
        d = self.dice.choice((self.dice.choice(self.good), self.value()))
        versions = (b"1", b"", b"01", b"-1", b"1.0", b"two", b"1" * 50, self.dice.randbytes(3))
        newer = b"%d" % self.dice.randint(2, 999)
        counts = (b"", b"-5", b"abc", b"1e3", b"9" * 30, b" 1", b"\xff")
        return self.dice.choice(
            (
                [(b"v", newer), (b"n", b"1"), (b"d", d)],
                [(b"v", newer), (b"x", d)],
                [(b"v", self.dice.choice(versions[1:])), (b"n", b"1"), (b"d", d)],
                [(b"v", b"1"), (b"n", self.dice.choice(counts)), (b"d", d)],
                [(b"v", b"1"), (b"n", b"1")],
                [(b"v", b"1"), (b"d", d)],
                [(b"n", b"3"), (b"d", d)],
                [(self.dice.randbytes(3) or b"x", self.dice.randbytes(9))],
            )
        )

    def count(self) -> bytes:
        return b"%d" % self.dice.choice((0, 1, 1, 1, 2, 77))

    def value(self) -> bytes:
        """Return what the shape cannot read."""
        while True:
            made = self._maybe_value()
            with suppress(UnreadableEntry):
                _ = unpack(made, self.shape) if self.shape else unpack_line(made)
                continue
            return made

    def _maybe_value(self) -> bytes:
        good = self.dice.choice(self.good)
        at = self.dice.randrange(len(good))
        to = at + self.dice.randrange(1, 30)
        return self.dice.choice(
            (
                lambda: good[:at],
                lambda: good[:at] + self.dice.randbytes(to - at) + good[to:],
                lambda: good[:at] + good[to:],
                lambda: self.dice.randbytes(self.dice.randrange(80)),
                lambda: msgspec.msgpack.encode(self.thing(4)),
                lambda: msgspec.msgpack.encode({"id": self.thing(2), "topic": self.thing(1)}),
                lambda: (b"\x81\xa1a" if at % 2 else b"\x91") * 3000,
                lambda: b"\xdd\xff\xff\xff\xff",
                lambda: b"",
            )
        )()

    def thing(self, depth: int) -> Any:
        """Return something that msgpack can say."""
        plain = (None, True, -1, 2**63, 1.5, float("nan"), "words", b"\xff", "", 10**9)
        if not depth or self.dice.random() < 0.4:
            return self.dice.choice(plain)
        inside = [self.thing(depth - 1) for _ in range(self.dice.randrange(4))]
        return {str(one): one for one in inside} if self.dice.random() < 0.5 else inside

    def member(self) -> bytes:
        """Return a member of a retry zset: a head that is none, or a value that is none."""
        unique = b"%d-0/1" % self.dice.randrange(10**12)
        heads = (b"", b"x", unique, unique + b" 1", unique + b" 1 -5", unique + b" one 1", b" 1 1")
        if self.dice.random() < 0.5:
            return unique + b" 1 " + self.count() + b"\n" + self.value()
        between = self.dice.choice((b"\n", b""))
        return self.dice.choice(heads) + between + self.dice.randbytes(12) + self.value()


def newer(fields: Fields) -> int | None:
    """Return the version of an entry that a newer fmn may have written; else None."""
    given = dict(fields).get(b"v", b"")
    return int(given) if UNKNOWN.fullmatch(given) and given != b"1" else None


def counted(fields: Fields) -> int:
    """Return how many notifications an entry says it stands for."""
    given = dict(fields).get(b"n", b"")
    return int(given) if re.fullmatch(rb"[0-9]{1,9}", given) else 0


def _maybe(form: Callable[[bytes], bytes], raw: bytes | None) -> bytes | None:
    return None if raw is None else form(raw)


def _end_of_value(raw: bytes, at: int) -> int:
    ends = [end for end in (raw.find(b",", at), raw.find(b"}", at)) if end >= 0]
    return min(ends, default=len(raw))
