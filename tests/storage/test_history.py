import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Handled, Outcome, State
from fmn.model import DestinationId, Message, MessageId, Ownership, RuleId, Severity, key_of
from fmn.rules.access import Field
from fmn.storage import tables
from fmn.storage.candidates import Seen, seen
from fmn.storage.engine import reading, writing
from fmn.storage.history import Delivery, deliveries, forget
from tests.storage.factories import NOON, a_destination, a_rule, recorded, saved, some_preferences

MESSAGE = Message(
    id=MessageId("urn:uuid:1"),
    topic="org.fedoraproject.prod.copr.build.end",
    app="copr",
    agent="bob",
    users=frozenset({"alice", "bob"}),
    groups=frozenset({"python-sig"}),
    artifacts=frozenset({"rpms/kernel", "containers/fedora"}),
    owners=(Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"kernel-sig"})),),
    severity=Severity.WARNING,
    summary="a build failed",
    text="It failed.\nBadly.",
    url="https://copr.example.org/1",
    sent_at=NOON,
    private=True,
    body=b'{"build": 1.10}',
)
PUBLIC = replace(MESSAGE, private=False)


def handled(message: Message = MESSAGE, *, minutes: int = 0) -> Handled:
    return Handled(message, NOON + timedelta(minutes=minutes), version=7, notifications=2)


def outcome(
    state: State = State.SENT, *, message: str = "m", destination: str = "d", minutes: int = 0
) -> Outcome:
    return Outcome(
        key=key_of(MessageId(message), DestinationId(destination)),
        kind="email",
        rules=(RuleId("r"),),
        state=state,
        at=NOON + timedelta(minutes=minutes),
    )


async def told(engine: AsyncEngine) -> list[Delivery]:
    async with reading(engine) as connection:
        return await deliveries(connection)


async def messages(engine: AsyncEngine) -> Sequence[Row[Any]]:
    async with reading(engine) as connection:
        return (await connection.execute(select(tables.messages))).all()


async def counts(engine: AsyncEngine) -> tuple[int | None, ...]:
    async with reading(engine) as connection:
        return (
            await connection.scalar(select(func.count()).select_from(tables.messages)),
            await connection.scalar(select(func.count()).select_from(tables.deliveries)),
        )


async def counted(engine: AsyncEngine, field: Field) -> list[Seen]:
    async with reading(engine) as connection:
        return await seen(connection, field)


async def test_a_message_is_kept_with_its_facts_and_who_judged(engine: AsyncEngine) -> None:
    await recorded(engine, handled())
    (row,) = await messages(engine)
    assert row.facts == {
        "topic": "org.fedoraproject.prod.copr.build.end",
        "app": "copr",
        "agent": "bob",
        "users": ["alice", "bob"],
        "groups": ["python-sig"],
        "artifacts": ["containers/fedora", "rpms/kernel"],
        "severity": 30,
        "summary": "a build failed",
        "text": "It failed.\nBadly.",
        "url": "https://copr.example.org/1",
    }
    assert row.owners == [{"artifact": "rpms/kernel", "users": ["alice"], "groups": ["kernel-sig"]}]
    assert (row.id, row.body, row.private) == ("urn:uuid:1", b'{"build": 1.10}', True)
    assert (row.sent_at, row.handled_at, row.version, row.notifications) == (NOON, NOON, 7, 2)


async def test_a_message_is_written_once(engine: AsyncEngine) -> None:
    await recorded(engine, handled(), handled(minutes=1))
    await recorded(engine, handled(minutes=2))
    assert [row.handled_at for row in await messages(engine)] == [NOON]


