"""`fmn send-test`: something to see that a destination works."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from fmn.cli.pages import QueuesOfPages, templates_of
from fmn.cli.say import say
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.errors import InputError
from fmn.model import Destination, DestinationState
from fmn.queues.connection import connect
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.storage.schema import require_schema
from fmn.web.destinations import letters


def send_test(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's name.")],
    destination: Annotated[str, typer.Argument(metavar="DESTINATION", help="Its name.")],
    config: ConfigFile = None,
) -> None:
    """Put a test for one destination into the outbox; what became of it stands on the pages."""
    at = site(config)
    run(_tell(at, run(_destination(at, user, destination))))
    say("on its way")


async def _destination(at: Site, user: str, name: str) -> Destination:
    async with at.engine() as engine:
        await require_schema(engine)
        async with reading(engine) as connection:
            found = await load_user(connection, user, at.filters)
    if found is None:
        raise InputError(user, "there is no such user")
    to = next((each for each in found.destinations if each.name == name), None)
    if to is None:
        known = ", ".join(each.name for each in found.destinations) or "none"
        raise InputError(name, f"{user} has no such destination; there are: {known}")
    if to.kind not in at.uses():
        why = "; ".join(at.lacking()) or "it has no settings here"
        raise InputError(name, f"nothing is sent by {to.kind}: {why}")
    if to.state_at(datetime.now(UTC)) is not DestinationState.ACTIVE:
        raise InputError(name, f"nothing is sent there: it is {to.state}")
    return to


async def _tell(at: Site, to: Destination) -> None:
    settings = at.settings.queues
    async with connect(settings.url.get_secret_value(), patient=False) as connection:
        queues = QueuesOfPages(connection, templates_of(at.settings), settings.channels)
        await queues.tell(*letters.test(to, datetime.now(UTC)))
