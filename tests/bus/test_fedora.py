"""fedora-messaging's messages as facts."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from fmn.errors import UndecodableMessage
from fmn.model import Severity
from tests.bus.desk import BUILD, KOJI, SCHEMA, TOPIC, Desk, decode


def test_a_schema_class_gives_all_its_facts() -> None:
    headers = KOJI | {"sent-at": "2026-05-04T10:00:00+02:00", "fedora_messaging_severity": 30}
    message = decode(headers, BUILD)
    assert message.id == "m1"
    assert message.topic == TOPIC
    assert message.app == "Koji"
    assert message.users == {"alice"}
    assert message.artifacts == {"rpms/kernel"}
    assert message.severity == Severity.WARNING
    assert message.summary == "Build COMPLETE: alice's kernel-6.9-1.fc45"
    assert "kernel-6.9-1.fc45" in message.text
    assert message.url == "https://koji.example.org/1"
    assert message.sent_at == datetime(2026, 5, 4, 8, tzinfo=UTC)
    assert message.private is False
    assert message.content == BUILD


def test_the_agent_is_who_the_class_says_did_it() -> None:
    body = {"msg": {"agent": "alice", "user": "bob", "group": "python-sig"}}
    message = decode({SCHEMA: "noggin.group.member.sponsor.v1"}, body)
    assert message.agent == "alice"
    assert message.users == {"alice", "bob"}
    assert message.groups == {"python-sig"}


@pytest.mark.parametrize(
    ("namespace", "artifact"),
    [
        ("rpms", "rpms/thing"),
        ("containers", "containers/thing"),
        ("modules", "modules/thing"),
        ("flatpaks", "flatpaks/thing"),
    ],
)
def test_each_property_of_artifacts_has_its_type(namespace: str, artifact: str) -> None:
    repo = {"name": "thing", "namespace": namespace, "fullname": f"{namespace}/thing"}
    message = Desk().line(
        {SCHEMA: "pagure.git.branch.creation"}, {"agent": "bob", "repo": repo, "branch": "f45"}
    )
    assert message.artifacts == {artifact}


def test_headers_need_no_schema() -> None:
    message = decode(
        {
            "fedora_messaging_user_alice": True,
            "fedora_messaging_user_under_score": True,
            "fedora_messaging_group_python-sig": True,
            "fedora_messaging_rpm_kernel": True,
            "fedora_messaging_container_a/b": True,
            "fedora_messaging_module_m": True,
            "fedora_messaging_flatpak_f": True,
            "fedora_messaging_bird_b": True,
            "other_user_eve": True,
        }
    )
    assert message.users == {"alice", "under_score"}
    assert message.groups == {"python-sig"}
    assert message.artifacts == {"rpms/kernel", "containers/a/b", "modules/m", "flatpaks/f"}


def test_headers_and_properties_are_joined() -> None:
    headers = {"fedora_messaging_user_bob": True, "fedora_messaging_rpm_glibc": True}
    message = decode(KOJI | headers, BUILD)
    assert message.users == {"alice", "bob"}
    assert message.artifacts == {"rpms/kernel", "rpms/glibc"}


def test_nobody_is_called_none() -> None:
    headers = {"fedora_messaging_user_None": True, "fedora_messaging_rpm_None": True}
    message = decode(KOJI | headers | {"fedora_messaging_user_": True}, BUILD | {"owner": None})
    assert message.users == frozenset()
    assert message.artifacts == {"rpms/kernel"}


def test_what_is_no_text_is_dropped_from_names() -> None:
    message = Desk().line(KOJI, BUILD | {"owner": 7, "name": ["kernel"], "url": {}})
    assert (message.users, message.artifacts, message.url) == (frozenset(), frozenset(), None)


@pytest.mark.parametrize("schema", ["nobody.knows.this", 7, None, ["x"], "base.message"])
def test_an_unknown_schema_is_still_a_message(schema: Any) -> None:
    headers = {SCHEMA: schema, "fedora_messaging_user_alice": True, "fmn_private": True}
    message = decode(headers, {"any": "thing"})
    assert message.summary == TOPIC
    assert (message.text, message.app, message.agent, message.url) == ("", None, None, None)
    assert message.users == {"alice"}
    assert message.private is True
    assert message.content == {"any": "thing"}


@pytest.mark.parametrize(
    ("number", "severity"),
    [(10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"), (40.0, "ERROR"), (None, "INFO")],
)
def test_severities_are_numbers(number: Any, severity: str) -> None:
    assert decode({"fedora_messaging_severity": number}).severity == Severity[severity]


def test_no_severity_is_info() -> None:
    assert decode({}).severity == Severity.INFO


@pytest.mark.parametrize("nonsense", [0, 15, "30", "error", True, [], {}, 1e300])
def test_a_severity_that_is_none_is_info_with_a_warning(nonsense: Any) -> None:
    desk = Desk()
    assert desk.line({"fedora_messaging_severity": nonsense}, {}).severity == Severity.INFO
    assert desk.warnings == [(TOPIC, "severity")]


@pytest.mark.parametrize("nonsense", ["yesterday", 7, [], "0001-01-01T00:00:00+10:00"])
def test_a_time_that_is_none_is_absent_with_a_warning(nonsense: Any) -> None:
    desk = Desk()
    assert desk.line({"sent-at": nonsense}, {}).sent_at is None
    assert desk.warnings == [(TOPIC, "sent-at")]


@pytest.mark.parametrize(("value", "private"), [(True, True), (False, False), (None, False)])
def test_a_true_header_makes_a_message_private(value: Any, private: bool) -> None:
    assert decode({"fmn_private": value}).private is private


def test_a_property_that_raises_is_absent_and_warned_of() -> None:
    desk = Desk()
    issue = {"agent": "bob", "project": {"fullname": "rpms/kernel"}}
    message = desk.line({SCHEMA: "pagure.issue.new"}, issue)
    assert message.agent == "bob"
    assert message.summary == ""
    assert ("pagure.issue.new", "summary") in desk.warnings


def test_a_class_that_cannot_be_made_leaves_the_headers() -> None:
    desk = Desk()
    headers = {SCHEMA: "koji_fedoramessaging.tag.TagV1", "fedora_messaging_user_alice": True}
    message = desk.line(headers, {"tag": 5})
    assert message.users == {"alice"}
    assert (message.summary, message.text) == (TOPIC, "")
    assert desk.warnings == [("koji_fedoramessaging.tag.TagV1", "init")]


def test_old_classes_are_read_without_python_warnings() -> None:
    body = {"message": {"upstream_version": "2"}, "project": {"name": "rocket"}}
    message = Desk().line({SCHEMA: "anitya.project.version.update"}, body)
    assert "rocket" in message.summary


def test_the_library_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk()
    desk.line({SCHEMA: "nobody.knows.this"}, {})
    desk.line(KOJI, {})
    assert caplog.records == []


def test_the_body_must_be_an_object_and_be_there() -> None:
    bodies: list[Any] = [[], "text", 7, None, True]
    for body in bodies:
        with pytest.raises(UndecodableMessage, match="not a JSON object"):
            Desk().line({}, body)
    with pytest.raises(UndecodableMessage, match="`body`"):
        Desk().decoder.line(b'{"topic": "t", "headers": {}}')


def test_headers_must_be_an_object() -> None:
    wrong: list[Any] = [None, [], "x"]
    for headers in wrong:
        with pytest.raises(UndecodableMessage, match=r"\$\.headers"):
            Desk().line(headers, {})


def test_other_keys_of_the_library_are_no_matter() -> None:
    assert decode({}, queue=None, priority=0, new_in_version_9=[]).id == "m1"


def test_without_an_id_the_same_message_has_the_same_one() -> None:
    first, again, other = (Desk().line({}, {"n": n}, id=None).id for n in (1, 1, 2))
    assert first == again != other
    assert len(first) == len(sha256().hexdigest())


def test_schema_packages_are_loaded_when_first_needed() -> None:
    code = (
        "import sys; from fmn.bus.facts import Decoder; from fmn.config import Bus;"
        "d = Decoder(Bus(), warn=print); d.delivery(b'{}', topic='t');"
        "print([m for m in sys.modules if 'koji' in m or 'pagure' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
