"""Verbs as people run them: in a process of their own, away from any ./fmn.toml."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.site import environment

Fmn = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fmn(tmp_path: Path) -> Fmn:
    """Run a verb; `expect` is its exit code, `environ` what it finds beside."""

    def run(*verb: str, expect: int = 0, **how: Any) -> subprocess.CompletedProcess[str]:
        environ = environment() | how.pop("environ", {})
        command = [sys.executable, "-m", "fmn", *verb]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=120,
            check=False, **how,
        )  # fmt: skip
        assert done.returncode == expect, (verb, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


def json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]
