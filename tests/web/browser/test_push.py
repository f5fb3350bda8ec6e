"""Notifications in a browser: what its user sees, and how it becomes a destination."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Browser, BrowserContext, Page, Worker, expect

from fmn.emission import Content, Recipient
from fmn.model import DestinationState, Key
from fmn.senders.push import Push
from fmn.senders.push.payload import payload_of, topic_of
from fmn.senders.push.subscription import PLAIN
from tests.peers.browser import tab, violations
from tests.peers.push import letters
from tests.web.browser.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

BUTTON = "Notify me in this browser"
SUBSCRIPTION = """
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async (options) => {
  window.asked = options;
  return { toJSON: () => (%s) };
};
"""
SEEN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  const seen = ({ title, body, tag, data, actions }) => ({ title, body, tag, data, actions });
  for (;;) {
    const found = await registration.getNotifications();
    if (found.length) return found.map(seen);
    await new Promise(requestAnimationFrame);
  }
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def pushing(site: Site) -> Site:
    """A site that notifies browsers."""
    push = Push(Push.Settings(vapid_key=letters(b"\7" * 32)))
    kinds = {**site.parts.kinds, "push": push}
    parts = replace(site.parts, kinds=kinds, push_key=push.public_key)
    site.app.state.parts = parts
    return replace(site, parts=parts)


def a_subscription() -> dict[str, Any]:
    point = (
        ec.derive_private_key(7, ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    keys = {"p256dh": letters(point), "auth": letters(b"0123456789abcdef")}
    return {"endpoint": "https://updates.push.services.mozilla.com/abc", "keys": keys}


async def subscribed_by(context: BrowserContext) -> None:
    """Let every page of this context be in a browser whose push service answers."""
    await context.grant_permissions(["notifications"])
    await context.add_init_script(SUBSCRIPTION % json.dumps(a_subscription()))


async def test_a_press_of_the_button_makes_this_browser_an_active_destination(
    chromium: Browser, pushing: Site
) -> None:
    newcomer = await pushing.secret_of("newcomer")
    async with pushing.visit(chromium, newcomer) as context, tab(context) as visited:
        await subscribed_by(context)
        page = visited.page
        await page.goto("/destinations")
        await page.locator("#push-browser-name").fill("laptop")
        await page.get_by_role("button", name=BUTTON).press("Enter")
        await page.wait_for_url("**/destinations?said=confirmed")
        await expect(
            page.get_by_text("push service updates.push.services.mozilla.com")
        ).to_be_visible()
    added = {each.name: each for each in (await pushing.preferences_of("newcomer")).destinations}
    given = a_subscription()
    keys = f"p256dh={given['keys']['p256dh']}&auth={given['keys']['auth']}"
    assert added["laptop"].address == f"{given['endpoint']}#{keys}"
    assert added["laptop"].state is DestinationState.ACTIVE


async def test_it_subscribes_with_our_key_and_promises_to_show_all(
    chromium: Browser, pushing: Site
) -> None:
    newcomer = await pushing.secret_of("newcomer")
    async with pushing.visit(chromium, newcomer) as context, tab(context) as visited:
        await subscribed_by(context)
        await visited.page.goto("/destinations")
        # The form goes nowhere, so that the page can still be asked.
        await visited.page.evaluate("HTMLFormElement.prototype.submit = () => {}")
        await visited.page.get_by_role("button", name=BUTTON).click()
        await visited.page.wait_for_function("() => window.asked")
        asked = await visited.page.evaluate("window.asked")
    assert asked == {"userVisibleOnly": True, "applicationServerKey": pushing.parts.push_key}


async def test_nothing_is_asked_before_the_button_is_pressed(
    chromium: Browser, pushing: Site
) -> None:
    alice = await pushing.secret_of("alice")
    async with pushing.visit(chromium, alice) as context, tab(context) as visited:
        await context.add_init_script(
            "Notification.requestPermission = async () => (window.asked = true, 'default')"
        )
        await visited.page.goto("/destinations")
        button = visited.page.get_by_role("button", name=BUTTON)
        await expect(button).to_be_visible()
        assert await visited.page.evaluate(
            "[window.asked, navigator.serviceWorker.controller]"
        ) == [
            None,
            None,
        ]
        await button.click()
        said = visited.page.locator("#push-browser-said")
        await expect(said).to_contain_text("the browser's question was not answered")
        assert await visited.page.evaluate("window.asked") is True


@pytest.mark.parametrize(
    ("permission", "subscribe", "words"),
    [
        ("denied", "", "Allow notifications for this site in its settings"),
        ("granted", "throw new DOMException('no', 'NotAllowedError')", "private window"),
        ("granted", "throw new DOMException('no', 'AbortError')", "did not answer"),
        ("granted", "return { toJSON: () => ({}) }", "did not answer"),
        ("granted", "return new Promise(() => {})", "did not answer"),
    ],
)
async def test_what_goes_wrong_is_said_in_words_and_it_can_be_tried_again(
    chromium: Browser, pushing: Site, permission: str, subscribe: str, words: str
) -> None:
    alice = await pushing.secret_of("alice")
    async with pushing.visit(chromium, alice, bypass_csp=True) as context, tab(context) as visited:
        await context.add_init_script(
            f"Notification.requestPermission = async () => '{permission}';"
            "const later = window.setTimeout;"
            "window.setTimeout = (act, wait) => later(act, wait / 100);"
            "PushManager.prototype.getSubscription = async () => null;"
            f"PushManager.prototype.subscribe = async () => {{ {subscribe} }};"
        )
        page = visited.page
        await page.goto("/destinations")
        for _ in range(2):
            await page.get_by_role("button", name=BUTTON).click()
            said = page.get_by_role("status").filter(has_text=words)
            await expect(said).to_be_visible()
        assert await violations(page) == []


async def test_a_browser_that_cannot_be_notified_says_so(chromium: Browser, pushing: Site) -> None:
    alice = await pushing.secret_of("alice")
    async with pushing.visit(chromium, alice) as context, tab(context) as visited:
        await context.add_init_script("delete window.PushManager")
        await visited.page.goto("/destinations")
        needs = visited.page.locator("#push-browser-needs")
        await expect(needs).to_contain_text("This browser cannot be notified")
        await expect(visited.page.get_by_role("button", name=BUTTON)).to_be_hidden()


async def test_without_script_it_says_what_it_needs(chromium: Browser, pushing: Site) -> None:
    alice = await pushing.secret_of("alice")
    async with pushing.visit(chromium, alice, java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto("/destinations")
        await expect(page.get_by_text("This needs a browser with JavaScript")).to_be_visible()
        await expect(page.get_by_role("button", name=BUTTON)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_form_is_accessible(chromium: Browser, pushing: Site, scheme: str) -> None:
    alice = await pushing.secret_of("alice")
    async with (
        pushing.visit(chromium, alice, bypass_csp=True, color_scheme=scheme) as context,
        tab(context) as visited,
    ):
        await visited.page.goto("/destinations")
        await expect(visited.page.get_by_role("button", name=BUTTON)).to_be_visible()
        assert await violations(visited.page) == []


async def registered(page: Page) -> str:
    """Register the service worker as our script does; return the browser's id for it."""
    session = await page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(each["registrationId"] for each in told["registrations"]),
    )
    await session.send("ServiceWorker.enable")
    await page.evaluate("navigator.serviceWorker.register('/sw.js')")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.wait_for_function("() => navigator.serviceWorker.controller")
    await session.detach()
    return found[-1]


