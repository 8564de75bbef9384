"""kill -9 of a run at a known point of each stage, then Retry: the pool and the outside are as if nothing had been."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.pipeline.conftest import World, connected_world
from tests.pipeline.gates import Gate, closed_at, sender_taken
from tests.pipeline.orders import order
from tests.pipeline.pool_dump import books_dump, pool_dump
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import flow_process, kill, run_to_its_end
from tests.shared_pool import emptied, shared_pool

ORDERS = 30

Obstacle = Callable[[str], AbstractContextManager[Gate]]

STOPS: dict[str, Obstacle] = {
    "ingest": lambda url: closed_at(url, "ingested"),
    "validate": lambda url: closed_at(url, "validated"),
    "lock_stock": lambda url: closed_at(url, "locked"),
    "route": lambda url: closed_at(url, "routed"),
    "dispatch": lambda url: closed_at(url, "dispatched"),
    "dispatch, written but not sent": lambda url: sender_taken(url, "warehouse:WH-S"),
}


def fill(world: World) -> None:
    """Orders of every fate: shipped, unpaid, short of stock, of an unknown SKU, to nowhere."""
    now = datetime.now(UTC)
    orders = [order(n, now) for n in range(ORDERS)]
    orders[3] = order(3, now, status="unpaid", paid_at=None)
    orders[4]["lines"][0]["quantity"] = 9000
    orders[5]["lines"][1]["sku"] = "NOT-OURS"
    world.load("woo-1", orders)


def go_on_to_the_buyer(world: World, api: PrefectApi) -> None:
    world.ship()
    run_to_its_end("track_parcels", api.open_run("track_parcels", {}))
    world.travel("delivered")
    run_to_its_end("track_parcels", api.open_run("track_parcels", {}))


def outcome(world: World) -> dict[str, Any]:
    return {**pool_dump(world), "books": books_dump(world)}


@pytest.fixture(scope="module")
def undisturbed(
    postgres: str, prefect_api: PrefectApi, hooks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """How it all ends when nobody is killed, in a world of its own."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with shared_pool(postgres, "undisturbed") as url, emptied(url), connected_world(folder, hooks_url) as world:
        fill(world)
        run = prefect_api.open_run("process_orders", {"shop": "woo-1"})
        run_to_its_end("process_orders", run)
        assert prefect_api.state(run)["type"] == "COMPLETED", prefect_api.state(run)
        go_on_to_the_buyer(world, prefect_api)
        return outcome(world)


@pytest.mark.parametrize("stage", STOPS)
def test_a_run_killed_in_a_stage_ends_as_an_undisturbed_one(
    stage: str, prefect_api: PrefectApi, world: World, database: str, undisturbed: dict[str, Any]
) -> None:
    fill(world)
    run = prefect_api.open_run("process_orders", {"shop": "woo-1"})
    with STOPS[stage](database) as gate, flow_process("process_orders", run) as process:
        gate.wait_for_somebody()
        kill(process)
    prefect_api.crash(run)

    prefect_api.retry(run, force=True)
    run_to_its_end("process_orders", run)

    assert prefect_api.state(run)["type"] == "COMPLETED", prefect_api.state(run)
    go_on_to_the_buyer(world, prefect_api)
    assert outcome(world) == undisturbed


def test_a_run_killed_while_a_warehouse_does_not_answer_sends_nothing_twice(
    prefect_api: PrefectApi, world: World, undisturbed: dict[str, Any]
) -> None:
    fill(world)
    world.fault("timeout_after", "wms:WH-S", seconds=30)
    run = prefect_api.open_run("process_orders", {"shop": "woo-1"})
    with flow_process("process_orders", run) as process:
        await_books(world, lambda books: books["warehouses"]["WH-S"]["documents"])
        kill(process)
    world.no_faults()
    prefect_api.crash(run)

    prefect_api.retry(run, force=True)
    run_to_its_end("process_orders", run)

    assert prefect_api.state(run)["type"] == "COMPLETED", prefect_api.state(run)
    rows = [row for book in world.books()["warehouses"].values() for row in book["documents"]]
    assert max(row["received"] for row in rows) == 2
    go_on_to_the_buyer(world, prefect_api)
    assert outcome(world) == undisturbed


def track_killed_at(world: World, api: PrefectApi, stop: Callable[[], AbstractContextManager[Gate]]) -> None:
    """Orders to the warehouse, its reports stored; then a track run is killed, retried, and the parcels travel on."""
    fill(world)
    run_to_its_end("process_orders", api.open_run("process_orders", {"shop": "woo-1"}))
    world.ship()
    run = api.open_run("track_parcels", {})
    with stop() as gate, flow_process("track_parcels", run) as process:
        gate.wait_for_somebody()
        kill(process)
    api.crash(run)
    api.retry(run, force=True)
    run_to_its_end("track_parcels", run)
    assert api.state(run)["type"] == "COMPLETED", api.state(run)
    world.travel("delivered")
    run_to_its_end("track_parcels", api.open_run("track_parcels", {}))


def test_a_track_run_killed_as_it_books_parcels_out_ends_as_an_undisturbed_one(
    prefect_api: PrefectApi, world: World, database: str, undisturbed: dict[str, Any]
) -> None:
    track_killed_at(world, prefect_api, lambda: closed_at(database, "shipped"))

    assert outcome(world) == undisturbed


def test_a_track_run_killed_before_it_tells_the_shop_ends_as_an_undisturbed_one(
    prefect_api: PrefectApi, world: World, database: str, undisturbed: dict[str, Any]
) -> None:
    track_killed_at(world, prefect_api, lambda: sender_taken(database, "shop:woo-1"))

    assert outcome(world) == undisturbed


def await_books(world: World, seen: Callable[[dict[str, Any]], object], patience_s: float = 60) -> None:
    """Return once the outside has received what `seen` looks for."""
    until = time.monotonic() + patience_s
    while not seen(world.books()):
        assert time.monotonic() < until, "the outside received nothing"
        time.sleep(0.05)
