"""A naive stand-in, replaced by the index."""

from collections.abc import Callable, Sequence

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, keys_of
from fmn.rules.match_set import Found
from fmn.rules.me import Groups, Me
from fmn.rules.plan import Plan

HOT = 24


class Index:
    is_ripe = False

    def __init__(self, groups: Groups, *, hot: int = HOT) -> None:
        self._groups = groups
        self._users: dict[str, int] = {}
        self._plans: list[Sequence[Plan]] = []

    def put(self, user: str, plans: Sequence[Plan]) -> int:
        number = self._users.setdefault(user, len(self._users))
        self._plans[number : number + 1] = [tuple(plans)]
        return number

    def seal(self) -> Callable[[], None]:
        return lambda: None

    def match(self, message: Message) -> Found:
        there = set(keys_of(message))
        users, places, raised = [], [], []
        for user, number in self._users.items():
            if message.private and not message.names(user):
                continue
            me = Me(user, self._groups.groups_of(user))
            for place, plan in enumerate(self._plans[number]):
                keys = plan.resolved(me)
                try:
                    if (
                        keys is None
                        or any(
                            key in there if isinstance(key, Key) else key.fits(message)
                            for key in keys
                        )
                    ) and all(each.holds(message, me) for each in plan.rest):
                        users.append(number)
                        places.append(place)
                except Exception as error:  # noqa: BLE001
                    raised.append((number, place, error))
        return Found(np.array(users, np.uint32), np.array(places, np.uint32), tuple(raised))
