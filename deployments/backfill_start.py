"""Having a backfill read: its run is begun once, found again by its key, and retried when it did not finish."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry

from deployments import prefect_setup
from models.database import transaction
from models.errors import SetupError, StepFailed
from models.order import Cause
from models.rules.backfill_windows import Wish
from models.rules.faults import Fault
from tasks.backfill import BackfillRow, give_to, read_backfill, register
from tasks.backfill_progress import progress_of, total_of

DEPLOYMENT: Final = "backfill_orders/backfill"
BEAT_S = 3.0
SETTLED_S = 30.0

Tell = Callable[[str], None]


def start(prefect: SyncPrefectClient, wish: Wish, why: Cause, tell: Tell) -> BackfillRow:
    """Write the wish down and have it read, or say how the same one that was asked for before stands.

    One that did not finish goes on. Raises SetupError when Prefect is not there to read it.
    """
    backfill, is_new = register(wish, why)
    if backfill.ended_at:
        tell(f"backfill {backfill.id}: was read to its end for {backfill.asked_by}; --again NOTE reads it anew")
        return backfill
    run = _run_of(prefect, backfill)
    if run is None:
        run = _begin(prefect, backfill, wish)
        tell(f"backfill {backfill.id}: {'begins' if is_new else 'goes on'}, {wish.windows:,} windows")
    elif run.state is not None and run.state.is_final():
        _go_on(prefect, run.id, run.state)
        tell(f"backfill {backfill.id}: its run stood as {run.state.name}; it goes on")
    else:
        tell(f"backfill {backfill.id}: is under way, its run is {run.state_name}")
    return read_backfill(backfill.id)


def _run_of(prefect: SyncPrefectClient, backfill: BackfillRow) -> FlowRun | None:
    if backfill.flow_run_id is None:
        return None
    try:
        return prefect.read_flow_run(UUID(backfill.flow_run_id))
    except ObjectNotFound:
        return None


def _go_on(prefect: SyncPrefectClient, run_id: UUID, state: State[Any]) -> None:
    # a worker tells of a crash once more seconds later, which would end the new attempt
    if state.is_crashed():
        time.sleep(max(0.0, SETTLED_S - (datetime.now(UTC) - state.timestamp).total_seconds()))
    # somebody may have pressed Retry meanwhile; a run that is under way would get a second process
    state_now = prefect.read_flow_run(run_id).state
    if state_now is None or state_now.is_final():
        prefect.set_flow_run_state(run_id, AwaitingRetry(message="asked for again"))


def _begin(prefect: SyncPrefectClient, backfill: BackfillRow, wish: Wish) -> FlowRun:
    try:
        found = prefect.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise SetupError(f"Prefect has no deployment {DEPLOYMENT}: run `orderpool up`") from error
    run = prefect.create_flow_run_from_deployment(
        found.id,
        parameters={
            "shop": ",".join(wish.shops),
            "since": wish.since.isoformat(),
            "until": wish.until.isoformat(),
            "window_minutes": wish.window_minutes,
            "at_once": wish.at_once,
            "again": wish.again,
        },
        idempotency_key=f"backfill:{backfill.key}",
    )
    give_to(backfill.id, str(run.id))
    return run


def wait(backfill_id: int, tell: Tell) -> None:
    """Say how far a backfill is whenever that changes, until its run is over; one death of its process is mended.

    Raises StepFailed in the run's own words when it did not finish.
    """
    with prefect_setup.client() as prefect:
        run = _end_of(prefect, backfill_id, tell)
        if run is not None and run.state is not None and run.state.is_crashed():
            _go_on(prefect, run.id, run.state)
            tell("its process died; it goes on")
            run = _end_of(prefect, backfill_id, tell)
    if run is None or run.state is None or not run.state.is_completed():
        words = run.state.message if run and run.state else "its run is not known to Prefect any more"
        raise StepFailed(str(words), Fault.WINDOWS_OPEN)


def _end_of(prefect: SyncPrefectClient, backfill_id: int, tell: Tell) -> FlowRun | None:
    told = ""
    while True:
        run = _run_of(prefect, read_backfill(backfill_id))
        with transaction() as conn:
            now = str(total_of(progress_of(conn, backfill_id)))
        if now != told:
            tell(now)
            told = now
        if run is None or run.state is None or run.state.is_final():
            return run
        time.sleep(BEAT_S)
