"""Pagure: issues, pull requests, pushes, projects and what else happens on a forge."""

from typing import Any

from fmn.model import Message
from tests.render.messages.facts import Body, a_message

FORGE = "https://forge.example.org"


def person(name: str) -> Body:
    return {
        "name": name,
        "fullname": f"{name.title()} of Example",
        "url_path": f"user/{name}",
        "full_url": f"{FORGE}/user/{name}",
    }


def project(fullname: str = "rpms/rocketsled", parent: Body | None = None) -> Body:
    return {
        "id": 8820,
        "name": fullname.rpartition("/")[2],
        "namespace": fullname.partition("/")[0],
        "fullname": fullname,
        "full_url": f"{FORGE}/{fullname}",
        "url_path": fullname,
        "description": "A sled with rockets",
        "parent": parent,
        "date_created": "1777880000",
        "date_modified": "1777880000",
        "access_users": {
            **{name: [] for name in ("admin", "commit", "collaborator", "ticket")},
            "owner": ["alice"],
        },
        "access_groups": {name: [] for name in ("admin", "commit", "collaborator", "ticket")},
        "tags": [],
        "priorities": {},
        "milestones": {},
        "close_status": [],
        "custom_keys": [],
        "user": person("alice"),
    }


def said(text: str, number: int) -> Body:
    return {
        "id": number,
        "comment": text,
        "date_created": "1777881000",
        "edited_on": None,
        "editor": None,
        "notification": False,
        "parent": None,
        "reactions": {},
        "user": person("alice"),
    }


COMMENTS = [
    said("Which barn?", 1),
    said("The red one.\r\n\r\n> Which barn?\r\n\r\nIt has a hole.", 2),
]


def issue(**more: Any) -> Body:  # JSON is what it is
    return {
        "id": 17,
        "title": "rocketsled starts backwards when the moon is full",
        "content": "It went through the barn.\r\n\r\n1. Wait for the moon.\r\n2. Start it.",
        "full_url": f"{FORGE}/rpms/rocketsled/issue/17",
        "status": "Open",
        "close_status": None,
        "date_created": "1777880000",
        "last_updated": "1777880000",
        "closed_at": None,
        "closed_by": None,
        "user": person("bob"),
        "private": False,
        "tags": ["moon"],
        "depends": [],
        "blocks": [],
        "assignee": None,
        "priority": None,
        "milestone": None,
        "custom_fields": [],
        "related_prs": [],
        "boards": [],
        "comments": COMMENTS,
    } | more


def pull(**more: Any) -> Body:  # JSON is what it is
    return {
        "id": 5,
        "uid": "c0ffee",
        "title": "Whistle before boiling",
        "full_url": f"{FORGE}/rpms/teapotd/pull-request/5",
        "branch": "rawhide",
        "branch_from": "fix",
        "project": project("rpms/teapotd"),
        "repo_from": project("forks/charlie/rpms/teapotd"),
        "remote_git": None,
        "date_created": "1777882000",
        "updated_on": "1777882000",
        "last_updated": "1777882000",
        "closed_at": None,
        "closed_by": None,
        "user": person("charlie"),
        "assignee": None,
        "status": "Open",
        "commit_start": "4f3c2a",
        "commit_stop": "9e8d7c",
        "initial_comment": "It is only polite.",
        "cached_merge_status": "FFORWARD",
        "threshold_reached": None,
        "tags": ["manners"],
        "comments": COMMENTS,
    } | more


FLAG: Body = {
    "commit_hash": "33bb44",
    "username": "CI",
    "comment": "Job failed: rpm-scratch-build",
    "status": "failure",
    "percent": None,
    "url": "https://ci.example.org/7781",
    "date_created": "1777883000",
    "date_updated": "1777883000",
    "user": person("erin"),
}


def pagure(topic: str, body: Body, agent: str = "bob", **facts: Any) -> Message:  # facts
    known: dict[str, Any] = {"app": "Pagure", "agent": agent, "url": f"{FORGE}/rpms/rocketsled"}
    return a_message(f"pagure.{topic}", {"agent": agent} | body, **(known | facts))


def of_issue(what: str, more: Body | None = None, **body: Any) -> Message:  # JSON
    of = {"issue": issue(**(more or {})), "project": project()}
    return pagure(f"issue.{what}", of | body, url=f"{FORGE}/rpms/rocketsled/issue/17")


def of_pull(what: str, more: Body | None = None, **body: Any) -> Message:  # JSON
    of = {"pullrequest": pull(**(more or {})), "project": project("rpms/teapotd")}
    url = f"{FORGE}/rpms/teapotd/pull-request/5"
    return pagure(f"pull-request.{what}", of | body, agent="dana", url=url)


def of_git(what: str, **body: Any) -> Message:  # JSON is what it is
    of = {"repo": project(), "authors": [person("alice")], "branch": "rawhide", "rev": "33bb44"}
    artifacts = ["rpms/rocketsled"]
    return pagure(f"git.{what}", of | body, agent="alice", artifacts=artifacts)
