import asyncio
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from fmn.emission import FOOTER, Content, Recipient
from fmn.errors import PermanentFailure, TransientFailure
from fmn.model import Key, RuleId
from fmn.senders.email import Email
from tests.peers.smtp import Mail, Smtp, mail_server
from tests.senders.conftest import Certificate

CONTENT = Content(
    kind="email",
    subject="kernel-6.1 failed to build",
    text=f"kernel-6.1 failed to build.\n\n-- \n{FOOTER}\n",
    html=f"<p>kernel-6.1 <b>failed</b> to build.</p><p>{FOOTER}</p>",
    headers={
        "topic": "org.example.buildsys.build.state.change",
        "app": "koji",
        "severity": "error",
        "message": "2024-5f0c",
    },
)
ALICE = Recipient(
    keys=(Key("2024-5f0c:d1"),),
    address="alice@example.org",
    rules={RuleId("r1"): "My packages", RuleId("r2"): "Größere Fehler"},
    footer="Because of <My packages>",
)


def settings(peer: Smtp, **more: Any) -> Email.Settings:
    return Email.Settings(**{"host": "127.0.0.1", "port": peer.port, "timeout": "5s", **more})


async def sent(peer: Smtp, content: Content = CONTENT, recipient: Recipient = ALICE) -> Mail:
    async with Email(settings(peer)) as email:
        await email.send(content, recipient)
    (mail,) = peer.mails
    return mail


async def test_a_mail_says_who_it_is_from_for_whom_about_what_and_why(smtp: Smtp) -> None:
    mail = await sent(smtp)
    message = mail.message

    assert mail.sender == "fmn@localhost"
    assert mail.recipients == ("alice@example.org",)
    assert message["From"] == "fmn@localhost"
    assert message["To"] == "alice@example.org"
    assert message["Subject"] == "kernel-6.1 failed to build"
    assert message["Message-ID"] == "<2024-5f0c.d1@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["X-Fmn-Topic"] == "org.example.buildsys.build.state.change"
    assert message["X-Fmn-App"] == "koji"
    assert message["X-Fmn-Severity"] == "error"
    assert message["X-Fmn-Message"] == "2024-5f0c"
    assert message["X-Fmn-Rules"] == "My packages; Größere Fehler"
    assert parsedate_to_datetime(message["Date"]).tzinfo is not None


async def test_a_mail_can_be_stopped_with_one_click_by_its_own_link(smtp: Smtp) -> None:
    """RFC 8058: an HTTPS link, whole, and the word that makes it one click."""
    token = "t" * 400
    stoppable = replace(CONTENT, headers=CONTENT.headers | {"stop": "https://fmn.example/stop/"})
    mail = await sent(smtp, stoppable, replace(ALICE, token=token))

    assert f"List-Unsubscribe: <https://fmn.example/stop/{token}>\r\n".encode() in mail.raw
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_mail_without_a_link_promises_no_click(smtp: Smtp) -> None:
    message = (await sent(smtp)).message
    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None


async def test_plain_text_comes_first_then_html_each_with_the_footer(smtp: Smtp) -> None:
    message = (await sent(smtp)).message

    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert plain.get_content().splitlines() == [
        "kernel-6.1 failed to build.",
        "",
        "-- ",
        "Because of <My packages>",
    ]
    assert html.get_content_type() == "text/html"
    assert "<p>Because of &lt;My packages&gt;</p>" in html.get_content()


async def test_without_html_it_is_plain_text_alone(smtp: Smtp) -> None:
    message = (await sent(smtp, replace(CONTENT, html=None))).message

    assert message.get_content_type() == "text/plain"


async def test_every_script_arrives_as_it_was_written(smtp: Smtp) -> None:
    text = "Größe ✓ 日本語 🎉\n.\n..two dots\n" + "ü" * 2000 + "\n"
    content = replace(CONTENT, subject="Größe ✓ 日本語 🎉 " * 9, text=text, html=None)

    message = (await sent(smtp, content)).message

    assert message["Subject"] == ("Größe ✓ 日本語 🎉 " * 9).strip()
    assert message.get_content().splitlines() == text.splitlines()