async def test_a_delivery_is_told_by_names(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice", a_rule("Updates"), a_rule("Builds")))
    key = key_of(MessageId("urn:uuid:1"), a_destination().id)
    refused = Outcome(
        key=key,
        kind="email",
        rules=(a_rule("Builds").id, a_rule("Updates").id),
        state=State.FAILED,
        at=NOON,
        attempts=1,
        reason="550 no such user",
    )
    await recorded(engine, handled(), refused)
    expected = Delivery(
        message=MessageId("urn:uuid:1"),
        user="alice",
        destination="email",
        kind="email",
        address="alice+email@example.org",
        rules=("Builds", "Updates"),
        state=State.FAILED,
        reason="550 no such user",
    )
    assert await told(engine) == [expected]


async def test_a_delivery_keeps_the_names_of_what_was_deleted(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice", a_rule("Updates")))
    line = replace(
        outcome(destination=a_destination().id), rules=(a_rule("Updates").id,), state=State.SENT
    )
    await recorded(engine, line)
    await saved(engine, replace(some_preferences("alice"), destinations=(), rules=()))
    (found,) = await told(engine)
    assert (found.user, found.destination, found.rules) == ("alice", "email", ("Updates",))


async def test_a_delivery_of_somebody_unknown_is_recorded_all_the_same(
    engine: AsyncEngine,
) -> None:
    await recorded(engine, replace(outcome(State.FAILED), reason="alice@example.org: no such user"))
    expected = Delivery(
        message=MessageId("m"),
        user=None,
        destination=None,
        kind="email",
        address=None,
        rules=("r",),
        state=State.FAILED,
        reason=None,
    )
    assert await told(engine) == [expected]


async def test_of_a_deleted_account_nothing_is_recorded(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    await saved(engine, some_preferences("bob"))
    alices, bobs = a_destination(user="alice").id, a_destination(user="bob").id
    async with writing(engine) as connection:
        gone = update(tables.users).where(tables.users.c.name == "alice").values(deleted=NOON)
        await connection.execute(gone)
    await recorded(engine, outcome(destination=alices), outcome(destination=bobs))
    assert [each.user for each in await told(engine)] == ["bob"]


async def test_the_later_of_two_failed_attempts_is_the_one_people_see(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    alices = outcome(State.RETRYING, destination=a_destination().id)
    first = replace(alices, attempts=1, reason="refused")
    second = replace(alices, at=NOON + timedelta(minutes=1), attempts=2, reason="no answer")
    await recorded(engine, second, first)
    assert [each.reason for each in await told(engine)] == ["no answer"]


async def test_deliveries_are_told_in_the_order_of_their_news(engine: AsyncEngine) -> None:
    late, early = outcome(message="a", minutes=2), outcome(message="b", minutes=1)
    await recorded(engine, late, early)
    assert [each.message for each in await told(engine)] == ["b", "a"]


async def test_bad_text_does_not_cost_the_batch(engine: AsyncEngine) -> None:
    bad = "a\0b\ud800c"
    message = replace(
        MESSAGE,
        id=MessageId("bad"),
        topic=bad,
        users=frozenset({bad}),
        owners=(Ownership(bad, frozenset({bad})),),
        summary=bad,
        body=b'"\\u0000 \xff\x00"',
    )
    await saved(engine, some_preferences("alice"))
    line = replace(outcome(destination=a_destination().id), reason=bad)
    await recorded(engine, handled(message), handled(), line)
    by_id = {row.id: row for row in await messages(engine)}
    assert set(by_id) == {"bad", "urn:uuid:1"}
    clean = "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    facts = by_id["bad"].facts
    assert (facts["topic"], facts["users"], facts["summary"]) == (clean, [clean], clean)
    assert by_id["bad"].owners == [{"artifact": clean, "users": [clean], "groups": []}]
    assert by_id["bad"].body == b'"\\u0000 \xff\x00"'
    assert [each.reason for each in await told(engine)] == [clean]


async def test_two_recorders_may_write_the_same_lines_at_once(engine: AsyncEngine) -> None:
    lines = [outcome(message=f"{number}") for number in range(200)]
    await asyncio.gather(
        recorded(engine, *lines), recorded(engine, *reversed(lines)), recorded(engine, *lines)
    )
    assert await counts(engine) == (0, 200)


async def test_what_is_too_long_for_an_index_does_not_cost_the_batch(engine: AsyncEngine) -> None:
    # As incompressible as text gets: PostgreSQL would squeeze a repetition into its index.
    long = "".join(sha256(f"{number}".encode()).hexdigest() for number in range(100))
    message = replace(MESSAGE, url=f"https://example.org/{long}", users=frozenset({long}))
    await recorded(engine, handled(message))
    (row,) = await messages(engine)
    assert (row.facts["url"], row.facts["users"]) == (message.url, [long])


async def test_two_recorders_may_count_the_same_values_at_once(engine: AsyncEngine) -> None:
    lines = [
        handled(replace(PUBLIC, id=MessageId(f"{number}"), topic=f"topic.{number % 7}"))
        for number in range(60)
    ]
    batches = [lines[:40], lines[:19:-1], lines[10:50], lines[::-2]]
    await asyncio.gather(*(recorded(engine, *batch) for batch in batches))
    assert await counted(engine, "application") == [Seen("copr", 60)]
    topics = {f"topic.{rest}": len(range(rest, 60, 7)) for rest in range(7)}
    assert {each.value: each.messages for each in await counted(engine, "topic")} == topics


async def test_a_message_told_again_counts_once(engine: AsyncEngine) -> None:
    await recorded(engine, handled(PUBLIC), handled(PUBLIC, minutes=1))
    await recorded(engine, handled(PUBLIC, minutes=2))
    assert await counted(engine, "artifact") == [
        Seen("containers/fedora", 1),
        Seen("rpms/kernel", 1),
    ]
    assert await counted(engine, "owning group") == [Seen("kernel-sig", 1)]
    assert await counted(engine, "severity") == [Seen("warning", 1)]


async def test_many_messages_take_as_many_statements_as_a_few(engine: AsyncEngine) -> None:
    statements: list[str] = []
    event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda *execution: statements.append(execution[2]),
    )
    needed = []
    for number in (2, 100):
        statements.clear()
        lines = [
            line
            for each in range(number)
            for line in (
                handled(replace(MESSAGE, id=MessageId(f"{number} {each}"), agent=f"{each}")),
                outcome(message=f"{number} {each}", destination=f"{each}"),
            )
        ]
        await recorded(engine, *lines)
        needed.append(len(statements))
    assert needed[0] == needed[1]


async def test_nothing_to_record_is_no_fault(engine: AsyncEngine) -> None:
    await recorded(engine)
    assert await counts(engine) == (0, 0)


async def test_what_is_old_is_forgotten_a_little_at_a_time(engine: AsyncEngine) -> None:
    for minutes in range(5):
        message = replace(MESSAGE, id=MessageId(f"{minutes}"))
        line = outcome(message=f"{minutes}", minutes=minutes)
        await recorded(engine, handled(message, minutes=minutes), line)
    gone = []
    for _ in range(4):
        async with writing(engine) as connection:
            gone.append(
                await forget(
                    connection,
                    messages_before=NOON + timedelta(minutes=3),
                    deliveries_before=NOON + timedelta(minutes=1),
                    at_most=2,
                )
            )
    assert gone == [3, 1, 0, 0]
    assert sorted(row.id for row in await messages(engine)) == ["3", "4"]
    assert [each.message for each in await told(engine)] == ["1", "2", "3", "4"]


async def test_what_is_forgotten_cannot_be_found_any_more(engine: AsyncEngine) -> None:
    old = replace(PUBLIC, id=MessageId("old"), agent="charlie")
    new = replace(PUBLIC, id=MessageId("new"))
    await recorded(engine, handled(old), handled(new, minutes=2))
    async with writing(engine) as connection:
        before = NOON + timedelta(minutes=1)
        gone = await forget(connection, messages_before=before, deliveries_before=before)
    assert gone == 2, "a message and the value that stood in no other"
    assert await counted(engine, "agent") == [Seen("bob", 1)]
    async with reading(engine) as connection:
        numbers = set(await connection.scalars(select(tables.message_keys.c.message)))
        kept = set(await connection.scalars(select(tables.messages.c.number)))
    assert numbers == kept
