"""A real browser: Debian's Chromium, driven by Playwright, and axe to judge what it shows."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright

from tests.peers import need

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""What axe judges by: WCAG 2.2, level AA."""
PATIENCE = 20_000.0
"""Milliseconds a page may take on a busy machine."""


@dataclass(frozen=True)
class Tab:
    """A page in the browser, and what went wrong on it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """Errors of the console, which are also violations of the CSP, errors of scripts, and what
    the server could not give."""

    def watch(self) -> None:
        """Note what goes wrong from now on."""
        self.page.on("console", lambda said: self._note(said.type == "error", said.text))
        self.page.on("pageerror", lambda error: self._note(bad=True, words=str(error)))
        # Playwright marks a method on its object, and this one is frozen.
        self.page.on("response", lambda answer: self._answered(answer))  # noqa: PLW0108  # see above

    def _answered(self, answer: Response) -> None:
        wanted = answer.request.resource_type != "document"
        bad = answer.status >= 500 or (wanted and answer.status >= 400)
        self._note(bad, f"{answer.status} {answer.url}")

    def _note(self, bad: bool, words: str) -> None:
        # Chromium says this of a page that is meant to be a refusal, too.
        if bad and "server responded with a status of 4" not in words:
            self.faults.append(f"{self.page.url}: {words}")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium without a window until the block ends."""
    path = need("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(context: BrowserContext) -> AsyncIterator[Tab]:
    """Open a page; where nothing else fails, fail with what went wrong on it."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    watched = Tab(page)
    watched.watch()
    yield watched
    assert watched.faults == []


async def violations(page: Page) -> list[str]:
    """Return what axe finds wrong by WCAG 2.2 AA: rule, element and how to mend it.

    The page must be in a context that bypasses the CSP: axe adds elements of its own.
    """
    axe = files("axe_playwright_python").joinpath("axe.min.js")
    await page.evaluate(axe.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found: dict[str, Any] = await page.evaluate(f"axe.run({json.dumps(options)})")
    return [
        f"{broken['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for broken in found["violations"]
        for node in broken["nodes"]
    ]
