"""A lane at its mark: what a worker makes on top of it is withheld."""

import asyncio
from collections.abc import Sequence

from fmn.emission import Chunk, Emission, Withheld
from fmn.model import Message, Origin
from fmn.queues import keys
from fmn.queues.channels import Channels, Judge
from fmn.queues.connection import Connection
from fmn.queues.entries import unpack
from fmn.queues.figures import figures
from fmn.queues.held import HeldLane, Others
from fmn.queues.intake import Intake
from fmn.report.gathered import ledger_of
from fmn.report.ledger import Notifications
from tests.queues.conftest import Member

TIMES = 30.0
MARK = 3


async def handle(member: Member, judge: Judge, messages: Sequence[Message]) -> None:
    """Have a worker handle messages, one after another, with a mark of three chunks a lane."""
    stop = asyncio.Event()
    left = len(messages)

    def judged(message: Message, origin: Origin) -> Emission:
        nonlocal left
        left -= 1
        if not left:
            stop.set()
        return judge(message, origin)

    for message in messages:
        await Intake(member.connection, member.life).put([message])
    worker = Channels(member.connection, member.life, batch=9, lane_mark=MARK)
    async with asyncio.timeout(TIMES):
        await worker.each(judged, stop)


async def chunks_in(connection: Connection, kind: str, k: int = 0) -> list[Chunk]:
    entries = await connection.do("XRANGE", keys.outbox(k, kind), "-", "+")
    return [unpack(flat[flat.index(b"d") + 1], Chunk) for _, flat in entries]


async def notifications(connection: Connection) -> Notifications:
    """Return what the ledger says, which must add up."""
    ledger = ledger_of(await figures(connection))
    assert ledger.balanced, ledger.as_json()
    return ledger.notifications


def held_lane(member: Member) -> HeldLane:
    return HeldLane(member.connection, member.life, batch=100, lane_mark=MARK)


async def keep(member: Member, entries: int, others: Others = ()) -> list[Withheld]:
    """Read the lane `held` as a scheduler does; return what it was given."""
    stop, kept = asyncio.Event(), list[Withheld]()

    async def put(withheld: Sequence[Withheld]) -> Others:
        kept.extend(withheld)
        if len(kept) >= entries:
            stop.set()
        return others

    async with asyncio.timeout(TIMES):
        await held_lane(member).each(put, stop)
    return kept
