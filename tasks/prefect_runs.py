"""What Prefect's API says about runs in trouble."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from tasks.run_alerts import Trouble, trouble_of

LOOK_BACK = timedelta(hours=25)
"""So far back a run is looked at: a daily one has been followed by the next by then, and what a run left undone has
been taken up by `resume_orders`."""

PAGE = 200
MOST = 2000
"""No more than the newest so many runs of a kind are looked at."""

_HOW = frozenset({"at_once"})
"""Parameters that say how a run works, not on what."""


def runs_in_trouble(now: datetime) -> list[Trouble]:
    """Every run of a deployment that failed, crashed or is late, oldest or newest, as Prefect has it now."""
    since = FlowRunFilterEndTime(after_=now - LOOK_BACK)
    ended = FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CRASHED])
    with get_client(sync_client=True) as prefect:
        bad = _read(prefect, FlowRunFilter(state=FlowRunFilterState(type=ended), end_time=since))
        late = _read(
            prefect, FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late"]))), oldest=True
        )
        names = _names(prefect)
        last_good = _last_good(prefect, {run.deployment_id for run in bad if run.deployment_id}, since)
    found = (_trouble(run, names, last_good) for run in [*bad, *late])
    return [trouble for trouble in found if trouble is not None]


def _read(prefect: SyncPrefectClient, chosen: FlowRunFilter, oldest: bool = False) -> list[FlowRun]:
    chosen.deployment_id = FlowRunFilterDeploymentId(is_null_=False)
    order = FlowRunSort.EXPECTED_START_TIME_ASC if oldest else FlowRunSort.END_TIME_DESC
    runs: list[FlowRun] = []
    while len(runs) < MOST:
        page = prefect.read_flow_runs(flow_run_filter=chosen, sort=order, limit=PAGE, offset=len(runs))
        runs += page
        if len(page) < PAGE:
            break
    return runs


def _names(prefect: SyncPrefectClient) -> dict[UUID, tuple[str, str]]:
    flows = {flow.id: flow.name for flow in prefect.read_flows(limit=PAGE)}
    return {
        found.id: (flows.get(found.flow_id, str(found.flow_id)), found.name)
        for found in prefect.read_deployments(limit=PAGE)
    }


Work = tuple[UUID | None, str]


def _work(run: FlowRun) -> Work:
    """What a run is about, whoever started it: its deployment and on what it works."""
    chosen = sorted((name, value) for name, value in run.parameters.items() if name not in _HOW and value is not None)
    return run.deployment_id, repr(chosen)


def _last_good(
    prefect: SyncPrefectClient, deployments: Iterable[UUID], since: FlowRunFilterEndTime
) -> dict[Work, datetime]:
    """When the newest completed run of each work began, of the deployments that had trouble."""
    newest: dict[Work, datetime] = {}
    for deployment in deployments:
        completed = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
            end_time=since,
        )
        for run in prefect.read_flow_runs(flow_run_filter=completed, sort=FlowRunSort.START_TIME_DESC, limit=PAGE):
            if run.start_time is not None:
                newest.setdefault(_work(run), run.start_time)
    return newest


def _trouble(run: FlowRun, names: dict[UUID, tuple[str, str]], last_good: dict[Work, datetime]) -> Trouble | None:
    state, known = run.state, names.get(run.deployment_id) if run.deployment_id else None
    if state is None or known is None:
        return None
    good, began = last_good.get(_work(run)), run.start_time or run.expected_start_time
    shop: Any = run.parameters.get("shop")
    is_late = state.name == "Late"
    return trouble_of(
        flow=known[0],
        deployment=known[1],
        shop=str(shop or ""),
        run_id=str(run.id),
        state_type=state.type.value,
        state_name=str(state.name),
        message=str(state.message or ""),
        at=(run.expected_start_time if is_late else None) or state.timestamp,
        followed=good is not None and began is not None and good > began,
    )
