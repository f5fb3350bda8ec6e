"""One message on its way through the index: from groups to the slots of the rules that match."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fmn.rules.filter import Filter
from fmn.rules.index.beside import Beside
from fmn.rules.index.conditions import ALWAYS
from fmn.rules.index.postings import Mask, Postings, changes
from fmn.rules.index.question import Question
from fmn.rules.index.rests import NONE, Personal, Rests
from fmn.rules.index.users import Slots, Users
from fmn.rules.match_set import Effort, Found
from fmn.rules.me import Me

NOBODY = Me("", frozenset())
"""Who asks where it does not matter."""


@dataclass(frozen=True, slots=True)
class Among:
    """What a message is looked for among."""

    users: Users
    rests: Rests
    me: Callable[[int], Me]
    """Number of a user → who that is."""


class Search:
    """What one message finds."""

    def __init__(self, among: Among, question: Question, *, stale: bool) -> None:
        """Look among these; `stale`: there may be slots that count no more."""
        self._among = among
        self._stale = stale
        self._users, self._rests = among.users, among.rests
        self._question = question
        self._said: dict[int, bool] = {ALWAYS: True}
        self._pieces: list[Slots] = []
        self._raised: list[tuple[Slots, Exception]] = []
        self._candidates = self._asked = 0

    def postings(self, postings: Postings) -> None:
        """Take what stands in postings."""
        found = postings.find(self._question.hashes, self._question.numbers)
        groups, rests, present = postings.under(found)
        self._candidates += len(groups)
        holds, beyond = self._rests.judged(present, rests)
        groups, beyond = groups[holds], beyond[holds]
        order = beyond.argsort(kind="stable")
        slots, starts = postings.slots(groups[order])
        beyond = beyond[order]
        first = changes(beyond).nonzero()[0]
        bounds = pairwise((*starts[first].tolist(), len(slots)))
        for each, (start, end) in zip(beyond[first].tolist(), bounds, strict=True):
            self._take(each, slots[start:end])

    def beside(self, beside: Beside) -> None:
        """Take what stands beside the postings."""
        found = beside.under(self._question.every)
        self._candidates += len(found)
        holding = defaultdict[int, list[int]](list)
        for rest, slots in found.items():
            conditions, beyond = self._rests.row(rest)
            if all(map(self._holds, conditions)):
                holding[beyond] += slots
        for beyond, slots in holding.items():
            self._take(beyond, np.array(slots, np.uint32))

    def found(self) -> Found:
        """Return what was found, by user, then place."""
        slots = self._in_order(self._counted(_joined(self._pieces)))
        users = self._users.of(slots)
        effort = Effort(len(self._question), self._candidates, self._asked)
        return Found(users, self._users.places(slots, users), self._errors(), effort)

    def _holds(self, condition: int) -> bool:
        known = self._said.get(condition)
        if known is None:
            self._asked += 1
            keys, negate = self._rests.condition(condition)
            known = self._said[condition] = self._question.every.isdisjoint(keys) is negate
        return known

    def _take(self, beyond: int, slots: Slots) -> None:
        """Take those of these slots for whose users what stands in no row holds, too."""
        if beyond != NONE:
            asked = self._rests.beyond(beyond)
            if not all(map(self._holds, asked.further)):
                return
            for each in asked.personal:
                slots = slots[self._personal(each, slots)]
            if asked.common:
                slots = self._common(asked.common, slots)
            if asked.solitary:
                slots = self._solitary(asked.solitary, self._counted(slots))
        self._pieces.append(slots)

    def _personal(self, asked: Personal, slots: Slots) -> Mask:
        if asked.keys and asked.keys & self._question.present:
            return np.full(len(slots), not asked.negate)
        names = [name for own in asked.own for name in self._question.concerned(own)]
        are = self._users.are(slots, names)
        return ~are if asked.negate else are

    def _common(self, asked: tuple[Filter, ...], slots: Slots) -> Slots:
        """Ask once for all."""
        self._asked += 1
        try:
            holds = all(filter_.holds(self._question.message, NOBODY) for filter_ in asked)
        except Exception as error:  # noqa: BLE001  # one bad rule must not cost the others
            self._raised.append((slots, error))
            holds = False
        return slots if holds else slots[:0]

    def _solitary(self, asked: tuple[Filter, ...], slots: Slots) -> Slots:
        """Ask for each user what nobody knows for all."""
        holding: list[int] = []
        for slot, user in zip(slots.tolist(), self._users.of(slots).tolist(), strict=True):
            self._asked += 1
            try:
                me = self._among.me(user)
                if all(filter_.holds(self._question.message, me) for filter_ in asked):
                    holding.append(slot)
            except Exception as error:  # noqa: BLE001  # one bad rule must not cost the others
                self._raised.append((np.array([slot], np.uint32), error))
        return np.array(holding, np.uint32)

    def _counted(self, slots: Slots) -> Slots:
        """Leave out what counts no more, and of a private message all whom it does not name."""
        message = self._question.message
        if self._stale:
            slots = slots[self._users.count(slots)]
        if message.private:
            named = message.users | ({message.agent} if message.agent else set())
            slots = slots[self._users.are(slots, named)]
        return slots

    def _in_order(self, slots: Slots) -> Slots:
        """Return each once, by user, then place."""
        slots = np.sort(slots, kind="stable")  # few runs that are sorted already
        slots = slots[changes(slots)]
        if not self._users.in_order:
            slots = slots[np.argsort(self._users.of(slots), kind="stable")]
        return slots

    def _errors(self) -> tuple[tuple[int, int, Exception], ...]:
        if not self._raised:
            return ()
        found: dict[tuple[int, int], Exception] = {}
        for slots, error in self._raised:
            counted = self._counted(slots)
            users = self._users.of(counted)
            places = self._users.places(counted, users)
            pairs = zip(users.tolist(), places.tolist(), strict=True)
            found |= dict.fromkeys(pairs, error)
        return tuple((*place, error) for place, error in sorted(found.items(), key=_by_place))


def _by_place(item: tuple[tuple[int, int], Exception]) -> tuple[int, int]:
    return item[0]


def _joined(pieces: list[Slots]) -> Slots:
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint32)
