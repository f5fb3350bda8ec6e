"""Messages in a file: batches, line numbers, what is too long, and appending."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fmn.bus.batch import Batch
from fmn.bus.bus import Bus, open_bus
from fmn.bus.facts import ROOM
from fmn.bus.file import read_lines
from fmn.config import Bus as Settings
from fmn.errors import ConfigError, InputError, UndecodableMessage
from fmn.model import Message, Undecodable


def line(name: str) -> bytes:
    return json.dumps({"id": name, "topic": "t"}).encode()


def file_bus(path: Path | str, **settings: Any) -> Bus:
    at = Settings(kind="file", path=str(path), **settings)
    return open_bus(at, lambda *_: None)


async def all_batches(bus: Bus) -> list[Batch]:
    async with bus:
        return [batch async for batch in bus.batches(asyncio.Event())]


def arrivals(batches: list[Batch]) -> list[Message | Undecodable]:
    return [arrival for batch in batches for arrival in batch.arrivals]


def ids(batches: list[Batch]) -> list[str]:
    return [one.id for one in arrivals(batches) if isinstance(one, Message)]


def test_lines_are_numbered_and_blank_ones_left_out(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"a\r\n\n  \t\nb\n\nc")
    assert list(read_lines(str(file), 100)) == [(1, b"a"), (4, b"b"), (6, b"c")]


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no/such/file: No such file"):
        list(read_lines("no/such/file", 100))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        list(read_lines(str(tmp_path), 100))


def test_of_a_line_too_long_only_the_start_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * (3 * ROOM) + b"\nnext\n" + b"y" * (5 * ROOM))
    (one, long), (two, after), (three, last) = read_lines(str(file), 100)
    assert (one, two, three) == (1, 2, 3)
    assert len(long) == len(last) == 100 + ROOM + 1
    assert after == b"next"


async def test_a_file_comes_in_batches_in_its_order_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "f"
    names = [f"m{n}" for n in range(25)]
    file.write_bytes(b"\n".join(map(line, names)))
    batches = await all_batches(file_bus(file, prefetch=10))
    assert ids(batches) == names
    assert max(len(batch.arrivals) for batch in batches) <= 10
    for batch in batches:
        await batch.acknowledge()


async def test_a_bad_line_is_named_by_its_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "f"
    long = b'{"id": "long", "topic": "' + b"t" * (2 * ROOM) + b'"}'
    file.write_bytes(b"\n".join([line("a"), b"", b"{nope", long, line("b")]))
    batches = await all_batches(file_bus(file, max_body=100))
    _, bad, too_long, _ = arrivals(batches)
    assert ids(batches) == ["a", "b"]
    assert isinstance(bad, Undecodable)
    assert bad.head == b"{nope"
    assert bad.reason.startswith("line 3: JSON is malformed")
    assert isinstance(too_long, Undecodable)
    assert too_long.head == long[:1024]
    assert too_long.reason.startswith("line 4: too large")


async def test_a_missing_file_ends_the_batches_with_an_error() -> None:
    with pytest.raises(InputError, match="no/such"):
        await all_batches(file_bus("no/such"))


async def test_an_empty_file_brings_nothing(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    assert await all_batches(file_bus(file)) == []


async def test_stop_ends_the_batches(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"\n".join(line(f"m{n}") for n in range(1000)))
    stop = asyncio.Event()
    taken = []
    async with file_bus(file, prefetch=10) as bus:
        async for batch in bus.batches(stop):
            taken.append(batch)
            stop.set()
    assert len(taken) < 10


def test_stdin_is_read_and_does_not_hold_up_the_end() -> None:
    code = """
import asyncio
from fmn.bus.bus import open_bus
from fmn.config import Bus

async def main():
    stop = asyncio.Event()
    async with open_bus(Bus(kind="file", path="-"), print) as bus:
        async for batch in bus.batches(stop):
            print(*(one.id for one in batch.arrivals), flush=True)
            stop.set()

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as reader:
        assert reader.stdin
        assert reader.stdout
        assert reader.stderr
        reader.stdin.write(line("a") + b"\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == b"a\n"
        assert reader.wait(20) == 0  # though stdin is still open
        assert reader.stderr.read() == b""


async def test_what_is_published_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "f"
    async with file_bus(file) as bus:
        assert await bus.publish([line("a"), line("b") + b"\n"]) == 2
        assert await bus.publish([line("c")]) == 1
        assert await bus.publish([]) == 0
    assert ids(await all_batches(file_bus(file))) == ["a", "b", "c"]


async def test_what_is_appended_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(line("a"))
    async with file_bus(file) as bus:
        await bus.publish([line("b")])
    assert ids(await all_batches(file_bus(file))) == ["a", "b"]


async def test_what_is_no_message_is_not_published(tmp_path: Path) -> None:
    async with file_bus(tmp_path / "f") as bus:
        with pytest.raises(UndecodableMessage):
            await bus.publish([line("a"), b"{nope"])
    assert (tmp_path / "f").read_bytes() == line("a") + b"\n"


@pytest.mark.parametrize("path", ["-", "no/such/folder/f"])
async def test_where_nothing_can_be_written_is_said(path: str) -> None:
    async with file_bus(path) as bus:
        with pytest.raises(ConfigError, match=r"bus\.path"):
            await bus.publish([line("a")])


async def test_a_file_is_always_connected(tmp_path: Path) -> None:
    async with file_bus(tmp_path / "f") as bus:
        assert bus.connected
