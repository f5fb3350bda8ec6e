"""What a script adds: a preview while somebody types, and a question before typed things go."""

import re

import pytest
from playwright.async_api import Browser, Dialog, Page, expect

from tests.peers.browser import Tab, tab
from tests.web.browser.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]


async def open_editor(page: Page) -> None:
    """Begin a new rule with a filter by application."""
    await page.goto("/rules/new")
    await page.get_by_label("Name", exact=True).fill("Live")
    await page.get_by_role("checkbox", name="email active").check()
    await page.get_by_label("Add a filter").select_option("application")
    await page.get_by_role("button", name="Add this filter").click()
    await expect(page.get_by_label("Names, 1")).to_be_visible()


async def test_the_preview_follows_what_is_typed_and_nothing_is_saved(
    chromium: Browser, site: Site
) -> None:
    alice = await site.secret_of("alice")
    before = (await site.preferences_of("alice")).rules
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        await open_editor(visited.page)
        preview = visited.page.locator("#preview")
        await visited.page.get_by_label("Names, 1").press_sequentially("bodhi")
        await expect(preview).to_contain_text(re.compile(r"[1-9]\d* messages in the last 14 days"))
        assert await preview.locator("svg rect").count() > 0
        await visited.page.get_by_label("Names, 1").fill("nobody-has-this-name")
        await expect(preview).to_contain_text("No message of these days")
    assert (await site.preferences_of("alice")).rules == before


async def test_one_more_field_is_added_where_the_focus_goes(chromium: Browser, site: Site) -> None:
    alice = await site.secret_of("alice")
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        await open_editor(visited.page)
        await visited.page.get_by_role("button", name="One more of Names").click()
        second = visited.page.locator("ul li input").nth(1)
        await expect(second).to_be_focused()
        assert await second.get_attribute("aria-label") != await visited.page.locator(
            "ul li input"
        ).nth(0).get_attribute("aria-label")


@pytest.mark.parametrize("typed", [True, False])
async def test_leaving_asks_only_where_something_would_be_lost(
    chromium: Browser, site: Site, *, typed: bool
) -> None:
    alice = await site.secret_of("alice")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    async with site.visit(chromium, alice) as context, tab(context) as visited:
        page = visited.page
        page.on("dialog", stay)
        await page.goto("/rules/new")
        if typed:
            await page.get_by_label("Name", exact=True).press_sequentially("Lost?")
        await page.get_by_role("link", name="Cancel").click()
        await page.wait_for_url("**/rules")
    assert asked == (["beforeunload"] if typed else [])


async def test_saving_asks_nothing(chromium: Browser, site: Site) -> None:
    alice = await site.secret_of("alice")
    asked: list[str] = []
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        visited.page.on("dialog", lambda dialog: asked.append(dialog.type))
        await open_editor(visited.page)
        await visited.page.get_by_label("Names, 1").press_sequentially("bodhi")
        await visited.page.get_by_role("button", name="Save", exact=True).click()
        await visited.page.wait_for_url(re.compile(r"/rules(\?|$)"))
    assert asked == []


async def test_no_page_breaks_its_own_rules(chromium: Browser, site: Site) -> None:
    """No script fails, nothing violates the CSP, nothing is missing: `tab` sees to it."""
    alice = await site.secret_of("alice", admin=True)
    paths = await site.paths(alice)
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        for path in paths:
            await visited.page.goto(path)
    assert len(paths) > 10


async def test_a_violation_of_the_csp_would_be_seen(chromium: Browser, site: Site) -> None:
    async with site.visit(chromium) as context:
        watched = Tab(await context.new_page())
        watched.watch()
        await watched.page.goto("/login")
        await watched.page.evaluate(
            "document.body.appendChild(document.createElement('script')).text = 'alert(1)'"
        )
        await watched.page.reload()
    assert ["Content Security Policy" in fault for fault in watched.faults] == [True]
