"""push_stock: what every listing shows is decided again, and the shops are told what changed."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import wait
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.stages import end_of_run, explained, reason
from tasks.run_names import minute_name
from tasks.runs import is_retry
from tasks.stock_push import decide_stock, shops_to_tell, tell_shop

SHOPS_AT_ONCE = 8


@flow(
    name="push_stock",
    flow_run_name=partial(minute_name, "push_stock"),
    task_runner=ThreadPoolTaskRunner(max_workers=SHOPS_AT_ONCE),  # type: ignore[arg-type]  # its own usual one
)
@explained("push_stock", "listings")
def push_stock(shop: str | None = None, everything: bool = False, at_once: bool = False) -> State[Any]:
    """Sweep all listings (of one shop), or with `at_once` those that cannot wait; `everything` tells what is shown too.

    A shop that cannot be told stops no other and fails the run. Retry tries it again at once, refused listings too.
    """
    decided = decide_stock(shop, everything, at_once, return_state=True)
    if not decided.is_completed():
        return end_of_run([reason(decided)], "")
    shops = [code for code in shops_to_tell(refused=is_retry()) if shop in {None, code}]
    tellings = [tell_shop.submit(code) for code in shops]
    wait(tellings)
    states = [telling.state for telling in tellings]
    failures = [reason(state) for state in states if not state.is_completed()]
    if failures:
        return end_of_run(failures, "")
    told = sum(state.result().told for state in states)
    return Completed(message=f"{told} of {decided.result().listings} listings told in {len(shops)} shops")


if __name__ == "__main__":
    push_stock()
