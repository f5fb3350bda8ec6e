"""Pagure's messages, one for each class and more where a message may say several things."""

from typing import Any

from fmn.model import Message
from tests.render.messages.facts import Cases
from tests.render.messages.pagure import FLAG, of_git, of_issue, of_pull, pagure, person, project


def of_project(what: str, summary: str, **body: Any) -> Message:  # JSON
    of = {"project": project()}
    return pagure(f"project.{what}", of | body, agent="dana", summary=summary, text=summary)


def push(commits: int, *, forced: bool = False) -> Message:
    return of_git(
        "receive",
        forced=forced,
        old_commit="11aa22",
        branch="refs/heads/rawhide",
        total_commits=commits,
        start_commit="22aa33",
        end_commit="33bb44",
    )


ISSUES: Cases = {
    "issue-new": of_issue("new"),
    "issue-comment": of_issue("comment.added"),
    "issue-edited": of_issue("edit", fields=["title", "content"]),
    "issue-closed": of_issue(
        "edit",
        {"status": "Closed", "close_status": "Fixed"},
        fields=["close_status", "status"],
    ),
    "issue-dropped": of_issue("drop"),
    "issue-tagged": of_issue("tag.added", tags=["moon", "barn"]),
    "issue-untagged": of_issue("tag.removed", tags=["moon"]),
    "issue-assigned": of_issue("assigned.added", {"assignee": person("erin")}),
    "issue-unassigned": of_issue("assigned.reset"),
    "issue-dependency": of_issue("dependency.added", added_dependency=18),
    "issue-no-dependency": of_issue("dependency.removed", removed_dependency=[18]),
}
PULLS: Cases = {
    "pull-new": of_pull("new"),
    "pull-comment": of_pull("comment.added"),
    "pull-comment-edited": of_pull("comment.edited"),
    "pull-description": of_pull("initial_comment.edited"),
    "pull-merged": of_pull("closed", {"status": "Merged"}, merged=True),
    "pull-closed": of_pull("closed", {"status": "Closed"}, merged=False),
    "pull-reopened": of_pull("reopened"),
    "pull-rebased": of_pull("rebased"),
    "pull-updated": of_pull("updated"),
    "pull-assigned": of_pull("assigned.added", {"assignee": person("erin")}),
    "pull-unassigned": of_pull("assigned.reset"),
    "pull-tagged": of_pull("tag.added", tags=["manners"]),
    "pull-untagged": of_pull("tag.removed", tags=["manners"]),
    "pull-flag": of_pull("flag.added", flag=FLAG),
    "pull-flag-updated": of_pull("flag.updated", flag=FLAG | {"status": "success"}),
}
GIT: Cases = {
    "push": push(3),
    "push-one-forced": push(1, forced=True),
    "branch-made": of_git("branch.creation"),
    "branch-deleted": of_git("branch.deletion"),
    "tag-made": of_git("tag.creation", tag="3.1"),
    "tag-deleted": of_git("tag.deletion", tag="3.1"),
    "commit-flag": pagure("commit.flag.added", {"repo": project(), "flag": FLAG}, agent="erin"),
    "commit-flag-updated": pagure(
        "commit.flag.updated", {"repo": project(), "flag": FLAG | {"status": "success"}}
    ),
}
PROJECTS: Cases = {
    "project-new": of_project("new", ""),
    "project-edited": of_project("edit", "", fields=["description", "url"]),
    "project-deleted": of_project("deleted", ""),
    "fork": of_project(
        "forked", "", project=project("forks/dana/rpms/rocketsled", parent=project())
    ),
    "project-user": of_project(
        "user.added",
        "dana added alice to the project rpms/rocketsled with commit access",
        new_user="alice",
        access="commit",
        new_access="commit",
        new_branches=None,
        branches=None,
    ),
    "project-user-access": of_project(
        "user.access.updated",
        "dana set the access of alice to rpms/rocketsled to admin",
        new_user="alice",
        new_access="admin",
        new_branches=None,
    ),
    "project-user-removed": of_project(
        "user.removed", "dana removed alice from rpms/rocketsled", removed_user="alice"
    ),
    "project-group": of_project(
        "group.added",
        "dana added the group kitchen-sig to rpms/rocketsled",
        new_group="kitchen-sig",
        access="commit",
        branches=None,
    ),
    "project-group-access": of_project(
        "group.access.updated",
        "dana set the access of kitchen-sig to rpms/rocketsled to admin",
        new_group="kitchen-sig",
        new_access="admin",
        branches=None,
    ),
    "project-group-removed": of_project(
        "group.removed",
        "dana removed kitchen-sig from rpms/rocketsled",
        removed_groups=["kitchen-sig"],
    ),
    "project-tag": of_project(
        "tag.edited",
        "dana renamed the tag moon of rpms/rocketsled to full-moon",
        old_tag="moon",
        old_tag_description="",
        old_tag_color="DeepBlueSky",
        new_tag="full-moon",
        new_tag_description="",
        new_tag_color="DeepBlueSky",
    ),
    "project-tag-removed": of_project(
        "tag.removed", "dana removed the tag moon of rpms/rocketsled", tags=["moon"]
    ),
    "group-edited": pagure(
        "group.edit",
        {
            "group": {
                "name": "kitchen-sig",
                "display_name": "Kitchen",
                "description": "Teapots",
                "creator": person("bob"),
                "members": ["bob"],
                "date_created": "1777880000",
                "group_type": "user",
                "full_url": "https://forge.example.org/group/kitchen-sig",
            },
            "fields": ["description"],
        },
        summary="bob edited the description of the group kitchen-sig",
    ),
    "test": pagure("Test.notification", {"content": "test"}, summary="A test of the forge"),
}
CASES: Cases = ISSUES | PULLS | GIT | PROJECTS
