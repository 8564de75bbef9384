"""The five stages after ingest, in their order, for each batch of a run; and how a run ends, in words."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from models.errors import PipelineError, StepFailed
from tasks.clock_check import refuse_wrong_clock
from tasks.dispatch import dispatch
from tasks.failures import advice
from tasks.lock_stock import lock_stock
from tasks.route import route
from tasks.runs import stopped
from tasks.track import track
from tasks.validate import validate

STAGES: tuple[Callable[..., Any], ...] = (validate, lock_stock, route, dispatch, track)

_Given = ParamSpec("_Given")
_Body = Callable[_Given, State[Any]]


def explained(step: str, things: str) -> Callable[[_Body[_Given]], _Body[_Given]]:
    """Have a flow that is stopped by an error end Failed in a sentence: `step: 0 things finished: why`."""

    def wrap(body: _Body[_Given]) -> _Body[_Given]:
        @wraps(body)
        def run(*args: _Given.args, **kwargs: _Given.kwargs) -> State[Any]:
            try:
                refuse_wrong_clock()
                return body(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - a run says in its own words what stopped it
                return end_of_run([stopped(step, things, error)], "")

        return run

    return wrap


def run_stages(batch_ids: Iterable[int]) -> list[StepFailed]:
    """Take each batch through the stages; a stage that fails stops its batch only. Returns what failed."""
    failures = []
    for batch_id in batch_ids:
        for stage in STAGES:
            state: State[Any] = stage(batch_id, return_state=True)
            if not state.is_completed():
                failures.append(reason(state))
                break
    return failures


def reason(state: State[Any]) -> StepFailed:
    """Why a stage did not finish, beginning with the step and the count."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, Exception):
        return stopped("run", "steps", error)
    return stopped("run", "steps", PipelineError(str(state.message)))


def end_of_run(failures: Sequence[StepFailed], done: str) -> State[Any]:
    """The flow's own state: Failed with the first reason, how many more and what to do; else Completed with `done`."""
    if not failures:
        return Completed(message=done)
    more = f" (+ {len(failures) - 1} more failures)" if len(failures) > 1 else ""
    sentence = f"{str(failures[0]).rstrip('.')}{more}. {advice(failures[0].fault)}"
    get_run_logger().error(sentence)
    return Failed(message=sentence)
