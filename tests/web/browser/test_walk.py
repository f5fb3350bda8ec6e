"""The whole walk, by one person in a real browser over real services, with scripts and without.

Sign in at an OpenID provider, write a rule and see what it would have sent, confirm the address by
a mail, get a mail for a message on the bus, stop the rule by the link in its footer.
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.peers import free_port, wait_until
from tests.peers.browser import tab
from tests.peers.oidc import OpenId
from tests.peers.rabbitmq import RabbitMQ
from tests.peers.site import Site
from tests.peers.smtp import Mail, Smtp

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

ADDRESS = "alice@example.org"


@dataclass(frozen=True)
class Road:
    """A running site and what surrounds it."""

    site: Site
    url: str
    mail: Smtp

    def publish(self, message_id: str, summary: str) -> None:
        """Put a message of the kitchen on the bus."""
        facts = {
            "id": message_id, "topic": "org.example.kettle.done", "app": "kitchen",
            "users": ["bob"], "severity": "warning", "summary": summary,
        }  # fmt: skip
        self.site.run("publish", "-", given=json.dumps(facts) + "\n")

    def mail_about(self, words: str) -> Mail:
        """Wait for the mail whose subject has these words."""
        found: list[Mail] = []

        def arrived() -> bool:
            mails = [mail for mail in self.mail.mails if words in mail.message["Subject"]]
            found.extend(mails)
            return bool(mails)

        wait_until(arrived, f"a mail about {words!r}")
        return found[0]

    def handled(self) -> int:
        """Return how many messages went all the way through the workers."""
        messages = self.site.ledger()["messages"]
        return int(messages["handled"]) if not messages["waiting"] else -1


@pytest.fixture
def road(  # noqa: PLR0917  # every service there is
    rabbitmq: RabbitMQ, valkey: str, postgres: str, smtp: Smtp, openid: OpenId, tmp_path: Path
) -> Iterator[Road]:
    """Every process by its own verb, over real services."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    site = Site(
        tmp_path,
        {
            "bus": {"url": rabbitmq.url, "queue": f"fmn-{tmp_path.name}"},
            "queues": {"url": valkey},
            "storage": {"url": postgres},
            "senders.email": {"host": "127.0.0.1", "port": smtp.port},
            "web": {
                "url": url, "secret": "s" * 40, "oidc_url": openid.url,
                "oidc_client": "fmn", "oidc_secret": "known to both",
            },
        },
    )  # fmt: skip
    openid.knows("alice", preferred_username="alice", email=ADDRESS, email_verified=False)
    site.run("db", "upgrade")
    with ExitStack() as stack:
        for verb in ("consumer", "worker", "recorder", "sender email", f"web --port {port}"):
            stack.enter_context(site.process(*verb.split()))
        yield Road(site, url, smtp)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_from_signing_in_to_stopping_a_rule(
    chromium: Browser, road: Road, scripts: bool
) -> None:
    road.publish("before-1", "The kettle boils")
    wait_until(lambda: road.handled() == 1, "the first message in the history")
    context = await chromium.new_context(base_url=road.url, java_script_enabled=scripts)
    await sign_in(context, road)
    async with tab(context) as visited:
        page = visited.page
        await confirm(page, road)
        await write_rule(page, live=scripts)
        road.publish("walk-1", "The kettle is hot")
        mail = road.mail_about("The kettle is hot")
        await stop_by_link(page, mail)
    road.publish("walk-2", "The kettle is cold")
    wait_until(lambda: road.handled() == 3, "the last message handled")
    wait_until(lambda: road.site.ledger()["notifications"]["waiting"] == 0, "empty lanes")
    assert [m for m in road.mail.mails if "cold" in m.message["Subject"]] == []
    await context.close()


async def sign_in(context: BrowserContext, road: Road) -> None:
    """Sign in at the provider, whose own page may have faults: none of ours to judge."""
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_role("link", name="Sign in").click()
    await page.wait_for_url("**/login*")
    await page.get_by_role("link", name="Sign in").click()
    await page.locator("input[name=sub]").fill("alice")
    await page.get_by_role("button", name="Authorize").click()
    await page.wait_for_url(f"{road.url}/**")
    await page.get_by_role("navigation", name="Pages").wait_for()
    await page.close()


async def confirm(page: Page, road: Road) -> None:
    """Let the link be sent, open it, press its button."""
    await page.goto("/destinations")
    await page.get_by_role("button", name="Send the link").click()
    text = body_of(road.mail_about("Shall your notifications come here?"))
    link = re.search(r"http\S+/confirm/\S+", text)
    assert link, text
    await page.goto(link[0])
    await page.get_by_role("button", name="Yes, confirm").click()
    await page.get_by_role("heading", name="Confirmed").wait_for()


async def write_rule(page: Page, *, live: bool) -> None:
    """Write a rule and see in the preview what it would have sent, before it is saved."""
    await page.goto("/rules/new")
    await page.get_by_label("Name", exact=True).fill("Kettles")
    await page.get_by_label("Add a filter").select_option("application")
    await page.get_by_role("button", name="Add this filter").click()
    await (
        page.get_by_role("group", name="… application")
        .locator("input:visible")
        .first.fill("kitchen")
    )
    await page.get_by_role("checkbox", name="email").check()
    if not live:
        await page.get_by_role("button", name="Show the preview").last.click()
    await page.locator("#preview").get_by_text("The kettle boils").first.wait_for()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("heading", name="Kettles").wait_for()


async def stop_by_link(page: Page, mail: Mail) -> None:
    """Stop the rule by the link in the footer, which the header names, too."""
    link = re.search(r"http\S+/stop/\S+", body_of(mail))
    assert link
    assert mail.message["List-Unsubscribe"] == f"<{link[0]}>"
    await page.context.clear_cookies()  # nobody is signed in where mails are read
    await page.goto(link[0])
    await page.get_by_role("button", name="Stop this rule").click()
    await page.get_by_role("heading", name="Stopped").wait_for()


def body_of(mail: Mail) -> str:
    plain = mail.message.get_body(("plain",))
    assert plain
    text: str = plain.get_content()
    return text
