"""The benchmark measures what it says, and both sides agree; how fast is no matter of a test."""

from hypothesis import given
from hypothesis import strategies as st

from fmn.bench.rules.crowds import SMALL
from fmn.bench.rules.loop import Loop
from fmn.bench.rules.measured import Plan, measured
from fmn.bench.rules.messages import message, messages
from fmn.bench.rules.rows import Reading, RuleRow, UserRow
from fmn.bench.rules.timing import Contest
from fmn.bench.rules.workload import row, rows
from fmn.bench.rules.world import World
from fmn.model import Message, RuleId
from fmn.preferences.codec import filters_to_json
from fmn.rules.filter import Filter
from fmn.rules.me import Me, Memberships
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.strategies import filters
from tests.rules.strategies import messages as any_messages

SCALE = [
    *("messages", "match p50", "match p99", "÷ the loop", "differences from the loop"),
    *("rules in the loop", "build", "build, reading rows", "build, sealing"),
    *("bytes of a rule", "bytes of a rule, cards"),
    *("mean matches", "mean keys", "mean candidates", "mean asked"),
    *("rows of an edit read", "edit of 5 rules", "edit, the longest", "match, nothing pending"),
    *("match, 10 edits pending", "seal", "match p99 meanwhile", "match meanwhile, the longest"),
]
CROWDS = [
    *("0 recipients", "1 recipients", "200 recipients"),
    *("200 on a condition, not by me", "200 on a condition that does not hold"),
    *("200 thresholds, 10 reached", "200 thresholds, 100 reached"),
    *("20 thresholds, 10 reached",),
    *("200 words, 2 found", "200 words, 3 found"),
    *("200 regexes, 2 found", "200 regexes, 3 found"),
]
GROUPS = Memberships({"alice": frozenset({"kernel-sig", "bob"})})


async def test_it_measures_every_number_of_rules_and_finds_what_the_loop_finds() -> None:
    said = list[str]()
    plan = Plan(rules=(500, 50), rounds=2, messages=40, compared=30, edits=10, crowd=200)
    figures = await measured(plan, said.append)

    assert said[:4] == [
        "calibration",
        "50 rules, build",
        "50 rules, messages and loop",
        "50 rules, round 1",
    ]
    assert said[-1] == "500 rules, crowds"
    assert [figure.what for figure in figures] == [
        "this machine",
        *(f"{rules}: {what}" for rules in (50, 500) for what in SCALE),
        *CROWDS,
        f"{SMALL:,} recipients, 500 ÷ 50 rules",
    ]
    values = {figure.what: figure.value for figure in figures}
    assert [values[f"{rules}: differences from the loop"] for rules in (50, 500)] == [0, 0]
    assert all(value > 0 for what, value in values.items() if what.endswith(("matches", "µs")))
    aims = {figure.what: figure.target for figure in figures if figure.target}
    assert aims == {
        "50: differences from the loop": "≤ 0",
        "50: edit of 5 rules": "≤ 1,000",
        "500: differences from the loop": "≤ 0",
        "500: edit of 5 rules": "≤ 1,000",
        "1,000 recipients, 500 ÷ 50 rules": "≤ 1.3",
    }


def world_of(user: str, *rules: RuleRow) -> Loop:
    return Loop([UserRow(user, [], rules)], GROUPS)


@given(st.lists(filters(), max_size=5).map(tuple), any_messages(), st.booleans(), st.booleans())
def test_the_loop_says_what_the_rule_says(
    asked: tuple[Filter, ...], sent: Message, enabled: bool, everything: bool
) -> None:
    rule = Rule(RuleId("r"), "alice", "Mine", asked, (), enabled, everything)
    row = RuleRow("r", "Mine", filters_to_json(asked), (), enabled, everything)
    expected = (
        [("alice", "r")] if rule.matches(sent, Me("alice", GROUPS.groups_of("alice"))) else []
    )
    assert world_of("alice", row).match(sent) == expected


def test_the_same_seed_makes_the_same_rows_and_messages() -> None:
    one, same, other = World(500, seed=1), World(500, seed=1), World(500, seed=2)
    assert list(rows(one)) == list(rows(same)) != list(rows(other))
    assert list(messages(one, 0, 20)) == list(messages(same, 0, 20)) != list(messages(other, 0, 20))
    assert message(one, 7) == list(messages(one, 0, 8))[7]


def test_there_are_five_rules_of_each_user() -> None:
    every = list(rows(World(500)))
    assert (len(every), sum(len(each.rules) for each in every)) == (100, 500)
    assert len({each.user for each in every}) == 100


def test_a_user_who_edits_has_other_rules() -> None:
    world = World(500)
    assert row(world, 3).user == row(world, 3, edited=True).user
    assert row(world, 3).rules != row(world, 3, edited=True).rules


def test_rows_are_read_as_a_worker_needs_them() -> None:
    """Disabled rules, and those that ask for nothing and do not say so, can never match."""
    text = '[{"kind":"application","names":["koji"],"negate":true}]'
    asked = [RuleRow("a", "A", text, (0,)), RuleRow("b", "B", text, (0,), everything=True)]
    asked.append(RuleRow("c", "C", text, (0,), enabled=False, everything=True))
    card, plans = Reading().read(UserRow("alice", [("d", "email", "email", "a@b")], asked))
    assert [rule.id for rule in card.rules] == ["b"]
    assert [plan.is_everything for plan in plans] == [True]


def test_a_rule_that_only_one_of_both_finds_is_a_difference() -> None:
    world = World(100)
    everything = [each for each in rows(world) if any(rule.everything for rule in each.rules)]
    loop, nothing = Loop(everything, world.memberships), RuleSet(groups=world.memberships)
    sent = list(messages(world, 0, 30))
    found = sum(len(loop.match(each)) for each in sent)
    assert found > 0
    assert Contest(nothing, loop, 1).differences(sent) == found