LOGIN = {"username": "fmn", "password": "secret"}
OURS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Precedence"]
OURS += ["List-Id", "X-Fmn-Topic", "X-Fmn-App", "X-Fmn-Rules"]
INJECTIONS = [
    "one\r\nBcc: mallory@example.org",
    "one\nBcc: mallory@example.org",
    "one\r\n\r\nanother body",
    "=?utf-8?q?one=0D=0ABcc:_mallory@example.org?=",
    "=?utf-8?b?b25lDQpCY2M6IG1hbGxvcnlAZXhhbXBsZS5vcmc=?= é",
    "one\u2028Bcc: mallory@example.org",
    "one\x00\x0bBcc: mallory@example.org",
    "half a character: \ud800",
]


@pytest.mark.parametrize("evil", INJECTIONS)
async def test_no_text_becomes_a_header_of_its_own(smtp: Smtp, evil: str) -> None:
    content = replace(CONTENT, subject=evil, headers={"topic": evil, "app": evil})
    recipient = replace(ALICE, rules={RuleId("r1"): evil})

    mail = await sent(smtp, content, recipient)

    assert "Bcc" not in mail.message
    assert sorted(mail.message.keys()) == sorted([*OURS, "Content-Type", "MIME-Version"])
    assert mail.recipients == ("alice@example.org",)


async def test_control_characters_do_not_reach_the_body(smtp: Smtp) -> None:
    content = replace(CONTENT, text="a\x00b\x07c\ud800\n.\r\nQUIT\r\n", html=None)

    message = (await sent(smtp, content)).message

    assert message.get_content().splitlines() == ["abc", ".", "QUIT"]


BAD_ADDRESSES = [
    "",
    "alice",
    "@example.org",
    "alice@",
    "alice@example.org\r\nBcc: mallory@example.org",
    "alice@example.org\nRCPT TO:<mallory@example.org>",
    "alice@example.org, mallory@example.org",
    "alice@example.org;mallory@example.org",
    "alice@example.org mallory@example.org",
    "alice@@example.org",
    "al ice@example.org",
    "alice@exam ple.org",
    "alice@example.org\x00",
    "alice\x7f@example.org",
    "alice@example.org> SIZE=1",
    "Alice <alice@example.org>",
    "=?utf-8?q?a=0D=0ABcc=3A_b?=@example.org",
    "alice\u2028@example.org",
    "alice\ud800@example.org",
    "a" * 65 + "@example.org",
    "alice@" + "a." * 130 + "org",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
async def test_an_address_that_is_none_fails_for_good_and_is_named(
    smtp: Smtp, address: str
) -> None:
    async with Email(settings(smtp)) as email:
        with pytest.raises(PermanentFailure) as failure:
            await email.send(CONTENT, replace(ALICE, address=address))

    assert repr(address) in str(failure.value)
    assert str(failure.value).isprintable()
    assert smtp.mails == []


GOOD_ADDRESSES = [
    "alice@localhost",
    "alice.b+fmn@sub.example.org",
    "o'alice_{x}!#$%&*/?=^`|~@example.org",
    "a" * 64 + "@example.org",
]


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
async def test_unusual_addresses_are_served(smtp: Smtp, address: str) -> None:
    mail = await sent(smtp, CONTENT, replace(ALICE, address=address))

    assert mail.recipients == (address,)
    assert mail.message["To"].addresses[0].addr_spec == address


async def test_an_address_outside_ascii_goes_where_the_server_takes_it(smtp: Smtp) -> None:
    mail = await sent(smtp, CONTENT, replace(ALICE, address="jörg@exämple.org"))

    assert mail.recipients == ("jörg@exämple.org",)
    assert mail.message["To"] == "jörg@exämple.org"


async def test_an_address_outside_ascii_fails_for_good_where_it_does_not() -> None:
    with mail_server(enable_SMTPUTF8=False) as peer:
        async with Email(settings(peer)) as email:
            with pytest.raises(PermanentFailure, match=r"'jörg@example.org'.*ASCII"):
                await email.send(CONTENT, replace(ALICE, address="jörg@example.org"))


KEYS = [
    "a:b:c",
    "a.b:c",
    "a:b.c",
    "a::b",
    "a:b",
    ":b",
    "a:",
    "é:b",
    "'<@>\" x\r\n:b",
    "x" * 255 + ":b",
]


async def test_each_key_makes_a_message_id_of_its_own_that_needs_no_quoting(smtp: Smtp) -> None:
    async with Email(settings(smtp)) as email:
        for key in KEYS:
            await email.send(CONTENT, replace(ALICE, keys=(Key(key),)))

    ids = [mail.message["Message-ID"].strip() for mail in smtp.mails]
    assert len(set(ids)) == len(KEYS)
    for id_ in ids:
        assert re.fullmatch(r"<[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*@localhost>", id_)


async def test_a_digest_has_the_message_id_of_its_first_key(smtp: Smtp) -> None:
    keys = (Key("m1:d1"), Key("m2:d1"))

    mail = await sent(smtp, CONTENT, replace(ALICE, keys=keys))

    assert mail.message["Message-ID"] == "<m1.d1@localhost>"


@pytest.mark.parametrize("stage", ["recipients", "contents"])
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("451 4.7.1 come back in a minute", TransientFailure),
        ("452 4.2.2 mailbox full", TransientFailure),
        ("550 5.1.1 no such user here", PermanentFailure),
        ("554 5.7.1 this looks like spam", PermanentFailure),
        ("530 5.7.0 log in first", TransientFailure),
    ],
)
async def test_what_the_server_says_of_a_recipient_decides(
    smtp: Smtp, stage: str, answer: str, failure: type[Exception]
) -> None:
    getattr(smtp, stage)["bob@example.org"] = answer
    async with Email(settings(smtp, connections=1)) as email:
        with pytest.raises(failure) as raised:
            await email.send(CONTENT, replace(ALICE, address="bob@example.org"))
        await email.send(CONTENT, ALICE)

    assert f"{answer[4:]} ({answer[:3]})" in str(raised.value)
    assert [mail.recipients for mail in smtp.mails] == [("alice@example.org",)]


