"""What every process has: signals and draining, health and metrics, its log lines.

SIGTERM drains: what is in hand is finished, the rest is given up, exit 0. `/healthz` answers
while the loop turns, `/readyz` says whether what the process needs is there, `/metrics` is
Prometheus text. A process with pages serves them beside these.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
)
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from fmn.config import Service
from fmn.serving import Pages, address_of, listen, serving

DRAIN = 60.0
"""Seconds a process may take to finish what it has in hand; longer than any one send."""

T = TypeVar("T")

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then finishes what it has in hand."""
Checks = Callable[[], Mapping[str, bool]]
"""What must be there for the process to be ready, by name."""

_log = structlog.get_logger()


def log_to_stderr(level: str) -> None:
    """Write log lines to stderr: in colour for a terminal, as JSON for a machine."""
    terminal = sys.stderr.isatty()
    # Without values of variables: there may be secrets among them.
    coloured = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    drawn = coloured if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [structlog.processors.format_exc_info]),
            drawn,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level="WARNING", format="%(name)s: %(message)s")


class Signals:
    """Whether the process was told to stop, and whether by a person."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.interrupted = False

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch SIGTERM and SIGINT until the block ends; the second one ends it at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def or_end_of(self, working: asyncio.Task[T]) -> None:
        """Wait until the process is told to stop, or the work has ended."""
        told = asyncio.create_task(self.stop.wait())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()

    def _told(self, number: signal.Signals) -> None:
        self.interrupted = self.interrupted or number is signal.SIGINT
        if self.stop.is_set():
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.raise_signal(number)
        self.stop.set()


async def serve(  # noqa: PLR0913  # what every process has
    process: str,
    settings: Service,
    work: Work,
    *,
    checks: Checks,
    registry: CollectorRegistry,
    pages: Pages | None = None,
) -> None:
    """Run a process until its work ends or it is told to stop and has drained.

    Raises KeyboardInterrupt where a person interrupted it.
    """
    signals = Signals()
    app = _health(process, checks, registry, pages)
    with signals.caught():
        ear = listen(settings.bind, settings.port)
        async with serving(app, ear, proxies=pages.proxies if pages else ()):
            at = address_of(ear)
            shown = {"pages": at} if pages else {}
            _log.info("started", process=process, health=f"{at}/healthz", **shown)
            working = asyncio.create_task(_run(work, signals.stop))
            await signals.or_end_of(working)
            await _drained(process, working)
    if signals.interrupted:
        raise KeyboardInterrupt


async def until_told(work: Coroutine[Any, Any, T]) -> T | None:
    """Run work to its end and return what it returns, or cancel it when told to stop.

    Raises KeyboardInterrupt where a person interrupted it.
    """
    signals = Signals()
    with signals.caught():
        working = asyncio.create_task(work)
        await signals.or_end_of(working)
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.wait({working})
    if signals.interrupted:
        raise KeyboardInterrupt
    return None


@contextlib.asynccontextmanager
async def beside(*following: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these until the block ends."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in following]
        yield
        for task in tasks:
            task.cancel()


async def _run(work: Work, stop: asyncio.Event) -> None:
    await work(stop)


async def _drained(process: str, working: asyncio.Task[None]) -> None:
    try:
        await asyncio.wait_for(working, DRAIN)
    except TimeoutError:
        _log.warning("gave up what it had in hand", process=process, after_seconds=DRAIN)
    _log.info("stopped", process=process)


def _health(
    process: str, checks: Checks, registry: CollectorRegistry, pages: Pages | None
) -> Starlette:
    ProcessCollector(registry=registry)

    def answer(results: Mapping[str, bool], *, always: bool) -> JSONResponse:
        fine = all(results.values())
        said = {"status": "ok" if fine or always else "unavailable", "process": process}
        return JSONResponse(said | {"checks": dict(results)}, 200 if fine or always else 503)

    async def healthz(_: Request) -> Response:
        return answer(checks(), always=True)

    async def readyz(_: Request) -> Response:
        return answer(checks(), always=False)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    looks = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    routes = [Route(path, look) for path, look in looks.items()]
    return Starlette(routes=[*routes, *([Mount("/", pages)] if pages else [])])
