"""process_orders: one window of one shop, from the channel to the warehouse."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.stages import end_of_run, reason, run_stages
from tasks.ingest import IngestCount, ingest
from tasks.run_names import process_orders_name
from tasks.runs import is_retry
from tasks.windows import only_run_of


@flow(name="process_orders", flow_run_name=process_orders_name, persist_result=True)
def process_orders(shop: str, since: datetime | None = None, until: datetime | None = None) -> State[Any]:
    """Read a window of `shop` and take its orders through all six stages.

    Without `since` the next window from the shop's watermark is claimed. Retry goes on where it failed:
    finished stages are not run again, and no stage does anything twice.
    """
    with only_run_of(shop) as alone:
        if not alone:
            return busy(shop, by_schedule=since is None and not is_retry())
        state: State[IngestCount] = ingest(shop, since, until, return_state=True)
        if not state.is_completed():
            return Failed(message=reason(state))
        got = state.result()
        failures = run_stages(got.batch_ids)
    return end_of_run(
        failures,
        f"{got.stored} new, {got.joined} changed and {got.rejected} unreadable orders in {len(got.batch_ids)} batches",
    )


def busy(shop: str, by_schedule: bool) -> State[Any]:
    """The end of a run that did not get its shop: fine for a scheduled one, whose window the other run reads too."""
    if by_schedule:
        return Completed(name="Skipped", message=f"another run is busy with {shop}; it reads up to the present too")
    return Failed(message=f"ingest: 0 orders read; another run is busy with {shop}, retry when it is done")


if __name__ == "__main__":
    import sys

    process_orders(sys.argv[1])
