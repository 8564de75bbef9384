"""An engine for the windows of a backfill that a test drives by hand."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.order import Cause
from models.rules.backfill_windows import Wish
from tasks.backfill import BackfillRow, BackfillSpan, checked_wish, register
from tasks.backfill_meter import Standing, WindowRun
from tests.fakes import NOON

WHO = Cause("person:test", NOON, None, 1)
DAY = NOON - timedelta(days=2)


def wished(hours: int = 4, at_once: int = 2, again: str = "", since: datetime = DAY) -> Wish:
    """The web shop's hours, an hour each."""
    return checked_wish("WOO", since, since + timedelta(hours=hours), 60, at_once, again)


def asked(hours: int = 4, at_once: int = 2, again: str = "") -> BackfillRow:
    """A backfill of them that is written down."""
    return register(wished(hours, at_once, again), WHO)[0]


@dataclass(slots=True)
class FakeRuns:
    """Runs that end as `fates` says, by the place of their window, one end per attempt; else they are done."""

    fates: dict[int, list[Standing]] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    most_at_once: int = 0
    beats: int = 0

    def begin(self, span: BackfillSpan) -> WindowRun:
        run_id = span.key
        if run_id not in self.standing:
            self.begun.append(run_id)
            self.standing[run_id] = Standing.UNDER_WAY
        return WindowRun(run_id, self.standing[run_id])

    def look(self, run_ids: Iterable[str]) -> list[WindowRun]:
        return [WindowRun(run_id, self.standing[run_id], "why") for run_id in run_ids if run_id in self.standing]

    def again(self, run_id: str) -> None:
        self.retried.append(run_id)
        self.standing[run_id] = Standing.UNDER_WAY

    def go_on(self, _seconds: float) -> None:
        """A beat: every run that is under way ends."""
        self.beats += 1
        under_way = [run_id for run_id, standing in self.standing.items() if standing is Standing.UNDER_WAY]
        self.most_at_once = max(self.most_at_once, len(under_way))
        for run_id in under_way:
            fates = self.fates.get(self.place(run_id), [])
            self.standing[run_id] = fates.pop(0) if fates else Standing.DONE

    def place(self, run_id: str) -> int:
        """Which window it is, from 0."""
        since = datetime.fromisoformat(run_id.split(":", 3)[3])
        return int((since - DAY).total_seconds() // 3600)
