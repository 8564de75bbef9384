"""refresh_shops: access tokens that end soon, and the carriers that platforms list."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.stages import end_of_run, explained, reason
from models.errors import StepFailed
from tasks.run_names import minute_name
from tasks.upkeep import UpkeepCount, missing_codes, refresh_tokens, reload_carriers


@flow(name="refresh_shops", flow_run_name=partial(minute_name, "refresh_shops"))
@explained("refresh_shops", "shops")
def refresh_shops() -> State[Any]:
    """Refresh tokens and carrier lists; a shop that cannot be refreshed stops no other and fails the run."""
    states = {
        "tokens": refresh_tokens(return_state=True),
        "carrier lists": reload_carriers(return_state=True),
    }
    broken = [reason(state) for state in states.values() if not state.is_completed()]
    if broken:
        return end_of_run(broken, "")
    counts: dict[str, UpkeepCount] = {what: state.result() for what, state in states.items()}
    failed = {what: count.obstacles for what, count in counts.items() if count.obstacles}
    if failed:
        number = " and ".join(f"{len(obstacles)} {what}" for what, obstacles in failed.items())
        obstacles = [obstacle for several in failed.values() for obstacle in several]
        sentence = f"refresh: {number} not refreshed: {'; '.join(obstacle.why for obstacle in obstacles)}"
        return end_of_run([StepFailed(sentence, obstacles[0].fault)], "")
    done = ", ".join(f"{len(count.shops)} {what}" for what, count in counts.items())
    return Completed(message="; ".join([f"{done} refreshed", *missing_codes()]))


if __name__ == "__main__":
    refresh_shops()
