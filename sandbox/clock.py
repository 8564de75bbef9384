"""The one clock of the simulated platforms: follows the wall, or runs from a time that was set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


def wall_now() -> datetime:
    """Return the machine's own time, whatever the sandbox clock says."""
    return datetime.fromtimestamp(time.time(), UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO time with a zone; ValueError when the zone is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


class Clock:
    """Platform time. It always ticks; only its distance to the wall changes."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return platform time in UTC, cut to whole seconds as the platforms print it."""
        return (wall_now() + self._ahead).replace(microsecond=0)

    def set(self, moment: datetime) -> None:
        """Continue from this moment."""
        self._ahead = moment - wall_now()

    def advance(self, seconds: float) -> None:
        """Jump forward (or back, when negative)."""
        self._ahead += timedelta(seconds=seconds)

    def follow(self) -> None:
        """Go back to wall time."""
        self._ahead = timedelta()