async def delivered(page: Page, origin: str, payload: str) -> None:
    """Deliver a push as the browser's push service would."""
    id_ = await registered(page)
    session = await page.context.new_cdp_session(page)
    await session.send("ServiceWorker.enable")
    push = {"origin": origin, "registrationId": id_, "data": payload}
    await session.send("ServiceWorker.deliverPushMessage", push)


async def shown(page: Page, patience: float = 20) -> list[dict[str, Any]]:
    """Return the notifications that are shown, once there are any."""
    async with asyncio.timeout(patience):
        found: list[dict[str, Any]] = await page.evaluate(SEEN)
    return found


async def pushed(page: Page, origin: str, payload: str) -> list[dict[str, Any]]:
    """Deliver a push and return what is shown; the browser drops one that comes too early."""
    for _ in range(5):
        await delivered(page, origin, payload)
        with suppress(TimeoutError):
            return await shown(page, 5)
    pytest.fail("five pushes, and nothing is shown")


async def test_what_our_sender_makes_is_what_the_user_sees(
    chromium: Browser, pushing: Site
) -> None:
    content = Content(
        kind="push",
        subject="kernel-6.1 failed to build ✓",
        text="Größe: 日本語 🎉\nand more",
        headers={"url": "https://koji.example/build/1", "stop": f"{pushing.url}/stop/"},
    )
    recipient = Recipient((Key("m1:d1"),), "", {}, token="t0ken")  # noqa: S106  # of nobody
    payload = payload_of(content, recipient, PLAIN).decode()
    async with pushing.visit(chromium) as context, tab(context) as visited:
        await context.grant_permissions(["notifications"])
        await visited.page.goto("/login")
        seen = await pushed(visited.page, pushing.url, payload)
    assert [{name: each[name] for name in ("title", "body", "tag", "data")} for each in seen] == [
        {
            "title": "kernel-6.1 failed to build ✓",
            "body": "Größe: 日本語 🎉\nand more",
            "tag": topic_of(recipient),
            "data": {
                "url": "https://koji.example/build/1",
                "stop": f"{pushing.url}/stop/t0ken",
            },
        }
    ]
    assert [each["action"] for each in seen[0]["actions"]] == ["stop"]


