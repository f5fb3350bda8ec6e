import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import FOOTER, Content, Recipient
from fmn.links import Links, Stop
from fmn.model import Message, MessageId, RuleId, Severity, key_of
from fmn.render.content import Templates
from tests.render.examples import BUILD, ORIGIN, OWN, PLAIN, a_notification


def the_footer(*rules: str) -> str:
    (chunk,) = OWN.render(BUILD, [a_notification(rules=rules)], ORIGIN)
    return chunk.recipients[0].footer


# What reads how: derived by hand from the facts above.


def test_a_mail_says_what_happened_the_long_form_where_to_look_the_facts_and_the_footer() -> None:
    expected = f"""\
Build FAILED: alice's chromium-80.0-1.fc33

Package:    chromium
  Status:     failed

https://koji.example.org/build?a=1&b=2

By:       alice
About:    rpms/chromium
Severity: warning
When:     2026-03-17 01:58 UTC

--\N{SPACE}
{FOOTER}"""
    assert expected == OWN.content("email", [PLAIN]).text


def test_a_mail_leaves_out_what_the_message_lacks() -> None:
    bare = Message(MessageId("m2"), "org.example.hello", summary="Hello", text="Hello")
    content = OWN.content("email", [bare])
    assert content.subject == "Hello"
    assert content.text == f"Hello\n\nSeverity: info\n\n-- \n{FOOTER}"
    assert content.headers == {"topic": "org.example.hello", "severity": "info", "message": "m2"}


def test_a_subject_is_the_app_in_brackets_and_the_summary() -> None:
    message = replace(BUILD, app="Pagure", summary="alice opened an issue")
    assert OWN.content("email", [message]).subject == "[Pagure] alice opened an issue"


def test_a_message_without_a_summary_is_called_by_its_topic() -> None:
    message = Message(MessageId("m2"), "org.example.hello", summary=" \r\n\x00")
    assert OWN.content("email", [message]).subject == "org.example.hello"


def test_a_koji_build_says_first_what_was_built() -> None:
    assert OWN.content("email", [BUILD]).subject == "[Koji] chromium-80.0-1.fc33 failed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"new"',
        b"{}",
        b'{"new": []}',
        b'{"new": 5, "name": "a", "version": "b", "release": "c"}',
        b'{"new": -1, "name": "a", "version": "b", "release": "c"}',
        b'{"new": true, "name": "a", "version": "b", "release": "c"}',
        b'{"new": 1, "name": {}, "version": "b", "release": "c"}',
        b"[" * 900 + b"]" * 900,
        b"[" * 90_000,
    ],
)
def test_a_koji_message_of_another_form_reads_like_any_other(body: bytes) -> None:
    message = replace(BUILD, body=body)
    assert OWN.content("email", [message]).subject == f"[Koji] {BUILD.summary}"


def test_irc_is_one_line() -> None:
    content = OWN.content("irc", [PLAIN])
    assert content.text == f"[Kiln] {PLAIN.summary} https://koji.example.org/build?a=1&b=2"
    assert content.html is None
    bare = replace(PLAIN, app=None, url=None)
    assert OWN.content("irc", [bare]).text == PLAIN.summary


def test_a_kind_without_templates_gets_summary_and_url() -> None:
    content = OWN.content("pigeon", [PLAIN])
    assert content.kind == "pigeon"
    assert content.subject == f"[Kiln] {PLAIN.summary}"
    assert content.text == f"{PLAIN.summary} https://koji.example.org/build?a=1&b=2"
    assert OWN.content("../email", [PLAIN]).text == content.text


def test_a_digest_has_all_its_messages() -> None:
    other = replace(PLAIN, app="bodhi", summary="An update is ready", text="", url=None)
    content = OWN.content("email", [PLAIN, other])
    assert content.subject == f"[Kiln] {PLAIN.summary} (and 1 more)"
    assert content.text.startswith(f"{PLAIN.summary}\n\nPackage:")
    assert "UTC\n\n* * *\n\nAn update is ready\n\nBy:       alice\n" in content.text
    assert content.text.count(FOOTER) == 1
    assert content.html is not None
    assert content.html.count("<h1>") == 2
    assert content.html.count(FOOTER) == 1
    said = OWN.content("irc", [PLAIN, other]).text.splitlines()
    assert said == [f"[Kiln] {PLAIN.summary} {PLAIN.url}", "[bodhi] An update is ready"]


def test_a_mail_names_the_first_twenty_artifacts_and_counts_the_rest() -> None:
    many = frozenset(f"rpms/p{n:02}" for n in range(33))
    text = OWN.content("email", [replace(PLAIN, artifacts=many)]).text
    assert "About:    rpms/p00, rpms/p01, " in text
    assert "rpms/p19 and 13 more\n" in text


