import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from fmn import config
from fmn.directory.file import FileDirectory
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Directory, Snapshot
from fmn.errors import ConfigError
from fmn.model import Message, MessageId, Ownership

TOML = """
[owners."rpms/kernel"]
users = ["alice"]
groups = ["kernel-sig"]

[owners."containers/postgres"]
users = ["bob"]

[groups]
kernel-sig = ["alice", "bob"]
python-sig = ["alice"]
"""
KERNEL = Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"kernel-sig"}))
POSTGRES = Ownership("containers/postgres", frozenset({"bob"}))
MESSAGE = Message(
    MessageId("m1"),
    "org.example.build",
    artifacts=frozenset({"rpms/kernel", "rpms/unknown", "containers/postgres"}),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "directory.toml"
    path.write_text(TOML)
    return path


def a_directory(file: Path) -> FileDirectory:
    settings = config.Directory(path=str(file), refresh=timedelta(milliseconds=5))
    return FileDirectory(settings)


@contextlib.asynccontextmanager
async def following(directory: Directory) -> AsyncIterator[None]:
    task = asyncio.create_task(directory.follow())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # a directory tells nobody that it is fresh
            await asyncio.sleep(0.005)


def rewrite(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
        return
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(file)


@pytest.mark.parametrize("make", [a_directory, lambda file: Fixed(a_directory(file).current)])
def test_a_directory_knows_owners_and_groups(file: Path, make: Callable[[Path], Directory]) -> None:
    directory = make(file)
    assert directory.with_owners(MESSAGE).owners == (POSTGRES, KERNEL)
    assert directory.groups_of("alice") == {"kernel-sig", "python-sig"}
    assert directory.groups_of("bob") == {"kernel-sig"}
    assert directory.groups_of("charlie") == frozenset()


def test_owners_are_what_the_snapshot_says_whatever_the_message_said() -> None:
    snapshot = Snapshot({"rpms/kernel": KERNEL})
    message = snapshot.with_owners(MESSAGE)
    assert message.owners == (KERNEL,)
    assert Snapshot().with_owners(message) == MESSAGE


async def test_without_a_path_nobody_owns_anything() -> None:
    directory = FileDirectory(config.Directory(refresh=timedelta(0)))
    async with following(directory):
        await asyncio.sleep(0)
    assert directory.current == Snapshot()
    assert directory.with_owners(MESSAGE).owners == ()


async def test_a_change_of_the_file_is_followed(file: Path) -> None:
    directory = a_directory(file)
    before = directory.current
    async with following(directory):
        rewrite(file, '[owners."rpms/kernel"]\nusers = ["charlie"]')
        await until(lambda: directory.current is not before)
    charlie = Ownership("rpms/kernel", frozenset({"charlie"}))
    assert directory.with_owners(MESSAGE).owners == (charlie,)
    assert directory.groups_of("alice") == frozenset()


def test_the_version_is_the_same_wherever_the_same_is_read(file: Path) -> None:
    versions = {a_directory(file).current.version, a_directory(file).current.version}
    file.write_text(TOML + "\n")
    assert len(versions) == 1
    assert a_directory(file).current.version not in versions


@pytest.mark.parametrize("bad", [None, "owners = [", "[owners]\nkernel = 1"])
async def test_a_file_that_went_bad_is_as_last_known_and_said_once(
    file: Path, bad: str | None
) -> None:
    directory = a_directory(file)
    with capture_logs() as logged:
        async with following(directory):
            rewrite(file, bad)
            await until(lambda: logged)
            # Three more looks at it, each of which could say so again.
            for _ in range(3):
                await directory._refresh()
            assert directory.with_owners(MESSAGE).owners == (POSTGRES, KERNEL)
            rewrite(file, '[owners."rpms/kernel"]\nusers = ["bob"]')
            await until(lambda: directory.with_owners(MESSAGE).owners != (POSTGRES, KERNEL))
    assert [line["log_level"] for line in logged] == ["warning", "info"]
    assert "as last known" in logged[0]["event"]
    assert str(file) in logged[0]["reason"]


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"there is no file .*/none\.toml"):
        a_directory(tmp_path / "none.toml")


def test_a_file_that_went_away_before_the_start_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    file.touch()
    settings = config.Directory(path=str(file))
    file.unlink()
    with pytest.raises(ConfigError, match=r"directory\.path: .*/none\.toml: No such file"):
        FileDirectory(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[owners.rpms/kernel]", "not TOML"),
        ('[owners."rpms/kernel"]\nuser = ["alice"]', "owners.rpms/kernel.user: expected"),
        ('[owners."rpms/kernel"]\nusers = "alice"', "owners.rpms/kernel.users: expected"),
        ('[owners."rpms/kernel"]\nusers = [1]', "owners.rpms/kernel.users.0: expected"),
        ('owners."rpms/kernel" = ["alice"]', "owners.rpms/kernel: expected"),
        ('[group]\nsig = ["alice"]', "group: expected"),
        ('[groups]\nsig = "alice"', "groups.sig: expected"),
    ],
)
def test_a_bad_file_is_refused_at_the_start_with_file_and_key(
    file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        a_directory(file)
    assert f"directory.toml: {said}" in str(raised.value)


def test_a_file_that_is_not_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        a_directory(file)
