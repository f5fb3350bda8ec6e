import itertools
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fmn.senders.irc.lines import Bucket, parse, pieces


@given(
    burst=st.integers(1, 10),
    pace=st.floats(0.01, 10),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=40),
)
def test_in_no_stretch_of_time_more_lines_go_than_burst_and_pace_allow(
    burst: int, pace: float, gaps: list[float]
) -> None:
    bucket = Bucket(burst, timedelta(seconds=pace))
    pace = timedelta(seconds=pace).total_seconds()
    gone, now = [], 0.0
    for gap in gaps:
        now += gap
        now += bucket.take(now)
        gone.append(now)

    for first, last in itertools.combinations(range(len(gone)), 2):
        assert last - first + 1 <= burst + (gone[last] - gone[first]) / pace + 1e-6


@given(burst=st.integers(1, 10), pace=st.floats(0.01, 10))
def test_a_burst_waits_for_nothing_and_the_next_line_for_one_pace(burst: int, pace: float) -> None:
    bucket = Bucket(burst, timedelta(seconds=pace))

    assert [bucket.take(100.0) for _ in range(burst)] == pytest.approx([0.0] * burst)
    assert bucket.take(100.0) == pytest.approx(pace, rel=1e-3)


@given(text=st.text(st.characters(exclude_categories=["Cs"])), room=st.integers(4, 60))
@example("four ", 4)
def test_pieces_fit_and_together_are_the_text(text: str, room: int) -> None:
    cut = list(pieces(text, room))

    assert all(0 < len(piece.encode()) <= room for piece in cut)
    rest = text
    for piece in cut:
        assert rest.removeprefix(" ").startswith(piece) or rest.startswith(piece)
        rest = rest[rest.index(piece) + len(piece) :]
    assert rest in {"", " "}  # a space at the last cut is left out, too


@given(words=st.lists(st.text("aé🎉", min_size=1, max_size=7), min_size=1))
def test_words_that_fit_stay_whole(words: list[str]) -> None:
    assert words == " ".join(pieces(" ".join(words), 28)).split(" ")


@given(st.text())
def test_no_line_of_a_server_is_too_strange_to_read(text: str) -> None:
    line = parse(text)

    assert isinstance(line.last + line.at(7) + line.nick + line.command, str)
