"""A backfill that is asked for again goes on, unless somebody has let it go on already."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed, Running

from deployments import backfill_start
from models.order import Cause
from models.rules.backfill_windows import Wish
from tasks.backfill import checked_wish, register
from tasks.backfill_meter import Standing
from tasks.backfill_runs import PrefectWindows
from tests.fakes import NOON, FakePool

RUN = uuid.UUID("00000000-0000-4000-8000-000000000001")
SINCE = NOON - timedelta(days=2)


@dataclass
class OneRun:
    """A Prefect with one run, which is in these states one look after the other, and then stays in the last."""

    states: list[State[Any]]
    set: list[str] = field(default_factory=list)

    def read_flow_run(self, run_id: uuid.UUID) -> FlowRun:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return FlowRun(id=run_id, flow_id=RUN, state=state, state_type=state.type)

    def read_flow_runs(self, **_: object) -> list[FlowRun]:
        return [self.read_flow_run(RUN)]

    def read_deployment_by_name(self, _: str) -> FlowRun:
        return self.read_flow_run(RUN)

    def set_flow_run_state(self, _: uuid.UUID, state: State[Any]) -> None:
        self.set.append(str(state.name))


@pytest.fixture
def wish(pool: FakePool) -> Wish:
    """One that a run reads already."""
    wish = checked_wish("WOO", SINCE, SINCE + timedelta(hours=3), 60, 2)
    register(wish, Cause("person:ann", NOON, str(RUN), 1))
    return wish


def test_one_whose_run_failed_goes_on(wish: Wish) -> None:
    prefect = OneRun([Failed()])

    backfill_start.start(prefect, wish, Cause("person:bob", NOON, None, 1), print)  # type: ignore[arg-type]

    assert prefect.set == ["AwaitingRetry"]


def test_one_that_somebody_retried_meanwhile_is_left_to_that(wish: Wish) -> None:
    prefect = OneRun([Failed(), Running()])

    backfill_start.start(prefect, wish, Cause("person:bob", NOON, None, 1), print)  # type: ignore[arg-type]

    assert prefect.set == []


@pytest.mark.parametrize(("state", "wanted"), [(Failed(), ["AwaitingRetry"]), (Running(), [])])
def test_a_window_that_somebody_retried_is_not_retried_again(state: State[Any], wanted: list[str]) -> None:
    prefect = OneRun([state])
    runs = PrefectWindows(prefect, str(RUN))  # type: ignore[arg-type]

    assert runs.look([str(RUN)])[0].standing is (Standing.FAILED if wanted else Standing.UNDER_WAY)
    runs.again(str(RUN))

    assert prefect.set == wanted
