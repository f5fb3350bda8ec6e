"""Bodhi: updates and what happens to them, comments, overrides, composes."""

from typing import Any

from fmn.model import Message, Severity
from tests.render.messages.facts import Body, Cases, a_message

URL = "https://bodhi.example.org/updates/FEDORA-2026-0a1b2c3d4e"


def update(*builds: str, **more: Any) -> Body:  # JSON is what it is
    return {
        "alias": "FEDORA-2026-0a1b2c3d4e",
        "builds": [{"nvr": nvr} for nvr in builds or ("rocketsled-3.1-1.fc44",)],
        "release": {"name": "F44"},
        "request": None,
        "status": "testing",
        "user": {"name": "alice"},
    } | more


def bodhi(topic: str, body: Body, **facts: Any) -> Message:  # as Message has them
    known: dict[str, Any] = {"app": "bodhi", "agent": "bodhi"}
    if "update" in body or "comment" in body:
        known |= {"url": URL, "artifacts": ["rpms/rocketsled"]}
    return a_message(f"bodhi.{topic}", body, **(known | facts))


def asked(verb: str, agent: str = "alice", **more: Any) -> Message:  # JSON
    body = {"agent": agent, "update": update(status="pending", request=None, **more)}
    return bodhi(f"update.request.{verb}", body, agent=agent)


FELL_OFF = """\
The left runner falls off at 80 km/h.

Works on flat ice, though:

    sled --flat"""


def comment(karma: int, agent: str = "bob") -> Message:
    body = {
        "karma": karma,
        "text": FELL_OFF,
        "timestamp": "2026-05-04 08:31:00",
        "update": update(),
        "user": {"name": agent},
    }
    return bodhi("update.comment", {"comment": body}, agent=agent)


def compose(topic: str, summary: str, **more: Any) -> Message:  # JSON
    body = {"agent": "releng-bot", "repo": "f44-updates"} | more
    return bodhi(topic, body, agent="releng-bot", summary=summary, text=summary)


NOTES = "Sleds no longer start backwards.\n\n- fixed the moon\n- fixed the runner"
THREE = ("rocketsled-3.1-1.fc44", "rocketsled-doc-3.1-1.fc44", "moonshine-fonts-2.4-7.fc44")
OVERRIDE: Body = {"override": {"nvr": "moonshine-fonts-2.4-7.fc44", "submitter": {"name": "dana"}}}
AT_OVERRIDE: dict[str, Any] = {
    "agent": "dana",
    "artifacts": ["rpms/moonshine-fonts"],
    "url": "https://bodhi.example.org/overrides/moonshine-fonts-2.4-7.fc44",
}
EDIT: Body = {"agent": "alice", "new_bugs": [1708925, 1706626], "update": update()}
READY: Body = {
    "agent": "bodhi",
    "artifact": {
        "type": "koji-build-group",
        "builds": [{"type": "koji-build", "id": 1, "task_id": 2, "nvr": "rocketsled-3.1-1.fc44"}],
    },
    "re-trigger": False,
    "update": update(),
}

CASES: Cases = {
    "request-testing": asked("testing", notes=NOTES),
    "request-stable": asked("stable", "bob"),
    "request-revoke": asked("revoke"),
    "request-unpush": asked("unpush"),
    "request-obsolete": asked("obsolete", "bob"),
    "complete-testing": bodhi("update.complete.testing", {"update": update(*THREE)}),
    "complete-stable": bodhi("update.complete.stable", {"update": update(status="stable")}),
    "comment": comment(0),
    "karma": comment(-1),
    "karma-own": comment(1, "alice"),
    "karma-reached": bodhi(
        "update.karma.threshold.reach", {"status": "stable", "update": update()}
    ),
    "edit": bodhi("update.edit", EDIT, agent="alice"),
    "edit-builds": bodhi(
        "update.edit",
        EDIT
        | {
            "new_bugs": [],
            "new_builds": ["rocketsled-3.1-2.fc44"],
            "removed_builds": ["rocketsled-3.1-1.fc44"],
        },
        agent="bob",
    ),
    "eject": bodhi(
        "update.eject",
        {
            "reason": "Cannot find relevant tag for rocketsled-3.1-1.fc44",
            "repo": "f44-testing",
            "update": update(),
        },
        severity=Severity.WARNING,
    ),
    "may-go-stable": bodhi("update.requirements_met.stable", {"update": update()}, agent=None),
    "ready": bodhi("update.status.testing.koji-build-group.build.complete", READY),
    "override": bodhi("buildroot_override.tag", OVERRIDE, **AT_OVERRIDE),
    "override-ended": bodhi("buildroot_override.untag", OVERRIDE, **AT_OVERRIDE),
    "errata": bodhi(
        "errata.publish",
        {
            "subject": "Fedora 44 Update: rocketsled-3.1-1.fc44",
            "body": f"Name: rocketsled\n\n{NOTES}",
            "update": update(),
        },
    ),
    "compose-failed": compose(
        "compose.complete",
        "bodhi composer failed to compose f44-updates",
        success=False,
        ctype="rpm",
    ),
    "compose-composing": compose("compose.composing", "bodhi started composing f44-updates"),
    "compose-start": compose("compose.start", "bodhi composer started a push"),
    "compose-sync-wait": compose("compose.sync.wait", "bodhi waits for f44-updates to be synced"),
    "compose-sync-done": compose("compose.sync.done", "f44-updates is synced"),
    "repo-done": compose("repo.done", "bodhi is done with f44-updates", path="/mnt/f44-updates"),
}
