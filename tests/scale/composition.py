"""`deployments/compose.yaml` as its containers would read it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from models.settings import CHECKOUT

FILE = CHECKOUT / "deployments" / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)((?:[^{}]|\{[^{}]*\})*))?\}")


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what its containers run, with which variables, and how many of them."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    replicas: int
    needs: Mapping[str, str]


def services(given: Mapping[str, str]) -> dict[str, Service]:
    """Every service of the file, with `given` in the place of the variables of the shell."""
    return {name: _service(name, found, given) for name, found in as_written()["services"].items()}


def as_written() -> dict[str, Any]:
    """The file, its anchors resolved and its variables not."""
    written: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return written


def _service(name: str, found: Mapping[str, Any], given: Mapping[str, str]) -> Service:
    variables = {key: filled_in(str(value), given) for key, value in found.get("environment", {}).items()}
    return Service(
        name=name,
        image=filled_in(found["image"], given),
        command=tuple(filled_in(part, given) for part in found.get("command", ())),
        environment=variables,
        replicas=found.get("deploy", {}).get("replicas", 1),
        needs={other: how["condition"] for other, how in found.get("depends_on", {}).items()},
    )


def filled_in(text: str, given: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-instead}` and `${NAME:?why}` replaced, the last raising KeyError when nothing is given."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if given.get(name):
            return given[name]
        if kind == ":-":
            return filled_in(rest, given)
        raise KeyError(f"{name}: {rest or 'not given'}")

    return _VARIABLE.sub(value, text)
