"""The mail as bytes, against the same made slowly by the standard library."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import FOOTER, Content, Recipient
from fmn.model import Key, RuleId
from fmn.senders.email.mail import Letter, Letters

NOW = datetime(2026, 11, 21, 6, 5, 4, tzinfo=UTC)
SENDER = "fmn@example.org"
LONGEST = 2000
"""Characters of a subject or a fact; rules are all named."""

ODD = [
    "From here",
    "From: x",
    ".",
    "..",
    "=",
    "=20",
    "=?utf-8?q?a?=",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\x00",
    "\x85",
    "\u2028",
    "\ud800",
    "\udfff",
    "é",
    "日本語",
    "🎉",
    "--=_fmn",
    "--=_fmn--",
    "<&>",
    "x" * 75,
    "x" * 76,
    "x" * 77,
    "x" * 74 + " ",
    "x" * 75 + " \n",
    "ü" * 1200,
    "a: https://example.org/a?b=c&d=e",
    "\n-- \n",
]
words = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=20)), max_size=12).map("".join)
lines = words.map(lambda text: text.replace(FOOTER, ""))
bodies = st.one_of(lines, st.tuples(lines, lines).map(FOOTER.join))

contents = st.builds(
    Content,
    kind=st.just("email"),
    subject=lines,
    text=bodies,
    html=st.none() | bodies,
    headers=st.fixed_dictionaries(
        {},
        optional={
            "topic": lines,
            "app": lines,
            "severity": lines,
            "message": lines,
            "artifact": lines,
            "stop": st.just("https://fmn.example/stop/"),
        },
    ),
)
recipients = st.builds(
    Recipient,
    keys=st.just((Key("m1:d1"),)),
    address=st.sampled_from(["alice@example.org", "jörg@exämple.org", "a" * 64 + "@example.org"]),
    rules=st.lists(lines, max_size=3).map(lambda names: {RuleId(n): n for n in names}),
    token=st.sampled_from(["", "t" * 300]),
    footer=lines,
)


def in_header(text: str) -> str:
    """One line: control characters, halves of characters and encoded words are no part of it."""
    line = "".join(" " if _is_control(c) or c in "\u2028\u2029" else c for c in text)
    return line.replace("=?", "= ?").strip()


def in_text(text: str) -> str:
    return "".join(c for c in text if c in "\t\n" or not _is_control(c))


def _is_control(char: str) -> bool:
    return ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000


def slow(content: Content, recipient: Recipient) -> EmailMessage:
    """The same mail, made by the standard library."""
    mail = EmailMessage(policy=email.policy.SMTPUTF8)
    mail["From"] = SENDER
    mail["To"] = recipient.address
    mail["Subject"] = in_header(content.subject[:LONGEST])
    mail["Date"] = NOW
    mail["Message-ID"] = "<m1.d1@example.org>"
    mail["List-Id"] = "<fmn.example.org>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    for fact in ("topic", "app", "severity", "message"):
        if content.headers.get(fact):
            mail[f"X-Fmn-{fact}"] = in_header(content.headers[fact][:LONGEST])
    if recipient.token:
        stop = content.headers.get("stop", "") + recipient.token
        mail["List-Unsubscribe"] = f"<{stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["X-Fmn-Rules"] = in_header("; ".join(recipient.rules.values()))
    mail.set_content(in_text(content.text_for(recipient)), cte="base64")
    if content.html:
        html = content.html_for(recipient) or ""
        mail.add_alternative(in_text(html), subtype="html", cte="base64")
    return mail


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)


def said(mail: EmailMessage) -> dict[str, str]:
    """Return what stands in the headers, spaces counted once: folding may not keep them."""
    ours = {"content-type", "content-transfer-encoding", "in-reply-to", "references"}
    return {k.lower(): " ".join(str(v).split()) for k, v in mail.items() if k.lower() not in ours}


def bodies_of(mail: EmailMessage) -> list[tuple[str, str]]:
    parts = list(mail.iter_parts()) if mail.is_multipart() else [mail]
    return [(part.get_content_type(), _body(cast(EmailMessage, part))) for part in parts]


def _body(part: EmailMessage) -> str:
    raw = cast(bytes, part.get_payload(decode=True))
    return raw.decode().replace("\r\n", "\n")


@given(content=contents, recipient=recipients)
def test_it_says_what_a_mail_says_that_was_made_the_slow_way(
    content: Content, recipient: Recipient
) -> None:
    raw = Letter(content, SENDER).for_(recipient, NOW)
    mail, other = parsed(raw), slow(content, recipient)

    assert said(other) == said(mail)
    assert bodies_of(other) == bodies_of(mail)
    assert other.get_content_type() == mail.get_content_type()
    assert mail.defects == []
    assert all(part.defects == [] for part in mail.walk())


@given(content=contents, recipient=recipients)
def test_its_lines_are_as_long_as_they_may_be_and_end_as_they_must(
    content: Content, recipient: Recipient
) -> None:
    raw = Letter(content, SENDER).for_(recipient, NOW)
    head, _, body = raw.partition(b"\r\n\r\n")

    assert raw.endswith(b"\r\n")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\x00" not in raw
    assert body.isascii()
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    assert all(0 < len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(line.strip() for line in head.split(b"\r\n"))
    if recipient.address.isascii():
        assert head.isascii()


@given(content=contents, recipient=recipients)
def test_no_text_ends_in_a_space_or_in_a_line_that_goes_on(
    content: Content, recipient: Recipient
) -> None:
    body = Letter(content, SENDER).for_(recipient, NOW).partition(b"\r\n\r\n")[2]

    assert not re.search(rb"[ \t]\r\n", body)
    assert not body.endswith(b"=\r\n")
    assert b"=\r\n--=_fmn" not in body


def header(name: str, **headers: str) -> str:
    content = Content(kind="email", subject="s", text="t", headers=headers)
    recipient = Recipient(keys=(Key("m1:d1"),), address="alice@example.org", rules={})
    return str(parsed(Letter(content, SENDER).for_(recipient, NOW))[name])


def test_mails_on_one_artifact_make_a_thread() -> None:
    kernel, again, other = (
        header("References", artifact=name, message=name)
        for name in ("rpms/kernel", "rpms/kernel", "rpms/bash")
    )

    assert re.fullmatch(r"<[0-9a-z.]+@example\.org>", kernel)
    assert kernel == again != other
    assert kernel == header("In-Reply-To", artifact="rpms/kernel")
    assert header("References") == header("In-Reply-To") == "None"


def test_all_rules_are_named_however_many_there_are() -> None:
    names = [f"Regel {n}: größer" for n in range(500)]
    recipient = Recipient(
        keys=(Key("m1:d1"),),
        address="alice@example.org",
        rules={RuleId(name): name for name in names},
    )
    raw = Letter(Content(kind="email", subject="s", text="t"), SENDER).for_(recipient, NOW)

    assert str(parsed(raw)["X-Fmn-Rules"]) == "; ".join(names)
    assert all(len(line) <= 76 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize(
    "stop", ["https://x/\r\nBcc: b@x/", "https://x/ ", "https://x/>", "é", "x" * 900]
)
def test_a_link_that_cannot_stand_in_a_header_is_left_out(stop: str) -> None:
    content = Content(kind="email", subject="s", text="t", headers={"stop": stop})
    recipient = Recipient(keys=(Key("m:d"),), address="a@example.org", rules={}, token="t" * 9)
    mail = parsed(Letter(content, SENDER).for_(recipient, NOW))

    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None
    assert mail["Bcc"] is None


def test_a_content_is_encoded_once_as_long_as_it_is_in_use() -> None:
    letters = Letters(SENDER)
    content = Content(kind="email", subject="s", text="t")
    first = letters.of(content)
    assert first is letters.of(content)

    others = [Content(kind="email", subject=f"{n}", text="t") for n in range(100)]
    assert len({id(letters.of(other)) for other in others}) > 1
    for n, other in enumerate(others):
        recipient = Recipient(keys=(Key("m:d"),), address="a@example.org", rules={})
        assert parsed(letters.of(other).for_(recipient, NOW))["Subject"] == f"{n}"
