"""Everything by keyboard alone: Tab goes everywhere in order, and shows where it is."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.peers.browser import tab
from tests.web.browser.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]

PRESSES = 120
"""Presses of Tab at most."""
WORKED = """() => [...document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary')]
    .filter(one => one.checkVisibility() && one.tabIndex >= 0 && !one.disabled)
    .filter(one => one.type !== 'radio' || one.checked)
    .map(one => one.outerHTML.slice(0, 200))"""
FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one)
    const box = one.getBoundingClientRect()
    return {
        html: one.outerHTML.slice(0, 200), body: one === document.body,
        label: (one.ariaLabel || one.labels?.[0]?.textContent || one.textContent).trim(),
        outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        inView: box.bottom > 0 && box.top < innerHeight && box.width >= 1,
    }
}"""


async def walk(page: Page) -> list[dict[str, Any]]:
    """Press Tab from the top until it leaves the page; return what had the focus."""
    seen: list[dict[str, Any]] = []
    while len(seen) < PRESSES:
        await page.keyboard.press("Tab")
        focused: dict[str, Any] = await page.evaluate(FOCUSED)
        if focused["body"] or (seen and focused["html"] == seen[0]["html"]):
            break
        seen.append(focused)
    return seen


async def tab_to(page: Page, label: str) -> None:
    """Press Tab until what has this label has the focus."""
    for _ in range(PRESSES):
        await page.keyboard.press("Tab")
        if (await page.evaluate(FOCUSED))["label"].startswith(label):
            return
    pytest.fail(f"Tab does not reach {label!r}")


@pytest.mark.parametrize("place", range(7))
async def test_tab_reaches_every_control_of_the_editor_in_order(
    chromium: Browser, site: Site, place: int
) -> None:
    rule = (await site.preferences_of("alice")).rules[place]
    alice = await site.secret_of("alice")
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        await visited.page.goto(f"/rules/{rule.id}")
        await visited.page.locator("#preview .sentence").wait_for()
        expected = await visited.page.evaluate(WORKED)
        seen = await walk(visited.page)
    assert len(expected) > 10
    assert [one["html"] for one in seen] == expected
    assert [one["html"] for one in seen if not (one["outline"] and one["inView"])] == []


async def test_focus_shows_on_every_page(chromium: Browser, site: Site) -> None:
    alice = await site.secret_of("alice", admin=True)
    hidden: list[str] = []
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        for path in await site.paths(alice):
            await visited.page.goto(path)
            seen = await walk(visited.page)
            hidden += [
                f"{path}: {one['html']}" for one in seen if not (one["outline"] and one["inView"])
            ]
    assert hidden == []


async def test_a_rule_is_written_with_the_keyboard_alone(chromium: Browser, site: Site) -> None:
    alice = await site.secret_of("alice")
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        page = visited.page
        await page.goto("/rules")
        await tab_to(page, "New rule")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/rules/new")
        await tab_to(page, "Name")
        await page.keyboard.type("By keyboard")
        await tab_to(page, "Add a filter")
        await page.keyboard.type("from an app")
        await tab_to(page, "Add this filter")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        # The focus is on the new filter already: no way back from the top.
        await tab_to(page, "Names")
        await page.keyboard.type("bodhi")
        await tab_to(page, "irc ")
        await page.keyboard.press("Space")
        await tab_to(page, "Save")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert "Saved." in await page.inner_text("[role=status]")
    made = (await site.preferences_of("alice")).rules[-1]
    assert (made.name, [one.arguments() for one in made.filters]) == (
        "By keyboard",
        [{"names": ("bodhi",)}],
    )
    assert "irc" in [one.name for one in made.destinations]


async def test_a_place_is_given_with_the_keyboard_alone(chromium: Browser, site: Site) -> None:
    alice = await site.secret_of("alice")
    async with site.visit(chromium, alice) as context, tab(context) as visited:
        page = visited.page
        await page.goto("/destinations")
        for label in ("2 more services", "Owl"):
            await tab_to(page, label)
            await page.keyboard.press("Enter")
        for label, text in (("Room", "barn"), ("Token", "long-enough-a-token")):
            await tab_to(page, label)
            await page.keyboard.type(text)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert "On its way" in await page.inner_text("[role=status]")
    made = (await site.preferences_of("alice")).destinations[-1]
    assert (made.name, made.address) == ("owl", "owl:barn/long-enough-a-token")
