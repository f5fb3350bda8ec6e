"""Destinations in parts: in one order, whatever their size, and whatever changes meanwhile."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from fmn.model import Destination, DestinationId, RuleId
from fmn.rules.match_set import Chosen
from fmn.rules.plan import plan_of
from fmn.rules.roster import card_of
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.factories import a_message

Places = list[tuple[str, str]]
"""Kind and id of each of a user's destinations."""

IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
USERS = st.lists(
    st.lists(st.tuples(st.sampled_from(["push", "email", "irc"]), IDS), max_size=4),
    max_size=6,
).filter(lambda users: len({id_ for _, id_ in chain(*users)}) == len(list(chain(*users))))


def put(rules: RuleSet, user: str, places: Places) -> None:
    """Give a user two rules: one tells all these destinations, one every other."""
    told = tuple(Destination(DestinationId(id_), user, id_, kind, id_) for kind, id_ in places)
    asked = [("all", told), ("some", told[::2])]
    made = [
        Rule(RuleId(name), user, name.title(), (), to, everything=True) for name, to in asked if to
    ]
    rules.put(card_of(user, told, made), [plan_of(rule.filters) for rule in made])


def seen(chosen: list[Chosen]) -> list[tuple[str, str, str, list[str]]]:
    return [
        (each.destination.kind, each.destination.id, each.destination.user, list(each.rules))
        for each in chosen
    ]


@given(users=USERS, size=st.integers(1, 8), later=st.integers(0, 3))
def test_parts_are_by_kind_then_id_and_are_settled_with_the_first(
    users: list[Places], size: int, later: int
) -> None:
    rules = RuleSet()
    for number, places in enumerate(users):
        put(rules, f"u{number}", places)
    expected = sorted(
        (kind, id_, f"u{number}", ["all"] if at % 2 else ["all", "some"])
        for number, places in enumerate(users)
        for at, (kind, id_) in enumerate(places)
    )
    parts = rules.match(a_message()).parts(size)
    made = [seen(next(parts))]
    for number in range(len(users) + 1):  # everybody changes theirs, and somebody is new
        put(rules, f"u{number}", [("irc", f"new-{number}-{n}") for n in range(later)])
    rules.seal()()
    made += map(seen, parts)
    assert list(chain(*made)) == expected
    assert {len(part) for part in made[:-1]} <= {size}
    assert len(made[-1]) <= size
