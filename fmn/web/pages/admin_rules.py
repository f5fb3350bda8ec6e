"""What operators see of rules that are heavy: those that are looked at for every message."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.storage.engine import reading
from fmn.storage.everywhere import everywhere
from fmn.web.sessions import Here, Operator
from fmn.web.showing import show

NAMES = 20
"""People who are named."""
PATIENCE = timedelta(seconds=3)

router = APIRouter(prefix="/admin/rules")


@router.get("")
async def heavy(request: Request, viewer: Operator, parts: Here) -> Response:
    """Show how many rules have no keys, and whose they are; the rules themselves are not shown."""
    async with reading(parts.engine) as connection:
        found = await everywhere(connection, parts.filters, patience=PATIENCE)
    return show(
        request,
        "admin_rules.html",
        viewer=viewer,
        found=found,
        named=found.of[:NAMES],
        unnamed=len(found.of) - NAMES,
    )
