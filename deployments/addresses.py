"""The file in `var/run` that tells every process of an installation where its parts answer."""

import json
import os
from pathlib import Path

from models.settings import settings


def read() -> dict[str, str]:
    """The addresses recorded so far, none before the first start; what the settings give goes before."""
    return {**_recorded(), **settings().given_addresses()}


def _recorded() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(settings().services_file.read_text())
    except FileNotFoundError:
        return {}
    return found


def record(**addresses: str) -> None:
    """Add or replace addresses. The file holds a database password, so only its owner may read it."""
    write_private(settings().services_file, json.dumps({**_recorded(), **addresses}, indent=2) + "\n")


def forget() -> None:
    """Remove every address, because nothing answers any more."""
    settings().services_file.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
