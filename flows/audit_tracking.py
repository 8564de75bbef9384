"""audit_tracking: parcels nobody has heard of for hours are asked about."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.pausing import pausable
from flows.stages import end_of_run, explained, reason
from models.rules.promo import Pausable
from tasks.audit import audit_silent
from tasks.run_names import minute_name


@flow(name="audit_tracking", flow_run_name=partial(minute_name, "audit_tracking"), persist_result=True)
@explained("audit_tracking", "rounds")
@pausable(Pausable.AUDIT_TRACKING)
def audit_tracking() -> State[Any]:
    """Ask about silent waybills, the second source where the first says nothing, within the limits per number."""
    state = audit_silent(return_state=True)
    if not state.is_completed():
        return end_of_run([reason(state)], "")
    count = state.result()
    said = f"{count.asked} silent parcels asked about, {count.moved} moved, {count.unknown} without news"
    if count.asked_second:
        said += f"; second source: {count.asked_second} asked about, {count.moved_second} moved"
    return Completed(message=f"{said}; {count.away}" if count.away else said)


if __name__ == "__main__":
    audit_tracking()
