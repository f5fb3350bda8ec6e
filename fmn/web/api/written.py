"""What the history says, as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fmn.model import Message
from fmn.rules.explanation import Answer
from fmn.storage.lookback import Reached
from fmn.web.editor.preview import Example, Preview
from fmn.web.history.signs import cost_json, signs_json


def preview_json(found: Preview) -> dict[str, Any]:
    """Return what a draft would have sent."""
    return {
        "total": found.total,
        "known": found.known,
        "estimated": found.estimated,
        "partial": found.partial,
        "keyed": found.keyed,
        "keys": cost_json(found.cost),
        "days": [asdict(day) for day in found.days],
        "overlap": dict(found.overlap),
        "examples": [_example(each) for each in found.examples],
    }


def delivery_json(reached: Reached) -> dict[str, Any]:
    """Return what became of one notification."""
    return {
        "message": reached.message,
        "summary": reached.summary,
        "url": reached.url,
        "app": reached.app,
        "destination": reached.name,
        "kind": reached.kind,
        "rules": [{"id": id_, "name": name} for id_, name in reached.rules.items()],
        "state": reached.state.value,
        "reason": reached.reason,
        "attempts": reached.attempts,
        "at": reached.at,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "message": _message(example.message),
        "filters": list(_answers(example.explanation.filters)),
        "keys": signs_json(example.explanation.signs),
        "other_rules": list(example.other_rules),
    }


def _message(message: Message) -> dict[str, Any]:
    shown = ("id", "topic", "app", "summary", "url", "sent_at")
    return {name: getattr(message, name) for name in shown}


def _answers(answers: Iterable[Answer]) -> Iterable[dict[str, Any]]:
    return (asdict(each) | {"deciding": list(each.deciding)} for each in answers)
