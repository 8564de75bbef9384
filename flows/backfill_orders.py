"""backfill_orders: a span of the past is read again, window by window, each by a run of its own, behind live runs."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.stages import end_of_run, explained, reason
from tasks.backfill import ALL, only_run_of_backfill
from tasks.read_windows import busy_with, plan_backfill, read_windows
from tasks.run_names import backfill_name


@flow(name="backfill_orders", flow_run_name=backfill_name, persist_result=True)
@explained("backfill", "windows")
def backfill_orders(
    since: datetime,
    until: datetime,
    shop: str = ALL,
    window_minutes: int = 15,
    at_once: int = 2,
    again: str = "",
) -> State[Any]:
    """Read the orders that changed from `since` to `until` and take them through all stages.

    `shop`: a code, several with commas between, or `all`. Each shop's span is cut into windows of `window_minutes`;
    `at_once` of them are read at the same time. Retry, and asking for the same again, goes on with the windows that are
    not done; `again`, any note, makes it another backfill, which reads everything anew.
    """
    state: State[int] = plan_backfill(shop, since, until, window_minutes, at_once, again, return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    backfill_id = state.result()
    with only_run_of_backfill(backfill_id) as alone:
        if not alone:
            return end_of_run([busy_with(backfill_id)], "")
        done: State[str] = read_windows(backfill_id, return_state=True)
    if not done.is_completed():
        return end_of_run([reason(done)], "")
    return end_of_run([], f"backfill: {done.result()}")
