"""From an address to its state, over real processes: what senders learn, the pages show."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.peers import free_port, wait_until
from tests.peers.http import Http, Reply, Request
from tests.peers.ngircd import Ngircd, person
from tests.peers.site import Site
from tests.peers.smtp import Mail, Smtp

pytestmark = pytest.mark.real

SECRET = "a-secret-of-the-endpoint"  # noqa: S105  # of nobody
RULE = {"name": "Kettles", "filters": [{"kind": "topic", "patterns": ["*.kettle"]}]}


@dataclass
class Pages:
    """The site as its one user sees it, with whatever else runs there."""

    site: Site
    client: httpx.Client

    def add(self, *, confirmed: bool, **address: str) -> str:
        """Import one destination and a rule that tells it; return its id."""
        kind = address["kind"]
        rule = RULE | {"destinations": [kind]}
        given = yaml.safe_dump({"destinations": {kind: address}, "rules": [rule]})
        vouched = ["--confirmed"] if confirmed else []
        self.site.run("rules", "import", "alice", *vouched, "--yes", "-", given=given)
        exported = yaml.safe_load(self.site.run("rules", "export", "alice"))
        return str(exported["destinations"][kind]["id"])

    def post(self, path: str, **fields: str) -> httpx.Response:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.page())
        assert csrf
        return self.client.post(path, data={"csrf": csrf[1], **fields})

    def page(self) -> str:
        return self.client.get("/destinations").text

    def badge(self) -> str:
        """Return the state of the only destination, in the words of its badge."""
        found = re.search(r'<span class="badge \w+">([^<]+)</span>', self.page())
        return found[1] if found else ""

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.badge() == state, f"a destination that is {state}")

    def publish(self, message_id: str) -> None:
        facts = {"id": message_id, "topic": "org.example.kettle", "summary": f"hot {message_id}"}
        (self.site.folder / "messages.jsonl").write_text(json.dumps(facts) + "\n")
        handled = self.site.ledger()["messages"]["handled"]
        self.site.run("consumer")  # which ends with the file
        wait_until(lambda: self.site.ledger()["messages"]["handled"] > handled, "the message")


@pytest.fixture
def pages(  # every service there is
    valkey: str, smtp: Smtp, tmp_path: Path
) -> Iterator[Any]:
    """Return what runs a site with these senders."""
    with ExitStack() as stack:

        def running(**senders: dict[str, Any]) -> Pages:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            site = Site(
                tmp_path,
                {
                    "bus": {"kind": "file", "path": str(tmp_path / "messages.jsonl")},
                    "queues": {"url": valkey},
                    "storage": {"url": f"sqlite:///{tmp_path}/fmn.db", "secret": "s" * 32},
                    "web": {"url": url, "secret": "w" * 32, "login": "local", "user": "alice"},
                    **{f"senders.{kind}": told for kind, told in senders.items()},
                },
            )
            site.run("db", "upgrade")
            verbs = ("worker", "recorder", f"sender {' '.join(senders)}", f"web --port {port}")
            for verb in verbs:
                stack.enter_context(site.process(*verb.split()))
            client = stack.enter_context(httpx.Client(base_url=url, follow_redirects=True))
            client.get("/login")
            return Pages(site, client)

        yield running


async def test_an_endpoint_that_answers_the_challenge_is_active_and_gets_signed_notifications(
    pages: Any, http: Http
) -> None:
    def answer(request: Request) -> Reply:
        return Reply(body=json.loads(request.body).get("challenge", "").encode())

    def walk() -> None:
        here = pages(webhook={"private_networks": ["127.0.0.0/8"]})
        address = f"{http.url()}#secret={SECRET}"
        destination = here.add(confirmed=False, kind="webhook", address=address)
        here.publish("before")
        assert http.requests == []  # nothing is sent to what nobody confirmed
        assert SECRET not in here.page()
        here.post(f"/destinations/{destination}/again")
        here.wait_for("active")
        here.publish("after")

    http.answer = answer
    await asyncio.to_thread(walk)
    await http.until(lambda: len(http.requests) == 2)

    request = http.requests[1]
    body = json.loads(request.body)
    assert (body["type"], body["subject"], body["messages"]) == (
        "notification", "hot after", ["after"],
    )  # fmt: skip
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    digest = hmac.digest(SECRET.encode(), signed + request.body, hashlib.sha256)
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


async def test_an_endpoint_that_does_not_answer_the_challenge_stays_unconfirmed(
    pages: Any, http: Http
) -> None:
    def walk() -> None:
        here = pages(webhook={"private_networks": ["127.0.0.0/8"]})
        address = f"{http.url()}#secret={SECRET}"
        destination = here.add(confirmed=False, kind="webhook", address=address)
        here.post(f"/destinations/{destination}/again")
        wait_until(lambda: "did not arrive" in here.page(), "the words of the failure")
        assert here.badge() == "not confirmed yet"

    await asyncio.to_thread(walk)
    assert len(http.requests) == 1


async def test_a_nick_is_confirmed_by_the_code_that_is_said_to_it(
    pages: Any, ngircd: Ngircd
) -> None:
    async with person(ngircd.port, "alice") as alice:
        here = await asyncio.to_thread(
            partial(pages, irc={"host": "127.0.0.1", "port": ngircd.port})
        )
        add = partial(here.add, confirmed=False, kind="irc", address="alice")
        destination = await asyncio.to_thread(add)
        await asyncio.to_thread(here.post, f"/destinations/{destination}/again")
        said = ""
        while not (code := re.search(r"\b[A-Z2-7]{4}-[A-Z2-7]{4}\b", said)):
            said = await alice.told()

        wrong = partial(here.post, f"/destinations/{destination}/code", code="AAAA-AAAA")
        assert (await asyncio.to_thread(wrong)).status_code == 422
        assert await asyncio.to_thread(here.badge) == "not confirmed yet"
        right = partial(here.post, f"/destinations/{destination}/code", code=code[0].lower())
        await asyncio.to_thread(right)
        assert await asyncio.to_thread(here.badge) == "active"


def test_an_address_whose_mails_come_back_is_stopped_and_its_owner_reads_why(
    pages: Any, smtp: Smtp
) -> None:
    lmtp = free_port()
    here = pages(
        email={
            "host": "127.0.0.1",
            "port": smtp.port,
            "return_address": "bounces@fmn.example.org",
            "return_secret": "r" * 32,
            "bounces": f"lmtp://127.0.0.1:{lmtp}",
        }
    )
    here.add(confirmed=True, kind="email", address="alice@example.org")
    for number in range(3):
        here.publish(f"m-{number}")
        wait_until(partial(has_mails, smtp, number + 1), "the mail")
        assert here.badge() == "active"
        with smtplib.LMTP("127.0.0.1", lmtp) as server:
            server.sendmail("", [smtp.mails[-1].sender], came_back(smtp.mails[-1]))
    here.wait_for("what is sent comes back")
    assert "no such mailbox here" in here.page()

    here.publish("m-3")
    assert len(smtp.mails) == 3
    assert here.site.ledger()["notifications"]["suppressed"] == {"bouncing": 1}


def has_mails(smtp: Smtp, expected: int) -> bool:
    return len(smtp.mails) == expected


def came_back(mail: Mail) -> bytes:
    """Return the report a mail server makes of a mail nobody has: RFC 3464."""
    return f"""\
From: MAILER-DAEMON@mx.example.org
To: {mail.sender}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

I could not deliver it.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; alice@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox here

--b
Content-Type: text/rfc822-headers

Message-ID: {mail.message["Message-ID"]}

--b--
""".replace("\n", "\r\n").encode()
