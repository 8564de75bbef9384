"""The shop cancels while the warehouse ships: over real HTTP one of them wins, and everybody agrees who."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from deployments.simulation import SITES, connect_warehouses
from models.database import transaction
from models.messages import OutboxKind
from tasks.dispatch import dispatch_batch
from tasks.ingest import ingest_shop
from tasks.lock_stock import lock_batch
from tasks.outbox import deliver_due
from tasks.reconcile import reconcile
from tasks.resume import end_waits
from tasks.route import route_batch
from tasks.send import send
from tasks.shop_settings import set_shop
from tasks.validate import validate_batch
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, why, work_off

TO_WAREHOUSES = (OutboxKind.OUTBOUND_CREATED, OutboxKind.OUTBOUND_CANCEL)
Row = tuple[str, str, str]
"""Order number, warehouse and document."""
AT_ONCE = 10
"""Orders that the shop cancels in one go, while their warehouses ship them one after the other."""


@pytest.fixture(params=["webhook", "qimen"])
def warehouses(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> World:
    """The world, all of whose warehouses speak one language."""
    if request.param == "qimen":
        for code in SITES:
            callback = f"{world.hooks_url}/hooks/qimen/{code}"
            world.sandbox.do("POST", "warehouses", {"code": code, "speaks": "qimen", "callback_url": callback})
        connect_warehouses(world.sandbox.world(), tmp_path)
    set_shop("woo-1", {"lag_s": "0"})
    return world


def the_shop_cancels(world: World, rows: Sequence[Row]) -> None:
    for no, _, _ in rows:
        world.change("woo-1", no, event="close")
    time.sleep(1.1)  # the web shop lists by the second
    now = datetime.now(UTC)
    ingest_shop("woo-1", now - timedelta(hours=1), now + timedelta(seconds=1), why(f"{now}"))
    deliver_due(send, TO_WAREHOUSES, why())


def the_warehouses_ship(world: World, rows: Sequence[Row], chance: Random) -> None:
    for _, code, no in rows:
        time.sleep(chance.uniform(0, 0.3))
        world.sandbox.do("POST", f"warehouses/{code}/ship", {"outbound_nos": [no]})
        work_off()


def race(world: World, rounds: int) -> Counter[tuple[str, str]]:
    """Let each of so many orders be cancelled and shipped at once; counts how they ended, there and here."""
    chance = Random(rounds)
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(rounds)])
    through_the_stages("woo-1")
    rows = world.rows(
        """select distinct o.order_no, w.code, d.no from outbound_document d join warehouse w on w.id = d.warehouse_id
           join allocation a on a.document_id = d.id join orders o on o.id = a.order_id"""
    )
    chance.shuffle(rows)
    cancels_first, *at_once, ships_first = (rows[first : first + AT_ONCE] for first in range(0, rounds, AT_ONCE))
    the_shop_cancels(world, cancels_first)
    the_warehouses_ship(world, [*cancels_first, *ships_first], chance)
    the_shop_cancels(world, ships_first)
    for some in at_once:
        with ThreadPoolExecutor(2) as threads:
            shop = threads.submit(the_shop_cancels, world, some)
            warehouses = threads.submit(the_warehouses_ship, world, some, chance)
        shop.result()
        warehouses.result()
    deliver_due(send, TO_WAREHOUSES, why())
    _await_reports(world)
    theirs = {
        row["outbound_no"]: row["state"] for book in world.books()["warehouses"].values() for row in book["documents"]
    }
    return Counter((theirs[no], state) for no, state in world.rows("select no, state from outbound_document"))


def _await_reports(world: World) -> None:
    """Take in what warehouses still have to say in the background."""
    for _ in range(100):
        work_off()
        settled = "select count(*) from outbound_document where state in ('shipped', 'cancelled')"
        if world.rows(settled) == world.rows("select count(*) from outbound_document"):
            return
        time.sleep(0.1)


@pytest.mark.parametrize("rounds", [50, pytest.param(500, marks=pytest.mark.long)])
def test_one_of_them_wins_and_the_stock_is_right(warehouses: World, rounds: int) -> None:
    ended = race(warehouses, rounds)

    assert set(ended) == {("shipped", "shipped"), ("cancelled", "cancelled")}
    assert ended.total() == rounds
    batches = end_waits(why()).batch_ids
    assert batches
    for batch_id in batches:
        for stage in (validate_batch, lock_batch, route_batch, dispatch_batch):
            with transaction() as conn:
                stage(conn, batch_id, why())
    assert dict(
        warehouses.rows(
            """select d.state, count(distinct p.order_id) from outbound_document d join parcel x on x.document_id = d.id
               join parcel_line p on p.parcel_id = x.id group by 1"""
        )
    ) == {"shipped": ended["shipped", "shipped"]}
    assert dict(warehouses.rows("select stage, count(*) from order_state group by 1")) == {
        "dispatched": ended["shipped", "shipped"],
        "cancelled": ended["cancelled", "cancelled"],
    }
    assert warehouses.rows("select sum(locked)::int from sku_pool") == [(0,)]
    assert reconcile() == []
