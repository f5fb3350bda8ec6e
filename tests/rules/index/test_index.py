"""The index against the naive reading: they say the same of every message, at any time."""

from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fmn.model import Message, Ownership, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.index import hashes, postings
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.cases import Changing, a_filter, a_message
from tests.rules.index.elsewhere import Broken, BrokenFor, Called, Grave, Listed, Long, Unready
from tests.rules.index.oracle import Oracle, agree, put
from tests.rules.index.scenes import (
    USERS,
    Scene,
    a_destination,
    aimed,
    memberships,
    messages,
    negated,
    preferences,
    scenes,
)


def both(users: Iterable[Preferences], known: Changing) -> tuple[RuleSet, Oracle]:
    """Return the rules of these users as they are and as the naive reading has them."""
    users = list(users)
    oracle = Oracle(known)
    for each in users:
        oracle.put(each)
    rules = (asked for each in users for asked in each.rules)
    destinations = (told for each in users for told in each.destinations)
    return RuleSet(rules, groups=known, destinations=destinations), oracle


@settings(max_examples=300)
@given(scenes())
def test_the_index_says_what_the_naive_reading_says(scene: Scene) -> None:
    rule_set, oracle = both(scene.users, scene.groups)
    for message in scene.sent:
        verdict = agree(rule_set, oracle, message)
        event(f"some match: {bool(verdict.rules)}")
        assert not verdict.may_raise


@settings(max_examples=200)
@given(scenes(frail=True))
def test_the_ways_that_are_for_many_rules_say_the_same(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes, "MANY", 0)
        patch.setattr(postings, "LARGE", 0)
        rule_set, oracle = both(scene.users, scene.groups)
        for message in scene.sent:
            agree(rule_set, oracle, message)


@settings(max_examples=150)
@given(scenes(frail=True))
def test_what_raises_is_named_and_the_rest_is_as_it_were(scene: Scene) -> None:
    rule_set, oracle = both(scene.users, scene.groups)
    for message in scene.sent:
        verdict = agree(rule_set, oracle, message)
        event(f"some raise: {bool(verdict.may_raise)}, some match: {bool(verdict.rules)}")


@settings(max_examples=100)
@given(scenes())
def test_what_is_put_later_is_found_as_what_was_there_at_first(scene: Scene) -> None:
    at_once, oracle = both(scene.users, scene.groups)
    later, sealed = (RuleSet(groups=scene.groups) for _ in range(2))
    for each in scene.users:
        put(later, each)
        put(sealed, each)
        sealed.seal()()
    for message in scene.sent:
        agree(later, oracle, message)
        agree(sealed, oracle, message)
        assert at_once.match(message).rules == later.match(message).rules


class Changes(RuleBasedStateMachine):
    """Users change their rules, groups change, and what was put is sealed some time."""

    sent: list[Message]
    job: Callable[[], None] | None = None

    @initialize(scene=scenes())
    def begin(self, scene: Scene) -> None:
        self.groups, self.sent = scene.groups, scene.sent
        self.rule_set, self.oracle = both(scene.users, scene.groups)

    @rule(theirs=st.sampled_from(USERS).flatmap(preferences))
    def put(self, theirs: Preferences) -> None:
        self.oracle.put(theirs)
        put(self.rule_set, theirs)

    @rule(user=st.sampled_from(USERS))
    def remove(self, user: str) -> None:
        self.put(Preferences(UserId(user), user))

    @precondition(lambda self: self.job is None)
    @rule()
    def seal(self) -> None:
        self.rule_set.seal()()
        assert not self.rule_set.is_ripe

    @precondition(lambda self: self.job is None)
    @rule()
    def begin_to_seal(self) -> None:
        self.job = self.rule_set.seal()

    @precondition(lambda self: self.job is not None)
    @rule()
    def end_sealing(self) -> None:
        assert self.job is not None
        self.job()
        self.job = None

    @rule(known=memberships())
    def change_groups(self, known: dict[str, frozenset[str]]) -> None:
        self.groups.change(**known)

    @rule(message=messages(), aim=st.integers(0, 9))
    def send(self, message: Message, aim: int) -> None:
        if aim < len(self.oracle.rules):
            message = aimed(message, self.oracle.rules[aim], self.groups.known)
        self.sent = [*self.sent[-4:], message]

    @invariant()
    def everything_sent_leads_to_what_the_naive_reading_says(self) -> None:
        for message in self.sent:
            agree(self.rule_set, self.oracle, message)


