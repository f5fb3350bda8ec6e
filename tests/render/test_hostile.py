import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import FOOTER, Recipient
from fmn.model import Message, MessageId, Severity
from fmn.render.content import Templates
from tests.render.examples import OWN, PLAIN
from tests.render.messages.every import every

# What strangers send.

HOSTILE = [
    "a\r\nBcc: everybody@example.org",
    f"{FOOTER}x{FOOTER}",
    "\u202egnp.exe\u2066\u2069",
    "\ud800",
    "a\u2028b\x85c\x1cd\x0be",
    "</pre><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "https://example.org/\r\nQUIT",
    'https://example.org/"onclick="x',
    "../../etc/passwd",
    "\x00" * 3,
]
texts = st.one_of(
    st.text(st.characters(exclude_categories=())), st.sampled_from(HOSTILE), st.just("x" * 3000)
)
names = st.frozensets(texts, max_size=4)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
builds = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(["name", "version", "release"], st.one_of(texts, json_values))
    | {"new": st.one_of(st.integers(-1, 6), json_values)},
)
likely = st.sampled_from([one for one in every().values() if one.app])


@st.composite
def spoilt(draw: st.DrawFn) -> Message:
    """Return a message a template knows, with anything at all in places of its body."""
    message = draw(likely)
    body = json.loads(message.body)
    for _ in range(draw(st.integers(1, 3))):
        _spoil(body, draw(st.integers(0, 10_000)), draw(json_values))
    return replace(message, body=json.dumps(body).encode(), agent=draw(st.none() | texts))


def _spoil(body: object, choice: int, value: object) -> None:
    places = list(_places(body))
    if places:
        inside, at = places[choice % len(places)]
        inside[at] = value


def _places(body: object) -> Iterator[tuple[Any, Any]]:
    here: Any = body
    steps = list(here) if isinstance(here, dict) else range(len(here))
    for step in steps:
        yield here, step
        if isinstance(here[step], dict | list):
            yield from _places(here[step])


strangers = st.builds(
    Message,
    id=texts.map(MessageId),
    topic=texts,
    app=st.one_of(st.none(), texts, st.sampled_from(["Koji", "koji", "default", "../koji"])),
    agent=st.one_of(st.none(), texts),
    users=names,
    groups=names,
    artifacts=names,
    severity=st.sampled_from(Severity),
    summary=texts,
    text=texts,
    url=st.one_of(st.none(), texts),
    sent_at=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    body=st.one_of(json_values, builds).map(lambda value: json.dumps(value).encode()),
)
messages = st.one_of(strangers, spoilt())
KINDS = ["email", "irc", "push", "matrix", "chat", "webhook", "pigeon"]


def fail(template: str, why: str) -> None:
    raise AssertionError(f"{template}: {why}")


STRICT = Templates(tell=fail)
"""Where a template raises, the test fails: falling back is for what operators write."""


class Read(HTMLParser):
    """What a mail reader makes of HTML: its tags, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {
            "lang",
            "charset",
            "name",
            "content",
            "href",
            "scope",
        }
        self.links += [value for name, value in attrs if name == "href"]


TAGS = Read(OWN.content("email", [PLAIN]).html or "").tags | {"br"}


def has_control(text: str, allowed: str = "") -> bool:
    return any(
        unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}
        or "\u202a" <= c <= "\u202e"
        or "\u2066" <= c <= "\u2069"
        for c in text
        if c not in allowed
    )


@given(st.lists(messages, min_size=1, max_size=3), st.sampled_from(KINDS))
def test_no_message_gets_out_of_its_place(some: list[Message], kind: str) -> None:
    content = STRICT.content(kind, some)
    assert content.subject.strip()
    assert len(content.subject) <= 250
    assert not has_control(content.subject)
    assert content.text.strip("\n ")
    assert not has_control(content.text, allowed=f"\n{FOOTER}")
    assert content.text.count(FOOTER) == (kind == "email")
    assert not any(has_control(value) or not value for value in content.headers.values())
    if kind == "irc":
        assert len(some) == len(content.text.splitlines())
    if kind == "push":
        assert len(content.text) <= 1400 * len(some)


@given(st.lists(messages, min_size=1, max_size=3), texts)
def test_no_message_and_no_rule_writes_html(some: list[Message], rule: str) -> None:
    content = OWN.content("email", some)
    assert content.html is not None
    assert content.html.count(FOOTER) == 1
    assert not has_control(content.html, allowed=f"\n{FOOTER}")
    read = Read(content.html_for(Recipient((), "a", {}, footer=rule)) or "")
    assert read.tags <= TAGS
    assert all(link and re.match("https?://", link, re.IGNORECASE) for link in read.links)
    read = Read(OWN.content("matrix", some).html or "")
    assert read.tags <= {"p", "strong", "blockquote", "br", "a"}
    assert all(link and re.match("https?://", link, re.IGNORECASE) for link in read.links)


def test_addresses_in_a_text_are_links_and_nothing_else_is() -> None:
    text = (
        "See https://a.example/b?c=1&d=2, (http://e.example). Not javascript:x, www.f.example,"
        ' g@h.example, https://) or https://i.example/"onclick="x'
    )
    read = Read(OWN.content("email", [replace(PLAIN, text=text, url=None)]).html or "")
    assert read.links == [
        "https://a.example/b?c=1&d=2",
        "http://e.example",
        "https://i.example/",
    ]


@pytest.mark.parametrize("url", ["javascript:x", "ftp://a/b", "https://", "http://a b", "/x", ""])
def test_only_web_addresses_are_links(url: str) -> None:
    content = OWN.content("email", [replace(PLAIN, url=url)])
    assert content.html is not None
    assert "href" not in content.html
    assert "failed\n\nBy:" in content.text


def test_a_long_subject_and_a_long_text_are_cut_and_say_so() -> None:
    message = replace(PLAIN, app="x" * 3000, summary="y" * 3000, text="z" * 250_000)
    content = OWN.content("email", [message])
    assert len(content.subject) == 250
    assert content.subject.endswith("x…")
    assert "z\n\n(Cut here: 250,000 characters in all.)\n" in content.text
    assert content.text.count("z") == 100_000
    assert OWN.content("email", [message] * 50).text.count("z") == 100_000


def test_a_long_text_keeps_its_lines() -> None:
    message = replace(PLAIN, text="\r\n a\rb\t1\r\n\r\nc\x0bd\x1f\u2028e\n\n")
    text = OWN.content("email", [message]).text
    assert "\n\n a\nb       1\n\nc\nd\ne\n\nhttps" in text
