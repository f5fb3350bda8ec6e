"""The way to the provider and back, as a browser goes it."""

import httpx
from pydantic import SecretStr

from fmn.config import Web
from tests.peers.oidc import OpenId
from tests.web.people import SITE, Browser


def settings_for(openid: OpenId) -> Web:
    """Return settings by which people sign in at this provider."""
    return Web(
        url=SITE,
        secret=SecretStr("a secret of the tests, long enough to sign with"),
        oidc_url=openid.url,
        oidc_client="fmn",
        oidc_secret=SecretStr("of the client"),
        admin_groups=("sysadmin",),
    )


async def way_to_provider(browser: Browser, onward: str = "/") -> str:
    """Begin a login; return where we are sent."""
    answer = await browser.get("/login/start", params={"next": onward})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def come_back(
    browser: Browser, openid: OpenId, sub: str, onward: str = "/"
) -> httpx.Response:
    """Sign in at the provider and come back."""
    way = await way_to_provider(browser, onward)
    return await browser.get(await openid.sign_in(way, sub))
