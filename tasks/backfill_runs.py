"""The runs of a backfill's windows at Prefect: found by their keys, shown below the run that asked for them."""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Pending
from prefect.tasks import Task

from models.errors import PipelineError
from tasks.backfill import BackfillSpan
from tasks.backfill_meter import Standing, WindowRun

WINDOWS: Final = "process_orders/backfill"
"""The deployment that reads one window."""

PATIENCE_S = 600.0
PAUSE_S = 5.0
PAGE = 200

_STANDINGS = {
    StateType.COMPLETED: Standing.DONE,
    StateType.FAILED: Standing.FAILED,
    StateType.CANCELLED: Standing.FAILED,
    StateType.CRASHED: Standing.CRASHED,
}
_Answer = TypeVar("_Answer")


class PrefectWindows:
    """Runs of WINDOWS, children of the flow run `parent_id`; a server that is away for some minutes is waited for."""

    def __init__(self, prefect: SyncPrefectClient, parent_id: str) -> None:
        self._prefect = prefect
        self._parent_id = UUID(parent_id)
        self._deployment_id = _patiently(lambda: prefect.read_deployment_by_name(WINDOWS)).id
        self._places: dict[str, UUID] = {}

    def begin(self, span: BackfillSpan) -> WindowRun:
        """Have a window read, or find its run by its key."""
        place = self._place_of(span.shop)
        run = _patiently(
            lambda: self._prefect.create_flow_run_from_deployment(
                self._deployment_id,
                parameters={"shop": span.shop, "since": span.since.isoformat(), "until": span.until.isoformat()},
                idempotency_key=span.key,
                parent_task_run_id=place,
                tags=[f"backfill:{span.backfill_id}"],
            )
        )
        return _run(run)

    def look(self, run_ids: Iterable[str]) -> list[WindowRun]:
        """How these runs are."""
        wanted = [UUID(run_id) for run_id in run_ids]
        parts = (wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE))
        return [_run(run) for part in parts for run in self._read(part)]

    def again(self, run_id: str) -> None:
        """Do what the Retry button does, unless somebody has pressed it: a second process would do nothing but fail."""
        if any(run.standing is Standing.UNDER_WAY for run in self.look([run_id])):
            return
        state: State[None] = AwaitingRetry(message="Retry by its backfill")
        _patiently(lambda: self._prefect.set_flow_run_state(UUID(run_id), state))

    def _read(self, run_ids: list[UUID]) -> list[FlowRun]:
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=run_ids))
        return _patiently(lambda: self._prefect.read_flow_runs(flow_run_filter=chosen, limit=PAGE))

    def _place_of(self, shop: str) -> UUID:
        """The step of the parent below which a shop's runs are shown; one for all of them, in every attempt."""
        if shop not in self._places:
            step: Task[..., None] = Task(fn=_nothing, name=f"windows of {shop}")
            made = _patiently(
                lambda: self._prefect.create_task_run(
                    step, self._parent_id, dynamic_key=f"windows-{shop}", name=f"windows of {shop}", state=Pending()
                )
            )
            self._places[shop] = made.id
        return self._places[shop]


def _nothing() -> None:
    """A step that stands for runs elsewhere."""


def _run(run: FlowRun) -> WindowRun:
    state_type = run.state_type
    standing = _STANDINGS.get(state_type, Standing.UNDER_WAY) if state_type else Standing.UNDER_WAY
    words = str(run.state.message or run.state.name) if run.state else ""
    return WindowRun(str(run.id), standing, words)


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """The server's answer, however often it has to be asked; raises PipelineError when it is away for PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except ObjectNotFound as error:
            raise PipelineError(f"Prefect does not know what a backfill needs: {error}") from error
        except httpx.HTTPStatusError as error:
            if not error.response.is_server_error or time.monotonic() > deadline:
                raise PipelineError(f"Prefect refuses: HTTP {error.response.status_code}") from error
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                raise PipelineError(f"Prefect does not answer for {PATIENCE_S:.0f} s: {error!r}") from error
        time.sleep(PAUSE_S)
