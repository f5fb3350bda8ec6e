"""Filters, rules, preferences and messages of every shape, for hypothesis."""

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
from tests.rules.cases import KINDS

LEVELS = ["debug", "info", "warning", "error"]
NAMES = st.sampled_from(
    ["me", "mine", "alice", "bob", "rpms", "kernel", "ker*", "*", "1", "1e3", ""]
)
STRINGS = NAMES | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LISTS = st.lists(STRINGS, min_size=1, max_size=4)
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(["name", "bugs[].id", r"a\.b.c", "grid[][]"])


def _some(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=arguments).filter(bool)


def _one(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        *(st.fixed_dictionaries({name.rstrip("_"): value}) for name, value in arguments.items())
    )


LEVEL = st.sampled_from(LEVELS)
OPERATORS = _one(
    equals=JSON,
    in_=st.lists(JSON, min_size=1, max_size=3),
    prefix=STRINGS,
    at_least=NUMBERS,
    at_most=NUMBERS,
    exists=st.just(value=True),
)
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "owner": _some(users=LISTS, groups=LISTS),
    "artifact": _some(types=LISTS, names=LISTS),
    "user": _one(users=LISTS),
    "agent": _one(users=LISTS),
    "group": _one(groups=LISTS),
    "application": _one(names=LISTS),
    "topic": _one(patterns=LISTS),
    "severity": _one(at_least=LEVEL, in_=st.lists(LEVEL, min_size=1, max_size=3)),
    "text": _one(words=LISTS),
    "regex": _one(patterns=st.lists(st.sampled_from(["a+", "(?i)k", "yes"]), min_size=1)),
    "field": st.builds(lambda path, how: {"path": path} | how, PATHS, OPERATORS),
}


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    kind = draw(st.sampled_from(sorted(ARGUMENTS)))
    negate = {"negate": True} if draw(st.booleans()) else {}
    return KINDS[kind].model_validate(draw(ARGUMENTS[kind]) | negate)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    people = st.frozensets(st.sampled_from(["alice", "bob", "me", "kernel-sig"]), max_size=3)
    artifacts = draw(
        st.frozensets(st.sampled_from(["rpms/kernel", "modules/a/b", "kernel", "rpms"]))
    )
    return Message(
        id=MessageId("m-1"),
        topic=draw(st.sampled_from(["", "kernel", "org.example.done"])),
        app=draw(st.none() | NAMES),
        agent=draw(st.none() | st.sampled_from(["alice", "bob", ""])),
        users=draw(people),
        groups=draw(people),
        artifacts=artifacts,
        owners=tuple(Ownership(name, draw(people), draw(people)) for name in artifacts),
        severity=draw(st.sampled_from(list(Severity))),
        summary=draw(STRINGS),
        text=draw(STRINGS),
        private=draw(st.booleans()),
        body=draw(
            st.sampled_from(
                [b"null", b'{"name": "kernel"}', b'{"bugs": [{"id": 1}]}', b'{"grid": [[1, true]]}']
            )
        ),
    )


ID = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
RULE_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200
)
DIGESTS = st.fixed_dictionaries(
    {}, optional={"every": st.just("90m"), "at": st.integers(1, 99)}
).filter(bool) | st.fixed_dictionaries(
    {"daily": st.just("08:00")}, optional={"days": st.just(["mon", "fri"])}
)
QUIETS = st.fixed_dictionaries(
    {"from": st.just("22:00"), "to": st.just("07:00")},
    optional={"days": st.just(["sat"]), "errors_pass": st.booleans()},
)


@st.composite
def preferences(draw: st.DrawFn) -> Preferences:
    ids = draw(st.lists(ID, min_size=6, max_size=6, unique=True))
    names = draw(st.lists(st.from_regex(r"\A[a-z0-9-]{1,40}\Z"), max_size=3, unique=True))
    destinations = tuple(
        Destination(
            DestinationId(ids[place]),
            "alice",
            name,
            draw(st.sampled_from(["email", "irc"])),
            f"{draw(RULE_NAME)}-{place}",
            digest=draw(st.none() | DIGESTS),
            quiet=draw(st.none() | QUIETS),
        )
        for place, name in enumerate(names)
    )
    titles = st.lists(RULE_NAME, max_size=3, unique_by=str.casefold)
    rules = tuple(
        draw(_rule(RuleId(ids[place]), name, destinations))
        for place, name in enumerate(draw(titles) if destinations else [])
    )
    groups = tuple(draw(st.lists(STRINGS, max_size=3)))
    return Preferences(UserId("u-1"), "alice", groups, destinations, rules)


@st.composite
def _rule(draw: st.DrawFn, id_: RuleId, name: str, destinations: tuple[Destination, ...]) -> Rule:
    asked = tuple(draw(st.lists(filters(), max_size=3)))
    chosen = st.lists(st.sampled_from(destinations), min_size=1, unique_by=lambda each: each.id)
    everything = all(filter_.negate for filter_ in asked) or draw(st.booleans())
    return Rule(id_, "alice", name, asked, tuple(draw(chosen)), draw(st.booleans()), everything)
