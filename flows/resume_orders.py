"""resume_orders: orders whose wait has ended go on from where they stand."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.stages import end_of_run, explained, reason, run_stages
from tasks.left_behind import held_in_words
from tasks.release_room import said_waits
from tasks.resume import resume
from tasks.run_names import minute_name


@flow(name="resume_orders", flow_run_name=partial(minute_name, "resume_orders"), persist_result=True)
@explained("resume_orders", "batches")
def resume_orders() -> State[Any]:
    """Gather orders whose hold ended, whose stock came or whose batch was given up, and run the remaining stages."""
    state = resume(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    failures = run_stages(count.batch_ids)
    left = held_in_words(count.batch_ids) + said_waits(count.batch_ids, count.orders)
    return end_of_run(failures, f"{count.orders} orders go on in {len(count.batch_ids)} batches{left}")


if __name__ == "__main__":
    resume_orders()
