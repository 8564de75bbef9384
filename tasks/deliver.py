"""deliver: the task round the outbox's due messages."""

from prefect import task

from tasks.outbox import Delivery, deliver_due
from tasks.runs import Obstacle, cause, in_plain_words, leave_obstacles
from tasks.send import ABOUT_ORDERS, send


@task(persist_result=True, task_run_name="deliver due messages", tags=["stage:deliver"])
def deliver_waiting() -> Delivery:
    """Send every message that is due and leave a table of what stood in the way."""
    with in_plain_words("deliver", "messages"):
        outcome = deliver_due(send, ABOUT_ORDERS, cause("deliver"))
    if outcome.failed:
        obstacles = [
            Obstacle(place.partition(":")[2], number, outcome.obstacles[place], outcome.faults[place])
            for place, number in outcome.failed.items()
        ]
        leave_obstacles("deliver", "outbox", obstacles, "Counterparts that could not be reached")
    return outcome