async def test_words_of_the_server_are_one_printable_line(smtp: Smtp) -> None:
    smtp.recipients["alice@example.org"] = "550-no\r\n550 such \x1b[31m user"
    async with Email(settings(smtp)) as email:
        with pytest.raises(PermanentFailure) as raised:
            await email.send(CONTENT, ALICE)

    assert str(raised.value).isprintable()
    assert "no such" in str(raised.value)


async def test_a_sender_the_server_refuses_is_not_the_recipients_fault(smtp: Smtp) -> None:
    smtp.senders["fmn@localhost"] = "553 5.7.1 not one of ours"
    async with Email(settings(smtp)) as email:
        with pytest.raises(TransientFailure, match="not one of ours"):
            await email.send(CONTENT, ALICE)


async def test_a_mail_that_is_too_big_fails_for_good() -> None:
    with mail_server(data_size_limit=2000) as peer:
        async with Email(settings(peer)) as email:
            with pytest.raises(PermanentFailure, match="552"):
                await email.send(replace(CONTENT, text="long " * 1000), ALICE)


async def test_one_connection_serves_many_mails(smtp: Smtp) -> None:
    async with Email(settings(smtp)) as email:
        for _ in range(5):
            await email.send(CONTENT, ALICE)

    assert len({mail.connection for mail in smtp.mails}) == 1


async def test_mails_at_once_share_as_many_connections_as_there_may_be(smtp: Smtp) -> None:
    async with Email(settings(smtp, connections=3)) as email:
        assert email.at_once == 3
        await asyncio.gather(*(email.send(CONTENT, ALICE) for _ in range(20)))

    assert len(smtp.mails) == 20
    assert len({mail.connection for mail in smtp.mails}) == 3


async def test_a_lost_connection_fails_for_now_and_the_next_mail_makes_a_new_one(
    smtp: Smtp,
) -> None:
    smtp.contents["bob@example.org"] = "drop"
    async with Email(settings(smtp, connections=1)) as email:
        await email.send(CONTENT, ALICE)
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{smtp.port}"):
            await email.send(CONTENT, replace(ALICE, address="bob@example.org"))
        await email.send(CONTENT, ALICE)

    assert len({mail.connection for mail in smtp.mails}) == 2


