"""erase_receivers: every night what is personal goes whose time is over."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason
from tasks.erase import erase_receivers_due
from tasks.run_names import minute_name


@flow(name="erase_receivers", flow_run_name=partial(minute_name, "erase_receivers"))
@explained("erase_receivers", "receivers")
def erase_receivers() -> State[Any]:
    """Erase receivers of orders that ended long enough ago, and what hangs on them; a promo does not put it off."""
    state = erase_receivers_due(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    kept = f"; {count.kept} of old orders are kept" if count.kept else ""
    return Completed(
        message=f"{count.receivers} receivers, {count.labels} labels, {count.bodies} incoming bodies and "
        f"{count.quarantined} payloads in quarantine erased{kept}"
    )


if __name__ == "__main__":
    erase_receivers()