def test_the_index_says_so_after_any_change() -> None:
    run_state_machine_as_test(Changes, settings=settings(max_examples=100, stateful_step_count=15))


def a_user(user: str, *asked: tuple[Filter, ...]) -> Preferences:
    """Return a user with a rule for each of these, of which the last tells another destination."""
    told = [a_destination(user, name) for name in "ab"]
    rules = (
        Rule(RuleId(f"{user}-{place}"), user, f"Rule {place}", filters, (told[place % 2],))
        for place, filters in enumerate(asked)
    )
    return Preferences(UserId(user), user, (), tuple(told), tuple(rules))


KOJI = a_filter("application", names=["koji"])
MINE = a_filter("owner", users=["me"], groups=["mine"])


def test_rules_are_put_and_messages_matched_while_another_thread_seals() -> None:
    oracle = Oracle(Changing())
    rule_set = RuleSet()

    def change(user: str, word: str) -> None:
        theirs = a_user(user, (KOJI, a_filter("text", words=[word])), (MINE,))
        oracle.put(theirs)
        put(rule_set, theirs)

    for number in range(2_000):
        change(f"user-{number}", f"word-{number % 50}.")
    message = a_message(app="koji", summary="word-7. word-107.", users=frozenset({"user-5"}))
    for round_ in range(3):
        sealing = Thread(target=rule_set.seal())
        sealing.start()
        changed = 0
        while sealing.is_alive() or changed < 20:
            change(f"user-{changed * 50 + 7}", f"word-{100 + round_ + changed % 9}.")
            change(f"new-{round_}-{changed}", "word-7.")
            assert rule_set.match(message).rules
            changed += 1
        sealing.join()
        assert len(agree(rule_set, oracle, message).rules) > 20


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "broken", [Broken(topic="x"), BrokenFor(user="bob"), Long(least=0, most=3)]
)
def test_one_broken_rule_costs_no_other_a_match(broken: Filter, sealed: bool) -> None:
    users = [
        a_user("alice", (KOJI,), (Called(), KOJI)),
        a_user("bob", (broken,), (KOJI, broken), (KOJI,)),
        a_user("charlie", (Grave(),)),
    ]
    rule_set, oracle = RuleSet(), Oracle(Changing())
    for each in users:
        put(rule_set, each)
        oracle.put(each)
    if sealed:
        rule_set.seal()()
    message = a_message(topic="x.y", app="koji", summary="alice and bob")
    agree(rule_set, oracle, message)
    match = rule_set.match(message)
    assert [(each.user, each.name) for each in match.rules] == [
        ("alice", "Rule 0"),
        ("alice", "Rule 1"),
        ("bob", "Rule 2"),
    ]
    assert {each.rule.name for each in match.raised} == {"Rule 0", "Rule 1"}
    assert {each.rule.user for each in match.raised} == {"bob"}


def test_a_filter_that_cannot_say_its_keys_costs_no_other_rule_a_match() -> None:
    rules = [*a_user("alice", (KOJI, Unready())).rules, *a_user("bob", (KOJI,)).rules]
    match = RuleSet(rules).match(a_message(app="koji"))
    assert "bob" in [each.user for each in match.rules]


def test_a_filter_without_a_hash_is_asked_like_any_other() -> None:
    users = [
        a_user("alice", (Listed(users=["bob"]), KOJI), (KOJI,)),
        a_user("bob", (KOJI, Listed(users=["alice"]))),
    ]
    rule_set, oracle = both(users, Changing())
    assert len(agree(rule_set, oracle, a_message(app="koji", agent="bob")).rules) == 2


