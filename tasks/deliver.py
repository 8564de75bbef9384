"""deliver: the task round the outbox's due messages."""

from prefect import task

from tasks.outbox import Delivery, deliver_due
from tasks.runs import leave_table
from tasks.send import ALL_KINDS, send


@task(persist_result=True, task_run_name="deliver due messages", tags=["stage:deliver"])
def deliver_waiting() -> Delivery:
    """Send every message that is due and leave a table of what stood in the way."""
    outcome = deliver_due(send, ALL_KINDS)
    if outcome.failed:
        leave_table(
            "deliver",
            "outbox",
            [
                {"to": place.partition(":")[2], "not delivered": number, "why": outcome.obstacles[place]}
                for place, number in outcome.failed.items()
            ],
            "Counterparts that could not be reached",
        )
    return outcome
