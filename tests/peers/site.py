"""A site of fmn: its processes, each started by its own verb, as an operator would."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers import wait_until


class Site:
    """A configuration, and what runs with it."""

    def __init__(self, folder: Path, settings: dict[str, dict[str, Any]]) -> None:
        self.folder = folder
        self.config = folder / "fmn.toml"
        lines = [
            line
            for section, keys in settings.items()
            for line in (f"[{section}]", *(f"{key} = {json.dumps(to)}" for key, to in keys.items()))
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def run(self, *verb: str, expect: int = 0, given: str = "") -> str:
        """Run a verb to its end and return what it wrote to stdout."""
        done = subprocess.run(
            self._command(verb),
            capture_output=True,
            text=True,
            input=given,
            check=False,
            timeout=120,
            env=environment(),
            cwd=self.folder,
        )
        assert done.returncode == expect, (verb, done.returncode, done.stderr, done.stdout)
        return done.stdout

    def ledger(self) -> Any:
        """Return the ledger, which must balance."""
        return json.loads(self.run("ledger", "--json"))

    @contextmanager
    def process(self, *verb: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process until the block ends; then it must drain and end with 0."""
        log = self.folder / f"{'-'.join(verb)}-{os.urandom(2).hex()}.log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                self._command(verb), stdout=out, stderr=out, env=environment(), cwd=self.folder
            )
        try:
            wait_until(
                lambda: running.poll() is not None or b'"started"' in log.read_bytes(), str(verb)
            )
            yield running
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
                running.wait(75)
            if running.returncode not in {0, -signal.SIGKILL}:
                pytest.fail(f"{verb} ended with {running.returncode}: {log.read_text()[-3000:]}")
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()

    def _command(self, verb: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "fmn", *verb, "--config", str(self.config)]


def environment() -> dict[str, str]:
    """Return ours without settings of fmn that somebody may have made."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FMN_")}


PAGES = re.compile(r"The pages, signed in as \w+: (http://127\.0\.0\.1:\d+)")


@contextmanager
def demo(fmn: Sequence[str], folder: Path) -> Iterator[str]:
    """Run the demo until the block ends, then it must end with 0; yield where its pages are."""
    log = folder / "demo.log"
    with log.open("wb") as out:
        running = subprocess.Popen([*fmn, "demo"], stderr=out, cwd=folder, env=environment())
    try:
        wait_until(
            lambda: running.poll() is not None or PAGES.search(log.read_text()), "the pages", 120
        )
        address = PAGES.search(log.read_text())
        assert address, log.read_text()
        yield address[1]
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()
