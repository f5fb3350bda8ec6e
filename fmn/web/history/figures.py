"""How many notifications a day brought, by rule and by kind: the charts of the home page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from fmn.model import RuleId
from fmn.storage.lookback import Count
from fmn.web.history.chart import LOOKS, Chart, Column

LONGEST = 40
"""Characters of a name in a chart."""
OTHERS = "others"


def days_until(today: date, *, days: int) -> tuple[date, ...]:
    """Return so many days, the last one today."""
    return tuple(today - timedelta(days=ago) for ago in reversed(range(days)))


def by_rule(counts: Iterable[Count], days: Sequence[date], names: Mapping[RuleId, str]) -> Chart:
    """Return a chart of the rules that brought most, all others together."""
    sent: Counter[tuple[date, str]] = Counter()
    for count in counts:
        sent[count.day, _short(names.get(count.rule, "a deleted rule"))] += count.sent
    return _chart("Sent each day, by rule (once for each rule that chose it)", sent, days)


def by_kind(sent: Mapping[tuple[date, str], int], days: Sequence[date]) -> Chart:
    """Return a chart of the kinds of destinations."""
    return _chart("Sent each day, by kind", sent, days)


def _chart(caption: str, sent: Mapping[tuple[date, str], int], days: Sequence[date]) -> Chart:
    whole: Counter[str] = Counter()
    for (_, name), many in sent.items():
        whole[name] += many
    series = [
        each
        for each, _ in whole.most_common(len(whole) if len(whole) <= len(LOOKS) else len(LOOKS) - 1)
    ]
    rest = whole.keys() - set(series)

    def column(day: date) -> Column:
        values = [sent.get((day, each), 0) for each in series]
        others = [sum(sent.get((day, each), 0) for each in rest)] if rest else []
        return Column(f"{day:%d %b}", (*values, *others))

    named = (*series, *([OTHERS] if rest else []))
    return Chart(caption, "Day", named, tuple(map(column, days)))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