async def test_a_server_that_says_nothing_fails_for_now_and_costs_one_connection(
    smtp: Smtp,
) -> None:
    smtp.contents["bob@example.org"] = "stall"
    async with Email(settings(smtp, connections=1, timeout="0.3s")) as email:
        with pytest.raises(TransientFailure):
            await email.send(CONTENT, replace(ALICE, address="bob@example.org"))
        await email.send(CONTENT, ALICE)

    assert len(smtp.mails) == 1


async def test_after_a_send_that_was_given_up_the_next_has_its_own_answer(smtp: Smtp) -> None:
    smtp.contents["bob@example.org"] = "stall"
    async with Email(settings(smtp, connections=1)) as email:
        await email.send(CONTENT, ALICE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                email.send(CONTENT, replace(ALICE, address="bob@example.org")), 0.3
            )
        await email.send(CONTENT, ALICE)

    assert len({mail.connection for mail in smtp.mails}) == 2


async def test_a_server_that_was_restarted_is_found_again(smtp: Smtp) -> None:
    with mail_server() as first:
        email = await Email(settings(first, connections=1)).__aenter__()
        await email.send(CONTENT, ALICE)
    with pytest.raises(TransientFailure):
        await email.send(CONTENT, ALICE)
    with mail_server(port=first.port) as second:
        await email.send(CONTENT, ALICE)
        await email.__aexit__()

    assert len(second.mails) == 1


async def test_a_login_is_used(certificate: Certificate) -> None:
    with tls_server(certificate, "starttls", auth_required=True) as peer:
        async with Email(over_tls(peer, certificate, "starttls", **LOGIN)) as email:
            await email.send(CONTENT, ALICE)

    assert len(peer.mails) == 1


async def test_a_login_that_is_refused_loses_nothing_and_is_told_without_the_password(
    certificate: Certificate,
) -> None:
    with tls_server(certificate, "starttls", auth_required=True) as peer:
        wrong = {**LOGIN, "password": "not-the-word"}
        async with Email(over_tls(peer, certificate, "starttls", **wrong)) as email:
            with pytest.raises(TransientFailure, match=r"our login is refused.*535") as raised:
                await email.send(CONTENT, ALICE)

    assert "not-the-word" not in str(raised.value)
    assert "not-the-word" not in repr(settings(peer, **wrong))


async def test_a_login_that_is_missing_loses_nothing(certificate: Certificate) -> None:
    with tls_server(certificate, "starttls", auth_required=True) as peer:
        async with Email(over_tls(peer, certificate, "starttls")) as email:
            with pytest.raises(TransientFailure, match="530"):
                await email.send(CONTENT, ALICE)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_it_speaks_tls(certificate: Certificate, tls: str) -> None:
    with tls_server(certificate, tls) as peer:
        async with Email(over_tls(peer, certificate, tls)) as email:
            await email.send(CONTENT, ALICE)

    assert len(peer.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_nobody_knows_loses_nothing(certificate: Certificate, tls: str) -> None:
    with tls_server(certificate, tls) as peer:
        async with Email(settings(peer, host="localhost", tls=tls)) as email:
            with pytest.raises(TransientFailure, match=r"certificate is not trusted.*self-signed"):
                await email.send(CONTENT, ALICE)

    assert peer.mails == []


async def test_without_starttls_on_the_server_nothing_goes_in_the_clear(smtp: Smtp) -> None:
    async with Email(settings(smtp, tls="starttls")) as email:
        with pytest.raises(TransientFailure, match="STARTTLS"):
            await email.send(CONTENT, ALICE)

    assert smtp.mails == []


@pytest.mark.parametrize(
    "wrong",
    [{"from_address": "not a mailbox"}, {"from_address": "jörg@x.org"}, {"ca_file": "/no/file"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Email.Settings(**wrong)


def tls_server(certificate: Certificate, tls: str, **how: Any) -> AbstractContextManager[Smtp]:
    if tls == "tls":
        return mail_server(certificate.context(), **how)
    return mail_server(tls_context=certificate.context(), require_starttls=True, **how)


def over_tls(peer: Smtp, certificate: Certificate, tls: str, **more: Any) -> Email.Settings:
    return settings(peer, host="localhost", tls=tls, ca_file=str(certificate.path), **more)
