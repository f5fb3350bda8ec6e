from hypothesis import given
from hypothesis import strategies as st

from fmn.model import UserId
from fmn.storage.names import Names

IDS = st.text(min_size=1, max_size=3).map(UserId)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(start=st.dictionaries(IDS, NAMES), later=st.lists(st.tuples(IDS, st.none() | NAMES)))
def test_everybody_has_the_name_that_was_put_last(
    start: dict[UserId, str], later: list[tuple[UserId, str | None]]
) -> None:
    names = Names()
    for user, name in start.items():
        names.start(user, name)
    names.settle()
    known: dict[UserId, str | None] = dict(start)
    for user, new in later:
        assert names.name(user) == known.get(user)
        names.put(user, new)
        known[user] = new
    assert {user: names.name(user) for user in known} == known
    assert names.name(UserId("a stranger")) is None
