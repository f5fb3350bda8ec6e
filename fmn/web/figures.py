"""How many notifications a day brought, by rule and by kind: the charts of the home page."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta

from fmn.model import RuleId
from fmn.storage.lookback import Count
from fmn.web.chart import LOOKS, Chart, Column

LONGEST = 40
"""Characters of a name in a chart."""
OTHERS = "others"


def days_until(today: date, *, days: int) -> tuple[date, ...]:
    """Return so many days, the last one today."""
    return tuple(today - timedelta(days=ago) for ago in reversed(range(days)))


def by_rule(counts: Iterable[Count], days: Sequence[date], names: Mapping[RuleId, str]) -> Chart:
    """Return a chart of the rules that brought most, all others together."""

    def name(count: Count) -> str:
        return _short(names.get(count.rule, "a deleted rule"))

    return _chart("Sent each day, by rule (once for each rule that chose it)", counts, days, name)


def by_kind(counts: Iterable[Count], days: Sequence[date]) -> Chart:
    """Return a chart of the kinds of destinations."""
    caption = "Sent each day, by kind (once for each rule that chose it)"
    return _chart(caption, counts, days, lambda count: count.kind)


def _chart(
    caption: str, counts: Iterable[Count], days: Sequence[date], name: Callable[[Count], str]
) -> Chart:
    sent: Counter[tuple[date, str]] = Counter()
    whole: Counter[str] = Counter()
    for count in counts:
        sent[count.day, name(count)] += count.sent
        whole[name(count)] += count.sent
    series = [
        each
        for each, _ in whole.most_common(len(whole) if len(whole) <= len(LOOKS) else len(LOOKS) - 1)
    ]
    rest = whole.keys() - set(series)

    def column(day: date) -> Column:
        values = [sent[day, each] for each in series]
        others = [sum(sent[day, each] for each in rest)] if rest else []
        return Column(f"{day:%d %b}", (*values, *others))

    named = (*series, *([OTHERS] if rest else []))
    return Chart(caption, "Day", named, tuple(map(column, days)))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
