"""Real servers for the tests: each on a free port of loopback, in a folder of its own.

A missing program skips the test and says how to get it; with FMN_TEST_STRICT=1 it fails.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

PATIENCE = 60.0
"""Seconds a peer may take to come up on a busy machine."""


def need(program: str, package: str, *places: str) -> str:
    """Return the path of a program, looked for on PATH and in `places`."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *places])
    found = shutil.which(program, path=path)
    return found or lacking(f"{program} is not installed; on Debian: apt-get install {package}")


def lacking(why: str) -> NoReturn:
    """Skip here; fail where FMN_TEST_STRICT=1 says that everything must run."""
    if os.environ.get("FMN_TEST_STRICT") == "1":
        pytest.fail(why)
    pytest.skip(why)


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Tell whether somebody listens on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return when the condition holds; fail with `what` when it does not in time."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"waited {patience:.0f} s for {what}")
        time.sleep(0.02)


@contextmanager
def running(
    command: list[str], folder: Path, *, ready: Callable[[], object]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; its output goes to `folder/out`."""
    with (folder / "out").open("ab") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
    try:
        wait_until(lambda: server.poll() is not None or ready(), command[0])
        if server.poll() is not None:
            pytest.fail(f"{command[0]} ended at once: {(folder / 'out').read_text()[-2000:]}")
        yield server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
