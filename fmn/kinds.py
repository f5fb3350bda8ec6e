"""Kinds are files: a filter kind in `rules/filters/`, a sender kind in `senders/`.

Another package adds one by an entry point of the group of the same name (`fmn.senders`).
Nothing is registered: what stands in the folder is there.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


def kinds(package: str) -> Mapping[str, str]:
    """Return kind → module for each kind of this package, without importing any."""
    folder = import_module(package)
    own = {name: f"{package}.{name}" for _, name, _ in pkgutil.iter_modules(folder.__path__)}
    return {point.name: point.value for point in entry_points(group=package)} | own


def load(module: str) -> Any:  # noqa: ANN401  # what a kind is, its caller knows
    """Import a kind's module and return its class, which is named like the file."""
    name = module.rpartition(".")[2]
    return getattr(import_module(module), name.title())
