"""The API under `/api/v1`: an application of its own, so that every error of it is a problem."""

from importlib import import_module

from fastapi import FastAPI

from fmn.web.api.document import Api
from fmn.web.api.problems import answer_problems

HERE = "/api/v1"
ROOMS = ("me", "rules", "destinations", "history", "preferences", "admin")
TAGS = [
    {"name": "rules", "description": "What you want to hear."},
    {"name": "destinations", "description": "Where you want to hear it."},
    {"name": "history", "description": "What reached you and why, and what the history holds."},
    {"name": "preferences", "description": "All of it as one text."},
    {"name": "me", "description": "Whose token it is."},
    {"name": "admin", "description": "For operators. Looks at what is somebody's are audited."},
]
ABOUT = """Everything here is about the user whose token is sent: what is somebody else's is 404.

* Send `Authorization: Bearer …` with an API token, made on the account page.
* Errors are problem details (RFC 9457); `errors` names each field that is wrong.
* A rule has an `ETag`. Changing or deleting it needs `If-Match`, so that two editors do not
  overwrite each other.
* Lists that grow come in pages: `next` in the answer goes into the next request, and stands in
  the header `Link`.
* Numbers in filters are exact. Times are UTC."""


def add_api(app: FastAPI) -> None:
    """Put the API and its OpenAPI document into this application, whose state it shares."""
    api = Api(
        title="fmn",
        version="1",
        summary="What you want to hear of, and where.",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}",
    )
    api.state = app.state
    answer_problems(api)
    for room in ROOMS:
        api.include_router(import_module(f"fmn.web.api.{room}").router)
    app.mount(HERE, api)
