"""A run that stands failed, or is at work: people redo and skip at once and twice, press Retry, and all ends well."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks import desk
from tasks.reconcile import reconcile
from tasks.redo import redo_batch
from tasks.skip import skip_batch
from tests.pipeline.conftest import World, connected_world
from tests.pipeline.gates import broken_at, closed_at
from tests.pipeline.orders import order
from tests.pipeline.pool_dump import books_dump, pool_dump
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import flow_process, run_to_its_end
from tests.shared_pool import emptied, shared_pool
from tests.tasks.merged import person

ORDERS = 20
OTHERWISE = {"events", "holds", "locks"}
"""What tells of the detour; all else must be as if nobody had done anything."""


def fill(world: World) -> None:
    """Orders of every fate: on their way, unpaid, short of stock, of an unknown SKU."""
    now = datetime.now(UTC)
    orders = [order(n, now) for n in range(ORDERS)]
    orders[3] = order(3, now, status="unpaid", paid_at=None)
    orders[4]["lines"][0]["quantity"] = 9000
    orders[5]["lines"][1]["sku"] = "NOT-OURS"
    world.load("woo-1", orders)


def outcome(world: World) -> dict[str, Any]:
    open_holds = sorted(
        world.rows("select o.order_no, h.code from hold h join orders o on o.id = h.order_id where released_at is null")
    )
    told = {name: rows for name, rows in pool_dump(world).items() if name not in OTHERWISE}
    return {**told, "open holds": open_holds, "books": books_dump(world)}


@pytest.fixture(scope="module")
def undisturbed(
    postgres: str, prefect_api: PrefectApi, hooks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """How it all ends when nobody does anything, in a world of its own."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with shared_pool(postgres, "not_redone") as url, emptied(url), connected_world(folder, hooks_url) as world:
        fill(world)
        run_to_its_end("process_orders", prefect_api.open_run("process_orders", {"shop": "woo-1"}))
        return outcome(world)


def orderpool(*arguments: str) -> tuple[int, str]:
    """A command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def people() -> Iterator[ThreadPoolExecutor]:
    """Two people who give commands in the same moment."""
    with ThreadPoolExecutor(2) as two:
        yield two


def both(people: ThreadPoolExecutor, *arguments: str) -> list[Future[tuple[int, str]]]:
    """Both give this command now."""
    return [people.submit(orderpool, *arguments) for _ in range(2)]


def answered(commands: list[Future[tuple[int, str]]]) -> None:
    """Wait for commands, all of which did what was asked."""
    answers = [command.result() for command in commands]
    assert [code for code, _ in answers] == [0, 0], answers


def failed_at_route(world: World, api: PrefectApi, database: str) -> tuple[str, str]:
    """A run that failed at route, and its batch."""
    fill(world)
    run = api.open_run("process_orders", {"shop": "woo-1"})
    with broken_at(database, "routed"):
        run_to_its_end("process_orders", run)
    assert api.state(run)["type"] == "FAILED"
    return run, str(world.rows("select max(id) from batch")[0][0])


def ends_well(world: World, api: PrefectApi, run: str) -> None:
    """The run is retried, and what it does not have any more goes on with a resume run; no fact is wrong."""
    if api.state(run)["type"] != "COMPLETED":
        api.retry(run, force=True)
        run_to_its_end("process_orders", run)
    assert api.state(run)["type"] == "COMPLETED", api.state(run)
    run_to_its_end("resume_orders", api.open_run("resume_orders", {}))
    assert world.rows("select count(*) from batch where state = 'open'") == [(0,)]
    assert [mismatch.sentence for mismatch in reconcile()] == []


@pytest.mark.parametrize("stage", ["validate", "route"])
def test_a_failed_runs_batch_redone_twice_by_two_ends_as_an_undisturbed_one(
    prefect_api: PrefectApi,
    world: World,
    database: str,
    people: ThreadPoolExecutor,
    undisturbed: dict[str, Any],
    stage: str,
) -> None:
    run, batch = failed_at_route(world, prefect_api, database)
    answered(both(people, "redo", stage, "--batch", batch, "--reason", "mended"))
    assert redo_batch(stage, int(batch), "mended", person()).done == []

    ends_well(world, prefect_api, run)

    assert "; the orders of 1 went on in others" in prefect_api.state(run)["message"]
    assert outcome(world) == undisturbed


def at_the_gate(world: World, database: str, run: str, people: ThreadPoolExecutor, *command: str) -> None:
    """Two people give a command about the batch while its run is inside route; then the run goes on to its end."""
    with flow_process("process_orders", run) as process:
        with closed_at(database, "routed") as gate:
            gate.wait_for_somebody()
            batch = str(world.rows("select max(id) from batch")[0][0])
            given = both(people, *command, "--batch", batch, "--reason", "mended")
            wait_for_commands(world, 2)
        answered(given)
        process.join(60)
        assert process.exitcode is not None


def wait_for_commands(world: World, number: int, patience_s: float = 180) -> None:
    """Return once so many commands wait for the run to leave the batch."""
    until = time.monotonic() + patience_s
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%from batch where%'"
    while world.rows(waiting)[0][0] < number:
        assert time.monotonic() < until, "the commands did not wait for the batch"
        time.sleep(0.05)


def test_a_stage_redone_while_the_run_is_inside_a_later_one_is_done_again(
    prefect_api: PrefectApi, world: World, database: str, people: ThreadPoolExecutor, undisturbed: dict[str, Any]
) -> None:
    fill(world)
    run = prefect_api.open_run("process_orders", {"shop": "woo-1"})

    at_the_gate(world, database, run, people, "redo", "lock_stock")

    assert world.rows("select count(*) from event where what = 'redone'") == [(ORDERS,)]
    ends_well(world, prefect_api, run)
    assert outcome(world) == undisturbed


@pytest.mark.parametrize("run_is", ["failed", "at work"])
def test_a_batch_skipped_twice_by_two_lets_its_run_finish_and_goes_on_once_released(
    prefect_api: PrefectApi,
    world: World,
    database: str,
    people: ThreadPoolExecutor,
    undisturbed: dict[str, Any],
    run_is: str,
) -> None:
    run, batch = failed_at_route(world, prefect_api, database)
    if run_is == "at work":
        prefect_api.retry(run, force=True)
        at_the_gate(world, database, run, people, "skip")
    else:
        answered(both(people, "skip", "--batch", batch, "--reason", "poison"))
    assert len(skip_batch(int(batch), "poison", person()).done) == ORDERS
    with broken_at(database, "dispatched"):
        ends_well(world, prefect_api, run)
    parked = [row[0] for row in world.rows("select order_id from hold where code = 'SKIPPED'")]
    assert len(parked) == ORDERS

    assert desk.release(parked, "SKIPPED", "mended", person()).refused == {}
    ends_well(world, prefect_api, run)

    assert outcome(world) == undisturbed
