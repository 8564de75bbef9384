"""Orders that leave from warehouses that speak Qimen, over real HTTP both ways."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.simulation import SITES, connect_warehouses
from models.database import transaction
from models.order import Cause
from models.settings import clock
from tasks.credentials import Owner, keep_secrets
from tasks.merging import unmerge_by_hand
from tasks.outbox import deliver_due
from tasks.reconcile import reconcile
from tasks.send import ALL_KINDS, send
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_merged_shipping import two
from tests.pipeline.test_six_stages import through_the_stages, why, work_off


@pytest.fixture
def qimen(world: World, tmp_path: Path) -> World:
    """The world, all of whose warehouses speak Qimen."""
    for code in SITES:
        set_up(world, code, speaks="qimen", callback_url=f"{world.hooks_url}/hooks/qimen/{code}")
    connect_warehouses(world.sandbox.world(), tmp_path)
    return world


def set_up(world: World, code: str, **settings: Any) -> None:
    world.sandbox.do("POST", "warehouses", {"code": code, **settings})


def options(written: str) -> None:
    """Let all warehouses have these options."""
    with transaction() as conn:
        for code in SITES:
            keep_secrets(conn, Owner.WAREHOUSE, code, {"options": written})


def ship(world: World, **wishes: Any) -> None:
    world.ship(**wishes)
    work_off()
    deliver_due(send, ALL_KINDS, why())


def received(world: World) -> list[tuple[str, int]]:
    """Every document that a warehouse has, with how often it came."""
    warehouses = world.books()["warehouses"].values()
    return [(row["outbound_no"], row["received"]) for entry in warehouses for row in entry["documents"]]


def shipped(world: World) -> list[tuple[Any, ...]]:
    return world.rows("select state, count(*) from outbound_document group by 1 order by 1")


def test_orders_leave_and_their_shop_is_told(qimen: World) -> None:
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(20)])

    through_the_stages("woo-1")
    for code in SITES:
        qimen.sandbox.do("POST", f"warehouses/{code}/accept")
    ship(qimen)

    assert shipped(qimen) == [("shipped", 20)]
    assert qimen.rows("select stage, count(*) from order_state group by 1") == [("dispatched", 20)]
    assert qimen.rows("select state, count(*) from inbox group by 1") == [("done", 40)]
    assert sorted(qimen.rows("select distinct carrier from parcel")) == [("yuantong",), ("yunda",), ("zhongtong",)]
    waybills = {row[0] for row in qimen.rows("select waybill from parcel")}
    assert {row["waybill"] for row in qimen.books()["shops"]["woo-1"]["ship_backs"]} == waybills
    assert len(waybills) == 20
    assert reconcile() == []


def test_an_order_that_times_out_after_it_was_taken_is_delivered_once(qimen: World) -> None:
    options("timeout_s=0.5")
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(6)])
    for code in SITES:
        qimen.fault("timeout_after", f"wms:{code}", times=1)

    through_the_stages("woo-1")
    ship(qimen)

    came = received(qimen)
    assert len({no for no, _ in came}) == len(came) == 6
    assert (
        sum(times - 1 for _, times in came)
        == qimen.rows("select count(*) from outbox where kind = 'outbound.created' and attempts = 2")[0][0]
    )
    assert sum(times - 1 for _, times in came) > 0
    assert qimen.rows("select distinct state, in_doubt from outbox") == [("delivered", False)]
    assert shipped(qimen) == [("shipped", 6)]
    assert qimen.rows("select count(*) from parcel") == [(6,)]
    assert reconcile() == []


def test_a_repeat_that_is_refused_because_the_order_exists_is_delivered(qimen: World) -> None:
    options("timeout_s=0.5")
    for code in SITES:
        set_up(qimen, code, qimen={"repeat": "exists"})
        qimen.fault("timeout_after", f"wms:{code}", times=1)
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(3)])

    through_the_stages("woo-1")

    assert len(received(qimen)) == 3
    assert qimen.rows("select state, count(*) from outbox group by 1") == [("delivered", 3)]


def test_what_leaves_in_parts_is_shipped_with_the_last(qimen: World) -> None:
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(4)])
    through_the_stages("woo-1")

    ship(qimen, packages=2, in_parts=True)

    assert shipped(qimen) == [("shipped", 4)]
    assert qimen.rows("select count(*) from parcel") == [(8,)]
    assert reconcile() == []


@pytest.mark.parametrize("left_over", [False, True])
def test_what_lacks_closes_the_document_short(qimen: World, left_over: bool) -> None:
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(4)])
    through_the_stages("woo-1")

    ship(qimen, short={"1": 1}, left_over=left_over)

    assert shipped(qimen) == [("short", 4)]
    assert qimen.rows("select code, count(*) from hold where released_at is null group by 1") == [("SHIPPED_SHORT", 4)]
    assert qimen.rows("select sum(quantity) from parcel_line") == [(8,)]
    assert reconcile() == []


def test_reports_that_come_doubled_forged_or_late_count_once(qimen: World) -> None:
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(9)])
    through_the_stages("woo-1")
    for code in SITES:
        for kind in ("bad_signature", "duplicate", "out_of_order"):
            qimen.fault(kind, f"wms:{code}", times=1)

    qimen.ship(repeats=True)
    work_off()
    deliver_due(send, ALL_KINDS, why())

    assert shipped(qimen) == [("shipped", 9)]
    assert qimen.rows("select count(*) from parcel") == [(9,)]
    assert len(qimen.books()["shops"]["woo-1"]["ship_backs"]) == 9
    assert reconcile() == []


@pytest.mark.parametrize("cancel", ["final", "later"])
@pytest.mark.parametrize(
    ("reason", "states"), [("", [("cancelled", 1), ("created", 1)]), ("ALREADY_PICKED", [("created", 1)])]
)
def test_a_merged_document_is_asked_back(qimen: World, cancel: str, reason: str, states: list[tuple[str, int]]) -> None:
    options(f"cancel={cancel}")
    for code in SITES:
        set_up(qimen, code, cancel_reason=reason, qimen={"cancel": cancel})
    qimen.load("woo-1", two())
    through_the_stages("woo-1")
    (order_id,) = qimen.rows("select max(id) from orders")[0]

    unmerge_by_hand([order_id], "another box", Cause("person:li", clock().now(), None, 1))
    deliver_due(send, ALL_KINDS, why())
    qimen.await_reports(1)
    work_off()
    deliver_due(send, ALL_KINDS, why())

    assert shipped(qimen) == states
    assert qimen.rows("select state from inbox") == [("done",)]
    assert reconcile() == []


def test_an_order_with_an_item_that_the_warehouse_does_not_know_is_refused_alone(qimen: World) -> None:
    for code in SITES:
        set_up(qimen, code, qimen={"refuses": ["SKU-3"]})
    qimen.load("woo-1", [order(n, datetime.now(UTC)) for n in range(7)])

    through_the_stages("woo-1")

    ((error,),) = qimen.rows("select last_error from outbox where state = 'refused'")
    assert "商品编码不存在:SKU-3" in error
    assert len(received(qimen)) == 6


def test_a_long_document_is_told_whole(qimen: World) -> None:
    lines = [
        {"line_no": str(n), "sku": f"SKU-{n % 12}", "title": "杯" * 60, "quantity": 1, "price_fen": 100}
        for n in range(150)
    ]
    qimen.load("woo-1", [order(1, datetime.now(UTC), lines=lines)])

    through_the_stages("woo-1")
    ship(qimen)

    assert shipped(qimen) == [("shipped", 1)]
    assert qimen.rows("select sum(quantity) from parcel_line") == [(150,)]


def test_stock_follows_what_warehouses_report_and_is_not_lowered_twice(qimen: World) -> None:
    for code in SITES:
        set_up(qimen, code, stock={"SKU-1": 1000, "SKU-8": 1000}, tells_changes=True)
    qimen.load("woo-1", [order(1, datetime.now(UTC))])
    through_the_stages("woo-1")
    # told in whole seconds, what leaves must not seem to have left before the stock was counted
    qimen.sandbox.do("POST", "clock", {"advance_s": 5})
    ship(qimen)
    (code,) = qimen.rows("select w.code from outbound_document d join warehouse w on w.id = d.warehouse_id")[0]

    qimen.sandbox.do("POST", f"warehouses/{code}/stock", {"change": {"SKU-1": -3}, "reason": "CHECK"})
    work_off()

    assert qimen.rows(
        """select k.code, s.on_hand from stock s join sku k on k.id = s.sku_id join warehouse w on w.id = s.warehouse_id
           where w.code = %s and k.code in ('SKU-1', 'SKU-8') order by 1""",
        code,
    ) == [("SKU-1", 995), ("SKU-8", 999)]
    assert reconcile() == []
