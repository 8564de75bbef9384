"""learn_lanes: how long parcels take from each warehouse to where they go, from what was delivered lately."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.pausing import pausable
from flows.stages import end_of_run, explained, reason
from models.rules.promo import Pausable
from tasks.lanes import learn
from tasks.run_names import minute_name


@flow(name="learn_lanes", flow_run_name=partial(minute_name, "learn_lanes"))
@explained("learn_lanes", "lanes")
@pausable(Pausable.LEARN_LANES)
def learn_lanes() -> State[Any]:
    """Learn by when parcels are to be expected; lanes of which too little is known are forgotten."""
    state = learn(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    return Completed(message=f"{count.known} lanes known, {count.forgotten} forgotten, from {count.parcels:,} parcels")


if __name__ == "__main__":
    learn_lanes()
