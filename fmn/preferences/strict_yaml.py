"""YAML in which a text means one thing: the dialect people write their preferences in.

Scalars are those of JSON: `yes`, `on`, `22:00`, `2001-01-01` and `0x1F` are strings, numbers are
exact. Keys are strings and stand once. Nesting and what aliases repeat are bounded.
"""

import re
from decimal import Decimal, DecimalException
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver, Resolver
from yaml.scanner import Scanner

from fmn.exact import INT_DIGITS

DEEPEST = 100
"""Levels of mappings and lists within each other."""
MOST_REPEATED = 100_000
"""Values that aliases may repeat in one document."""

TAG = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, STR = (TAG + name for name in ("null", "bool", "int", "float", "str"))
SCALARS = {
    NULL: re.compile(r"(?:~|null|Null|NULL|)\Z"),
    BOOL: re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    INT: re.compile(r"[-+]?[0-9]+\Z"),
    FLOAT: re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
    STR: re.compile(""),
}
"""What each scalar looks like; the first that fits counts."""


def read(text: str) -> Any:  # noqa: ANN401  # YAML is what it is
    """Return the one document in this text, None where there is none.

    Raises ValueError, which names the line.
    """
    try:
        return _Values().of(_Nodes(text).get_single_node())
    except MarkedYAMLError as refused:
        mark = refused.problem_mark or refused.context_mark
        raise ValueError(f"line {mark.line + 1 if mark else 1}: {refused.problem}") from None
    except ReaderError as refused:
        line = text.count("\n", 0, refused.position) + 1
        raise ValueError(f"line {line}: there is a control character") from None
    except (OverflowError, ValueError):
        # An escape that is no character, a version that is no number: PyYAML lets these through.
        raise ValueError("not YAML") from None


def write(value: object) -> str:
    """Return this value as a document that `read` and other readers of YAML understand alike."""
    return yaml.dump(
        value,
        Dumper=_Writer,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,  # what holds only scalars stands in one line
    )


class _Dialect(BaseResolver):
    yaml_implicit_resolvers = {None: list(SCALARS.items())}  # noqa: RUF012  # PyYAML's own shape


class _Nodes(Reader, Scanner, Parser, Composer, _Dialect):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        for part in (Scanner, Parser, Composer, _Dialect):
            part.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401
        if self._depth > DEEPEST:
            start = self.peek_event()  # type: ignore[no-untyped-call]  # so are its stubs
            raise _too_deep(start.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Values:
    def __init__(self) -> None:
        self._met: set[Node] = set()
        self._repeated = 0

    def of(self, node: Node | None, depth: int = 0) -> Any:  # noqa: ANN401
        if node is None:
            return None
        self._count(node)
        if depth > DEEPEST:
            raise _too_deep(node.start_mark)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            return [self.of(item, depth + 1) for item in node.value]
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            return self._mapping(node, depth + 1)
        raise _unknown(node)

    def _count(self, node: Node) -> None:
        self._repeated += node in self._met
        self._met.add(node)
        if self._repeated > MOST_REPEATED:
            raise _refused("aliases repeat too much: write it out", node.start_mark)

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value in node.value:
            if key_node.tag != STR:
                raise _refused("a key is no string: quote it", key_node.start_mark)
            key = self.of(key_node, depth)
            if key in mapping:
                raise _refused(f"the key {key[:80]!r} stands twice", key_node.start_mark)
            mapping[key] = self.of(value, depth)
        return mapping


def _scalar(node: ScalarNode) -> str | int | Decimal | bool | None:
    text: str = node.value
    if node.tag not in SCALARS or not SCALARS[node.tag].match(text):
        raise _unknown(node)
    if node.tag == NULL:
        return None
    if node.tag == BOOL:
        return text.lower() == "true"
    return _string(node) if node.tag == STR else _number(node)


def _string(node: ScalarNode) -> str:
    text: str = node.value
    if re.search("[\ud800-\udfff]", text):
        raise _refused("there is half of a surrogate pair", node.start_mark)
    return text


def _number(node: ScalarNode) -> int | Decimal:
    text: str = node.value
    if node.tag == INT and len(text) < INT_DIGITS:
        return int(text)
    try:
        return Decimal(re.sub(r"\.(?=[in])", "", text.lower()))
    except DecimalException:
        raise _refused("the number is out of range", node.start_mark) from None


class _Writer(_Dialect, yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # as PyYAML calls it
        return True

    def represent_data(self, data: object) -> Node:
        if isinstance(data, Decimal):
            text = str(data)
            return self.represent_scalar(INT if SCALARS[INT].match(text) else FLOAT, text)
        if isinstance(data, str):
            return self.represent_scalar(STR, data, style=_style(data))
        return super().represent_data(list(data) if isinstance(data, tuple) else data)


def _style(text: str) -> str | None:
    if not text.isprintable():
        return '"'  # the only style in which every line break and control character survives
    implicit = (True, False)
    other = Resolver().resolve(ScalarNode, text, implicit)  # type: ignore[no-untyped-call]
    # What is a string only in this dialect is quoted for the other readers.
    return None if other == STR else "'"


def _too_deep(mark: Mark) -> MarkedYAMLError:
    return _refused(f"more than {DEEPEST} levels within each other", mark)


def _unknown(node: Node) -> MarkedYAMLError:
    return _refused(f"there is no such value as {node.tag}", node.start_mark)


def _refused(problem: str, mark: Mark) -> MarkedYAMLError:
    return MarkedYAMLError(problem=problem, problem_mark=mark)
