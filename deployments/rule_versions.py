"""Versions of rules as commands tell them: who put each in force, when and why."""

from datetime import datetime
from typing import Any, Protocol

from models.settings import SHANGHAI


class Rules(Protocol):
    """Rules of any kind, numbered."""

    @property
    def version(self) -> int:
        """0 is what comes with OrderPool."""

    def to_json(self) -> dict[str, Any]:
        """Every setting by its name."""


class RulesVersion(Protocol):
    """A version of rules that was in force, or is."""

    @property
    def rules(self) -> Rules:
        """What it says."""

    @property
    def note(self) -> str:
        """Why it was put in force."""

    @property
    def made_at(self) -> datetime | None:
        """When; None for what comes with OrderPool."""

    @property
    def made_by(self) -> str:
        """By whom."""


def as_row(version: RulesVersion) -> dict[str, Any]:
    """A version for machines."""
    return {
        "version": version.rules.version,
        "rules": version.rules.to_json(),
        "note": version.note,
        "made_at": version.made_at,
        "made_by": version.made_by,
    }


def as_line(version: RulesVersion) -> str:
    """A version for people, in one line."""
    by = f" {version.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} by {version.made_by}:" if version.made_at else ""
    return f"version {version.rules.version}:{by} {version.note}"
