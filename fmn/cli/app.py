"""The tree of verbs. A verb's file is imported when the verb is wanted: most need little."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

VERBS = {
    "demo": "demo:demo",
    "up": "processes:up",
    "web": "processes:web",
    "consumer": "processes:consumer",
    "worker": "processes:worker",
    "sender": "processes:sender",
    "scheduler": "processes:scheduler",
    "recorder": "processes:recorder",
    "publish": "bus:publish",
    "match": "rules:match",
    "explain": "explain:explain",
    "rules": "rules:rules",
    "send-test": "sendtest:send_test",
    "report": "queues:report",
    "ledger": "queues:ledger",
    "channels": "queues:channels",
    "dead": "queues:dead",
    "db": "storage:db",
    "config": "config:config",
    "bench": "bench:bench",
}
"""Verb → file in this folder, and its function or group of verbs."""

HELP = {"help_option_names": ["-h", "--help"]}


class Verbs(TyperGroup):
    """Finds a verb by its file."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  # click is inside typer
        """Return the names of all verbs, in the order of the road."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401  # click is inside typer
        """Return one verb, or None where there is no such verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        file, _, name = VERBS[cmd_name].partition(":")
        found: Any = getattr(import_module(f"fmn.cli.{file}"), name)
        app = found if isinstance(found, typer.Typer) else _alone(found)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


def _alone(verb: Any) -> typer.Typer:  # noqa: ANN401  # any function can be a verb
    app = typer.Typer(context_settings=HELP, pretty_exceptions_enable=False, add_completion=False)
    app.command()(verb)
    return app


app = Verbs(
    name="fmn",
    help="fmn turns a message bus into notifications people want.",
    no_args_is_help=True,
    context_settings=HELP,
)
