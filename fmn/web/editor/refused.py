"""What was refused in the form of a rule: which field, and what to say there."""

from dataclasses import dataclass

from fmn.errors import FieldError, PreferencesError
from fmn.web.editor.drafts import Draft, DraftFilter

SAID = {
    "everything": "no filter asks for something, so this rule would match every message: "
    "add a filter that does, or say that you mean it",
    "destinations": "choose at least one",
}
"""What to say of a field instead of the codec's words, which are for whoever writes YAML."""
LABELS = {"name": "Name", "everything": "Every message", "destinations": "Destinations"}


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that is wrong."""

    id: str
    """Of the field, in the page; empty where it is about no field in particular."""
    label: str
    expected: str

    def is_at(self, id_: str) -> bool:
        """Tell whether it is about the field, or the group of fields, with this id."""
        return self.id == id_


def refused(error: PreferencesError, draft: Draft) -> Refused:
    """Return what the codec refuses as something to say in the form of this draft."""
    if not isinstance(error, FieldError):
        return Refused("", "", str(error))
    match error.path:
        case ("filters", int(place), *rest) if place < len(draft.filters):
            return _in_filter(place, draft.filters[place], tuple(rest), error.expected)
        case ("name", *_) if not draft.name.strip():
            return Refused("name", LABELS["name"], "give the rule a name")
        case (str(name), *_) if name in LABELS:
            return Refused(name, LABELS[name], SAID.get(name, error.expected))
        case ("filters", *_):
            return Refused("kind", "Filters", error.expected)
    return Refused("", "", error.expected)


def _in_filter(
    place: int, filter_: DraftFilter, path: tuple[str | int, ...], expected: str
) -> Refused:
    label = f"Filter {place + 1}, {filter_.question.kind}"
    for control in filter_.question.controls:
        if path and path[0] == control.argument:
            steps = [step for step in path[1:2] if isinstance(step, int) and control.grows]
            number = steps[0] if steps else 0
            id_ = f"filters-{place}-{control.argument}-{number}"
            return Refused(id_, f"{label}, {control.title}", expected)
    return Refused(f"filters-{place}", label, expected)