def test_a_footer_says_which_rules_chose_it() -> None:
    assert the_footer("A") == "You get this because of your rule “A”."
    assert the_footer("A", "<B>\r\nC") == ("You get this because of your rules:\n• “A”\n• “<B> C”")


def test_a_footer_names_all_rules_however_many_there_are() -> None:
    names = [f"R{n}" for n in range(120)]
    assert the_footer(*names).splitlines()[1:] == [f"• “{name}”" for name in names]


LINKS = Links("https://fmn.example", "s" * 32)


def the_mail(message: Message, rules: tuple[str, ...]) -> tuple[Content, Recipient]:
    chosen = a_notification(rules=rules)
    notification = replace(chosen, key=key_of(message.id, chosen.destination.id))
    (chunk,) = Templates("", LINKS).render(message, [notification], ORIGIN)
    return chunk.content, chunk.recipients[0]


def test_a_footer_links_to_where_this_can_be_stopped() -> None:
    content, recipient = the_mail(BUILD, ("A", "B"))
    stop = content.headers["stop"] + recipient.token
    assert f"Stop or pause this: {stop}" in recipient.footer.splitlines()
    html = content.html_for(recipient) or ""
    assert f'<br><a href="{stop}">Stop or pause this</a>' in html
    assert stop.startswith("https://fmn.example/stop/")
    notification = a_notification(rules=("A", "B"))
    allowed = LINKS.read(Stop, recipient.token)
    assert allowed == Stop(notification.destination.id, tuple(notification.rules))


def test_a_footer_links_to_why_this_came_and_to_all_rules_and_says_that_these_ask_for_a_login() -> (
    None
):
    content, recipient = the_mail(replace(BUILD, id=MessageId("a b&c=<1>/é")), ("A",))
    why = "https://fmn.example/why?message=a%20b%26c%3D%3C1%3E%2F%C3%A9"
    manage = "https://fmn.example/rules"
    assert recipient.footer.splitlines()[2:] == [
        f"Why this came (you sign in): {why}",
        f"Manage your rules (you sign in): {manage}",
    ]
    html = content.html_for(recipient) or ""
    assert f'<a href="{why}">Why this came (you sign in)</a>' in html
    assert f'<a href="{manage}">Manage your rules (you sign in)</a>' in html


def test_without_links_a_footer_only_says_why() -> None:
    assert len(the_footer("A", "B").splitlines()) == 3
    assert "http" not in the_footer("A", "B")


def test_a_letter_of_our_own_has_no_history_to_ask() -> None:
    _, recipient = the_mail(replace(BUILD, id=MessageId("fmn-own-test-1")), ("A",))
    assert "/why" not in recipient.footer


@pytest.mark.parametrize("rules", [("Read this: https://evil.example/",), ("A", "x: http://y")])
def test_the_name_of_a_rule_is_no_link(rules: tuple[str, ...]) -> None:
    content, recipient = the_mail(BUILD, rules)
    links = re.findall('href="([^"]*)"', content.html_for(recipient) or "")
    assert all(link.startswith(("https://fmn.example/", "https://koji.")) for link in links)
    assert len(links) == 4


def test_what_no_rule_chose_says_so_and_has_nothing_to_stop() -> None:
    _, recipient = the_mail(BUILD, ())
    assert recipient.token == ""
    assert recipient.footer == (
        "You get this because somebody, you we hope, gave fmn this address."
    )


def test_a_footer_is_escaped_in_html_and_plain_in_text() -> None:
    (chunk,) = OWN.render(BUILD, [a_notification(rules=("<b>&",))], ORIGIN)
    (recipient,) = chunk.recipients
    assert chunk.content.text_for(recipient).endswith(
        "\n-- \nYou get this because of your rule “<b>&”."
    )
    html = chunk.content.html_for(recipient)
    assert html is not None
    assert "because of your rule “&lt;b&gt;&amp;”." in html


# Facts that senders want.


def test_headers_are_facts_of_the_message() -> None:
    message = replace(BUILD, artifacts=frozenset({"rpms/z", "rpms/a"}))
    assert OWN.content("email", [message]).headers == {
        "topic": BUILD.topic,
        "app": "Koji",
        "severity": "warning",
        "message": "m1",
        "url": "https://koji.example.org/build?a=1&b=2",
        "sent_at": "2026-03-17T01:58:26+00:00",
        "artifact": "rpms/a",
    }


def test_a_digest_has_an_artifact_only_where_all_its_messages_share_it() -> None:
    some = [replace(BUILD, artifacts=frozenset(names)) for names in (["a/1", "a/2"], ["a/2"])]
    assert OWN.content("email", some).headers["artifact"] == "a/2"
    assert (
        "artifact"
        not in OWN.content("email", [*some, replace(BUILD, artifacts=frozenset())]).headers
    )


