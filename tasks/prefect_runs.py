"""What Prefect's API says about runs in trouble."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterStartTime,
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

NAMES = 200

_HOW = frozenset({"at_once"})
"""Parameters that say how a run works, not on what."""


def runs_in_trouble(now: datetime) -> list[Trouble]:
    """Every run of a deployment that failed, crashed or is late, oldest or newest, as Prefect has it now."""
    of_deployments = FlowRunFilterDeploymentId(is_null_=False)
    ended = FlowRunFilter(
        deployment_id=of_deployments,
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CRASHED])),
        end_time=FlowRunFilterEndTime(after_=now - LOOK_BACK),
    )
    waiting = FlowRunFilter(
        deployment_id=of_deployments, state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late"]))
    )
    with get_client(sync_client=True) as prefect:
        bad = list(_read(prefect, ended, FlowRunSort.END_TIME_DESC))
        late = list(_read(prefect, waiting, FlowRunSort.EXPECTED_START_TIME_ASC))
        names = _names(prefect)
        last_good = _last_good(prefect, bad)
    found = (_trouble(run, names, last_good) for run in [*bad, *late])
    return [trouble for trouble in found if trouble is not None]


def _read(prefect: SyncPrefectClient, chosen: FlowRunFilter, order: FlowRunSort) -> Iterator[FlowRun]:
    for offset in range(0, MOST, PAGE):
        page = prefect.read_flow_runs(flow_run_filter=chosen, sort=order, limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return


def _names(prefect: SyncPrefectClient) -> dict[UUID, tuple[str, str]]:
    flows = {flow.id: flow.name for flow in prefect.read_flows(limit=NAMES)}
    return {
        found.id: (flows.get(found.flow_id, str(found.flow_id)), found.name)
        for found in prefect.read_deployments(limit=NAMES)
    }


Work = tuple[UUID | None, str]


def _work(run: FlowRun) -> Work:
    """What a run is about, whoever started it: its deployment and on what it works."""
    chosen = sorted((name, value) for name, value in run.parameters.items() if name not in _HOW and value is not None)
    return run.deployment_id, repr(chosen)


def _began(run: FlowRun) -> datetime | None:
    return run.start_time or run.expected_start_time


def _last_good(prefect: SyncPrefectClient, bad: Sequence[FlowRun]) -> dict[Work, datetime]:
    """When the newest completed run of each work in trouble began, where one began after the trouble's runs."""
    newest: dict[Work, datetime] = {}
    for deployment in {run.deployment_id for run in bad if run.deployment_id}:
        mine = [run for run in bad if run.deployment_id == deployment]
        looked_for = {_work(run) for run in mine}
        completed = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
            start_time=FlowRunFilterStartTime(after_=min(began for run in mine if (began := _began(run)))),
        )
        # a shop that is busy has many runs while another has one
        for run in _read(prefect, completed, FlowRunSort.START_TIME_DESC):
            if run.start_time is not None:
                newest.setdefault(_work(run), run.start_time)
            if looked_for <= newest.keys():
                break
    return newest


def _trouble(run: FlowRun, names: dict[UUID, tuple[str, str]], last_good: dict[Work, datetime]) -> Trouble | None:
    state, known = run.state, names.get(run.deployment_id) if run.deployment_id else None
    if state is None or known is None:
        return None
    good, began = last_good.get(_work(run)), _began(run)
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
