"""The five stages after ingest, in their order, for each batch of a run."""

from collections.abc import Callable, Iterable
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tasks.dispatch import dispatch
from tasks.lock_stock import lock_stock
from tasks.route import route
from tasks.track import track
from tasks.validate import validate

STAGES: tuple[Callable[..., Any], ...] = (validate, lock_stock, route, dispatch, track)


def run_stages(batch_ids: Iterable[int]) -> list[str]:
    """Take each batch through the stages; a stage that fails stops its batch only. Returns what failed, in words."""
    failures = []
    for batch_id in batch_ids:
        for stage in STAGES:
            state: State[Any] = stage(batch_id, return_state=True)
            if not state.is_completed():
                failures.append(reason(state))
                break
    return failures


def reason(state: State[Any]) -> str:
    """Why a stage did not finish, beginning with the step and the count where the stage says so itself."""
    error = state.result(raise_on_failure=False)
    return str(error) if isinstance(error, Exception) else str(state.message)


def end_of_run(failures: list[str], done: str) -> State[Any]:
    """The flow's own state: Failed with the first reason and how many more, else Completed saying what was done."""
    if not failures:
        return Completed(message=done)
    more = f" (+ {len(failures) - 1} more failures)" if len(failures) > 1 else ""
    get_run_logger().error(failures[0] + more)
    return Failed(message=failures[0] + more)
