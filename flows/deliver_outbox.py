"""deliver_outbox: messages to the outside that are due again."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason
from tasks.codes_out import send_waiting_codes
from tasks.deliver import deliver_waiting, tell_people
from tasks.run_names import minute_name


@flow(name="deliver_outbox", flow_run_name=partial(minute_name, "deliver_outbox"), persist_result=True)
@explained("deliver_outbox", "messages")
def deliver_outbox() -> State[Any]:
    """Send what is due, whoever wrote it; a counterpart that is down is counted, not a failure of this run."""
    # side by side: thousands of instructions must not keep an alert or a code waiting, nor a slow robot an instruction
    telling, coding = tell_people.submit(), send_waiting_codes.submit()
    sending = deliver_waiting(return_state=True)
    telling.wait()
    coding.wait()
    broken = [reason(state) for state in (sending, telling.state, coding.state) if not state.is_completed()]
    if broken:
        return end_of_run(broken, "")
    outcome, codes = sending.result(), coding.result()
    outcome.add(telling.result())
    down = "; ".join(
        f"{number} not to {place.partition(':')[2]}: {outcome.obstacles[place]}"
        for place, number in outcome.failed.items()
    )
    said = [f"{outcome.delivered} delivered", *([f"{codes.sent} codes sent"] if codes.sent else []), *codes.obstacles]
    return Completed(message="; ".join([*said, *([down] if down else [])]))


if __name__ == "__main__":
    deliver_outbox()
