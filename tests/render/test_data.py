"""What others published: read where it is, rendered for every kind, and nothing of it kept."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from fmn.bus.facts import Decoder
from fmn.bus.file import read_lines
from fmn.config import Bus
from fmn.emission import FOOTER, Content
from fmn.model import Message
from tests.render.test_hostile import KINDS, STRICT, has_control

SHARED = Path(__file__).parents[3] / "shared" / "data" / "messages.jsonl"
VOID = {"meta", "br", "hr"}
"""Elements without an end (HTML 13.1.2)."""

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is not there")


class Balanced(HTMLParser):
    """HTML in which each element ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def published() -> list[Message]:
    decoder = Decoder(Bus(), warn=lambda *_: None)
    return [decoder.line(raw) for _, raw in read_lines(str(SHARED), Bus().max_body)]


def check(kind: str, content: Content) -> None:
    assert content.subject.strip()
    assert len(content.subject) <= 250
    assert not has_control(content.subject)
    assert content.text.strip()
    assert content.text.count(FOOTER) == (kind == "email")
    assert not any(has_control(value) or not value for value in content.headers.values())
    if content.html is not None:
        assert content.html.count(FOOTER) == (kind == "email")
        Balanced(content.html)


@pytest.mark.parametrize("kind", KINDS)
def test_every_published_message_is_rendered(kind: str, published: list[Message]) -> None:
    assert len(published) > 60
    for message in published:
        check(kind, STRICT.content(kind, [message]))


@pytest.mark.parametrize("kind", KINDS)
def test_they_make_a_digest_together(kind: str, published: list[Message]) -> None:
    check(kind, STRICT.content(kind, published))


def test_nothing_a_library_prints_for_developers_reaches_people(published: list[Message]) -> None:
    said = [STRICT.content("email", [message]).text for message in published]
    assert not any("fedora_messaging_schema" in text or "None-None" in text for text in said)
