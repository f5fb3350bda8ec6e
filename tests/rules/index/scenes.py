"""Rules and messages that meet often: few names, but odd ones."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fmn.model import (
    Destination,
    DestinationId,
    Message,
    MessageId,
    Ownership,
    RuleId,
    Severity,
    UserId,
)
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from tests.rules.cases import KINDS, Changing
from tests.rules.index import elsewhere

USERS = ["alice", "bob", "me", "mine"]
PEOPLE = [*USERS, "Bob", "charlie"]
GROUPS = ["kernel-sig", "go-sig", "mine", "me", "alice"]
LEVELS = ["debug", "info", "warning", "error"]
# Of one word several cases, which fold to two characters, to others, or to none at all.
APPS = ["koji", "KOJI", "Straße", "STRASSE", "\u0130", "i\u0307", "\u017f", "s", ""]
TOPICS = ["a.b", "a.b.c", "a.B", "a", "a\nb", "*", "a*b", ""]
ARTIFACTS = [
    *("rpms/kernel", "rpms/kernel-core", "modules/kernel", "modules/a/b", "kernel", "rpms"),
    *("rpms/", "/kernel", "rpms/*", "rpms//", ""),
]
TOPIC_GLOBS = [*TOPICS, "a.*", "*.b", "a?b", "?", "*b*", "**", "*.*.*", "[a]*"]
NAME_GLOBS = ["kernel", "kernel*", "k?rnel", "*", "*-core", "a/b", "a/*", "**", "", "?*", "none"]
TYPES = ["rpms", "modules", "kernel", "", "rpm?", "none", "rpms/"]
WORDS = [
    "kernel",
    "KERNEL",
    "Straße",
    "strasse",
    "\u0130",
    "\u0131",
    "\u017f",
    "sS",
    "CVE-1",
    "\x00",
]
SAID = [*WORDS, " ", "\n", "a", "\ud800", "é", "e\u0301", "alice"]
REGEXES = ["a+", "(?i)KERNEL", "^kernel$", "(?m)^a", "stra(ß|ss)e", r"CVE-\d", "", "\x00", "."]
NUMBERS = [0, 1, -1, Decimal("1.0"), Decimal("1.5"), 10**300, Decimal("1E+400"), Decimal("1E-400")]
VALUES: list[Any] = [
    *(*NUMBERS, None, True, False, "1", "", "kernel", "KERNEL", "ker", "true"),
    *([], {}, [1], [True], {"a": 1}, {"a": [None]}),
]
PREFIXES = ["", "k", "ker", "kernel", "1", "ker\x00"]
SHAPES = {
    "name": '"name": %s',
    "bugs[].id": '"bugs": [{"id": %s}, {"id": 1}]',
    r"a\.b.c": '"a.b": {"c": %s}',
    "grid[][]": '"grid": [[%s]]',
    "name.first": '"name": {"first": %s}',
}
"""Paths, and a piece of a body with a value there."""
STANDING = [
    *("0", "-0.0", "1", "1.0", "1e0", "1.5", "true", "false", "null", '"1"', '"kernel"', '""'),
    *("NaN", "-Infinity", "1" + "0" * 300, "1e400", "1e-400", "9" * 4500, '"KERNEL"', '"\\ud800"'),
    *(
        "[]",
        "{}",
        "[1]",
        "[true]",
        '{"a": 1.0}',
        '{"a": [null]}',
        '{"first": 1}',
        "[" * 60 + "]" * 60,
    ),
]
"""What may stand at a path of a body."""
ODD_BODIES = [b"", b"\xff", b"null", b"[1]", b"{", b'{"name": 1e9999999999}']
MANY = [f"many-{number}" for number in range(400)]


def some(of: list[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    """Return lists of a few, and now and then of hundreds."""
    few = st.lists(st.sampled_from(of), min_size=1, max_size=most)
    if not all(isinstance(each, str) for each in of):
        return few
    return few | few | few | few | few.map(lambda these: MANY + these)


LEVEL = st.sampled_from(LEVELS)
PATH = st.sampled_from(sorted(SHAPES))
NUMBER = st.sampled_from(NUMBERS)


def _of(kind: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **arguments})


def _field(**operator: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return _of("field", path=PATH, **operator)


def _any(*written: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    # Not `|`, which would make a kind with many ways as many times as frequent.
    return st.sampled_from(written).flatmap(lambda one: one)


_LEVELS = st.lists(LEVEL, min_size=1, max_size=3)
_OWNERS = {"users": some(["me", *PEOPLE]), "groups": some(["mine", *GROUPS])}

WRITTEN = _any(
    _any(
        _of("owner", users=_OWNERS["users"]),
        _of("owner", groups=_OWNERS["groups"]),
        _of("owner", **_OWNERS),
    ),
    _of("user", users=some(["me", *PEOPLE])),
    _of("agent", users=some(["me", *PEOPLE])),
    _of("group", groups=some(["mine", *GROUPS])),
    _of("application", names=some(APPS)),
    _of("topic", patterns=some(TOPIC_GLOBS)),
    _any(
        _of("artifact", names=some(NAME_GLOBS)),
        _of("artifact", types=some(TYPES)),
        _of("artifact", types=some(TYPES), names=some(NAME_GLOBS)),
    ),
    _any(_of("severity", at_least=LEVEL), _of("severity", **{"in": _LEVELS})),
    _of("text", words=some(WORDS)),
    _of("regex", patterns=st.lists(st.sampled_from(REGEXES), min_size=1, max_size=2)),
    _any(_field(equals=st.sampled_from(VALUES)), _field(**{"in": some(VALUES)})),
    _any(
        _field(prefix=st.sampled_from(PREFIXES)),
        _field(at_least=NUMBER),
        _field(at_most=NUMBER),
        _field(exists=st.just(value=True)),
    ),
)
"""A filter of each kind, as people write it."""


def _read(written: dict[str, Any]) -> Filter:
    arguments = {name: value for name, value in written.items() if name != "kind"}
    return KINDS[written["kind"]].model_validate(arguments)


OURS = WRITTEN.map(_read)
SOUND: st.SearchStrategy[Filter] = st.one_of(
    st.just(elsewhere.Shouted()),
    st.just(elsewhere.Called()),
    st.just(elsewhere.Grave()),
    st.just(elsewhere.Never()),
    st.builds(elsewhere.Long, least=st.sampled_from([0, 1, 5]), most=st.just(10_000)),
)
FRAIL: st.SearchStrategy[Filter] = st.one_of(
    st.builds(elsewhere.Broken, topic=st.sampled_from(["", "a", "b"])),
    st.builds(elsewhere.BrokenFor, user=st.sampled_from(USERS)),
)
"""Those that may raise."""


def negated(filter_: Filter) -> Filter:
    """Return the filter that says the opposite."""
    return filter_.model_validate(filter_.arguments() | {"negate": not filter_.negate})


CHANCE = st.integers(0, 9)


@st.composite
def filters(draw: st.DrawFn, *, frail: bool = False) -> Filter:
    """Draw a filter, of ten two of somebody else's, and a quarter of all negated."""
    chance = draw(CHANCE)
    elsewhere_ = FRAIL if frail and chance == 0 else SOUND
    asked = draw(elsewhere_ if chance < 2 else OURS)
    return negated(asked) if draw(CHANCE) < 2 else asked


