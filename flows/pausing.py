"""Flows that a promo pauses: their scheduled runs end at once; a run that a person starts does its work."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from models.rules.promo import Pausable
from tasks.promo import paused
from tasks.runs import is_retry

BY_SCHEDULE = "auto-scheduled"
"""The tag that Prefect gives to the runs of a schedule."""

_Given = ParamSpec("_Given")
_Body = Callable[_Given, State[Any]]


def pausable(flow: Pausable) -> Callable[[_Body[_Given]], _Body[_Given]]:
    """Have scheduled runs of a flow end as Paused, saying by whom and until when, while a promo says so."""

    def wrap(body: _Body[_Given]) -> _Body[_Given]:
        @wraps(body)
        def run(*args: _Given.args, **kwargs: _Given.kwargs) -> State[Any]:
            by_schedule = BY_SCHEDULE in (flow_run.get_tags() or ()) and not is_retry()
            why = paused(flow) if by_schedule else ""
            return Completed(name="Paused", message=why) if why else body(*args, **kwargs)

        return run

    return wrap
