"""Backfills: how a wish is cut into windows, what makes two wishes the same, and which wishes are refused."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.errors import SetupError

MOST_WINDOWS = 2000
"""A backfill of more windows is a slip of the hand, or wants longer ones: each is a run with a process of its own."""

MOST_AT_ONCE = 4
"""So many windows are read at the same time, by all backfills together: the work pool keeps the rest for live runs."""

LONGEST_WINDOW_MINUTES = 7 * 24 * 60

_ROUND_MINUTES = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 4320, 10080)
_WINDOW = re.compile(r"(\d{1,5}) ?(m|min|h|d)?")
_MINUTES = {None: 1, "m": 1, "min": 1, "h": 60, "d": 1440}


@dataclass(frozen=True, slots=True)
class Wish:
    """These shops (codes, sorted) from `since` to `until`, so many minutes a window, so many windows at once.

    `again` sets a wish apart from one that was fulfilled before.
    """

    shops: tuple[str, ...]
    since: datetime
    until: datetime
    window_minutes: int
    at_once: int
    again: str = ""

    @property
    def key(self) -> str:
        """The same for the same shops, span, windows and note; how many are read at once does not matter."""
        span = [at.astimezone(UTC).isoformat() for at in (self.since, self.until)]
        told = json.dumps([sorted(self.shops), span, self.window_minutes, self.again])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def windows(self) -> int:
        """How many windows there are, of all shops."""
        return len(self.shops) * self._windows_of(self.window_minutes)

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        """The windows of one shop, which follow each other from `since`; the last one ends with `until`."""
        step, start = timedelta(minutes=self.window_minutes), self.since
        while start < self.until:
            yield start, min(start + step, self.until)
            start += step

    def check(self, now: datetime) -> None:
        """Raise SetupError, naming the obstacle, for a wish that cannot be fulfilled as it is."""
        if self.since >= self.until:
            raise SetupError(f"backfill from {self.since} to {self.until}: it ends before it begins")
        if self.until > now:
            raise SetupError(f"backfill until {self.until}: that is in the future; what comes is read as it comes")
        if not 1 <= self.window_minutes <= LONGEST_WINDOW_MINUTES:
            raise SetupError(f"backfill in windows of {self.window_minutes} minutes: want 1 minute to 7 days")
        if not 1 <= self.at_once <= MOST_AT_ONCE:
            raise SetupError(
                f"backfill of {self.at_once} windows at once: want 1 to {MOST_AT_ONCE}; live runs need the rest"
            )
        if self.windows > MOST_WINDOWS:
            raise SetupError(
                f"backfill of {len(self.shops)} shops from {self.since} to {self.until}: {self.windows:,} windows of "
                f"{self.window_minutes} minutes are more than {MOST_WINDOWS:,}; {self._advice()}"
            )

    def _windows_of(self, minutes: int) -> int:
        return -(-(self.until - self.since) // timedelta(minutes=minutes))

    def _advice(self) -> str:
        few_enough = [m for m in _ROUND_MINUTES if len(self.shops) * self._windows_of(m) <= MOST_WINDOWS]
        return f"windows of {few_enough[0]} minutes are few enough" if few_enough else "ask for a shorter span"


def window_minutes(text: str) -> int:
    """The minutes in `15m`, `1h`, `1d` or a plain number of minutes; raises SetupError for anything else."""
    found = _WINDOW.fullmatch(text.strip().lower())
    if found is None:
        raise SetupError(f"window {text}: want a length such as 15m, 1h or 1d")
    return int(found[1]) * _MINUTES[found[2]]
