"""track_parcels: what warehouses and carriers have reported since the last run."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason
from tasks.run_names import minute_name
from tasks.track import apply_reports, tell


@flow(name="track_parcels", flow_run_name=partial(minute_name, "track_parcels"), persist_result=True)
@explained("track_parcels", "reports")
def track_parcels() -> State[Any]:
    """Apply stored confirmations and pushes; report parcels that left to their shops and have them followed."""
    state = apply_reports(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    done = f"{count.done} reports applied, {count.ignored} ignored, {count.parcels} parcels left"
    if not count.batch_ids:
        return Completed(message=done)
    told = tell(count.batch_ids, count.since, return_state=True)
    return end_of_run([] if told.is_completed() else [reason(told)], done)


if __name__ == "__main__":
    track_parcels()
