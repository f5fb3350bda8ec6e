"""The composition root: every process of the road, put together from its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter

from fmn.bus.bus import open_bus
from fmn.cli.pages import Sight, parts_of, templates_of
from fmn.cli.settings import Site
from fmn.directory.file import FileDirectory
from fmn.errors import ConfigError
from fmn.kinds import Sender
from fmn.processes.consumer import consume
from fmn.processes.recorder import Keeper, Queues, record
from fmn.processes.scheduler import Keeper as HeldKeeper
from fmn.processes.scheduler import hold, release
from fmn.processes.sender import hear, send
from fmn.processes.worker import work
from fmn.queues.channels import Channels
from fmn.queues.claims import Claims
from fmn.queues.connection import Connection, connect
from fmn.queues.held import HeldLane
from fmn.queues.intake import Intake
from fmn.queues.lease import under_lease
from fmn.queues.life import Life
from fmn.queues.log import Log
from fmn.queues.marks import CONSUMERS, WORKERS, Marks
from fmn.queues.nudge import nudge, nudges
from fmn.queues.outbox import Lane
from fmn.queues.pubsub import PubsubChannels, PubsubIntake
from fmn.queues.purge import purge
from fmn.render.content import Told, log_fault
from fmn.service import beside
from fmn.serving import Pages
from fmn.storage.schema import require_schema
from fmn.storage.watch import WatchedRules
from fmn.web.app import create_app

Check = Callable[[], bool]

_log = structlog.get_logger()


@dataclass(frozen=True)
class Road:
    """What the processes run with, and what they need to be ready."""

    site: Site
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    checks: dict[str, Check] = field(default_factory=dict)
    senders: Mapping[str, Sender] = field(default_factory=dict)
    """Kind → sender, in place of the one the settings name."""
    pages: Pages = field(init=False)
    _lives: list[Life] = field(default_factory=list)
    _keepers: list[Keeper | HeldKeeper] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the place for the pages."""
        object.__setattr__(self, "pages", Pages(self.site.settings.web.proxies))

    def ready(self) -> dict[str, bool]:
        """Return what is there and what is not; before a process has joined nothing is."""
        return {name: check() for name, check in self.checks.items()} or {"joined": False}

    @asynccontextmanager
    async def joined(self, process: str) -> AsyncIterator[tuple[Connection, Life]]:
        """Join the others at the queues."""
        queues = self.site.settings.queues
        url = queues.url.get_secret_value()
        async with connect(url) as connection:
            with Life(url, process, channels=queues.channels) as life:
                connection.before_belief(life.look)
                _log.info("joined", process=life.name, redis_keeps=str(connection.durability))
                self._lives.append(life)
                self.checks["redis"] = lambda: all(life.reachable for life in self._lives)
                yield connection, life

    async def consumer(self, stop: asyncio.Event) -> None:
        """From the bus to the channels."""
        warnings = Counter(
            "fmn_fact_warnings",
            "Facts left out because their property raised.",
            ["schema", "property"],
            registry=self.registry,
        )

        def warn(schema: str, name: str) -> None:
            warnings.labels(schema, name).inc()

        async with (
            self.joined("consumer") as (connection, life),
            open_bus(self.site.settings.bus, warn) as bus,
        ):
            self.checks["bus"] = lambda: bus.connected
            pubsub = self.site.settings.queues.mode == "pubsub"
            intake = (PubsubIntake if pubsub else Intake)(connection, life)
            async with beside(intake.follow()):
                marks = Marks(connection, life, self.site.settings.queues, share=CONSUMERS)
                await consume(bus, intake, marks.room, stop)

    async def worker(self, stop: asyncio.Event) -> None:
        """From the channels to the outbox."""
        settings = self.site.settings
        directory = FileDirectory(settings.directory)
        async with (
            self.joined("worker") as (connection, life),
            self.site.engine() as engine,
            nudges(connection) as nudged,
        ):
            await require_schema(engine)
            rules = WatchedRules(engine, self.site.filters, groups=directory)
            await rules.load()
            self.checks["rules"] = lambda: rules.reachable
            mark = settings.queues.lane_mark
            if settings.queues.mode == "pubsub":
                channels: Any = PubsubChannels(connection, life, lane_mark=mark)
            else:
                marks = Marks(connection, life, settings.queues, share=WORKERS)
                channels = Channels(
                    connection,
                    life,
                    batch=settings.queues.batch,
                    room=marks.room,
                    lane_mark=mark,
                )
            templates = templates_of(settings, self._template_fault())
            async with beside(rules.follow(nudged), directory.follow()):
                await work(channels, rules, directory, templates, stop=stop)

    async def sender(self, kind: str, stop: asyncio.Event) -> None:
        """From the lane of a kind to people."""
        settings = self.site.settings
        sender = self.senders.get(kind) or self.site.sender(kind)
        if sender.lacks:
            raise ConfigError(f"sender {kind}", sender.lacks)
        async with self.joined(f"sender:{kind}") as (connection, life):
            claims = Claims(connection, life, lifetime=settings.queues.claims)
            lane = Lane(connection, life, kind, claims=claims, retry=settings.retry)
            self.checks[kind] = lambda: lane.peer_there
            alone = partial(under_lease, connection, life, stop=stop)
            async with asyncio.TaskGroup() as group:
                group.create_task(alone(f"{kind}:ear", partial(hear, lane, sender, stop)))
                sending = partial(send, lane, sender, stop)
                account = sender.account
                group.create_task(alone(f"{kind}:{account}", sending) if account else sending())

    async def some_senders(self, kinds: Sequence[str], stop: asyncio.Event) -> None:
        """From the lanes of these kinds to people."""
        async with asyncio.TaskGroup() as group:
            for kind in kinds:
                group.create_task(self.sender(kind, stop))

    async def scheduler(self, stop: asyncio.Event) -> None:
        """From the lane `held` to SQL, and back into the lanes."""
        queues = self.site.settings.queues
        async with (
            self.joined("scheduler") as (connection, life),
            self.site.engine() as engine,
        ):
            await require_schema(engine)
            lane = HeldLane(connection, life, batch=queues.batch, lane_mark=queues.lane_mark)
            keeper = HeldKeeper(engine, lane, connection.settle)
            self._stores(keeper)
            releasing = partial(release, keeper, stop)
            async with asyncio.TaskGroup() as group:
                group.create_task(hold(lane, keeper, stop))
                group.create_task(under_lease(connection, life, "releases", releasing, stop))

    async def recorder(self, stop: asyncio.Event) -> None:
        """From the log to the history."""
        settings = self.site.settings
        async with (
            self.joined("recorder") as (connection, life),
            self.site.engine() as engine,
        ):
            await require_schema(engine)
            queues = Queues(partial(purge, connection), partial(nudge, connection))
            keeper = Keeper(engine, settings, self.site.filters, queues)
            self._stores(keeper)
            async with beside(keeper.forget(), keeper.look()):
                log = Log(connection, life, batch=settings.queues.batch)
                await record(log, keeper, stop)

    async def web(self, stop: asyncio.Event) -> None:
        """From people to their rules: the pages and the API."""
        settings = self.site.settings
        directory = FileDirectory(settings.directory)
        url = settings.queues.url.get_secret_value()
        async with (
            connect(url, patient=False) as connection,
            self.site.engine() as engine,
        ):
            await require_schema(engine)
            parts = parts_of(self.site, connection, engine, directory)
            sight = Sight(connection, engine)
            self.checks["redis for pages"] = lambda: sight.redis
            self.checks["storage for pages"] = lambda: sight.storage
            async with beside(directory.follow(), sight.follow()):
                self.pages.app = create_app(parts)
                await stop.wait()
            self.pages.app = None

    def _stores(self, keeper: Keeper | HeldKeeper) -> None:
        self._keepers.append(keeper)
        self.checks["storage"] = lambda: all(keeper.reachable for keeper in self._keepers)

    def _template_fault(self) -> Told:
        words, labels = "Templates that raised and were left out.", ["template"]
        faults = Counter("fmn_template_faults", words, labels, registry=self.registry)

        def tell(template: str, why: str) -> None:
            log_fault(template, why)
            faults.labels(template).inc()

        return tell

    def kinds(self) -> list[str]:
        """Return the sender kinds of this site, and those given in place of one."""
        return sorted({*self.senders, *self.site.uses()})

    @property
    def has_pages(self) -> bool:
        """Tell whether anybody could sign in to them."""
        web = self.site.settings.web
        return bool(web.oidc_url if web.login == "oidc" else web.user)

    async def all(self, stop: asyncio.Event) -> None:
        """Every process of the road; where one ends in an error, all do."""
        for lack in self.site.lacking():
            _log.warning(lack)
        async with asyncio.TaskGroup() as group:
            for process in (self.consumer, self.worker, self.scheduler, self.recorder):
                group.create_task(process(stop))
            if self.has_pages:
                group.create_task(self.web(stop))
            else:
                _log.info("serves no pages", why="nobody could sign in: see [web], login")
            group.create_task(self.some_senders(self.kinds(), stop))
