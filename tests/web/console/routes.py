"""The console's routes as the application has them, with the right that each asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from web.app import ROUTERS

OPEN = {("GET", "/console/sign-in"), ("POST", "/console/sign-in"), ("GET", "/console")}
"""What needs no session."""


@dataclass(frozen=True)
class Way:
    """A method and a path with something in place of its parameters, and the rights it asks for."""

    method: str
    path: str
    rights: frozenset[str]


def ways() -> list[Way]:
    """Every way into the console."""
    found = [
        Way(method, re.sub(r"\{[^}]*\}", "1", route.path), frozenset(_rights(route.dependant)))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path.startswith("/console")
        for method in sorted(route.methods or ())
    ]
    return [way for way in found if (way.method, way.path) not in OPEN]


def _rights(dependant: Dependant) -> Iterator[str]:
    yield from getattr(dependant.call, "rights", ())
    for inner in dependant.dependencies:
        yield from _rights(inner)
