"""Why a message reached you, and why not: by the rules in force then, or by those of now."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.web.addresses import web_address
from fmn.web.sessions import Here, SignedIn
from fmn.web.showing import show
from fmn.web.why import why

LONGEST = 2000
"""Characters of an id or a URL that are looked for."""
RULES = 50
"""Rules shown in full; of what did not match no more than these."""

router = APIRouter()


@router.get("/why")
async def ask(
    request: Request, parts: Here, viewer: SignedIn, message: str = "", by: str = "then"
) -> Response:
    """Show each rule, each filter and the values that decided."""
    asked = message.strip()[:LONGEST]
    found = await why(parts, viewer.name, asked, now=by == "now") if asked else None
    verdicts = found.verdicts if found else ()
    shown = sorted(verdicts, key=lambda verdict: not verdict.explanation.matched)[:RULES]
    return show(
        request,
        "why.html",
        viewer=viewer,
        status=404 if asked and not found else 200,
        asked=asked,
        why=found,
        verdicts=shown,
        web_address=web_address,
    )