@pytest.mark.parametrize("matched", [False, True], ids=["before a match", "after one"])
def test_of_a_user_who_is_put_twice_the_last_rules_count(matched: bool) -> None:
    rule_set = RuleSet()
    put(rule_set, a_user("alice", (KOJI,), (KOJI,)))
    put(rule_set, a_user("bob", (KOJI,)))
    if matched:
        rule_set.match(a_message(app="koji"))
    put(rule_set, a_user("alice", (a_filter("application", names=["bodhi"]),)))
    assert [each.user for each in rule_set.match(a_message(app="koji")).rules] == ["bob"]
    assert [each.user for each in rule_set.match(a_message(app="bodhi")).rules] == ["alice"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first first", "second first"])
def test_two_seals_under_way_lose_nothing(order: tuple[int, int]) -> None:
    rule_set, jobs = RuleSet(), list[Callable[[], None]]()
    for number in range(2):
        put(rule_set, a_user(f"user-{number}", (KOJI,)))
        jobs.append(rule_set.seal())
    put(rule_set, a_user("user-2", (KOJI,)))
    for job in order:
        jobs[job]()
        matched = rule_set.match(a_message(app="koji")).rules
        assert [each.user for each in matched] == ["user-0", "user-1", "user-2"]
    assert rule_set.match(a_message(app="koji")).effort.candidates == 2  # sealed, and beside


@pytest.mark.parametrize("sealed", [False, True])
def test_of_many_filters_each_one_counts(sealed: bool) -> None:
    asked = [
        KOJI, a_filter("artifact", names=["kernel"]), a_filter("topic", patterns=["*.done"]),
        a_filter("text", words=["built"]), a_filter("user", users=["bob"]), MINE,
        a_filter("field", path="a", equals=1), a_filter("severity", in_=["info"]),
    ]  # fmt: skip
    but = [[*asked[:n], negated(asked[n]), *asked[n + 1 :]] for n in range(len(asked))]
    message = a_message(
        topic="build.done", app="koji", users=frozenset({"bob"}), summary="built",
        artifacts=frozenset({"rpms/kernel"}), body=b'{"a": 1}',
        owners=(Ownership("rpms/kernel", frozenset({"alice"}), frozenset()),),
    )  # fmt: skip
    rule_set = RuleSet()
    put(rule_set, a_user("alice", tuple(asked), *map(tuple, but)))
    if sealed:
        rule_set.seal()()
    assert [each.name for each in rule_set.match(message).rules] == ["Rule 0"]


def test_values_that_python_takes_for_equal_stay_apart() -> None:
    values: list[Any] = [1, True, "1", 1.5, "true", None, "null", [1], [True], {"a": 1}]
    asked = [(KOJI, a_filter("field", path="a", equals=value)) for value in values]
    asked += [(a_filter("field", path="a", equals=value), MINE.model_copy()) for value in values]
    rule_set, oracle = both([a_user("alice", *asked)], Changing())
    for body in ("1", "1.0", "true", '"1"', '"true"', "null", '"null"', "[1]", "[true]", "[1.0]"):
        message = a_message(app="koji", body=f'{{"a": {body}}}'.encode())
        assert len(agree(rule_set, oracle, message).rules) == 1


def test_a_key_is_not_made_of_two_others() -> None:
    users = [
        a_user("alice", (a_filter("artifact", types=["rpms"], names=["a/b"]),)),
        a_user("bob", (a_filter("artifact", names=["rpms/a"]),)),
        a_user("charlie", (a_filter("user", users=["topic\x00x"]),)),
        a_user("dana", (a_filter("topic", patterns=["x"]),)),
        a_user("me", (a_filter("user", users=["me"]),)),
    ]
    rule_set, oracle = both(users, Changing())
    for facts in (
        {"artifacts": frozenset({"rpms/a/b"})},
        {"artifacts": frozenset({"rpms/rpms/a"})},
        {"topic": "x"},
        {"users": frozenset({"topic\x00x"})},
        {"users": frozenset({"me", "owner", "alice"})},
    ):
        assert len(agree(rule_set, oracle, a_message(**facts)).rules) == 1


def test_thousands_of_rules_and_names_are_told_apart() -> None:
    names = [f"p-{number}" for number in range(900)]
    asked = [
        (a_filter("artifact", names=names[start : start + 300]), a_filter("severity", in_=[level]))
        for start in range(0, 900, 10)
        for level in ("info", "error")
    ]
    users = [a_user(f"user-{number}", *asked[number::7]) for number in range(7)]
    rule_set, oracle = both(users, Changing())
    for number in (0, 299, 300, 555, 899):
        message = a_message(artifacts=frozenset({f"rpms/p-{number}"}))
        assert agree(rule_set, oracle, message).rules
