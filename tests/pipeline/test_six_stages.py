"""The six stages over real HTTP and a real database, called as plain functions."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.simulation import SITES
from models.database import transaction
from models.messages import OutboxKind
from models.order import Cause
from models.settings import clock, set_clock
from tasks.credentials import Owner, keep_secrets
from tasks.dispatch import dispatch_batch
from tasks.ingest import ingest_shop
from tasks.lock_stock import lock_batch
from tasks.outbox import deliver_batches, deliver_due
from tasks.route import route_batch
from tasks.send import ALL_KINDS, send
from tasks.track import track_batch, work_off_inbox
from tasks.validate import validate_batch
from tests.pipeline.conftest import World
from tests.pipeline.orders import order


def why(run: str = "run-1") -> Cause:
    return Cause("test", datetime.now(UTC), run, 1)


def through_the_stages(shop: str, run: str = "run-1") -> tuple[int, ...]:
    got = ingest_shop(shop, None, None, why(run))
    for batch_id in got.batch_ids:
        for stage in (validate_batch, lock_batch, route_batch, dispatch_batch):
            with transaction() as conn:
                stage(conn, batch_id, why(run))
        deliver_batches([batch_id], [OutboxKind.OUTBOUND_CREATED], send, why(run))
        with transaction() as conn:
            track_batch(conn, batch_id, why(run))
    return got.batch_ids


def work_off() -> None:
    while True:
        with transaction() as conn:
            if work_off_inbox(conn, why()) is None:
                return


def test_a_woocommerce_order_goes_from_the_shop_to_the_buyer(world: World) -> None:
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(20)])

    through_the_stages("woo-1")
    assert world.rows("select stage, count(*) from order_state group by 1") == [("dispatched", 20)]
    for code in ("WH-E", "WH-S", "WH-N"):
        world.sandbox.do("POST", f"warehouses/{code}/ship", {})
    work_off()
    deliver_due(send, ALL_KINDS, why())
    world.sandbox.do("POST", "carriers/kuaidi100/advance", {"to": "delivered"})
    work_off()

    assert world.rows("select stage, count(*) from parcel group by 1") == [("delivered", 20)]
    deliver_due(send, ALL_KINDS, why())
    kinds = ("delivered_back", "outbound.created", "ship_back", "subscribe")
    told = world.rows("select kind, state, count(*) from outbox group by 1, 2 order by 1")
    assert told == [(kind, "delivered", 20) for kind in kinds]
    assert len(world.books()["shops"]["woo-1"]["ship_backs"]) == 20


def test_warehouses_that_take_batches_are_told_and_tell_together(world: World) -> None:
    with transaction() as conn:
        for code in SITES:
            keep_secrets(conn, Owner.WAREHOUSE, code, {"batches": "yes"})
            world.sandbox.do("POST", "warehouses", {"code": code, "batches": True})
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(60)])
    world.fault("http_503", "wms:WH-E", times=1)

    through_the_stages("woo-1")
    world.ship()
    work_off()

    warehouses = world.books()["warehouses"]
    received = [row["received"] for entry in warehouses.values() for row in entry["documents"]]
    assert received == [1] * 60
    assert world.rows("select state, count(*) from outbox where kind = 'outbound.created' group by 1") == [
        ("delivered", 60)
    ]
    # the batch that WH-E did not take was sent again, each of its messages alone
    assert world.rows("select distinct counterpart, attempts from outbox where attempts > 1") == [("warehouse:WH-E", 2)]
    assert world.rows("select count(*) from parcel") == [(60,)]
    assert world.rows("select state, count(*) from inbox group by 1") == [("done", 60)]


@pytest.mark.parametrize(("shop", "refused"), [("woo-1", 0), ("tmall-1", 5)])
def test_an_order_that_leaves_in_two_boxes_is_reported_or_says_why_not(world: World, shop: str, refused: int) -> None:
    world.load(shop, [order(n, datetime.now(UTC)) for n in range(5)])

    through_the_stages(shop)
    world.ship(packages=2)
    work_off()
    deliver_due(send, ALL_KINDS, why())

    assert world.rows("select count(*) from parcel") == [(10,)]
    errors = world.rows("select state, last_error from outbox where state <> 'delivered'")
    assert len(errors) == refused
    assert all(state == "refused" and "tmall takes one number per line" in error for state, error in errors)
    told = {row["order_no"] for row in world.books()["shops"][shop]["ship_backs"]}
    assert len(told) == 5


class Later:
    """The machine's clock, three minutes ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=3)


def test_orders_that_leave_a_window_while_it_is_read_are_in_the_next_one(world: World) -> None:
    world.load("tmall-1", [order(n, datetime.now(UTC)) for n in range(200)])
    world.sandbox.do("POST", "shops/tmall-1/churn", {"every_calls": 2})
    first = ingest_shop("tmall-1", None, None, why("run-1"))
    world.sandbox.do("POST", "shops/tmall-1/churn", {"every_calls": 0})
    left = len(world.books()["shops"]["tmall-1"]["modified_order_nos"])

    before = clock()
    set_clock(Later())
    second = ingest_shop("tmall-1", None, None, why("run-2"))
    set_clock(before)

    assert left
    assert first.stored + second.stored == 200
    assert second.stored + second.joined == left
