"""`fmn consumer`, `worker`, `sender`, `scheduler`, `recorder`, `web`, and `up`: all of them."""

from functools import partial
from typing import Annotated

import typer

from fmn.cli.road import Road
from fmn.cli.settings import ConfigFile, run, site
from fmn.service import Work, log_to_stderr, serve
from fmn.web.login import check_login

Port = Annotated[
    int | None,
    typer.Option(
        metavar="P",
        min=0,
        max=65535,
        help="Of the pages, /healthz, /readyz, /metrics; 0 picks one.",
    ),
]
Bind = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Where to listen; loopback unless said.")
]


def consumer(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Take messages from the bus and put each on a channel picked at random."""
    road = Road(site(config))
    _serve("consumer", road, road.consumer, port, bind)


def worker(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Match messages against everybody's rules and put what is to be sent into the outbox."""
    road = Road(site(config))
    _serve("worker", road, road.worker, port, bind)


def sender(
    kinds: Annotated[list[str], typer.Argument(metavar="KIND…", help="email, irc …")],
    config: ConfigFile = None,
    port: Port = None,
    bind: Bind = None,
) -> None:
    """Hand what is in the outbox to mail servers, IRC networks and so on."""
    road = Road(site(config))
    _serve("sender", road, partial(road.some_senders, tuple(dict.fromkeys(kinds))), port, bind)


def scheduler(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Keep what finds its lane full, and put it back when there is room."""
    road = Road(site(config))
    _serve("scheduler", road, road.scheduler, port, bind)


def recorder(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Keep in the history what was handled and what became of it."""
    road = Road(site(config))
    _serve("recorder", road, road.recorder, port, bind)


def web(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Serve the pages in which people say what they want to hear, and the API."""
    road = Road(site(config))
    _serve("web", road, road.web, port, bind, pages=True)


def up(config: ConfigFile = None, port: Port = None, bind: Bind = None) -> None:
    """Run every process in one, for development and small sites."""
    road = Road(site(config))
    _serve("up", road, road.all, port, bind, pages=road.has_pages)


def _serve(  # noqa: PLR0913  # a process and where it listens
    process: str,
    road: Road,
    work: Work,
    port: int | None,
    bind: str | None,
    *,
    pages: bool = False,
) -> None:
    settings = road.site.settings.service
    usual = settings.port or (road.site.settings.web.port if pages else 0)
    said = {"port": usual if port is None else port, "bind": bind or settings.bind}
    settings = settings.model_copy(update=said)
    if pages:
        check_login(road.site.settings.web, settings.bind)
    log_to_stderr(settings.log)
    shown = road.pages if pages else None
    run(serve(process, settings, work, checks=road.ready, registry=road.registry, pages=shown))
