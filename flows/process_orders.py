"""process_orders: one window of one shop, from the channel to the warehouse."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.stages import end_of_run, reason, run_stages
from tasks.ingest import IngestCount, ingest
from tasks.run_names import process_orders_name
from tasks.windows import only_run_of


@flow(name="process_orders", flow_run_name=process_orders_name, persist_result=True)
def process_orders(shop: str, since: datetime | None = None, until: datetime | None = None) -> State[Any]:
    """Read a window of `shop` and take its orders through all six stages.

    Without `since` the next window from the shop's watermark is claimed. Retry goes on where it failed:
    finished stages are not run again, and no stage does anything twice.
    """
    with only_run_of(shop) as alone:
        if not alone:
            return Completed(name="Skipped", message=f"another run is busy with {shop}; it reads this window too")
        state: State[IngestCount] = ingest(shop, since, until, return_state=True)
        if not state.is_completed():
            return Failed(message=reason(state))
        got = state.result()
        failures = run_stages(got.batch_ids)
    return end_of_run(
        failures,
        f"{got.stored} new, {got.joined} changed and {got.rejected} unreadable orders in {len(got.batch_ids)} batches",
    )


if __name__ == "__main__":
    import sys

    process_orders(sys.argv[1])
