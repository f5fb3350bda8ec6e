"""The other way: every rule is asked about every message, as fast as plain Python can.

Each rule is compiled once, to closures (`closures`); what many need of a message, folded texts or
the values at a path, is worked out once for all of them (`facts`).
"""

from collections.abc import Iterable

from fmn.bench.rules.closures import Test, compiled
from fmn.bench.rules.facts import Facts
from fmn.bench.rules.rows import Reading, UserRow
from fmn.model import Message
from fmn.rules.me import Groups, Me


class Loop:
    """The rules of some users, asked one by one."""

    def __init__(self, rows: Iterable[UserRow], groups: Groups) -> None:
        """Compile all rules that can match."""
        self._tests: list[tuple[Test, str, str]] = []
        self.users: set[str] = set()
        reading = Reading()
        for row in rows:
            self.users.add(row.user)
            self._add(row, Me(row.user, groups.groups_of(row.user)), reading)

    def __len__(self) -> int:
        """Return how many rules are asked."""
        return len(self._tests)

    def match(self, message: Message) -> list[tuple[str, str]]:
        """Return user and id of each rule that matches."""
        facts = Facts(message)
        found = [(user, rule) for test, user, rule in self._tests if test(facts)]
        if message.private:
            return [each for each in found if message.names(each[0])]
        return found

    def _add(self, row: UserRow, me: Me, reading: Reading) -> None:
        for rule in row.rules:
            filters = reading.filters(rule.filters)
            if rule.enabled and (rule.everything or any(not each.negate for each in filters)):
                self._tests.append((compiled(filters, me), me.user, rule.id))
