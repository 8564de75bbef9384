"""deliver: the tasks round the outbox's due messages."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.outbox import Delivery, deliver_due
from tasks.runs import Obstacle, cause, in_plain_words, leave_obstacles
from tasks.send import ABOUT_ORDERS, send
from tasks.tell import tell


@task(persist_result=True, task_run_name="deliver due messages", tags=["stage:deliver"])
def deliver_waiting() -> Delivery:
    """Send every message that is due and leave a table of what stood in the way."""
    with in_plain_words("deliver", "messages"):
        outcome = deliver_due(send, ABOUT_ORDERS, cause("deliver"))
    _leave(outcome, "deliver", "Counterparts that could not be reached")
    return outcome


# a Retry must look again, so no result is taken over
@task(task_run_name="tell of alerts", tags=["stage:tell"], cache_policy=NO_CACHE)
def tell_people() -> Delivery:
    """Tell of alerts what is due, and leave a table of who could not be told: somebody else is told then."""
    with in_plain_words("tell", "alerts"):
        outcome = tell()
    _leave(outcome, "tell", "People who could not be told of alerts")
    return outcome


def _leave(outcome: Delivery, step: str, title: str) -> None:
    if outcome.failed:
        obstacles = [
            Obstacle(place.partition(":")[2], number, outcome.obstacles[place], outcome.faults[place])
            for place, number in outcome.failed.items()
        ]
        leave_obstacles(step, "outbox", obstacles, title)
