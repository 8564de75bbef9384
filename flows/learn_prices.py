"""learn_prices: what SKUs usually cost, from the orders of the last weeks."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.pausing import pausable
from flows.stages import end_of_run, explained, reason
from models.rules.promo import Pausable
from tasks.run_names import minute_name
from tasks.sku_prices import learn


@flow(name="learn_prices", flow_run_name=partial(minute_name, "learn_prices"))
@explained("learn_prices", "prices")
@pausable(Pausable.LEARN_PRICES)
def learn_prices() -> State[Any]:
    """Learn the usual price of every SKU that was sold; prices that a person gave stay."""
    state = learn(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    return Completed(message=f"{count.new} prices new, {count.changed} changed, from {count.lines:,} lines")


if __name__ == "__main__":
    learn_prices()
