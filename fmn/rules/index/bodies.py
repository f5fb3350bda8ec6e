"""Which of many values at many paths the body of a message has."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fmn.rules.index.values import Asked, Found, InBody, asked
from fmn.rules.path import path_of


class Bodies:
    """Finds what of all that is sought in bodies one has.

    The paths are a tree of their steps, which is walked together with the body: a path of which
    the body has not the first name costs nothing, and no part of the body is seen twice.
    """

    def __init__(self, sought: Iterable[tuple[int, InBody]]) -> None:
        paths = defaultdict[str, list[tuple[int, InBody]]](list)
        for place, each in sought:
            paths[each.path].append((place, each))
        self._root = _Step()
        for path, known in paths.items():
            self._root.made(path_of(path).steps).asked += asked(known)

    def find(self, content: object, found: Found) -> None:
        """Add what the values of a body have."""
        # By a list of what is still to see: a body may be deeper than Python recurs.
        waiting: list[tuple[_Step, list[object]]] = [(self._root, [content])]
        while waiting:
            step, values = waiting.pop()
            for each in step.asked:
                each.find(values, found)
            if step.names:
                for name, those in _named(step.names, values).items():
                    waiting.append((step.names[name], those))
            if step.elements:
                lists = [value for value in values if isinstance(value, list)]
                if items := [item for value in lists for item in value]:
                    waiting.append((step.elements, items))


class _Step:
    __slots__ = ("asked", "elements", "names")

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.names: dict[str, _Step] = {}
        self.elements: _Step | None = None

    def made(self, steps: Iterable[tuple[str, int]]) -> "_Step":
        step = self
        for name, lists in steps:
            step = step.names.setdefault(name, _Step())
            for _ in range(lists):
                step.elements = step.elements or _Step()
                step = step.elements
        return step


def _named(names: Mapping[str, _Step], values: list[object]) -> dict[str, list[object]]:
    """Return what these values have under each of these names."""
    there: dict[str, list[object]] = {}
    for value in values:
        if isinstance(value, dict):
            for name in names.keys() & value.keys():
                there.setdefault(name, []).append(value[name])
    return there
