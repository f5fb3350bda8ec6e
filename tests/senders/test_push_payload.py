"""What stands in a push: never more than a push service takes, and no character is broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import FOOTER, Content, Recipient
from fmn.model import Key, RuleId
from fmn.senders.push.payload import cut, payload_of, topic_of, urgency_of
from fmn.senders.push.subscription import PLAIN

TEXTS = st.text(st.characters(exclude_categories=()), max_size=300).map(lambda text: text * 20)
"""Of every character there is, halves of characters included."""
URL = "https://fmn.example/why/1"


def content(subject: str = "A build failed", text: str = "It failed.", **headers: str) -> Content:
    return Content("push", subject, text, headers=headers)


def recipient(*keys: str, signed: str = "t", footer: str = "") -> Recipient:
    named = tuple(Key(key) for key in keys or ("m1:d1",))
    return Recipient(named, "address", {RuleId("r1"): "Mine"}, signed, footer)


def test_the_room_is_what_rfc_8291_leaves() -> None:
    """RFC 8291, 4: at most 3993 bytes of plaintext in a push of 4096."""
    assert PLAIN == 3993


@given(
    subject=TEXTS,
    text=TEXTS,
    url=TEXTS,
    token=TEXTS,
    room=st.integers(min_value=512, max_value=PLAIN),
)
def test_whatever_is_said_fits_and_can_be_read(
    subject: str, text: str, url: str, token: str, room: int
) -> None:
    given_ = content(subject, text, url=url, stop="https://fmn.example/stop/")
    payload = payload_of(given_, recipient(signed=token), room)

    assert len(payload) <= room
    said = json.loads(payload)
    assert set(said) <= {"title", "body", "url", "tag", "stop"}
    assert said["tag"] == topic_of(recipient())
    sendable = url.encode(errors="replace").decode()
    assert said.get("url", sendable) == sendable


@given(text=TEXTS, room=st.integers(min_value=0, max_value=PLAIN))
def test_a_text_is_whole_or_its_beginning_and_an_ellipsis(text: str, room: int) -> None:
    left = cut(text, room)

    size = len(json.dumps(left, ensure_ascii=False).encode(errors="replace")) - 2
    assert size <= room
    if left != text:
        assert text.startswith(left.removesuffix("…"))
        assert left == "" or left.endswith("…")
        whole = len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2
        assert whole > room


@pytest.mark.parametrize("letter", ["a", "é", "日", "🎉", '"', "\n"])
def test_no_more_is_cut_than_must_be(letter: str) -> None:
    size = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    left = cut(f"x{letter}" * 1000, 100)
    used = len(json.dumps(left, ensure_ascii=False).encode()) - 2
    assert 100 - used <= 2 * size + 1


def test_what_is_short_is_said_in_full() -> None:
    said = json.loads(
        payload_of(
            content(text=f"It failed.\n{FOOTER}", url=URL, stop="https://fmn.example/stop/"),
            recipient(signed="abc", footer="Because of Mine"),
            PLAIN,
        )
    )
    assert said == {
        "title": "A build failed",
        "body": "It failed.\nBecause of Mine",
        "url": URL,
        "stop": "https://fmn.example/stop/abc",
        "tag": topic_of(recipient()),
    }


def test_without_links_none_are_said() -> None:
    said = json.loads(payload_of(content(stop="https://fmn.example/"), recipient(signed=""), PLAIN))
    assert set(said) == {"title", "body", "tag"}


KEYS = ["m1:d1", "m1:d2", "m2:d1", "m:1:d1", "m1:d1\n"]


def test_a_resend_has_the_same_topic_and_nothing_else_has() -> None:
    """RFC 8030, 5.4: at most 32 characters of base64url; the same topic replaces."""
    lists = [(key,) for key in KEYS] + [("m1:d1", "m1:d2"), ("m1:d2", "m1:d1")]
    topics = [topic_of(recipient(*keys)) for keys in lists]
    assert topics == [topic_of(recipient(*keys)) for keys in lists]
    assert len(set(topics)) == len(lists)
    assert {len(topic) for topic in topics} == {32}


@pytest.mark.parametrize(
    ("severity", "urgency"),
    [("debug", "very-low"), ("info", "normal"), ("warning", "normal"), ("error", "high")],
)
def test_how_urgent_it_is_follows_from_how_bad_it_is(severity: str, urgency: str) -> None:
    assert urgency_of(content(severity=severity)) == urgency


def test_a_code_is_urgent_and_an_unknown_severity_is_not() -> None:
    assert urgency_of(content(severity="info", code="K7QX-3MZA")) == "high"
    assert urgency_of(content(severity="dire")) == "normal"
    assert urgency_of(content()) == "normal"
