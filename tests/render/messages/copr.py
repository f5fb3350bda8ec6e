"""Copr: builds and their chroots, in the three shapes these messages have had."""

from typing import Any

from fmn.model import Message
from tests.render.messages.facts import Body, Cases, a_message

DUMP = "Id: m1\nTopic: org.fedoraproject.prod.{topic}\nHeaders: {{\n}}\nBody: {{\n}}"
"""How the library prints a message that has no words of its own."""


def copr(topic: str, body: Body, **facts: Any) -> Message:  # as Message has them
    known: dict[str, Any] = {"app": "Copr", "text": DUMP.format(topic=topic)}
    return a_message(topic, body, **(known | facts))


def build(status: int, **more: Any) -> Body:  # JSON is what it is
    return {
        "build": 9000107,
        "chroot": "fedora-44-aarch64",
        "copr": "nightly",
        "ip": "192.0.2.17",
        "owner": "@kitchen-sig",
        "pid": 4711,
        "pkg": "teapotd",
        "status": status,
        "user": "bob",
        "version": "0.9.2-4",
        "what": "build: user:bob copr:nightly",
        "who": "backend.worker-4",
    } | more


def old(**more: Any) -> Body:  # JSON is what it is
    return {
        "build": "9000107",
        "builder": "192.0.2.17",
        "chroot": "srpm-builds",
        "copr": "experiments",
        "owner": "alice",
        "package": "None-None",
        "status": "SUCCEEDED",
        "status_int": "1",
        "submitter": "None",
    } | more


CASES: Cases = {
    "build-started": copr("copr.build.start", build(3), agent="bob"),
    "build-failed": copr("copr.build.end", build(0)),
    "build-succeeded": copr("copr.build.end", build(1)),
    "build-canceled": copr("copr.build.end", build(2)),
    "build-ended": copr("copr.build.end", build(3)),
    "sources-started": copr(
        "copr.build.start", build(3, pkg=None, version=None, chroot="srpm-builds"), agent="bob"
    ),
    "chroot-started": copr("copr.chroot.start", build(3), agent="bob"),
    "old-build-started": copr("build.start", old()),
    "old-build-ended": copr(
        "build.end",
        old(package="teapotd-0.9.2-4", submitter="alice", chroot="fedora-44-x86_64"),
    ),
    "old-chroot-started": copr("chroot.start", {"chroot": "fedora-44-x86_64"}),
}
