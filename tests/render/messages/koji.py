"""Koji: builds in each state, tasks, tags, repositories, signatures."""

from typing import Any

from fmn.model import Severity
from tests.render.messages.facts import Body, Cases, a_message

URL = "https://koji.example.org/koji/buildinfo?buildID=2700002"
TASKS = """\
Package:    teapotd-0.9.2-4.fc45
Status:     failed
Built by:   bob

Closed tasks:
-------------
Task 9001 on builder-7.example.org
Task Type: buildArch (x86_64)
Link: https://koji.example.org/koji/taskinfo?taskID=9001
logs:
  https://kojipkgs.example.org/work/tasks/9001/9001/build.log
"""
NVR: Body = {"name": "teapotd", "version": "0.9.2", "release": "4.fc45"}
INFO: Body = {"id": 9001, "method": "buildArch", "arch": "x86_64", "host_id": 7, "result": None}


def a_build(old: int | None, new: int, **facts: Any) -> Any:  # as Message has them
    body = NVR | {
        "epoch": None,
        "attribute": "state",
        "build_id": 2700002,
        "owner": "bob",
        "instance": "primary",
        "url": URL,
        "task_id": 9000,
        "task": None,
        "request": ["git+https://forge.example.org/rpms/teapotd.git#4f3c2a", "rawhide", {}],
        "old": old,
        "new": new,
        "creation_time": "2026-05-04T07:50:00+00:00",
        "completion_time": None if new == 0 else "2026-05-04T08:20:00+00:00",
    }
    known: dict[str, Any] = {"app": "Koji", "artifacts": ["rpms/teapotd"], "url": URL}
    return a_message("buildsys.build.state.change", body, **(known | facts))


def koji(topic: str, body: Body, **facts: Any) -> Any:  # as Message has them
    known: dict[str, Any] = {"app": "Koji", "severity": Severity.DEBUG}
    return a_message(f"buildsys.{topic}", body, **(known | facts))


TAG: Body = NVR | {
    "build_id": 2700002,
    "tag": "f45-updates-candidate",
    "tag_id": 4321,
    "instance": "primary",
    "user": "bodhi",
    "owner": "bob",
}
TASK: Body = {
    "info": INFO,
    "id": 9001,
    "method": "buildArch",
    "attribute": "state",
    "instance": "primary",
    "owner": "bob",
    "srpm": "teapotd-0.9.2-4.fc45.src.rpm",
    "base_url": "https://koji.example.org/koji",
    "files_base_url": "https://kojipkgs.example.org/work",
    "old": "OPEN",
    "new": "FAILED",
}
RPM: Body = {
    "name": "teapotd-libs",
    "version": "0.9.2",
    "release": "4.fc45",
    "arch": "aarch64",
    "build_id": 2700002,
    "id": 77,
}
REPO: Body = {"instance": "primary", "repo_id": 5, "tag": "f45-build", "tag_id": 4322}

CASES: Cases = {
    "build-started": a_build(None, 0, agent="bob"),
    "build-complete": a_build(0, 1),
    "build-deleted": a_build(1, 2),
    "build-failed": a_build(0, 3, severity=Severity.ERROR, text=TASKS),
    "build-canceled": a_build(0, 4, agent="bob"),
    "task-failed": koji(
        "task.state.change", TASK, agent="bob", text="Task 9001 on builder-7.example.org"
    ),
    "tag": koji("tag", TAG, agent="bodhi", artifacts=["rpms/teapotd"]),
    "tag-of-nothing": koji("tag", {"tag": "f45-rebuild"}, summary="None-None-None was tagged"),
    "untag": koji("untag", TAG, agent="bodhi", artifacts=["rpms/teapotd"]),
    "package-added": koji(
        "package.list.change",
        {"action": "added", "package": "kettle-lime", "tag": "f45", "owner": "charlie"},
        agent="charlie",
        artifacts=["rpms/kettle-lime"],
    ),
    "repo-init": koji("repo.init", REPO),
    "repo-done": koji("repo.done", REPO),
    "rpm-signed": koji("rpm.sign", {"instance": "primary", "sigkey": "a1b2c3d4", "rpm": RPM}),
}