@pytest.mark.parametrize(
    ("payload", "title", "body"),
    [("{}", "fmn", ""), ("not JSON", "fmn", "not JSON"), ("null", "fmn", ""), ("", "fmn", "")],
)
async def test_a_browser_that_is_woken_always_shows_something(
    chromium: Browser, pushing: Site, payload: str, title: str, body: str
) -> None:
    async with pushing.visit(chromium) as context, tab(context) as visited:
        await context.grant_permissions(["notifications"])
        await visited.page.goto("/login")
        (seen,) = await pushed(visited.page, pushing.url, payload)
    assert (seen["title"], seen["body"]) == (title, body)


LINKS = {
    "https://koji.example/build/1": "https://koji.example/build/1",
    "http://koji.example/build/1": "",
    "javascript:alert(1)": "",
    "data:text/html,x": "",
    "not an address": "",
    "": "",
}


async def worker_of(context: BrowserContext, page: Page) -> Worker:
    await registered(page)
    return context.service_workers[0]


async def test_a_notification_leads_only_to_https(chromium: Browser, pushing: Site) -> None:
    async with pushing.visit(chromium) as context, tab(context) as visited:
        await visited.page.goto("/login")
        worker = await worker_of(context, visited.page)
        found = {link: await worker.evaluate("web", link) for link in LINKS}
        assert found == LINKS
        assert await worker.evaluate("web", None) == ""
        assert await worker.evaluate("web", f"{pushing.url}/why") == f"{pushing.url}/why"


CLICK = """(action) => new Promise(async (done) => {
  Clients.prototype.openWindow = async (url) => done(`opened ${url}`);
  WindowClient.prototype.focus = async function () { done(`went to ${this.url}`); };
  const [notification] = await registration.getNotifications();
  dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
})"""


@pytest.mark.parametrize(
    ("url", "action", "done"),
    [
        ("https://koji.example/1", "", "opened https://koji.example/1"),
        ("https://koji.example/1", "stop", "opened https://fmn.example/stop/1"),
        ("javascript:alert(1)", "", "opened {site}/"),
        ("{site}/login", "", "went to {site}/login"),
    ],
)
async def test_a_click_opens_what_it_is_about(
    chromium: Browser, pushing: Site, url: str, action: str, done: str
) -> None:
    said = {"title": "x", "url": url.format(site=pushing.url)}
    said["stop"] = "https://fmn.example/stop/1"
    async with pushing.visit(chromium) as context, tab(context) as visited:
        await context.grant_permissions(["notifications"])
        await visited.page.goto("/login")
        await pushed(visited.page, pushing.url, json.dumps(said))
        # Only a person can open a window: what the worker wants is seen instead.
        assert await context.service_workers[0].evaluate(CLICK, action) == done.format(
            site=pushing.url
        )


async def test_a_subscription_that_changed_is_told_to_who_uses_the_browser(
    chromium: Browser, pushing: Site
) -> None:
    async with pushing.visit(chromium) as context, tab(context) as visited:
        await context.grant_permissions(["notifications"])
        await visited.page.goto("/login")
        worker = await worker_of(context, visited.page)
        await worker.evaluate("dispatchEvent(new Event('pushsubscriptionchange'))")
        (seen,) = await shown(visited.page)
    assert seen["title"] == "Notifications end here"
    assert seen["data"] == {"url": f"{pushing.url}/destinations#push-browser"}
