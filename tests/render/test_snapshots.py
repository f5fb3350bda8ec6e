import json
from importlib.metadata import entry_points
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]  # it has none

from fmn.model import Message
from tests.render.messages.every import every
from tests.render.snapshots import changed, snapshots

APPS = ("koji", "bodhi", "copr", "pagure")


def classes() -> dict[str, list[Any]]:
    """Return the schema classes of the worked applications, by topic."""
    found: dict[str, list[Any]] = {}
    for point in entry_points(group="fedora.messages"):
        if point.value.startswith(APPS):
            schema = point.load()
            found.setdefault(schema.topic, []).append(schema)
    return found


def short(message: Message) -> str:
    return message.topic.removeprefix("org.fedoraproject.prod.")


def test_templates_make_what_was_read_and_found_good() -> None:
    differences = "\n".join(changed(snapshots()))
    assert differences == "", "python -m tests.render.snapshots --write, then read git diff"


def test_there_is_a_message_for_each_schema_class_in_use() -> None:
    assert len(classes()) > 80
    assert set(classes()) <= {short(message) for message in every().values()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of how the library resolves schemas
@pytest.mark.parametrize("name", [name for name in every() if name.startswith(APPS)])
def test_a_sample_is_valid_under_a_schema_of_its_topic(name: str) -> None:
    message = every()[name]
    faults = [fault(schema, message) for schema in classes()[short(message)]]
    assert None in faults, faults


def fault(schema: Any, message: Message) -> str | None:  # a class of the library
    try:
        schema(topic=message.topic, body=json.loads(message.body)).validate()
    except ValidationError as failed:
        return str(failed)
    return None