OTHER = replace(BUILD, id=MessageId("m2"), topic="org.example.other", severity=Severity.ERROR)


@pytest.mark.parametrize("turned", [False, True])
def test_a_digest_matters_as_much_as_what_matters_most_in_it(turned: bool) -> None:
    quiet = replace(BUILD, severity=Severity.DEBUG)
    some = [quiet, OTHER, BUILD][:: -1 if turned else 1]
    assert OWN.content("push", some).headers["severity"] == "error"
    assert OWN.content("push", [quiet, BUILD]).headers["severity"] == "warning"


def test_a_digest_has_a_topic_only_where_all_its_messages_share_it() -> None:
    same = replace(OTHER, topic=BUILD.topic)
    assert OWN.content("email", [BUILD, same]).headers["topic"] == BUILD.topic
    assert "topic" not in OWN.content("email", [BUILD, OTHER]).headers


def test_a_digest_has_no_address_of_its_own() -> None:
    assert OWN.content("push", [BUILD]).headers["url"] == BUILD.url
    assert "url" not in OWN.content("push", [BUILD, OTHER]).headers
    assert "url" not in OWN.content("push", [BUILD, replace(BUILD, id=MessageId("m2"))]).headers


CODE = Message(
    MessageId("fmn-own-confirm-1"),
    "fmn.confirmation",
    app="fmn",
    summary="Shall your notifications come here?",
    text="alice asked for it.",
    body=b'{"code": "K7QX-3MZA", "user": "alice\\r\\nBcc: bob"}',
)


@pytest.mark.parametrize("kind", ["email", "irc", "matrix", "push", "chat", "webhook"])
def test_a_confirmation_has_its_code_in_text_and_headers(kind: str) -> None:
    content = OWN.content(kind, [CODE])
    assert "Code: K7QX-3MZA" in content.text
    assert content.html is None or "Code: K7QX-3MZA" in content.html
    assert content.subject == "Shall your notifications come here?"
    assert content.headers["code"] == "K7QX-3MZA"
    assert content.headers["user"] == "alice Bcc: bob"


@pytest.mark.parametrize(
    "message",
    [
        replace(CODE, id=MessageId("m1")),
        replace(CODE, topic="fmn.test"),
        replace(CODE, body=b"{}"),
        replace(CODE, body=b'{"code": ["x"], "user": null}'),
    ],
)
def test_only_a_confirmation_of_our_own_has_a_code(message: Message) -> None:
    content = OWN.content("email", [message])
    assert "Code:" not in content.text
    assert {"code", "user"}.isdisjoint(content.headers)


# Whom it goes to.


def test_content_is_rendered_once_for_each_kind() -> None:
    asked = [a_notification("d2", "irc"), a_notification("d3"), a_notification("d1")]
    mail, irc = OWN.render(BUILD, asked, ORIGIN)
    assert (mail.content.kind, irc.content.kind) == ("email", "irc")
    assert mail.content == OWN.content("email", [BUILD])
    assert [one.address for one in mail.recipients] == ["d1@example.org", "d3@example.org"]
    assert mail.recipients[0] == Recipient(
        keys=(asked[2].key,),
        address="d1@example.org",
        rules={RuleId("r0"): "My packages"},
        footer="You get this because of your rule “My packages”.",
    )
    assert mail.origin == irc.origin == ORIGIN


def test_nobody_asked_nothing_is_rendered() -> None:
    assert OWN.render(BUILD, [], ORIGIN) == ()


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["email", "irc"])), unique=True))
def test_chunks_hold_a_hundred_at_most_in_the_order_of_destinations(
    asked: list[tuple[int, str]],
) -> None:
    notifications = [a_notification(f"{number:03}{kind}", kind) for number, kind in asked]
    chunks = OWN.render(BUILD, notifications, ORIGIN)
    served = [(chunk.content.kind, one.keys[0]) for chunk in chunks for one in chunk.recipients]
    assert served == sorted((one.destination.kind, one.key) for one in notifications)
    kinds = [kind for _, kind in asked]
    assert len(chunks) == sum(-(-kinds.count(kind) // 100) for kind in set(kinds))
    assert all(1 <= len(chunk.recipients) <= 100 for chunk in chunks)


def test_of_250_recipients_the_last_chunk_has_fifty() -> None:
    chunks = OWN.render(BUILD, [a_notification(f"{n:03}") for n in range(250)], ORIGIN)
    assert [chunk.notifications for chunk in chunks] == [100, 100, 50]
