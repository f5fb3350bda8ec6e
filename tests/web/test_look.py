"""How the pages look: what can be told without a browser."""

import re
from collections.abc import Mapping
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

from tests.web.people import Browser

PACKAGE = Path(str(files("fmn.web")))
CSS = (PACKAGE / "static" / "fmn.css").read_text()
SCRIPT = (PACKAGE / "static" / "fmn.js").read_text()
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))


def colours() -> list[Mapping[str, str]]:
    """Return the colours of both themes by name."""
    return [
        dict(re.findall(r"--([\w-]+): (#\w+)", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    ]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours: WCAG 2.2, 1.4.3."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    whole = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_there_are_two_themes_of_the_same_colours() -> None:
    light, dark = colours()
    assert set(light) == set(dark)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_every_ground(theme: int) -> None:
    known = colours()[theme]
    pairs = {
        *product(("ink", "soft", "blue", "good", "wait", "bad"), ("paper", "sheet", "wash")),
        *(("bad", "bad-wash"), ("ink", "bad-wash"), ("ink", "glow"), ("on-blue", "blue")),
    }
    weak = {pair for pair in pairs if contrast(known[pair[0]], known[pair[1]]) < 4.5}
    assert weak == set()


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_edges_of_fields_and_bars_can_be_seen(theme: int) -> None:
    known = colours()[theme]
    assert min(contrast(known["edge"], known[on]) for on in ("paper", "sheet")) >= 3
    assert min(contrast(known["blue"], known[on]) for on in ("paper", "sheet")) >= 3


def test_look_and_script_are_small() -> None:
    assert len(CSS.encode()) < 15_000
    assert len(SCRIPT.encode()) < 5_000


def test_what_the_head_of_the_look_promises_is_there() -> None:
    head, _, rest = CSS.partition("*/")
    promised = set(re.findall(r"\.([a-z]+)\b", head)) - {"5rem"}
    assert promised
    assert promised - set(re.findall(r"\.([a-z]+)", rest)) == set()


def test_nothing_comes_from_elsewhere() -> None:
    for text in (CSS, SCRIPT, *(page.read_text() for page in TEMPLATES)):
        assert not re.search(r"@import|url\(|(src|href)=\"(https?:)?//", text)


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda page: page.name)
def test_a_template_keeps_to_the_policy(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|<script(?! src)", text)


async def test_static_files_may_be_kept_when_their_name_says_what_is_in_them(
    browser: Browser,
) -> None:
    page = await browser.get("/login")
    named = re.findall(r"/static/fmn\.\w+\?\w{12}", page.text)
    assert len(named) == 3
    for address in named:
        answer = await browser.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = await browser.get(address.partition("?")[0])
        assert plain.headers["cache-control"] == "no-cache"
        etag = {"if-none-match": plain.headers["etag"]}
        assert (await browser.get(address, headers=etag)).status_code == 304


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/"])
async def test_nothing_else_is_a_static_file(path: str, browser: Browser) -> None:
    assert (await browser.get(path)).status_code == 404
