"""watch_deadlines: what waits too long becomes an alert."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason
from models.errors import StepFailed
from models.rules.faults import Fault
from tasks.run_alerts import announcement
from tasks.run_names import minute_name
from tasks.watch import watch

NAMED = 5


@flow(name="watch_deadlines", flow_run_name=partial(minute_name, "watch_deadlines"))
@explained("watch_deadlines", "rules")
def watch_deadlines() -> State[Any]:
    """Evaluate every rule; the run fails when there is a new alert, naming it, so that automations see it."""
    state = watch(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    if not count.new:
        return Completed(message=f"{count.open} alerts open, 0 new, {count.closed} closed")
    sentence = announcement(count.new, count.open, NAMED)
    return end_of_run([StepFailed(sentence, Fault.NEW_ALERTS)], "")


if __name__ == "__main__":
    watch_deadlines()
