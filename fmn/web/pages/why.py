"""Why a message reached you, and why not: by the rules in force then, or by those of now."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.model import RuleId
from fmn.web.destinations.addresses import web_address
from fmn.web.editor.turns import turns_of
from fmn.web.history.why import Why, why
from fmn.web.mine import preferences_of
from fmn.web.parts import Parts
from fmn.web.sessions import Here, SignedIn, Viewer
from fmn.web.showing import show

LONGEST = 2000
"""Characters of an id or a URL that are looked for."""
RULES = 50
"""Rules shown in full; of what did not match no more than these."""

router = APIRouter()


@router.get("/why")
async def ask(
    request: Request,
    parts: Here,
    viewer: SignedIn,
    message: str = "",
    by: str = "then",
) -> Response:
    """Show each rule, each filter and the values that decided."""
    asked = message.strip()[:LONGEST]
    found = None
    if asked:
        async with turns_of(request).take(viewer.name):
            found = await why(parts, viewer.name, asked, now=by == "now")
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
        kept=await _kept(parts, viewer, found) if found else (),
        web_address=web_address,
    )


async def _kept(parts: Parts, viewer: Viewer, found: Why) -> set[RuleId]:
    """Return which of the viewer's rules are still there."""
    rules = [verdict.rule for verdict in found.verdicts]
    if rules and not found.now:
        rules = list((await preferences_of(parts, viewer)).rules)
    return {rule.id for rule in rules}
