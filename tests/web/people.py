"""People at the pages: a browser with a session, and preferences saved for somebody."""

from typing import Any

import httpx
from fastapi import FastAPI

from fmn.model import UserId
from fmn.preferences.values import Preferences
from fmn.storage.accounts import Account, account
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import save
from fmn.web.parts import Parts
from fmn.web.sessions import cookie_name, csrf_of, start

SITE = "https://fmn.example"


class Browser(httpx.AsyncClient):
    """Asks the application itself, follows no redirect, and knows the session's CSRF value."""

    def __init__(self, app: FastAPI, secret: str = "", *, base_url: str = SITE) -> None:
        cookies = {cookie_name(app.state.parts): secret} if secret else {}
        super().__init__(
            transport=httpx.ASGITransport(app), base_url=base_url, cookies=cookies, timeout=60
        )
        self.secret = secret
        self.csrf = csrf_of(secret) if secret else ""

    async def submit(self, path: str, **fields: Any) -> httpx.Response:
        """Post a form as the page would, CSRF value included."""
        return await self.post(path, data={"csrf": self.csrf} | fields)


async def is_signed_in(browser: httpx.AsyncClient) -> bool:
    """Tell whether somebody is signed in: then every page, even of an error, offers to end that."""
    return 'action="/logout"' in (await browser.get("/nothing")).text


async def saved(parts: Parts, preferences: Preferences) -> int:
    """Save preferences of a user, who is made where there is none; return the change's number."""
    async with writing(parts.engine) as connection:
        return await save(connection, preferences, by=preferences.user)


async def account_of(parts: Parts, name: str) -> Account:
    """Return the account of this name, made where there is none: its id is `id-of-<name>`."""
    async with reading(parts.engine) as connection:
        found = await account(connection, name)
    if found:
        return found
    await saved(parts, Preferences(UserId(f"id-of-{name}"), name))
    return await account_of(parts, name)


async def sign_in(app: FastAPI, parts: Parts, name: str, *, admin: bool = False) -> Browser:
    """Return a browser in which this user is signed in."""
    theirs = await account_of(parts, name)
    return Browser(app, await start(parts, theirs.id, admin=admin))
