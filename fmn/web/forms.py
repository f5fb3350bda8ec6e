"""Forms as they are posted: checked to come from our own page, every value a list of texts."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from fmn.web.sessions import NotAllowed, SignedIn

FIELDS = 1000
"""Fields of one form at most."""
SIZE = 1024 * 1024
"""Bytes of one field at most."""


class Form:
    """What was typed. A field that is missing is empty."""

    def __init__(self, posted: FormData) -> None:
        self._posted = posted

    def one(self, name: str) -> str:
        """Return the text of a field, without spaces around it."""
        return next(iter(self.all(name)), "").strip()

    def all(self, name: str) -> list[str]:
        """Return every text of a field that stands more than once."""
        return [_clean(text) for text in self._posted.getlist(name) if isinstance(text, str)]

    @property
    def names(self) -> list[str]:
        """Return the names of all fields, each once, in their order."""
        return list(dict.fromkeys(self._posted))


def _clean(text: str) -> str:
    # No database takes NUL, and half of a character can neither be stored nor shown.
    return text.replace("\0", "").encode(errors="replace").decode()


async def read_form(request: Request) -> Form:
    """Read a form of anybody: only where nobody needs to be signed in."""
    return Form(await request.form(max_files=0, max_fields=FIELDS, max_part_size=SIZE))


async def posted(request: Request, viewer: SignedIn) -> Form:
    """Read a form of somebody signed in, and make sure that it is ours."""
    form = await read_form(request)
    if not hmac.compare_digest(form.one("csrf").encode(), viewer.csrf.encode()):
        raise NotAllowed("this form is not from your session: go back, reload the page, try again")
    return form


Posted = Annotated[Form, Depends(posted)]
"""What every page that changes something asks for; a test sees to it."""
