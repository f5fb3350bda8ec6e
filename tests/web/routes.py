"""Every page there is, found where the application finds them."""

from collections.abc import Iterator
from importlib import import_module

from fastapi.routing import APIRoute

from fmn.kinds import kinds

SIGNED = ("/stop/", "/undo/", "/confirm/")
"""Where a signed link says what may be done, and nobody is signed in."""
LOGIN = {"/login", "/login/start", "/login/callback"}


def page_routes() -> Iterator[tuple[str, APIRoute]]:
    """Yield each method and route of the pages."""
    for module in kinds("fmn.web.pages").values():
        for route in import_module(module).router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, route


def name_of(page: tuple[str, APIRoute]) -> str:
    """Return what a test of this page is called."""
    return f"{page[0]} {page[1].path}"


def address_of(route: APIRoute) -> str:
    """Return an address of this route; what stands for an id is nobody's."""
    path = route.path
    for parameter in route.dependant.path_params:
        path = path.replace(f"{{{parameter.name}}}", "1")
    return path
