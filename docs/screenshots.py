"""Make the pictures of the pages that the README shows: `.venv/bin/python -m docs.screenshots`.

Serves the furnished site of the tests on a free port and photographs it with Debian's Chromium.
"""  # noqa: INP001  # a script, in no package

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.peers.browser import chromium, tab
from tests.web.browser.site import Site, furnish, open_site

HERE = Path(__file__).parent
LARGEST = 200_000
"""Bytes of a picture at most: the README loads them all."""
SHOWN = 220
"""Pixels of the form left above the preview."""


async def _home(page: Page) -> None:
    await page.goto("/")


async def _rules(page: Page) -> None:
    await page.goto("/rules")


async def _editor(page: Page) -> None:
    await page.goto("/rules")
    await page.get_by_role("link", name="Edit What others do").click()
    await page.get_by_role("button", name="Show the preview").last.click()
    await page.locator("#preview svg").first.wait_for()
    top = await page.locator("#preview").evaluate("one => one.getBoundingClientRect().top")
    await page.evaluate(f"scrollBy(0, {top - SHOWN})")


async def _why(page: Page) -> None:
    await page.goto("/")
    await page.locator("main a[href^='/why?']").first.click()


async def _destinations(page: Page) -> None:
    await page.goto("/destinations")


async def _admin(page: Page) -> None:
    await page.goto("/admin")


PICTURES: dict[str, Callable[[Page], Awaitable[None]]] = {
    "home": _home,
    "rules": _rules,
    "editor": _editor,
    "why": _why,
    "destinations": _destinations,
    "admin": _admin,
}


async def _photograph(browser: Browser, site: Site, scheme: str, names: list[str]) -> None:
    alice = await site.secret_of("alice", admin=True)
    suffix = "" if scheme == "light" else f"-{scheme}"
    async with site.visit(browser, alice, color_scheme=scheme) as context, tab(context) as visited:
        for name in names:
            await PICTURES[name](visited.page)
            path = HERE / f"{name}{suffix}.png"
            picture = await visited.page.screenshot(path=path, animations="disabled")
            print(f"{path.name}: {len(picture):,} bytes")  # noqa: T201  # a script may
            if len(picture) > LARGEST:
                sys.exit(f"{path.name}: {len(picture):,} bytes; at most {LARGEST:,}")


async def main() -> None:
    """Make every picture in light, and the editor in dark, too."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "furnished.db"
        await furnish(database)
        async with open_site(database, Path(folder)) as site, chromium() as browser:
            await _photograph(browser, site, "light", list(PICTURES))
            await _photograph(browser, site, "dark", ["editor"])


if __name__ == "__main__":
    asyncio.run(main())
