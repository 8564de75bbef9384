"""Runs of deployments by a real worker: a step that fails and is retried, a run that is killed, a shop read while it
changes, and what the outside has of all this in the end."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from models.settings import CHECKOUT, settings
from tests.pipeline.conftest import World, connected_world
from tests.pipeline.gates import closed_at
from tests.pipeline.leaks import Words, leaks_in_database, leaks_in_files, receivers
from tests.pipeline.orders import order
from tests.pipeline.prefect_api import PrefectApi
from tests.shared_pool import emptied

ORDERS = 200
STAGES = ["ingest", "validate", "lock_stock", "route", "dispatch", "track"]


@dataclass(slots=True)
class Story:
    """What happened, in the order in which the test session lets it happen."""

    world: World
    failed: dict[str, Any] = field(default_factory=dict)
    failed_steps: list[tuple[str, str]] = field(default_factory=list)
    failed_artifacts: dict[str, Any] = field(default_factory=dict)
    retried: dict[str, Any] = field(default_factory=dict)
    retried_steps: list[tuple[str, str]] = field(default_factory=list)
    undisturbed: dict[str, Any] = field(default_factory=dict)
    undisturbed_steps: list[tuple[str, str]] = field(default_factory=list)
    killed: dict[str, Any] = field(default_factory=dict)
    after_kill: dict[str, Any] = field(default_factory=dict)
    after_kill_steps: list[tuple[str, str]] = field(default_factory=list)
    after_kill_history: list[tuple[str, str]] = field(default_factory=list)
    tracked: dict[str, Any] = field(default_factory=dict)
    delivered: dict[str, Any] = field(default_factory=dict)
    books: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(
    prefect_worker: str, prefect_api: PrefectApi, hooks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """One pool, one worker: a run that fails and is retried, an undisturbed one, one that is killed; then tracking."""
    folder = tmp_path_factory.mktemp("worker")
    url = settings().address("database_url")
    with emptied(url), connected_world(folder, hooks_url, units=5000, more_shops=("woo-2",)) as world:
        story, api, now = Story(world), prefect_api, datetime.now(UTC)
        # what buyers change meanwhile is older than the lag of reading, and so stays in the window that is read
        world.sandbox.do("POST", "clock", {"advance_s": -120})
        world.load("woo-1", [order(n, now) for n in range(ORDERS)])
        world.load("tmall-1", [order(n, now) for n in range(1000, 1000 + ORDERS)])
        world.load("woo-2", [order(n, now) for n in range(2000, 2040)])

        world.fault("http_503", "wms:WH-S")
        first = api.start("process_orders/orders", {"shop": "woo-1"})
        story.failed = api.wait(first)
        story.failed_steps = api.steps(first, expected=5)
        story.failed_artifacts = api.artifacts(first)
        world.no_faults()

        api.retry(first)
        world.sandbox.do("POST", "shops/tmall-1/churn", {"every_calls": 2})
        with closed_at(url, "locked") as gate:
            # the gate also stops the others for a moment
            killed = api.start("process_orders/orders", {"shop": "woo-2"})
            gate.wait_for_somebody()
            os.kill(process_of(killed), signal.SIGKILL)
            story.killed = api.wait(killed)
        second = api.start("process_orders/orders", {"shop": "tmall-1"})
        run_cli("flow-run", "retry", killed)
        story.retried = api.wait(first)
        story.retried_steps = api.steps(first, expected=11)
        story.undisturbed = api.wait(second)
        story.undisturbed_steps = api.steps(second, expected=6)
        story.after_kill = api.wait_settled(killed)
        if story.after_kill["type"] == "CRASHED":
            # pressed before the worker had told all it knew of the crash: a person presses again
            run_cli("flow-run", "retry", killed)
            story.after_kill = api.wait_settled(killed)
        story.after_kill_history = api.history(killed)
        story.after_kill_steps = api.steps(killed, expected=8)

        world.ship()
        story.tracked = track(api)
        world.travel("delivered")
        story.delivered = track(api)
        story.books = world.books()
        yield story


def track(api: PrefectApi) -> dict[str, str]:
    """The state of a run of `track_parcels`; one that is taken for a second beside the one that just ended is
    called off, and the next minute has another.
    """
    for _ in range(5):
        state = api.wait(api.start("track_parcels/every-minute", {}))
        if state["type"] != "CANCELLED":
            break
    return state


def process_of(flow_run_id: str) -> int:
    """The pid of the process in which the worker runs a flow."""
    for process in psutil.process_iter(["pid", "cmdline"]):
        runs_a_flow = "prefect.engine" in " ".join(process.info["cmdline"] or ())
        if runs_a_flow and process.environ().get("PREFECT__FLOW_RUN_ID") == flow_run_id:
            return int(process.pid)
    raise LookupError(f"no process runs {flow_run_id}")


def run_cli(*arguments: str) -> None:
    """One command of Prefect, as a person on call types it."""
    subprocess.run([sys.executable, "-m", "prefect", *arguments], cwd=CHECKOUT, check=True, capture_output=True)


def test_the_failed_runs_message_begins_with_step_and_count(story: Story) -> None:
    to_the_south = sum(1 for n in range(ORDERS) if n % 5 in {1, 4})

    assert story.failed["type"] == "FAILED"
    assert story.failed["message"].startswith(
        f"dispatch: {to_the_south} of {ORDERS} not delivered to WH-S: send outbound.created: HTTP 503"
    )


def test_the_failed_step_is_the_only_one_that_failed(story: Story) -> None:
    assert story.failed_steps == [(stage, "Completed") for stage in STAGES[:4]] + [("dispatch", "Failed")]


def test_the_failed_step_leaves_a_table_that_says_why(story: Story) -> None:
    (table,) = [artifact for key, artifact in story.failed_artifacts.items() if key.startswith("dispatch-")]

    assert table["type"] == "table"
    assert "HTTP 503" in table["data"]
    assert "WH-S" in table["data"]


def test_retry_in_the_ui_runs_only_what_was_not_done(story: Story) -> None:
    again = story.retried_steps[5:]

    assert story.retried["type"] == "COMPLETED", story.retried
    assert again == [(stage, "Cached") for stage in STAGES[:4]] + [("dispatch", "Completed"), ("track", "Completed")]


def test_an_undisturbed_run_goes_through_six_stages(story: Story) -> None:
    assert story.undisturbed["type"] == "COMPLETED", story.undisturbed
    assert story.undisturbed_steps == [(stage, "Completed") for stage in STAGES]


def test_orders_that_change_while_they_are_read_are_all_read(story: Story) -> None:
    assert story.books["shops"]["tmall-1"]["modified_order_nos"]
    assert story.undisturbed["message"].startswith(f"{ORDERS} new, ")


def test_a_killed_run_is_crashed_and_its_retry_by_the_cli_finishes_it(story: Story) -> None:
    assert story.killed["type"] == "CRASHED", story.killed
    assert story.after_kill["type"] == "COMPLETED", story.after_kill_history
    again = story.after_kill_steps[-6:]
    assert Counter(state for _, state in again) == {"Cached": 2, "Completed": 4}, story.after_kill_steps


def test_every_order_is_dispatched_and_every_parcel_delivered(story: Story) -> None:
    total = 2 * ORDERS + 40

    assert story.tracked["type"] == story.delivered["type"] == "COMPLETED"
    assert story.world.rows("select stage, count(*) from order_state group by 1") == [("dispatched", total)]
    assert story.world.rows("select stage, count(*) from parcel group by 1") == [("delivered", total)]


def test_every_parcel_was_reported_to_its_shop_once(story: Story) -> None:
    for shop, first, count in (("woo-1", 0, ORDERS), ("tmall-1", 1000, ORDERS), ("woo-2", 2000, 40)):
        told = Counter(row["order_no"] for row in story.books["shops"][shop]["ship_backs"])
        assert told == {f"90{n:08d}": 1 for n in range(first, first + count)}, shop


def test_no_warehouse_got_an_instruction_under_two_keys(story: Story) -> None:
    rows = [row for book in story.books["warehouses"].values() for row in book["documents"]]

    assert len(rows) == len({row["outbound_no"] for row in rows}) == 2 * ORDERS + 40
    assert len({no for row in rows for no in row["order_nos"]}) == 2 * ORDERS + 40


def test_the_outbox_holds_each_effect_once_and_delivered(story: Story) -> None:
    total = 2 * ORDERS + 40
    rows = story.world.rows(
        """select kind, state, count(*), count(distinct subject_id) from outbox
           where kind <> 'delivered_back' group by 1, 2 order by 1"""
    )

    assert rows == [(kind, "delivered", total, total) for kind in ("outbound.created", "ship_back", "subscribe")]


def test_no_order_went_through_a_stage_twice(story: Story) -> None:
    rows = story.world.rows(
        """select order_id, what, count(*) from event
           where what in ('validated', 'locked', 'routed', 'dispatched') group by 1, 2 having count(*) > 1"""
    )

    assert rows == []


def test_no_receiver_is_in_prefects_database(story: Story) -> None:
    url = settings().address("prefect_database_url").replace("postgresql+asyncpg://", "postgresql://")

    assert leaks_in_database(url, Words(f"{story.books['warehouses']['WH-S']['documents'][0]['outbound_no']}|woo-2"))
    assert leaks_in_database(url, receivers()) == []


def test_no_receiver_is_in_clear_in_the_pool(story: Story) -> None:
    url = settings().address("database_url")

    assert leaks_in_database(url, Words("9000000000"))
    assert leaks_in_database(url, receivers()) == []


def test_no_receiver_is_in_logs_or_stored_results(story: Story) -> None:
    var = settings().var

    assert leaks_in_files(var / "log", Words("woo-2"))
    assert leaks_in_files(var / "prefect", Words("IngestCount"))
    assert leaks_in_files(var / "log", receivers()) == []
    assert leaks_in_files(var / "prefect", receivers()) == []
