"""Reading the windows of a backfill by runs of their own: a few at a time, each begun once, none forgotten."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from models.settings import clock
from tasks.backfill import BackfillSpan, note_done, note_problem, note_run, open_spans

BEAT_S = 2.0
SETTLING_BEATS = 15
"""A worker tells of a crash once more seconds later, which would end a new attempt: crashed runs lie that long."""

CRASHES_FORGIVEN = 2
"""A crash says nothing about the window, so its run goes on by itself; a third time a person looks."""


class Standing(StrEnum):
    """How the run of a window is."""

    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class WindowRun:
    """The run of a window: how it is, and its own last words."""

    id: str
    standing: Standing
    words: str = ""


class WindowRuns(Protocol):
    """The engine that runs windows."""

    def begin(self, span: BackfillSpan) -> WindowRun:
        """Have a window read; gives the run that was begun for it before, whatever its state, if there is one."""

    def look(self, run_ids: Iterable[str]) -> list[WindowRun]:
        """How these runs are; one that the engine has no more is left out."""

    def again(self, run_id: str) -> None:
        """Let a run that ended without finishing go on where it stopped."""


@dataclass(slots=True)
class Meter:
    """Keeps at most `at_once` windows under way until each was tried: done, or its problem noted.

    `tell` is called after each beat in which something ended.
    """

    runs: WindowRuns
    at_once: int
    tell: Callable[[], None]
    pause: Callable[[float], None] = time.sleep
    _waiting: deque[BackfillSpan] = field(default_factory=deque)
    _under_way: dict[str, BackfillSpan] = field(default_factory=dict)
    _crashed: dict[str, int] = field(default_factory=dict)
    _crashes: Counter[str] = field(default_factory=Counter)

    def read(self, backfill_id: int) -> None:
        """Take up what an earlier attempt left under way, then the other windows that are not done."""
        spans = open_spans(backfill_id)
        begun = {span.flow_run_id: span for span in spans if span.flow_run_id}
        found = [run for run in self.runs.look(begun) if run.standing is Standing.UNDER_WAY]
        self._under_way = {run.id: begun[run.id] for run in found}
        taken_up = {span.key for span in self._under_way.values()}
        self._waiting = deque(span for span in spans if span.key not in taken_up)
        while self._waiting or self._under_way:
            ended = self._begin() + self._look()
            if ended:
                self.tell()
            if self._under_way:
                self.pause(BEAT_S)

    def _begin(self) -> int:
        ended = 0
        while self._waiting and len(self._under_way) < self.at_once:
            span = self._waiting.popleft()
            run = self.runs.begin(span)
            note_run(span, run.id)
            if run.standing is Standing.DONE:
                note_done(span, clock().now())
                ended += 1
                continue
            if run.standing is not Standing.UNDER_WAY:
                self.runs.again(run.id)
            self._under_way[run.id] = span
        return ended

    def _look(self) -> int:
        found = {run.id: run for run in self.runs.look(self._under_way)}
        return sum(self._settle(run_id, found.get(run_id)) for run_id in list(self._under_way))

    def _settle(self, run_id: str, run: WindowRun | None) -> bool:
        """Whether the window is over with, for this attempt."""
        if run is None:
            # the next attempt begins a new one
            return self._leave(run_id, "its run is not known any more")
        if run.standing is Standing.UNDER_WAY:
            self._crashed.pop(run_id, None)
            return False
        if run.standing is Standing.DONE:
            note_done(self._under_way.pop(run_id), clock().now())
            return True
        if run.standing is Standing.CRASHED and self._crashes[run_id] < CRASHES_FORGIVEN:
            self._let_settle(run_id)
            return False
        return self._leave(run_id, run.words)

    def _let_settle(self, run_id: str) -> None:
        beats = self._crashed[run_id] = self._crashed.get(run_id, 0) + 1
        if beats > SETTLING_BEATS:
            del self._crashed[run_id]
            self._crashes[run_id] += 1
            self.runs.again(run_id)

    def _leave(self, run_id: str, why: str) -> bool:
        note_problem(self._under_way.pop(run_id), why)
        return True
