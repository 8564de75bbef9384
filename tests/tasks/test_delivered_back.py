"""Deliveries told to shops that want it: once, when all of an order is there and nothing is to follow."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Delivered, DeliveredBack, Scan, Trace
from connectors.registry import CHANNELS
from models.database import transaction
from models.messages import OutboxKind
from sandbox.server import Sandbox
from tasks.counterparts import open_channel
from tasks.delivered_back import render_delivered
from tasks.outbox import Pending, deliver
from tasks.send import send
from tasks.setup import add_shop
from tasks.shop_settings import set_shop
from tasks.trace import apply_traces, take_parcels
from tests.connectors.conftest import orders
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.shipping import dispatched, messages, report

BOXES = {"YT000001": {1: 3}, "YT000002": {2: 1}}


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """One order of two lines in one document."""
    return dispatched(pool)


def delivered(pool: FakePool, *waybills: str, hours: float = 20, stage: str = "delivered") -> None:
    """Let a carrier say so of parcels, all in one chunk."""
    ids: dict[str, int] = dict(pool.rows("select waybill, id from parcel"))
    with transaction() as conn:
        taken = take_parcels(conn, "id", [ids[waybill] for waybill in waybills])
        told = Scan(NOON + timedelta(hours=hours), stage, "", stage, "")
        traces = [(i, taken[i], Trace("yuantong", "", stage, (told,))) for i in (ids[w] for w in waybills)]
        apply_traces(conn, traces, why())


def told(pool: FakePool) -> list[tuple[Any, ...]]:
    return messages(pool, "delivered_back")


def test_a_shop_is_told_when_the_last_parcel_is_delivered(sent: FakePool) -> None:
    report(sent, BOXES)
    delivered(sent, "YT000001")
    first = told(sent)
    delivered(sent, "YT000002")

    assert (first, told(sent)) == ([], [("delivered-back-1", "pending")])


def test_it_is_told_once_however_often_a_carrier_says_so(sent: FakePool) -> None:
    report(sent, BOXES)
    for _ in range(2):
        delivered(sent, *BOXES)

    assert told(sent) == [("delivered-back-1", "pending")]


def test_while_something_is_to_follow_nothing_is_told(sent: FakePool) -> None:
    report(sent, {"YT000001": {1: 3}}, final=False)
    delivered(sent, "YT000001")
    early = told(sent)
    report(sent, {"YT000002": {2: 1}})
    between = told(sent)
    delivered(sent, "YT000002")

    assert (early, between) == ([], [])
    assert told(sent) == [("delivered-back-1", "pending")]


def test_a_warehouse_that_closes_a_document_after_its_last_box_came_lets_it_be_told(sent: FakePool) -> None:
    set_shop("WOO", {"short_ship": "refund"})
    report(sent, {"YT000001": {1: 3}}, final=False)
    delivered(sent, "YT000001")
    report(sent, {}, final=True)

    assert sent.rows("select state from outbound_document") == [("short",)]
    assert told(sent) == [("delivered-back-1", "pending")]


def test_what_came_back_is_never_told_as_delivered(sent: FakePool) -> None:
    report(sent, BOXES)
    delivered(sent, "YT000001")
    delivered(sent, "YT000002", stage="returned")

    assert told(sent) == []


def test_a_shop_that_knows_by_itself_is_not_told(sent: FakePool) -> None:
    set_shop("WOO", {"delivered_back": "none"})
    report(sent, BOXES)
    delivered(sent, *BOXES)

    assert told(sent) == []


def test_orders_in_one_box_are_each_told(pool: FakePool) -> None:
    dispatched(pool)
    report(pool, BOXES)
    pool.take([payload(2)])
    pool.execute(
        """insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, document_id)
           select 2, 1, sku_id, warehouse_id, 1, 1, 'a', document_id from allocation
           where order_id = 1 and line_no = 1"""
    )
    pool.execute(
        """insert into parcel_line (parcel_id, order_id, line_no, sku_id, quantity)
           select 2, 2, 1, sku_id, 1 from parcel_line where parcel_id = 1"""
    )
    delivered(pool, "YT000002")
    half = told(pool)
    delivered(pool, "YT000001")

    assert half == [("delivered-back-2", "pending")]
    assert [key for key, _ in told(pool)] == ["delivered-back-2", "delivered-back-1"]


def test_the_message_says_when_the_last_parcel_was_delivered(sent: FakePool) -> None:
    report(sent, BOXES)
    delivered(sent, "YT000001", hours=30)
    delivered(sent, "YT000002", hours=20)
    pending = Pending(7, OutboxKind.DELIVERED_BACK, 1, "delivered-back-1", 0, NOON)
    with transaction() as conn:
        (telling,) = render_delivered(conn, [pending])

    assert telling.order == Delivered("1", "1", NOON + timedelta(hours=30), "delivered-back-1")


def test_the_matrix_says_which_channels_want_it() -> None:
    wanting = {name for name, kind in CHANNELS.items() if kind.capabilities.delivered_back is not DeliveredBack.NONE}

    assert wanting == {"woocommerce"}


# over HTTP


@pytest.fixture
def shop(sent: FakePool, sandbox: Sandbox) -> Sandbox:
    """The order's store, reached over HTTP."""
    entry = sandbox.shop("woo-1")
    add_shop("WOO", "woocommerce", "", {key: entry[key] for key in ("endpoint", "consumer_key", "consumer_secret")})
    set_shop("WOO", {"calls_per_s": "1000"})
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": orders(1, first=7001)})
    sent.execute("update orders set external_id = '7001'")
    return sandbox