def people(of: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of), max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    if draw(CHANCE) == 0:
        return draw(st.sampled_from(ODD_BODIES))
    shapes = draw(st.lists(st.sampled_from(sorted(SHAPES.values())), max_size=3))
    return _body(shape % draw(st.sampled_from(STANDING)) for shape in shapes)


def _body(pieces: Iterable[str]) -> bytes:
    return "{{{}}}".format(", ".join(pieces)).encode()


@st.composite
def messages(draw: st.DrawFn) -> Message:
    artifacts = draw(people(ARTIFACTS))
    owned = [
        Ownership(name, draw(people(PEOPLE)), draw(people(GROUPS))) for name in sorted(artifacts)
    ]
    said = st.lists(st.sampled_from(SAID), max_size=4).map("".join)
    return Message(
        id=MessageId("m-1"),
        topic=draw(st.sampled_from(TOPICS)),
        app=draw(st.sampled_from([*APPS, None])),
        agent=draw(st.sampled_from([*PEOPLE, "", None])),
        users=draw(people(PEOPLE)),
        groups=draw(people(GROUPS)),
        artifacts=artifacts,
        owners=tuple(owned),
        severity=draw(st.sampled_from(list(Severity))),
        summary=draw(said),
        text=draw(said),
        private=draw(CHANCE) < 2,
        body=draw(bodies()),
    )


SENT = st.lists(messages(), min_size=1, max_size=5)


def a_destination(user: str, name: str) -> Destination:
    kind = "irc" if name in "bC" else "email"
    return Destination(DestinationId(f"{name}-{user}"), user, name, kind, f"{user}/{name}")


@st.composite
def preferences(draw: st.DrawFn, user: str, *, frail: bool = False) -> Preferences:
    """Draw a few rules of a user, some of which tell nobody, or cannot match."""
    every = [a_destination(user, name) for name in draw(st.permutations("abC_"))]
    count = draw(st.integers(0, 4))
    rules = [draw(rules_of(user, every, frail=frail)) for _ in range(count)]
    numbered = (
        replace(rule, id=RuleId(f"{user}-{place}"), name=f"Rule {place}")
        for place, rule in enumerate(rules)
    )
    return Preferences(UserId(user), user, (), tuple(every), tuple(numbered))


