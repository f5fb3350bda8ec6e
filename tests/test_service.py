"""What every process has: health while it runs, a drain when it is told to stop."""

import asyncio
import json
import signal
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fmn.config import Service
from fmn.errors import ConfigError
from fmn.service import serve
from tests.peers import free_port


def page(port: int, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


async def get(port: int, path: str) -> tuple[int, Any]:
    return await asyncio.to_thread(page, port, path)


async def serving(port: int, stop_by: signal.Signals, checks: dict[str, bool]) -> list[Any]:
    answers: list[Any] = []

    async def work(stop: asyncio.Event) -> None:
        pages = ("/healthz", "/readyz", "/metrics")
        answers.extend([await get(port, path) for path in pages])
        signal.raise_signal(stop_by)
        await stop.wait()
        answers.append("drained")

    settings = Service(port=port)
    await serve("worker", settings, work, checks=lambda: checks, registry=CollectorRegistry())
    return answers


async def test_health_answers_and_sigterm_drains() -> None:
    health, ready, metrics, last = await serving(free_port(), signal.SIGTERM, {"redis": True})
    expected = {"status": "ok", "process": "worker", "checks": {"redis": True}}
    assert (health[0], json.loads(health[1])) == (200, expected)
    assert (ready[0], json.loads(ready[1])) == (200, expected)
    assert metrics[0] == 200
    assert "process_cpu_seconds_total" in metrics[1]
    assert last == "drained"


async def test_what_is_not_there_makes_a_process_not_ready_but_healthy() -> None:
    health, ready, *_ = await serving(free_port(), signal.SIGTERM, {"redis": False, "bus": True})
    assert health[0] == 200
    assert ready[0] == 503
    assert json.loads(ready[1])["checks"] == {"redis": False, "bus": True}


async def test_an_interrupted_process_drains_and_says_that_it_was() -> None:
    with pytest.raises(KeyboardInterrupt):
        await serving(free_port(), signal.SIGINT, {})


async def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1 port {port}: .*--port"):
            await serving(port, signal.SIGTERM, {})


async def test_an_error_of_the_work_is_the_error_of_the_process() -> None:
    async def work(stop: asyncio.Event) -> None:
        raise ConfigError("fmn.toml", "no")

    with pytest.raises(ConfigError):
        await serve("worker", Service(), work, checks=dict, registry=CollectorRegistry())
