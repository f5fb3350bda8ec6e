"""A filter as a closure: as little as plain Python can do to answer it.

`me` and `mine` are names already, lists are frozensets, words are folded, globs and regexes
compiled, and where there is one value, only that is compared.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fmn.bench.rules.facts import Facts
from fmn.model import Severity
from fmn.rules.filter import Filter
from fmn.rules.glob import is_wild
from fmn.rules.json_value import identity
from fmn.rules.me import Me
from fmn.rules.regexes import searching

Test = Callable[[Facts], bool]


def compiled(filters: Iterable[Filter], me: Me) -> Test:
    """Return one closure for a rule with these filters."""
    yes, no = list[Test](), list[Test]()
    for each in filters:
        (no if each.negate else yes).append(MAKERS[each.kind](each, me))
    shape = SHAPES.get((len(yes), len(no)))
    return shape(*yes, *no) if shape else _many(yes, no)


SHAPES: dict[tuple[int, int], Callable[..., Test]] = {
    (0, 0): lambda: lambda _: True,
    (1, 0): lambda a: a,
    (0, 1): lambda x: lambda facts: not x(facts),
    (2, 0): lambda a, b: lambda facts: a(facts) and b(facts),
    (1, 1): lambda a, x: lambda facts: a(facts) and not x(facts),
    (0, 2): lambda x, y: lambda facts: not (x(facts) or y(facts)),
    (3, 0): lambda a, b, c: lambda facts: a(facts) and b(facts) and c(facts),
    (2, 1): lambda a, b, x: lambda facts: a(facts) and b(facts) and not x(facts),
    (1, 2): lambda a, x, y: lambda facts: a(facts) and not (x(facts) or y(facts)),
    (0, 3): lambda x, y, z: lambda facts: not (x(facts) or y(facts) or z(facts)),
}
"""By how many filters must hold, and how many must not."""


def _many(yes: Sequence[Test], no: Sequence[Test]) -> Test:
    return lambda facts: all(a(facts) for a in yes) and not any(x(facts) for x in no)


def _owner(asked: Any, me: Me) -> Test:  # noqa: ANN401  # each kind has arguments of its own
    users, groups = _users(asked.users, me), _groups(asked.groups, me)
    if not groups:
        return _common("owners", users)
    no_user, no_group = users.isdisjoint, groups.isdisjoint
    if len(users) == 1:
        [user] = users
        return lambda facts: user in facts.owners or not no_group(facts.owning)
    return lambda facts: not (no_user(facts.owners) and no_group(facts.owning))


def _artifact(asked: Any, _: Me) -> Test:  # noqa: ANN401
    types, names = frozenset(asked.types), frozenset(asked.names)
    if not names:
        return _common("types", types)
    if any(map(is_wild, names)) or (types and "" in names) or any("/" in each for each in types):
        return _artifact_like(types, _like(names))
    if not types:
        return _common("names", names)
    return _common("artifacts", frozenset(f"{type_}/{name}" for type_ in types for name in names))


def _artifact_like(types: frozenset[str], like: Callable[[str], Any]) -> Test:
    def test(facts: Facts) -> bool:
        for type_, name in facts.parts:  # noqa: SIM110  # a generator costs more
            if (not types or type_ in types) and like(name):
                return True
        return False

    return test


def _agent(asked: Any, me: Me) -> Test:  # noqa: ANN401
    return _same("agent", _users(asked.users, me))


def _application(asked: Any, _: Me) -> Test:  # noqa: ANN401
    return _same("app", frozenset(map(str.casefold, asked.names)))


def _topic(asked: Any, _: Me) -> Test:  # noqa: ANN401
    patterns = frozenset(asked.patterns)
    if not any(map(is_wild, patterns)):
        return _same("topic", patterns)
    like = _like(patterns)
    return lambda facts: facts.topic is not None and like(facts.topic) is not None


def _severity(asked: Any, _: Me) -> Test:  # noqa: ANN401
    if asked.in_:
        levels = frozenset(Severity[level.upper()].value for level in asked.in_)
        return lambda facts: facts.severity in levels
    least = Severity[asked.at_least.upper()].value
    return lambda facts: facts.severity >= least


def _text(asked: Any, _: Me) -> Test:  # noqa: ANN401
    words = tuple(frozenset(map(str.casefold, asked.words)))
    if "" in words:
        return lambda facts: bool(facts.folded)
    if len(words) == 1:
        [word] = words
        return lambda facts: word in facts.summary or word in facts.text

    def test(facts: Facts) -> bool:
        summary, text = facts.summary, facts.text
        for word in words:  # noqa: SIM110  # a generator costs more
            if word in summary or word in text:
                return True
        return False

    return test


def _regex(asked: Any, _: Me) -> Test:  # noqa: ANN401
    searches = [regex.search for regex in searching(asked.patterns)]

    def test(facts: Facts) -> bool:
        for text in facts.searched:
            for search in searches:
                if search(text):
                    return True
        return False

    return test


def _field(asked: Any, _: Me) -> Test:  # noqa: ANN401
    [operator] = asked.model_fields_set - {"path", "negate"}
    path, prefix, least, most = asked.path, asked.prefix, asked.at_least, asked.at_most
    match operator:
        case "exists":
            return lambda facts: bool(facts.values[path])
        case "prefix":
            return lambda facts: any(each.startswith(prefix) for each in facts.strings[path])
        case "at_least":
            return lambda facts: facts.most[path] >= least
        case "at_most":
            return lambda facts: facts.least[path] <= most
    apart = frozenset(map(identity, asked.in_ or [asked.equals])).isdisjoint
    return lambda facts: not apart(facts.identities[path])


MAKERS: dict[str, Callable[[Any, Me], Test]] = {
    "owner": _owner,
    "artifact": _artifact,
    "user": lambda asked, me: _common("users", _users(asked.users, me)),
    "group": lambda asked, me: _common("groups", _groups(asked.groups, me)),
    "agent": _agent,
    "application": _application,
    "topic": _topic,
    "severity": _severity,
    "text": _text,
    "regex": _regex,
    "field": _field,
}


def _users(users: Iterable[str], me: Me) -> frozenset[str]:
    return frozenset(me.user if name == "me" else name for name in users)


def _groups(groups: Iterable[str], me: Me) -> frozenset[str]:
    written = frozenset(groups)
    return written - {"mine"} | me.groups if "mine" in written else written


def _common(what: str, names: frozenset[str]) -> Test:
    """Return whether one of the names is among several of the message."""
    if len(names) == 1:
        [name] = names
        return ONE[what](name)
    return MANY[what](names.isdisjoint)


def _same(what: str, names: frozenset[str]) -> Test:
    """Return whether one of the names is the message's."""
    if len(names) == 1:
        [name] = names
        return IS[what](name)
    return AMONG[what](names)