def read() -> dict[str, Any]:
    """The order as its store shows it now."""
    with transaction() as conn:
        channel = open_channel(conn, "WOO")
    return channel.order("7001") or {}


def meta(order: dict[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in order["meta_data"] if entry["key"].startswith("_delivered")}


def tell(*kinds: OutboxKind) -> dict[str, str]:
    return deliver("shop:WOO", send, kinds, why()).obstacles


def test_a_store_notes_when_an_order_was_delivered(sent: FakePool, shop: Sandbox) -> None:
    report(sent, {"YT000001": {1: 3, 2: 1}})
    delivered(sent, "YT000001")
    assert tell(OutboxKind.SHIP_BACK) == {}
    for _ in range(2):
        assert tell(OutboxKind.DELIVERED_BACK) == {}
        sent.execute("update outbox set state = 'pending' where kind = 'delivered_back'")
    order = read()

    assert (order["status"], meta(order)) == ("completed", {"_delivered_at": "2026-11-21T00:00:00Z"})
    calls = shop.do("GET", "/books")["shops"]["woo-1"]["calls"]
    assert sum(count for call, count in calls.items() if call.startswith("PUT")) == 2, "none for the repeat"


def test_a_store_may_complete_orders_only_when_they_are_delivered(sent: FakePool, shop: Sandbox) -> None:
    set_shop("WOO", {"delivered_back": "completes"})
    report(sent, {"YT000001": {1: 3, 2: 1}})
    tell(OutboxKind.SHIP_BACK)
    before = read()["status"]
    delivered(sent, "YT000001")
    tell(OutboxKind.DELIVERED_BACK)

    assert (before, read()["status"]) == ("processing", "completed")


def test_a_delivery_waits_for_the_report_of_its_parcels(sent: FakePool, shop: Sandbox) -> None:
    report(sent, {"YT000001": {1: 3, 2: 1}})
    delivered(sent, "YT000001")
    obstacles = tell(OutboxKind.DELIVERED_BACK)

    assert "not all reported yet" in obstacles["shop:WOO"]
    assert told(sent) == [("delivered-back-1", "pending")]


def test_an_order_that_the_store_called_off_stays_called_off(sent: FakePool, shop: Sandbox) -> None:
    report(sent, {"YT000001": {1: 3, 2: 1}})
    tell(OutboxKind.SHIP_BACK)
    delivered(sent, "YT000001")
    shop.do("POST", "/shops/woo-1/orders/7001", {"event": "refund"})
    tell(OutboxKind.DELIVERED_BACK)

    assert told(sent) == [("delivered-back-1", "delivered")]
    assert read()["status"] == "refunded"
