"""What senders learned becomes the state of a destination, once, and on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.config import Bouncing
from fmn.emission import Learned, News
from fmn.model import Destination, DestinationId, DestinationState, UserId
from fmn.storage.accounts import delete_account
from fmn.storage.engine import writing
from fmn.storage.learned import forget_refusals, learn
from tests.storage.factories import KINDS, NOON, loaded, saved, some_preferences

THREE = Bouncing(refusals=3, within=timedelta(days=14))
WORDS = "no such mailbox (550)"


def refused(of: str, at: datetime = NOON, reason: str = WORDS) -> Learned:
    return Learned(DestinationId("alice-email"), News.REFUSED, of, reason, at)


def learned(news: News, reason: str = "") -> Learned:
    return Learned(DestinationId("alice-email"), news, "m-1:alice-email", reason, NOON)


async def told(engine: AsyncEngine, *lines: Learned) -> int:
    return await learn(engine, lines, kinds=KINDS, bouncing=THREE)


async def destination(engine: AsyncEngine) -> Destination:
    found = await loaded(engine)
    assert found is not None
    return found.destinations[0]


async def alice(
    engine: AsyncEngine,
    state: DestinationState = DestinationState.ACTIVE,
    until: datetime | None = None,
) -> int:
    some = some_preferences()
    (to,) = (replace(each, state=state, until=until) for each in some.destinations)
    rules = tuple(replace(rule, destinations=(to,)) for rule in some.rules)
    return await saved(engine, replace(some, destinations=(to,), rules=rules))


async def test_an_address_that_refuses_often_enough_is_bouncing_in_the_peers_words(
    engine: AsyncEngine,
) -> None:
    saved_at = await alice(engine)
    assert await told(engine, refused("1"), refused("2")) == 0
    assert (await destination(engine)).state is DestinationState.ACTIVE

    version = await told(engine, refused("3", reason="mailbox is gone (550)"))

    assert version > saved_at  # which workers are told
    to = await destination(engine)
    assert (to.state, to.reason) == (DestinationState.BOUNCING, "mailbox is gone (550)")


async def test_the_same_refusal_told_again_counts_once(engine: AsyncEngine) -> None:
    await alice(engine)
    await told(engine, *[refused("1")] * 5, *[refused("2")] * 5)
    assert (await destination(engine)).state is DestinationState.ACTIVE


async def test_refusals_long_ago_do_not_count(engine: AsyncEngine) -> None:
    await alice(engine)
    long_ago = NOON - timedelta(days=15)
    await told(engine, refused("1", long_ago), refused("2", long_ago), refused("3"))
    assert (await destination(engine)).state is DestinationState.ACTIVE


async def test_who_confirms_begins_anew(engine: AsyncEngine) -> None:
    await alice(engine)
    await told(engine, refused("1"), refused("2"), refused("3"), learned(News.PROVEN))
    assert (await destination(engine)).state is DestinationState.ACTIVE
    await told(engine, refused("4"), refused("5"))
    assert (await destination(engine)).state is DestinationState.ACTIVE


async def test_an_address_that_proved_itself_is_active(engine: AsyncEngine) -> None:
    await alice(engine, DestinationState.UNCONFIRMED)
    assert await told(engine, learned(News.PROVEN)) > 0
    assert (await destination(engine)).state is DestinationState.ACTIVE


async def test_what_comes_back_late_does_not_count_once_it_is_confirmed_again(
    engine: AsyncEngine,
) -> None:
    await alice(engine)
    await told(engine, *(refused(str(number)) for number in range(5)), learned(News.PROVEN))
    await told(engine, refused("6"), refused("7"))
    assert (await destination(engine)).state is DestinationState.ACTIVE


async def test_a_pause_that_is_over_saves_nobody(engine: AsyncEngine) -> None:
    await alice(engine, DestinationState.PAUSED, until=NOON - timedelta(days=1))
    await told(engine, refused("1"), refused("2"), refused("3"))
    to = await destination(engine)
    assert (to.state, to.until) == (DestinationState.BOUNCING, None)


async def test_a_pause_is_not_ended_by_what_is_learned(engine: AsyncEngine) -> None:
    await alice(engine, DestinationState.PAUSED)
    assert await told(engine, learned(News.PROVEN)) == 0
    assert await told(engine, refused("1"), refused("2"), refused("3")) == 0
    assert (await destination(engine)).state is DestinationState.PAUSED


async def test_an_address_that_is_gone_is_gone_at_once_and_stays_so(engine: AsyncEngine) -> None:
    await alice(engine)
    assert await told(engine, learned(News.GONE, "the subscription has ended (410)")) > 0
    assert await told(engine, learned(News.PROVEN), learned(News.GONE, "again")) == 0
    to = await destination(engine)
    assert (to.state, to.reason) == (DestinationState.GONE, "the subscription has ended (410)")


async def test_what_is_learned_of_nobody_changes_nothing(engine: AsyncEngine) -> None:
    await alice(engine)
    async with writing(engine) as connection:
        await delete_account(connection, UserId("id-of-alice"))
    stranger = replace(learned(News.GONE), destination=DestinationId("d-of-nobody"))
    assert await told(engine, learned(News.PROVEN), learned(News.GONE), stranger) == 0


async def test_old_refusals_are_forgotten(engine: AsyncEngine) -> None:
    await alice(engine)
    await told(engine, refused("1", NOON - timedelta(days=2)), refused("2"))
    async with writing(engine) as connection:
        assert await forget_refusals(connection, NOON - timedelta(days=1)) == 1
        assert await forget_refusals(connection, NOON - timedelta(days=1)) == 0