# Written out, since to look an attribute up by its name would cost as much again.
ONE: dict[str, Callable[[str], Test]] = {
    "owners": lambda name: lambda facts: name in facts.owners,
    "types": lambda name: lambda facts: name in facts.types,
    "names": lambda name: lambda facts: name in facts.names,
    "artifacts": lambda name: lambda facts: name in facts.artifacts,
    "users": lambda name: lambda facts: name in facts.users,
    "groups": lambda name: lambda facts: name in facts.groups,
}
MANY: dict[str, Callable[[Any], Test]] = {
    "owners": lambda apart: lambda facts: not apart(facts.owners),
    "types": lambda apart: lambda facts: not apart(facts.types),
    "names": lambda apart: lambda facts: not apart(facts.names),
    "artifacts": lambda apart: lambda facts: not apart(facts.artifacts),
    "users": lambda apart: lambda facts: not apart(facts.users),
    "groups": lambda apart: lambda facts: not apart(facts.groups),
}
IS: dict[str, Callable[[str], Test]] = {
    "agent": lambda name: lambda facts: facts.agent == name,
    "app": lambda name: lambda facts: facts.app == name,
    "topic": lambda name: lambda facts: facts.topic == name,
}
AMONG: dict[str, Callable[[frozenset[str]], Test]] = {
    "agent": lambda names: lambda facts: facts.agent in names,
    "app": lambda names: lambda facts: facts.app in names,
    "topic": lambda names: lambda facts: facts.topic in names,
}


def _like(patterns: Iterable[str]) -> Callable[[str], Any]:
    written = ("".join(GLOB.get(each, re.escape(each)) for each in glob) for glob in patterns)
    return re.compile("|".join(f"(?:{one})" for one in written), re.DOTALL).fullmatch


GLOB = {"*": ".*", "?": "."}
