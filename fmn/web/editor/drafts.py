"""A rule while it is edited: what stands in the form, whether it is a rule yet or not.

Fields are named like the path of what they say in a written rule (`filters.1.patterns`), and so
are their ids: what the codec refuses is found in the form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fmn.preferences.edits import etag_of
from fmn.rules.filter import Filter
from fmn.rules.regexes import Saved
from fmn.rules.rule import Rule
from fmn.web.editor.controls import Control, Question, question, questions
from fmn.web.forms import Form

Path = tuple[str | int, ...]
Kinds = Mapping[str, type[Filter]]
UNTYPED = re.compile("[\x00-\x08\x0a-\x1f\ud800-\udfff]")
"""What a field of one line does not hold: control characters, line breaks, halves of characters."""


@dataclass(frozen=True, slots=True)
class DraftFilter:
    """One filter as it stands in the form."""

    question: Question
    negate: bool = False
    way: str = ""
    """Which argument is chosen, of a filter that takes one of several."""
    typed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Argument → the texts in its fields."""

    def texts(self, control: Control) -> tuple[str, ...]:
        """Return what stands in the fields of this control: one at least, may it be empty."""
        return self.typed.get(control.argument, ()) or ("",)

    def with_room(self, argument: str) -> "DraftFilter":
        """Return it with one more empty field for an argument."""
        texts = (*self.typed.get(argument, ()), "")
        return replace(self, typed={**self.typed, argument: texts if len(texts) > 1 else ("", "")})

    def written(self) -> dict[str, Any]:
        """Return it as people write it in YAML."""
        chosen = [each for each in self.question.ways if each.argument == self.way]
        arguments: dict[str, Any] = {"kind": self.question.kind}
        for control in (*self.question.required, *chosen):
            arguments |= control.value(self.typed.get(control.argument, ()))
        return arguments | ({"negate": True} if self.negate else {})

    def clause(self, kinds: Kinds) -> str:
        """Return its clause of the rule's sentence; while it is not finished, its kind."""
        arguments = self.written()
        kind = arguments.pop("kind")
        try:
            # As saved: nothing is compiled for a page that only says the clause.
            filter_ = kinds[kind].model_validate(arguments, context=Saved())
        except (KeyError, ValueError):
            return f"{'not ' if self.negate else ''}{kind}"
        return filter_.clause()[self.negate]


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as it stands in the form."""

    id: str = ""
    """Empty for a new one."""
    name: str = ""
    enabled: bool = True
    everything: bool = False
    filters: tuple[DraftFilter, ...] = ()
    destinations: tuple[str, ...] = ()
    """Names."""
    etag: str = ""
    """Of the rule as it was when editing began; empty for a new one."""

    @property
    def is_everything(self) -> bool:
        """Tell whether no filter asks for something, so that it must be said that this is meant."""
        return all(each.negate for each in self.filters)

    def written(self) -> dict[str, Any]:
        """Return it as people write it in YAML; whether that is a rule, the codec knows."""
        written: dict[str, Any] = {"name": self.name, "destinations": list(self.destinations)}
        if self.id:
            written["id"] = self.id
        if not self.enabled:
            written["enabled"] = False
        if self.everything and self.is_everything:
            written["everything"] = True
        if self.filters:
            written["filters"] = [each.written() for each in self.filters]
        return written

    def with_filter(self, asked: Question) -> "Draft":
        """Return it with one more filter, empty."""
        way = next((each.argument for each in asked.ways), "")
        return replace(self, filters=(*self.filters, DraftFilter(asked, way=way)))

    def without_filter(self, place: int) -> "Draft":
        """Return it without the filter at this place, if there is one."""
        return replace(self, filters=(*self.filters[:place], *self.filters[place + 1 :]))

    def with_room(self, place: int, argument: str) -> "Draft":
        """Return it with one more empty field for an argument of the filter at this place."""
        filters = list(self.filters)
        filters[place : place + 1] = [each.with_room(argument) for each in filters[place:][:1]]
        return replace(self, filters=tuple(filters))

    def keeps(self, rule: Rule) -> bool:
        """Tell whether the form says all that the rule's filters say.

        What no field of a form can hold is an empty text, and one with control characters.
        """
        texts = (text for each in self.filters for some in each.typed.values() for text in some)
        if any(map(UNTYPED.search, texts)):
            return False
        was = [{"kind": each.kind} | each.arguments() for each in rule.filters]
        return [_listed(each) for each in was] == [each.written() for each in self.filters]


def draft_of(rule: Rule, kinds: Kinds) -> Draft:
    """Return what stands in the form of this rule when its editing begins."""
    return Draft(
        id=rule.id,
        name=rule.name,
        enabled=rule.enabled,
        everything=rule.everything,
        filters=tuple(_draft_filter(each, kinds) for each in rule.filters),
        destinations=tuple(each.name for each in rule.destinations),
        etag=etag_of(rule),
    )


def read_draft(form: Form, kinds: Kinds) -> Draft:
    """Return what was typed. A filter of a kind that is not known stays, for the codec to name."""
    asked = questions(kinds)
    numbers = (re.fullmatch(r"filters\.([0-9]{1,3})\.kind", name) for name in form.names)
    places = sorted({int(found[1]) for found in numbers if found})
    return Draft(
        id=form.one("id"),
        name=form.one("name"),
        enabled=bool(form.one("enabled")),
        everything=bool(form.one("everything")),
        filters=tuple(_read_filter(form, f"filters.{place}.", asked) for place in places),
        destinations=tuple(form.all("destinations")),
        etag=form.one("etag"),
    )


def _read_filter(form: Form, prefix: str, asked: Mapping[str, Question]) -> DraftFilter:
    kind = form.one(prefix + "kind")
    of = asked.get(kind, Question(kind))
    typed = {each.argument: _texts(form, prefix + each.argument) for each in of.controls}
    return DraftFilter(of, bool(form.one(prefix + "negate")), form.one(prefix + "way"), typed)


def _texts(form: Form, name: str) -> tuple[str, ...]:
    return tuple(text for text in form.all(name) if text.strip())


def _draft_filter(filter_: Filter, kinds: Kinds) -> DraftFilter:
    asked = question(filter_.kind, kinds[filter_.kind])
    arguments = filter_.arguments()
    typed = {
        control.argument: control.texts(arguments[control.argument])
        for control in asked.controls
        if control.argument in arguments
    }
    way = next((each.argument for each in asked.ways if each.argument in typed), "")
    return DraftFilter(asked, filter_.negate, way, typed)


def _listed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in arguments.items()
    }