@st.composite
def rules_of(
    draw: st.DrawFn, user: str, destinations: list[Destination], *, frail: bool = False
) -> Rule:
    chance = draw(CHANCE)
    many = 7 if chance > 8 else 1 + chance // 4
    asked = draw(st.lists(filters(frail=frail), min_size=chance > 0, max_size=many))
    if many > 3:  # all of which hold seldom, unless most are negated
        asked = [each if draw(CHANCE) < 2 else negated(each) for each in asked]
    told = draw(st.lists(st.sampled_from(destinations), max_size=2, unique_by=lambda d: d.id))
    rule = Rule(RuleId(f"{user}-0"), user, "Rule 0", tuple(asked), tuple(told))
    odd = draw(CHANCE)
    everything = odd > 2 if rule.is_everything else odd > 8
    return replace(rule, enabled=odd != 0, blocked="it floods" * (odd == 1), everything=everything)


def everybody(*, frail: bool = False) -> st.SearchStrategy[list[Preferences]]:
    """Return preferences of one to four users, in any order."""
    users = st.lists(st.sampled_from(USERS), min_size=1, max_size=4, unique=True)
    return users.flatmap(
        lambda these: st.tuples(*(preferences(user, frail=frail) for user in these))
    ).map(list)


def memberships() -> st.SearchStrategy[dict[str, frozenset[str]]]:
    """Return the groups of some users."""
    return st.dictionaries(st.sampled_from(USERS), people(GROUPS))


@dataclass(frozen=True, slots=True)
class Scene:
    """Users, who is in which group, and messages, half of which are meant for one of the rules."""

    users: list[Preferences]
    groups: Changing
    sent: list[Message]

    @property
    def rules(self) -> list[Rule]:
        return [rule for each in self.users for rule in each.rules]


@st.composite
def scenes(draw: st.DrawFn, *, frail: bool = False) -> Scene:
    """Draw a few users with a few rules and messages."""
    users, known = draw(everybody(frail=frail)), draw(memberships())
    rules = [rule for each in users for rule in each.rules]
    sent = []
    for message in draw(SENT):
        aim = draw(st.integers(0, 2 * len(rules)))
        sent.append(aimed(message, rules[aim], known) if aim < len(rules) else message)
    return Scene(users, Changing(**known), sent)


def aimed(message: Message, rule: Rule, known: Mapping[str, frozenset[str]]) -> Message:
    """Return a message changed so that it has what the filters of a rule name."""
    own = {"me": rule.user, "mine": next(iter(sorted(known.get(rule.user, ()))), "mine")}
    for asked in rule.filters:
        if not asked.negate and asked.kind in FACTS:
            written = asked.arguments().items()
            named = {name: _meant(value, own) for name, value in written}
            message = replace(message, **FACTS[asked.kind](message, named))
    return message


Named = Mapping[str, Any]
"""A filter's arguments, with one value in place of each list."""


def _meant(value: object, own: Mapping[str, str]) -> object:
    one = value[-1] if isinstance(value, tuple) else value
    return own.get(one, one) if isinstance(one, str) else one


def _artifact(message: Message, named: Named) -> dict[str, Any]:
    name = f"{named.get('types', 'rpms')}/{_wild(named.get('names', 'kernel'))}"
    return {"artifacts": message.artifacts | {name}}


def _owner(message: Message, named: Named) -> dict[str, Any]:
    users, groups = (
        frozenset({named[name]} if name in named else ()) for name in ("users", "groups")
    )
    return {"owners": (*message.owners, Ownership("rpms/kernel", users, groups))}


def _severity(message: Message, named: Named) -> dict[str, Any]:
    level = named.get("in", named.get("at_least"))
    return {"severity": Severity[str(level).upper()]}


def _field_in(message: Message, named: Named) -> dict[str, Any]:
    value = next(value for name, value in named.items() if name != "path")
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    written = str(value) if number else json.dumps(value)
    return {"body": _body([SHAPES[named["path"]] % written])}


def _wild(glob: str) -> str:
    return glob.replace("*", "x").replace("?", "y")


FACTS: Mapping[str, Callable[[Message, Named], dict[str, Any]]] = {
    "application": lambda _, named: {"app": named["names"]},
    "agent": lambda _, named: {"agent": named["users"]},
    "user": lambda message, named: {"users": message.users | {named["users"]}},
    "group": lambda message, named: {"groups": message.groups | {named["groups"]}},
    "topic": lambda _, named: {"topic": _wild(named["patterns"])},
    "text": lambda message, named: {"text": message.text + named["words"].upper()},
    "artifact": _artifact,
    "owner": _owner,
    "severity": _severity,
    "field": _field_in,
}
"""What a message must have for a filter of a kind to match it."""


def groups() -> st.SearchStrategy[Changing]:
    return memberships().map(lambda known: Changing(**known))
