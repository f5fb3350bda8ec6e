"""Every page by WCAG 2.2 AA as axe judges it, in light and dark, and on a narrow screen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from fmn.links import Confirm, Purpose, Stop, Undo
from tests.peers.browser import tab, violations
from tests.web.browser.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

NARROW = (320, 640)
REFUSED = ".problems li"
BAD = """<!doctype html><html lang="en"><title>Bad</title><main><h1>Bad</h1>
<img src="x.png"><input><p style="color: #999; background: #aaa">Who can read this?</p></main>"""
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true })"
WIDTH = "document.documentElement.scrollWidth"


async def no_name(page: Page) -> None:
    await page.goto("/rules/new")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.locator(REFUSED).wait_for()


async def every_message(page: Page) -> None:
    await page.goto("/rules/new")
    await page.get_by_label("Name", exact=True).fill("Everything")
    await page.locator("#everything").check()
    await page.get_by_role("button", name="Show the preview").last.click()
    await page.locator("#preview .problem").first.wait_for()


async def wrong_values(page: Page) -> None:
    await page.goto("/rules/new")
    await page.get_by_label("Name", exact=True).fill("Wrong")
    await page.locator("#kind").select_option("regex")
    await page.get_by_role("button", name="Add this filter").click()
    await page.locator("#filters-0 input[id]").first.fill("(")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.locator(REFUSED).wait_for()


async def no_address(page: Page) -> None:
    await page.goto("/destinations")
    await page.locator("#email-0-address").fill("no address at all")
    await page.get_by_role("button", name="Add and confirm").click()
    await page.locator(REFUSED).wait_for()


async def a_short_token(page: Page) -> None:
    await page.goto("/destinations")
    await page.locator("summary", has_text="2 more services").click()
    await page.locator("summary", has_text="Owl").click()
    await page.locator("#birds-5-token").fill("too short")
    await page.get_by_role("button", name="Add and confirm Owl").click()
    await page.locator(REFUSED).wait_for()


async def a_wrong_code(page: Page) -> None:
    await page.goto("/destinations")
    await page.locator("[name=code]").fill("AAAA-AAAA")
    await page.get_by_role("button", name="Confirm team").click()
    await page.locator(REFUSED).wait_for()


async def no_reason(page: Page) -> None:
    await page.goto("/admin/users/bob")
    await page.locator("summary").first.click()
    await page.locator("[name=reason]").first.fill(" ")
    await page.get_by_role("button", name="Stop it").first.click()
    await page.locator(REFUSED).wait_for()


async def a_stopped_rule(page: Page) -> None:
    await page.goto("/admin/users/alice")
    await page.locator("summary").first.click()
    await page.locator("[name=reason]").first.fill("It floods the list.")
    await page.get_by_role("button", name="Stop it").first.click()
    await page.goto("/rules")
    await page.get_by_text("an operator stopped it").wait_for()


async def no_yaml(page: Page) -> None:
    await page.goto("/account")
    await page.locator("#yaml").fill("rules: 7")
    await page.get_by_role("button", name="Show what would change").click()
    await page.locator(REFUSED).wait_for()


async def changes_shown(page: Page) -> None:
    await page.goto("/account")
    await page.locator("#yaml").fill("destinations: {mine: {kind: irc, address: mine}}")
    await page.get_by_role("button", name="Show what would change").click()
    await page.locator("ins").first.wait_for()


async def no_such_message(page: Page) -> None:
    await page.goto("/why?message=nothing-like-it")


FORMS = [
    no_name, every_message, wrong_values, no_address, a_short_token, a_wrong_code, no_reason,
    a_stopped_rule, no_yaml, changes_shown, no_such_message,
]  # fmt: skip


async def reached(site: Site) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield sessions, and the paths that each can reach."""
    alice = await site.secret_of("alice", admin=True)
    yield alice, await site.paths(alice)
    newcomer = await site.secret_of("zoe")
    yield newcomer, await site.paths(newcomer)
    told = (await site.preferences_of("bob")).destinations[0]
    rules = tuple(rule.id for rule in (await site.preferences_of("bob")).rules[:1])
    signed: list[Purpose] = [Stop(told.id, rules), Undo(told.id, rules), Confirm(told.id)]
    links = [site.parts.links.address(purpose).removeprefix(site.url) for purpose in signed]
    yield "", ["/login", "/nowhere", "/stop/x", "/undo/x", "/confirm/x", *links]


async def faults(page: Page, path: str, *, narrow: bool) -> list[str]:
    """Return what is wrong with the page as it is shown now, with all of it opened."""
    await page.evaluate(OPEN)
    width = await page.evaluate(WIDTH) if narrow else 0
    wide = [f"{width} px wide"] if width > NARROW[0] else []
    return [f"{path}: {wrong}" for wrong in wide + await violations(page)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_fault(
    chromium: Browser, site: Site, scheme: Literal["light", "dark"]
) -> None:
    found: list[str] = []
    async for secret, paths in reached(site):
        async with (
            site.visit(chromium, secret, color_scheme=scheme, bypass_csp=True) as context,
            tab(context) as visited,
        ):
            for path in paths:
                await visited.page.goto(path)
                found += await faults(visited.page, path, narrow=False)
    assert found == []


async def test_no_page_has_a_fault_on_a_narrow_screen(chromium: Browser, site: Site) -> None:
    found: list[str] = []
    async for secret, paths in reached(site):
        async with (
            site.visit(chromium, secret, size=NARROW, bypass_csp=True) as context,
            tab(context) as visited,
        ):
            for path in paths:
                await visited.page.goto(path)
                found += await faults(visited.page, path, narrow=True)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("form", FORMS)
async def test_no_form_that_was_sent_has_a_fault(
    chromium: Browser,
    site: Site,
    form: Callable[[Page], Awaitable[None]],
    scheme: Literal["light", "dark"],
) -> None:
    alice = await site.secret_of("alice", admin=True)
    options = {"color_scheme": scheme, "bypass_csp": True}
    async with (
        site.visit(chromium, alice, size=NARROW, **options) as context,
        tab(context) as visited,
    ):
        await form(visited.page)
        await visited.page.wait_for_load_state()
        assert await faults(visited.page, visited.page.url, narrow=True) == []


async def test_axe_finds_what_is_wrong_with_a_bad_page(chromium: Browser, site: Site) -> None:
    async with site.visit(chromium, bypass_csp=True) as context:
        page = await context.new_page()
        await page.set_content(BAD)
        found = {wrong.partition(":")[0] for wrong in await violations(page)}
    assert found >= {"image-alt", "label", "color-contrast"}
