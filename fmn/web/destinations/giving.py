"""Giving an address: by the fields of a form, and never as one text that people put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fmn.kinds import AddressField, AddressForm
from fmn.preferences.written import refusal
from fmn.web.parts import Parts

FIRST = "email"
"""The kind that nearly everybody wants: it comes first."""
FEW = 4
"""Forms of one kind that stand in the list; what else it has is a step away."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A form by which an address of this kind can be given."""

    kind: str
    form: AddressForm
    place: int
    """Among the forms of its kind."""
    is_only: bool
    """Whether its kind has no other."""

    @property
    def id(self) -> str:
        """Return what its element on a page is called."""
        return f"{self.kind}-{self.place}"

    @property
    def is_usual(self) -> bool:
        """Tell whether it stands in the list, and not behind it."""
        return self.place < FEW

    @property
    def name(self) -> str:
        """Return what a destination given by it is called where nobody says."""
        return self.kind if self.is_only else self.form.title

    def id_of(self, field: AddressField) -> str:
        """Return what the element of a field is called."""
        return f"{self.id}-{field.name}"

    def address(self, fields: Mapping[str, str]) -> str:
        """Return the address that these fields make. Raises FieldError for one nobody knows."""
        known = [field.name for field in self.form.fields]
        if unknown := [name for name in fields if name not in known]:
            expected = f"there is no such field; known: {', '.join(known)}"
            raise refusal("", ("fields", unknown[0]), expected)
        return self.form.address(fields)


def offers(parts: Parts) -> list[Offer]:
    """Return every form by which an address can be given, in the order of the page."""
    kinds = sorted(parts.kinds, key=lambda kind: (kind != FIRST, kind))
    return [
        Offer(kind, form, place, is_only=len(parts.kinds[kind].forms) == 1)
        for kind in kinds
        if not parts.kinds[kind].lacks
        for place, form in enumerate(parts.kinds[kind].forms)
    ]


def offer_of(parts: Parts, kind: str, title: str) -> Offer:
    """Return the form of this kind and title; without a title the only one. Raises FieldError."""
    there = offers(parts)
    mine = {each.form.title: each for each in there if each.kind == kind}
    if not mine:
        raise refusal("", ("kind",), _one_of({each.kind for each in there}))
    if not title and len(mine) == 1:
        return next(iter(mine.values()))
    if title not in mine:
        raise refusal("", ("form",), _one_of(mine))
    return mine[title]


def _one_of(known: Iterable[str]) -> str:
    return f"expected one of {', '.join(sorted(known)) or 'none: there are none'}"
