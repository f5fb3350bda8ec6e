"""Following every link: what pages there are for whoever is signed in."""

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, urldefrag, urlsplit

import httpx

from tests.web.routes import page_routes

LINK = re.compile(r'<a\b[^>]*?\bhref="(/[^"]*)"')
MOST = 200
"""Pages at most: more are a crawl that does not end."""


@dataclass(frozen=True)
class Found:
    """A page that was found, and what it answered."""

    path: str
    answer: httpx.Response

    @property
    def is_page(self) -> bool:
        """Tell whether it is HTML, and not something to download."""
        return self.answer.headers["content-type"].startswith("text/html")


async def crawled(client: httpx.AsyncClient, start: str = "/") -> list[Found]:
    """Follow every link from here; return one path of each page with each set of fields."""
    found: dict[object, Found] = {}
    waiting = [start]
    while waiting and len(found) < MOST:
        path = waiting.pop(0)
        if (page := page_of(path)) not in found:
            answer = await client.get(path)
            assert answer.status_code < 400, (path, answer.status_code)
            found[page] = Found(path, answer)
            waiting += [urldefrag(unescape(link)).url for link in LINK.findall(answer.text)]
    return list(found.values())


def page_of(path: str) -> tuple[str, frozenset[str]]:
    """Return what is the same for two paths that show the same page of different things."""
    at = urlsplit(path)
    pages = (route for method, route in page_routes() if method == "GET")
    matching = (route.path for route in pages if route.path_regex.match(at.path))
    return next(matching, at.path), frozenset(parse_qs(at.query))
