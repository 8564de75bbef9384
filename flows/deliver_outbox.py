"""deliver_outbox: messages to the outside that are due again."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import explained
from tasks.codes_out import send_waiting_codes
from tasks.deliver import deliver_waiting
from tasks.run_names import minute_name


@flow(name="deliver_outbox", flow_run_name=partial(minute_name, "deliver_outbox"), persist_result=True)
@explained("deliver_outbox", "messages")
def deliver_outbox() -> State[Any]:
    """Send what is due, whoever wrote it; a counterpart that is down is counted, not a failure of this run."""
    codes = send_waiting_codes()
    outcome = deliver_waiting()
    down = "; ".join(
        f"{number} not to {place.partition(':')[2]}: {outcome.obstacles[place]}"
        for place, number in outcome.failed.items()
    )
    said = [f"{outcome.delivered} delivered", *([f"{codes.sent} codes sent"] if codes.sent else []), *codes.obstacles]
    return Completed(message="; ".join([*said, *([down] if down else [])]))


if __name__ == "__main__":
    deliver_outbox()
