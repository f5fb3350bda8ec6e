"""Accounts: found by name or id, listed for operators, and erased so that nothing is left."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Outcome, State
from fmn.errors import PreferencesError
from fmn.model import DestinationId, Message, MessageId, RuleId, UserId, key_of
from fmn.preferences.values import Preferences
from fmn.rules.me import Memberships
from fmn.rules.roster import Card
from fmn.storage import audit, tables
from fmn.storage.accounts import (
    Account,
    account,
    account_by_id,
    accounts,
    delete_account,
    erased_since,
    set_time_zone,
)
from fmn.storage.cards import cards
from fmn.storage.editing import edit
from fmn.storage.engine import reading, writing
from fmn.storage.history import deliveries
from fmn.storage.preferences import changed_since, newest
from fmn.storage.tokens import issue, present
from fmn.storage.watch import WatchedRules
from tests.storage.factories import (
    KINDS,
    NOON,
    a_destination,
    a_rule,
    eventually,
    loaded,
    recorded,
    saved,
    some_preferences,
)

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")
WEEK = timedelta(days=7)


async def found(engine: AsyncEngine, name: str = "alice") -> Account | None:
    async with reading(engine) as connection:
        return await account(connection, name)


async def found_by_id(engine: AsyncEngine, user: UserId = ALICE) -> Account | None:
    async with reading(engine) as connection:
        return await account_by_id(connection, user)


async def listed(
    engine: AsyncEngine, search: str = "", *, after: str = "", limit: int = 50
) -> list[str]:
    async with reading(engine) as connection:
        some = await accounts(connection, search=search, after=after, limit=limit)
        return [each.name for each in some]


async def deleted(engine: AsyncEngine, user: UserId = ALICE) -> frozenset[str]:
    async with writing(engine) as connection:
        return await delete_account(connection, user)


async def with_accounts(engine: AsyncEngine, *names: str) -> None:
    for name in names:
        await saved(engine, Preferences(UserId(f"id-of-{name}"), name))


async def test_an_account_is_found_by_name_and_by_id(engine: AsyncEngine) -> None:
    before = datetime.now(UTC)
    await with_accounts(engine, "alice", "bob")
    alice = await found(engine)
    assert alice is not None
    assert alice == Account(ALICE, "alice", "", alice.created)
    assert before <= alice.created <= datetime.now(UTC)
    assert await found_by_id(engine) == alice
    assert await found(engine, "ALICE") is None
    assert await found_by_id(engine, UserId("alice")) is None


async def test_a_time_zone_is_kept_through_edits(engine: AsyncEngine) -> None:
    await with_accounts(engine, "alice", "bob")
    async with writing(engine) as connection:
        await set_time_zone(connection, ALICE, "Europe/Prague")
    await saved(engine, some_preferences("alice"))
    zones = {
        name: each.time_zone for name in ("alice", "bob") if (each := await found(engine, name))
    }
    assert zones == {"alice": "Europe/Prague", "bob": ""}


async def test_accounts_are_listed_by_name_page_by_page(engine: AsyncEngine) -> None:
    await with_accounts(engine, "dora", "alice", "charlie", "bob")
    first = await listed(engine, limit=3)
    assert first == ["alice", "bob", "charlie"]
    assert await listed(engine, after=first[-1], limit=3) == ["dora"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("li", ["alice", "charlie"]),
        ("LI", ["alice", "charlie"]),
        ("%", ["100%"]),
        ("_", ["a_b"]),
        ("/", ["x/y"]),
        ("\\", ["x\\y"]),
        ("a%e", []),
        ("' OR 1=1 --", []),
        ("\x00", []),
    ],
)
async def test_a_search_finds_who_has_these_letters_in_the_name(
    engine: AsyncEngine, search: str, expected: list[str]
) -> None:
    await with_accounts(engine, "alice", "charlie", "bob", "100%", "a_b", "x/y", "x\\y")
    assert await listed(engine, search) == expected


async def with_all_sorts(engine: AsyncEngine) -> str:
    """Give alice something in every table that knows users; return her session."""
    irc = replace(a_destination("irc"), address="alice-on-irc", reason="alice+irc@example.org")
    both = replace(
        some_preferences("alice", a_rule("about my-secret"), a_rule("another", irc)),
        destinations=(a_destination(), irc),
        groups=("alice-sig",),
    )
    await saved(engine, both)
    await saved(engine, replace(both, destinations=(irc,), rules=both.rules[1:]))
    await recorded(engine, bounced(ALICE))
    async with writing(engine) as connection:
        await set_time_zone(connection, ALICE, "Europe/Prague")
        await audit.note(connection, by="root", action="looked", about="alice", detail="my-secret")
        await audit.note(connection, by="alice", action="looked", about="bob")
        expires = datetime.now(UTC) + WEEK
        return await issue(
            connection, ALICE, "session", name="alice", scopes=frozenset(), expires=expires
        )


def bounced(user: UserId) -> Outcome:
    name = user.removeprefix("id-of-")
    key = key_of(MessageId("m"), DestinationId(f"{name}-irc"))
    rules, reason = (RuleId(f"{name}-another"),), f"550 <{name}+email@example.org>: unknown"
    return Outcome(key, "irc", rules, State.FAILED, NOON, attempts=1, reason=reason)


async def all_there_is(engine: AsyncEngine) -> str:
    """Return every row of every table."""
    async with reading(engine) as connection:
        rows = [
            f"{table.name}: {tuple(row)}"
            for table in tables.metadata.sorted_tables
            for row in await connection.execute(select(table))
        ]
    return "\n".join(rows)


async def test_a_deleted_account_leaves_nothing_of_whom_it_was(engine: AsyncEngine) -> None:
    await with_all_sorts(engine)
    before = await all_there_is(engine)
    await deleted(engine)
    after = (await all_there_is(engine)).replace(ALICE, "the opaque id")
    after = after.replace("alice-email", "an opaque id").replace("alice-irc", "an opaque id")
    for secret in ("alice", "example.org", "my-secret", "Prague"):
        assert secret in before
        assert secret not in after


async def test_all_destinations_it_ever_had_are_named_for_purging(engine: AsyncEngine) -> None:
    before = datetime.now(UTC)
    await with_all_sorts(engine)
    await saved(engine, some_preferences("bob"))
    assert await deleted(engine) == {"alice-email", "alice-irc"}
    async with reading(engine) as connection:
        assert await erased_since(connection, before) == {"alice-email", "alice-irc"}
        assert await erased_since(connection, datetime.now(UTC)) == set()


async def test_what_others_have_stays(engine: AsyncEngine) -> None:
    bob = replace(
        some_preferences("bob"), destinations=(a_destination("irc", user="bob"),), rules=()
    )
    await saved(engine, bob)
    await recorded(engine, bounced(BOB))
    await with_all_sorts(engine)
    await deleted(engine)
    assert await loaded(engine, "bob") == bob
    async with reading(engine) as connection:
        assert [each.user for each in await deliveries(connection)] == ["bob"]
        assert [entry.about for entry in await audit.entries(connection)] == [
            "bob",
            "deleted id-of-alice",
        ]


async def test_nobody_finds_a_deleted_account(engine: AsyncEngine) -> None:
    session = await with_all_sorts(engine)
    await with_accounts(engine, "bob")
    await deleted(engine)
    assert await found(engine) is None
    assert await found_by_id(engine) is None
    assert await found(engine, "deleted id-of-alice") is None
    assert await loaded(engine, "deleted id-of-alice") is None
    assert await listed(engine) == ["bob"]
    assert await listed(engine, "deleted") == []
    async with reading(engine) as connection:
        assert await present(connection, session, "session") is None


async def test_deleting_twice_is_deleting_once(engine: AsyncEngine) -> None:
    await with_all_sorts(engine)
    await deleted(engine)
    before = await all_there_is(engine)
    assert await deleted(engine) == frozenset()
    assert await deleted(engine, UserId("nobody")) == frozenset()
    assert await all_there_is(engine) == before


async def test_the_feed_says_that_nothing_is_left(engine: AsyncEngine) -> None:
    await with_all_sorts(engine)
    await saved(engine, some_preferences("bob"))
    async with reading(engine) as connection:
        version = await newest(connection)
    await deleted(engine)
    async with reading(engine) as connection:
        assert await changed_since(connection, version) == ({ALICE}, version + 1)
        (nothing,) = [user async for user in cards(connection, KINDS, {ALICE})]
    assert nothing == (ALICE, Card("deleted id-of-alice", (), ()), ())


async def test_a_worker_that_knew_the_rules_matches_nothing_any_more(engine: AsyncEngine) -> None:
    update = Message(MessageId("m"), "org.fedoraproject.prod.bodhi.update.request")
    await saved(engine, some_preferences("alice"))
    rules = WatchedRules(engine, KINDS, Memberships())
    await rules.load()
    assert list(rules.current.match(update).by_user()) == ["alice"]
    following = asyncio.create_task(rules.follow(lambda _pause: asyncio.sleep(0.01)))
    await deleted(engine)
    await eventually(lambda: not rules.current.match(update).by_user())
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_whoever_has_the_name_next_gets_an_account_of_their_own(
    engine: AsyncEngine,
) -> None:
    await with_all_sorts(engine)
    await deleted(engine)
    new, _ = await edit(engine, "alice", KINDS, lambda now: now, by="alice", make=True)
    assert new.id != ALICE
    assert new == Preferences(new.id, "alice")
    assert await loaded(engine) == new
    assert await deleted(engine, new.id) == frozenset()  # and may be deleted, too
    assert await found(engine) is None


async def test_nobody_brings_a_deleted_account_back(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    await deleted(engine)
    with pytest.raises(PreferencesError, match="alice"):
        await saved(engine, some_preferences("alice"))
    assert await found(engine) is None


async def test_news_that_comes_late_is_nobodys(engine: AsyncEngine) -> None:
    await with_all_sorts(engine)
    await deleted(engine)
    await recorded(engine, bounced(ALICE))
    async with reading(engine) as connection:
        late: Sequence[object] = [
            (each.user, each.address) for each in await deliveries(connection)
        ]
    assert late == [(None, None)]
