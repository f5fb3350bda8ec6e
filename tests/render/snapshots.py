"""What our templates make of our sample messages, kept to be read by eye: `expected/`.

    .venv/bin/python -m tests.render.snapshots            says what would change
    .venv/bin/python -m tests.render.snapshots --write    writes it; read `git diff` before it lands

Each file is `expected/<kind>/<app>-<case>.txt`, and `.html` where there is that. Every case is
there as mail and on IRC; HTML and the other kinds only for a few, in which they differ most.
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from fmn.emission import Content, Recipient
from fmn.links import Links
from fmn.model import (
    Destination,
    DestinationId,
    Message,
    MessageId,
    Notification,
    Origin,
    RuleId,
    is_own,
    key_of,
)
from fmn.render.content import Templates
from tests.render.messages.every import every

FOLDER = Path(__file__).parent / "expected"
EVERY = ("email", "irc")
FEW = ("push", "matrix", "chat", "webhook")
CASES = (
    "koji-build-failed",
    "koji-tag",
    "bodhi-karma",
    "bodhi-complete-testing",
    "copr-build-failed",
    "pagure-issue-new",
    "pagure-pull-merged",
    "other-weather",
    "other-bare",
    "other-fmn-code",
    "other-fmn-link",
    "other-fmn-test",
)
"""These are there in every kind."""
RULES = {RuleId("r1"): "My packages, when something breaks", RuleId("r2"): "All teapots"}


class Tokens(Links):
    """Links whose tokens are the same at every run."""

    def token(self, purpose: object) -> str:  # whatever it is for
        """Return no token that works."""
        return "TOKEN"


def snapshots() -> dict[str, str]:
    """Return what every file shall hold, by its path below `expected/`."""
    templates = Templates("", Tokens("https://fmn.example.org", "s" * 32))
    made: dict[str, str] = {}
    for name, message in every().items():
        for kind in (*EVERY, *FEW) if name in CASES else EVERY:
            for ending, text in _texts(templates, kind, message):
                if ending == "txt" or name in CASES:
                    made[f"{kind}/{name}.{ending}"] = text
    digest = [every()[name] for name in CASES[:3]]
    for kind in (*EVERY, *FEW):
        content = templates.content(kind, digest)
        made[f"{kind}/digest.txt"] = _text(content, Recipient((), "", {}, footer="(footer)"))
    return made


def _texts(templates: Templates, kind: str, message: Message) -> Iterator[tuple[str, str]]:
    rules = {} if is_own(message.id) else RULES
    place = Destination(DestinationId("d1"), "alice", "mine", kind, "alice@example.org")
    chosen = Notification(key_of(MessageId(message.id), place.id), place, rules)
    (chunk,) = templates.render(message, [chosen], Origin("0 1-0"))
    yield "txt", _text(chunk.content, chunk.recipients[0])
    if html := chunk.content.html_for(chunk.recipients[0]):
        yield "html", html


def _text(content: Content, recipient: Recipient) -> str:
    return f"Subject: {content.subject}\n\n{content.text_for(recipient)}\n"


def changed(made: dict[str, str]) -> Iterator[str]:
    """Yield the difference between the files and what they shall hold, in lines."""
    there = {str(at.relative_to(FOLDER)): at for at in FOLDER.glob("*/*.*")}
    for name in sorted(made.keys() | there.keys()):
        old = there[name].read_text() if name in there else ""
        new = made.get(name, "")
        yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="")


def write(made: dict[str, str]) -> None:
    """Make the files hold this, and remove all others."""
    for at in FOLDER.glob("*/*.*"):
        at.unlink()
    for name, text in made.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    if "--write" in sys.argv:
        write(snapshots())
    else:
        sys.stdout.writelines(f"{line}\n" for line in changed(snapshots()))
