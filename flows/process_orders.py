"""process_orders: one window of one shop, from the channel to the warehouse."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason, run_stages
from models.errors import StepFailed
from models.rules.faults import Fault
from tasks.batches import said_emptied
from tasks.ingest import IngestCount, ingest
from tasks.left_behind import held_in_words
from tasks.release_room import said_waits
from tasks.run_names import process_orders_name
from tasks.runs import Obstacle, is_retry, leave_obstacles
from tasks.windows import only_run_of, only_run_of_window


@flow(name="process_orders", flow_run_name=process_orders_name, persist_result=True)
@explained("process_orders", "orders")
def process_orders(shop: str, since: datetime | None = None, until: datetime | None = None) -> State[Any]:
    """Read a window of `shop` and take its orders through all six stages.

    Without `since` the next window from the shop's watermark is claimed, by one run at a time. A window that is asked
    for is read beside it. Retry goes on where it failed: finished stages are not run again, and no stage does
    anything twice.
    """
    with only_run_of_window(shop, since, until) if since else only_run_of(shop) as alone:
        if not alone:
            return busy(f"this window of {shop}" if since else shop, by_schedule=since is None and not is_retry())
        state: State[IngestCount] = ingest(shop, since, until, return_state=True)
        if not state.is_completed():
            return end_of_run([reason(state)], "")
        got = state.result()
        failures = run_stages(got.batch_ids)
    read = f"{got.stored} new, {got.joined} changed and {got.rejected} unreadable orders"
    left = held_in_words(got.batch_ids) + said_waits(got.batch_ids, got.stored + got.joined)
    left += said_emptied(got.batch_ids)
    return end_of_run(failures, f"{read} in {len(got.batch_ids)} batches{left}")


def busy(wanted: str, by_schedule: bool) -> State[Any]:
    """The end of a run that did not get what it wanted: fine for a scheduled one, whose window the other reads too."""
    if by_schedule:
        return Completed(name="Skipped", message=f"another run is busy with {wanted}; it reads up to the present too")
    why = f"another run is busy with {wanted}"
    leave_obstacles("ingest", "busy", [Obstacle(wanted, None, why, Fault.ANOTHER_RUN)], "Why nothing was read")
    return end_of_run([StepFailed(f"ingest: 0 orders read; {why}", Fault.ANOTHER_RUN)], "")


if __name__ == "__main__":
    import sys

    process_orders(sys.argv[1])
