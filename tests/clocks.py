"""Clocks of tests, and having one in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from models.settings import Clock, clock, set_clock
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


@dataclass(slots=True)
class TickingClock:
    """A clock that goes on by `step` with each look, so that every move has a time of its own."""

    step: timedelta
    at: datetime = NOON

    def now(self) -> datetime:
        """The next moment."""
        self.at += self.step
        return self.at


OwnClock = TypeVar("OwnClock", bound=Clock)


@contextmanager
def in_force(mine: OwnClock) -> Iterator[OwnClock]:
    """A clock of the test's own in force, and the former one afterwards."""
    before = clock()
    set_clock(mine)
    try:
        yield mine
    finally:
        set_clock(before)
