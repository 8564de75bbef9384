"""The demo's flow runs: started, awaited and retried through Prefect's API, as schedulers and people on call do."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelled

from models.errors import PipelineError

PATIENCE_S = 300.0
PAGE = 200
UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@dataclass(frozen=True, slots=True)
class RunStory:
    """What became of a run: its first final state, its present one, and the seconds it was at work."""

    id: UUID
    name: str
    shop: str
    first: str
    state: str
    message: str
    attempts: int
    seconds: float

    @property
    def failed_first(self) -> bool:
        """Whether its first try ended as Failed."""
        return self.first == StateType.FAILED.value

    @property
    def came_through(self) -> bool:
        """Whether it failed first and then completed by Retry."""
        return self.failed_first and self.attempts > 1 and self.state == StateType.COMPLETED.value


class Runs:
    """The flow runs that began at or after `began`."""

    def __init__(self, prefect: SyncPrefectClient, began: datetime) -> None:
        self._prefect = prefect
        self._began = began

    def cancel_leftovers(self) -> None:
        """End runs of an earlier demo that was interrupted; the pool they knew is gone."""
        while left := self._prefect.read_flow_runs(flow_run_filter=_in_states(UNDER_WAY), limit=PAGE):
            for run in left:
                self._prefect.set_flow_run_state(run.id, Cancelled(message="a new demo begins"), force=True)

    def start(self, deployment: str, parameters: dict[str, Any]) -> UUID:
        """Schedule a run of a deployment (`flow/name`) for now; a worker takes it."""
        found = self._prefect.read_deployment_by_name(deployment)
        return self._prefect.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def retry(self, run_id: UUID) -> None:
        """Do what the Retry button of the UI does."""
        self._prefect.set_flow_run_state(run_id, AwaitingRetry(message="Retry by the person on call"))

    def wait(self, run_ids: Iterable[UUID]) -> list[FlowRun]:
        """Wait until every run is over, and return them as they are then; raises PipelineError when one takes long."""
        deadline = time.monotonic() + PATIENCE_S
        ended = []
        for run_id in run_ids:
            while (run := self._prefect.read_flow_run(run_id)).state is None or not run.state.is_final():
                if time.monotonic() > deadline:
                    raise PipelineError(f"demo: run {run.name} is still {run.state_name} after {PATIENCE_S:.0f} s")
                time.sleep(1)
            ended.append(run)
        return ended

    def under_way(self) -> int:
        """How many runs wait or are at work."""
        return len(self._read(_in_states(UNDER_WAY)))

    def failed(self) -> list[UUID]:
        """The runs that stand as Failed or Crashed now."""
        return [run.id for run in self._read(_in_states([StateType.FAILED, StateType.CRASHED]))]

    def stories(self) -> list[RunStory]:
        """What became of every run, oldest first."""
        runs = sorted(self._read(FlowRunFilter()), key=lambda run: str(run.expected_start_time))
        return [self._story(run) for run in runs]

    def _story(self, run: FlowRun) -> RunStory:
        states = sorted(self._prefect.read_flow_run_states(run.id), key=lambda state: state.timestamp)
        first = next((state.type.value for state in states if state.type in TERMINAL_STATES), "")
        return RunStory(
            id=run.id,
            name=run.name,
            shop=str(run.parameters.get("shop", "")),
            first=first,
            state=run.state_type.value if run.state_type else "",
            message=str(run.state.message or "") if run.state else "",
            attempts=run.run_count,
            seconds=round(run.total_run_time.total_seconds(), 1),
        )

    def first_failure(self, run_id: UUID) -> str:
        """What the run said when it failed for the first time."""
        states = sorted(self._prefect.read_flow_run_states(run_id), key=lambda state: state.timestamp)
        return next((str(state.message) for state in states if state.type is StateType.FAILED), "")

    def _read(self, chosen: FlowRunFilter) -> list[FlowRun]:
        chosen.expected_start_time = FlowRunFilterExpectedStartTime(after_=self._began)
        return list(self._pages(chosen))

    def _pages(self, chosen: FlowRunFilter) -> Iterator[FlowRun]:
        offset = 0
        while page := self._prefect.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=offset):
            yield from page
            offset += len(page)


def _in_states(types: Sequence[StateType]) -> FlowRunFilter:
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types))))
