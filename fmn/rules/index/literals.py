"""What a text must have for a regular expression to be found in it.

Only what is plain to see is read, and only in ASCII: whatever is not understood is as good as
nothing, but what is returned is sure.
"""

import re
from dataclasses import dataclass, field

from fmn.rules.index.pieces import Need

TOKEN = re.compile(
    r"""
      (?P<flags>   \(\?[imsU-]+\) )
    | (?P<nothing> \\[dDsSwWbBAzafnrtv] | [.^$\]}] | [^ -~]
                 | \[\^?+\]?+(?:\\.|[^\[\]\\])*\] )
    | (?P<open>    \((?!\?) | \(\?(?:P?<\w+>|[imsU-]*:) )
    | (?P<close>   \) )
    | (?P<either>  \| )
    | (?P<seldom>  [*?] | \{[0-9]+(?:,[0-9]*)?\} )
    | (?P<again>   \+ )
    | \\(?P<escaped> [!-/:-@\[-`{-~] )
    | (?P<plain>   [^\\\[(){}] )
    """,
    re.VERBOSE | re.DOTALL,
)
"""Of the syntax of RE2: no `\\x41`, `\\p{Greek}`, `\\Q…\\E`, `[[:alpha:]]`."""


def required(regex: str) -> list[Need]:
    """Return sets of pieces: a text in which it is found has, in folded case, one of each set."""
    groups = [_Group()]
    at = 0
    while at < len(regex):
        token = TOKEN.match(regex, at)
        if token is None:
            return []
        at = token.end()
        # Flags are no item: in `a(?i)?` it is the `a` that may be missing.
        if token.lastgroup != "flags" and not _taken(token, groups):
            return []
    return groups[0].needs() if len(groups) == 1 else []


class _Repeated:
    """Stands behind what comes once or more, so that nothing is joined to it."""


_Item = str | list[Need] | _Repeated
"""A character, or what a group needs; an empty one needs nothing."""


@dataclass
class _Group:
    """What is read of a group so far."""

    branches: list[list[Need]] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)

    def end_branch(self) -> None:
        needs: list[Need] = []
        piece = ""
        for item in [*self.items, ""]:
            if isinstance(item, str) and item:
                piece += item.casefold()
                continue
            if piece:
                needs.append(frozenset([piece]))
            piece = ""
            needs += item if isinstance(item, list) else []
        self.branches.append(needs)
        self.items = []

    def needs(self) -> list[Need]:
        self.end_branch()
        if len(self.branches) == 1:
            return self.branches[0]
        if not all(self.branches):
            return []
        return [frozenset().union(*(max(branch, key=_shortest) for branch in self.branches))]


def _shortest(need: Need) -> int:
    return min(map(len, need))


def _taken(token: re.Match[str], groups: list[_Group]) -> bool:
    group = groups[-1]
    match token.lastgroup:
        case "open":
            groups.append(_Group())
        case "close":
            groups.pop()
            if groups:
                groups[-1].items.append(group.needs())
        case "either":
            group.end_branch()
        case "seldom":
            return _dropped(group.items)
        case "again":
            group.items.append(_Repeated())
        case "nothing":
            group.items.append("")
        case kind:
            group.items.append(token[kind or 0])
    return bool(groups)


def _dropped(items: list[_Item]) -> bool:
    while items and isinstance(items[-1], _Repeated):
        items.pop()
    if items:
        items[-1] = ""
    return bool(items)
