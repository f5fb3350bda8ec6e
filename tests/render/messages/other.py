"""What no template was written for, a digest's worth of it, and our own letters."""

from dataclasses import replace

from fmn.model import MessageId, Severity
from tests.render.messages.facts import Cases, a_message

CASES: Cases = {
    "weather": a_message(
        "weather.station.reading",
        {"celsius": -3.5},
        app="Weather",
        severity=Severity.WARNING,
        summary="Storm over the roof",
        text="Wind: 21 m/s, from the west.\n\n    gusts   28 m/s\n    calm    never",
        url="https://weather.example.org/roof",
        artifacts=["stations/roof"],
    ),
    "bare": a_message("weather.station.silent", {}, summary="", text="", sent_at=None),
    "fmn-code": replace(
        a_message(
            "",
            {"code": "K7QX-3MZA", "user": "alice"},
            app="fmn",
            summary="Shall your notifications come here?",
            text=(
                "alice asked fmn to send notifications to this address, as “mail”.\n\n"
                "Was that you? Type the code on the page of your destinations within a day.\n"
                "Was it not? Do nothing: without your word nothing more comes."
            ),
        ),
        id=MessageId("fmn-own-confirm-1"),
        topic="fmn.confirmation",
    ),
    "fmn-link": replace(
        a_message(
            "",
            {"user": "alice"},
            app="fmn",
            summary="Shall your notifications come here?",
            text=(
                "alice asked fmn to send notifications to this address, as “mail”.\n\n"
                "Was that you? Open the link within a day and press the button on its page.\n"
                "Was it not? Do nothing: without your word nothing more comes."
            ),
            url="https://fmn.example.org/confirm/IkQxIg.token",
        ),
        id=MessageId("fmn-own-confirm-2"),
        topic="fmn.confirmation",
    ),
    "fmn-test": replace(
        a_message(
            "",
            {},
            app="fmn",
            summary="This is a test: notifications arrive here",
            text="You asked for it on the page of your destinations, for “mail”.",
        ),
        id=MessageId("fmn-own-test-1"),
        topic="fmn.test",
    ),
}
