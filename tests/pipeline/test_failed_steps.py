"""A run whose every stage fails once: each failure says which step and how many, each Retry goes on from there."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.pipeline.conftest import World, connected_world
from tests.pipeline.gates import broken_at
from tests.pipeline.orders import order
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import run_to_its_end
from tests.shared_pool import emptied, shared_pool

ORDERS = 25
POINTS = {
    "ingest": "ingested",
    "validate": "validated",
    "lock_stock": "locked",
    "route": "routed",
    "dispatch": "dispatched",
}


@dataclass(frozen=True, slots=True)
class Attempts:
    """Messages and tables of a run's failed attempts by the stage that failed, and how it all ended."""

    messages: dict[str, str]
    tables: dict[str, str]
    end: str
    steps: list[tuple[str, str]]
    dispatched: int


@pytest.fixture(scope="module")
def attempts(
    postgres: str, prefect_api: PrefectApi, hooks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Attempts:
    folder = tmp_path_factory.mktemp("failing")
    with shared_pool(postgres, "failing") as url, emptied(url), connected_world(folder, hooks_url) as world:
        return _fail_everywhere(world, url, prefect_api)


def _fail_everywhere(world: World, url: str, api: PrefectApi) -> Attempts:
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(ORDERS)])
    run = api.open_run("process_orders", {"shop": "woo-1"})
    messages, tables = {}, {}
    for stage, point in POINTS.items():
        with broken_at(url, point):
            run_to_its_end("process_orders", run)
        messages[stage] = api.state(run)["message"]
        tables[stage] = next(
            (table["data"] for key, table in api.artifacts(run).items() if key.startswith(stage.replace("_", "-"))), ""
        )
        api.retry(run, force=True)
    run_to_its_end("process_orders", run)
    dispatched = world.rows("select count(*) from order_state where stage = 'dispatched'")[0][0]
    return Attempts(messages, tables, api.state(run)["type"], api.steps(run, expected=21), dispatched)


@pytest.mark.parametrize("stage", [stage for stage in POINTS if stage != "ingest"])
def test_a_step_that_is_stopped_says_which_it_is_and_how_many_orders_it_stops(attempts: Attempts, stage: str) -> None:
    assert attempts.messages[stage].startswith(
        f"{stage}: {ORDERS} orders stopped: RaiseException: the pool refuses {POINTS[stage]}. What to do: "
    )


def test_ingest_that_is_stopped_says_so(attempts: Attempts) -> None:
    assert attempts.messages["ingest"].startswith(
        "ingest: 0 orders of woo-1 were read to the end: RaiseException: the pool refuses ingested. What to do: "
    )


@pytest.mark.parametrize("stage", POINTS)
def test_a_step_that_is_stopped_leaves_a_table_that_says_why(attempts: Attempts, stage: str) -> None:
    assert "the pool refuses" in attempts.tables[stage]


def test_after_every_stage_failed_once_the_run_completes(attempts: Attempts) -> None:
    assert attempts.end == "COMPLETED"
    assert attempts.dispatched == ORDERS


def test_no_stage_that_was_done_ran_again(attempts: Attempts) -> None:
    for stage in POINTS:
        states = [state for name, state in attempts.steps if name == stage]
        assert states.count("Failed") == states.count("Completed") == 1, (stage, states)
