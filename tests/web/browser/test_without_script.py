"""All that matters works in a browser that runs no script."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from fmn.model import DestinationState
from tests.peers.browser import tab
from tests.web.browser.site import Site
from tests.web.fakes import FakeQueues

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.real]


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """Alice's browser, which runs no script."""
    alice = await site.secret_of("alice")
    async with (
        site.visit(chromium, alice, java_script_enabled=False) as context,
        tab(context) as visited,
    ):
        yield visited.page


async def said(page: Page) -> str:
    """Return what the page says was just done."""
    return await page.inner_text("[role=status]")


async def write_a_rule(page: Page, name: str, application: str) -> None:
    """Fill in the form of a new rule, up to its preview."""
    await page.goto("/rules/new")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Add a filter").select_option("application")
    await page.get_by_role("button", name="Add this filter").click()
    await page.get_by_label("Names, 1").fill(application)
    await page.get_by_role("checkbox", name="email active").check()
    await page.get_by_role("button", name="Show the preview").last.click()


async def test_a_rule_is_written_previewed_and_saved(page: Page, site: Site) -> None:
    before = (await site.preferences_of("alice")).rules
    await write_a_rule(page, "Without script", "bodhi")
    preview = await page.inner_text("#preview")
    assert "message" in preview
    assert "bodhi" in preview
    assert (await site.preferences_of("alice")).rules == before
    await page.get_by_role("button", name="Save", exact=True).click()
    assert await said(page) == "Saved."
    after = (await site.preferences_of("alice")).rules
    assert [rule.name for rule in after] == [*(rule.name for rule in before), "Without script"]


async def test_what_was_typed_stays_where_it_is_refused(page: Page, site: Site) -> None:
    await write_a_rule(page, "", "bodhi")
    await page.get_by_role("button", name="Save", exact=True).click()
    name = page.get_by_label("Name", exact=True)
    assert await name.get_attribute("aria-invalid") == "true"
    assert await page.get_by_label("Names, 1").input_value() == "bodhi"
    assert await page.get_by_role("checkbox", name="email active").is_checked()


async def test_a_rule_is_deleted_and_brought_back(page: Page, site: Site) -> None:
    before = [rule.name for rule in (await site.preferences_of("alice")).rules]
    await page.goto("/rules")
    await page.get_by_role("button", name=f"Delete {before[0]}").click()
    assert await said(page) == "Deleted."
    assert [rule.name for rule in (await site.preferences_of("alice")).rules] == before[1:]
    await page.get_by_role("button", name=f"Bring back {before[0]}").click()
    assert await said(page) == "It is back."
    back = {rule.name for rule in (await site.preferences_of("alice")).rules}
    assert back == set(before)


async def test_a_rule_is_turned_off(page: Page, site: Site) -> None:
    rule = (await site.preferences_of("alice")).rules[0]
    await page.goto("/rules")
    await page.get_by_role("button", name=f"Turn off {rule.name}").click()
    assert (await site.preferences_of("alice")).rules[0].enabled is False


async def test_a_destination_is_added_and_asked_to_confirm(page: Page, site: Site) -> None:
    await page.goto("/destinations")
    await page.locator("#email-0-address").fill("alice@new.example.org")
    await page.get_by_role("button", name="Add and confirm").click()
    assert "On its way" in await said(page)
    added = (await site.preferences_of("alice")).destinations[-1]
    assert (added.address, added.state) == ("alice@new.example.org", DestinationState.UNCONFIRMED)
    queues = site.parts.queues
    assert isinstance(queues, FakeQueues)
    assert [told.destination.address for _, told in queues.told] == ["alice@new.example.org"]


async def test_a_wrong_address_is_refused_beside_its_field(page: Page) -> None:
    await page.goto("/destinations")
    await page.locator("#email-0-address").fill("no address at all")
    await page.get_by_role("button", name="Add and confirm").click()
    field = page.locator("#email-0-address")
    assert await field.get_attribute("aria-invalid") == "true"
    assert await field.input_value() == "no address at all"


async def test_a_place_is_given_by_its_fields_and_confirmed_by_its_code(
    page: Page, site: Site
) -> None:
    room, token = page.locator("#birds-3-room"), page.locator("#birds-3-token")
    await page.goto("/destinations")
    await page.locator("summary", has_text="Parrot").click()
    await room.fill("perch")
    await token.fill("too short")
    await page.get_by_role("button", name="Add and confirm Parrot").click()
    assert (await room.input_value(), await token.input_value()) == ("perch", "")
    await token.fill("long-enough-a-token")
    await page.get_by_role("button", name="Add and confirm Parrot").click()
    assert "On its way" in await said(page)
    added = (await site.preferences_of("alice")).destinations[-1]
    assert added.address == "parrot:perch/long-enough-a-token"
    code = page.locator(f"#c-{added.id}")
    await code.fill("AAAA-AAAA")
    await page.get_by_role("button", name="Confirm parrot").click()
    assert await code.get_attribute("aria-invalid") == "true"
    await code.fill(site.parts.links.code(added.id, site.parts.now()))
    await page.get_by_role("button", name="Confirm parrot").click()
    assert "Confirmed" in await said(page)
    added = (await site.preferences_of("alice")).destinations[-1]
    assert added.state is DestinationState.ACTIVE


async def test_why_a_message_came_is_told(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="Why").last.click()
    await expect(page.locator("main h1")).to_have_text("Why, or why not?")
    await expect(page.locator("main mark").first).to_be_visible()
