"""Clocks of tests, and having one in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.settings import clock, set_clock
from tests.fakes import NOON


@dataclass(slots=True)
class StoppedClock:
    """A clock that stands until the test moves it."""

    at: datetime = NOON

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self.at

    def advance(self, **span: float) -> None:
        """Move it on."""
        self.at += timedelta(**span)


@contextmanager
def stopped_at(at: datetime) -> Iterator[StoppedClock]:
    """A stopped clock in force."""
    before, mine = clock(), StoppedClock(at)
    set_clock(mine)
    try:
        yield mine
    finally:
        set_clock(before)
