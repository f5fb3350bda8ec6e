from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Outcome, State
from fmn.model import Key, RuleId
from fmn.storage import tables
from fmn.storage.engine import reading, writing
from tests.storage.factories import NOON, a_destination, recorded, saved, some_preferences

ORDER = ["duplicate", "held", "retrying", "suppressed", "dead", "failed", "sent"]
"""A record never goes back in this order; a duplicate says nothing of the first one."""


@st.composite
def outcomes(draw: st.DrawFn) -> list[Outcome]:
    """Draw news of a few notifications; no two at the same moment."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["urn:uuid:1:alice-d", "urn:uuid:1:alice-e", "2:alice-d"]),
                st.sampled_from(State),
                st.integers(0, 5),
                st.none() | st.just("duplicate") | st.text(max_size=3),
            ),
            max_size=8,
        )
    )
    return [
        Outcome(
            key=Key(key),
            kind="email",
            rules=(RuleId(f"rule-{minute}"),),
            state=state,
            at=NOON + timedelta(minutes=minute),
            attempts=attempts,
            reason=reason,
        )
        for minute, (key, state, attempts, reason) in enumerate(drawn)
    ]


def final(lines: Sequence[Outcome]) -> dict[str, tuple[object, ...]]:
    """Say what shall be known of each notification, whatever the order of its news."""
    known: dict[str, tuple[object, ...]] = {}
    for key in {line.key for line in lines}:
        mine = [line for line in lines if line.key == key]
        last = max(mine, key=lambda line: (ORDER.index(word_of(line)), line.at))
        reason = last.reason and last.reason.replace("\0", "\N{REPLACEMENT CHARACTER}")
        attempts = max(line.attempts for line in mine)
        known[key] = (last.state, reason, last.at, list(last.rules), attempts)
    return known


def word_of(line: Outcome) -> str:
    again = line.state is State.SUPPRESSED and line.reason == "duplicate"
    return "duplicate" if again else line.state


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=outcomes(), more=st.data())
async def test_news_in_any_order_and_more_than_once_come_to_the_same(
    engine: AsyncEngine, lines: list[Outcome], more: st.DataObject
) -> None:
    # What is told of destinations that nobody knows loses its reason: these are alice's.
    mine = (a_destination("d"), a_destination("e"))
    await saved(engine, replace(some_preferences(), destinations=mine, rules=()))
    repeats = more.draw(st.lists(st.sampled_from(lines), max_size=4)) if lines else []
    shuffled = more.draw(st.permutations([*lines, *repeats]))
    cut = more.draw(st.integers(0, len(shuffled)))
    async with writing(engine) as connection:
        await connection.execute(delete(tables.deliveries))
    await recorded(engine, *shuffled[:cut])
    await recorded(engine, *shuffled[cut:])
    table = tables.deliveries.c
    async with reading(engine) as connection:
        found = await connection.execute(
            select(table.key, table.state, table.reason, table.at, table.rules, table.attempts)
        )
    assert {key: tuple(rest) for key, *rest in found} == final(lines)
