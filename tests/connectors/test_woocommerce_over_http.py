from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import ShipBack
from connectors.channels import woocommerce
from connectors.channels.woocommerce import WooCommerceChannel
from connectors.registry import own_mapping
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
)
from models.incoming import IncomingInvoice, InvoiceKind, PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders, ready_cases, recorded

RECORDED, READY = recorded("woocommerce"), ready_cases("woocommerce")
PARCEL = ShipBack("7001", "7001", "shunfeng", "SF1234567890123", (), True, "k1")


def books(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.do("GET", "/books")["shops"]["woo-1"]
    return found


def metas(shop: WooCommerceChannel) -> dict[str, list[str]]:
    order = shop.order("7001")
    assert order is not None
    found: dict[str, list[str]] = {}
    for meta in order["meta_data"]:
        found.setdefault(meta["key"], []).append(meta["value"])
    return found


def load(sandbox: Sandbox, count: int) -> list[str]:
    loaded = orders(count, first=7001)
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": loaded})
    return [order["no"] for order in loaded]


def read(shop: WooCommerceChannel) -> list[str]:
    pages = shop.changed_orders(NOON - timedelta(hours=1), NOON - timedelta(seconds=1))
    return [order["number"] for page in pages for order in page]


def test_a_window_gives_every_order_readable(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    numbers = load(sandbox, 230)

    pages = list(woo.changed_orders(NOON - timedelta(hours=1), NOON))

    payloads = [order for page in pages for order in page]
    assert {order["number"] for order in payloads} == set(numbers)
    found, faults = own_mapping("woocommerce").read_all(payloads)
    assert faults == []
    first = found[0][1]
    assert (first.pay_state, first.total_fen, first.receiver.name) == (PayState.READY, 5000, "张伟")


def test_an_invoice_comes_as_meta(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    (asking,) = orders(1, first=7001)
    invoice = {"title": "张伟", "kind": "personal"}
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": [asking | {"invoice": invoice}]})

    payload = woo.order("7001")

    assert payload is not None
    assert own_mapping("woocommerce").read(payload).invoice == IncomingInvoice(InvoiceKind.PERSONAL, "张伟", "")


def test_orders_that_change_while_they_are_read_are_not_lost(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    numbers = load(sandbox, 330)
    sandbox.do("POST", "/shops/woo-1/churn", {"every_calls": 1})

    seen = read(woo)
    moved = books(sandbox)["modified_order_nos"]

    assert moved
    assert set(numbers) <= set(seen) | set(moved)


def test_a_parcel_reported_twice_leaves_one_number_and_one_note(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    load(sandbox, 1)

    woo.ship_back(PARCEL)
    woo.ship_back(PARCEL)

    booked = books(sandbox)
    assert [(row["carrier"], row["waybill"]) for row in booked["ship_backs"]] == [("SF", PARCEL.waybill)]
    assert [row["note"] for row in booked["notes"]] == [f"已发货：顺丰速运 {PARCEL.waybill}"]
    assert sandbox.do("GET", "/shops/woo-1/orders/7001")["status"] == "shipped"


def test_only_the_last_parcel_completes_the_order(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    load(sandbox, 1)

    woo.ship_back(replace(PARCEL, last_parcel=False))
    assert sandbox.do("GET", "/shops/woo-1/orders/7001")["status"] == "paid"
    woo.ship_back(replace(PARCEL, waybill="SF0000000000002"))

    assert sandbox.do("GET", "/shops/woo-1/orders/7001")["status"] == "shipped"
    assert [row["waybill"] for row in books(sandbox)["ship_backs"]] == [PARCEL.waybill, "SF0000000000002"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_wrong_number_is_written_over_with_one_new_note(
    sandbox: Sandbox, woo: WooCommerceChannel, times: int
) -> None:
    load(sandbox, 1)
    woo.ship_back(replace(PARCEL, waybill="SF0000000000001", last_parcel=False))
    woo.ship_back(PARCEL)
    corrected = replace(PARCEL, waybill="ZT0000000000002", carrier="zhongtong", replaces=PARCEL.waybill)

    for _ in range(times):
        woo.ship_back(corrected)

    assert metas(woo) == {
        "_tracking_number": ["SF0000000000001", "ZT0000000000002"],
        "_tracking_carrier": ["SF", "ZTO"],
    }
    notes = [row["note"] for row in books(sandbox)["notes"]]
    assert notes[2:] == [f"运单号更正：中通快递 ZT0000000000002 ，原为 {PARCEL.waybill}"]


def test_a_wrong_carrier_of_a_right_number_is_written_over(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    load(sandbox, 1)
    woo.ship_back(PARCEL)

    for _ in range(2):
        woo.ship_back(replace(PARCEL, carrier="zhongtong", replaces=PARCEL.waybill))

    assert metas(woo) == {"_tracking_number": [PARCEL.waybill], "_tracking_carrier": ["ZTO"]}
    assert len(books(sandbox)["notes"]) == 2


def test_a_correction_of_what_was_never_reported_reports_it(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    load(sandbox, 1)

    woo.ship_back(replace(PARCEL, replaces="SF0000000000001"))

    assert metas(woo)["_tracking_number"] == [PARCEL.waybill]


@pytest.mark.parametrize("match", ["PUT", "notes"])
def test_no_answer_after_sending_is_unknown_and_a_retry_has_one_effect(
    sandbox: Sandbox, woo: WooCommerceChannel, monkeypatch: pytest.MonkeyPatch, match: str
) -> None:
    monkeypatch.setattr(woocommerce, "TIMEOUT_S", 0.3)
    load(sandbox, 1)
    sandbox.do("POST", "/faults", {"target": "shop:woo-1", "kind": "timeout_after", "times": 1, "match": match})

    with pytest.raises((OutcomeUnknown, ChannelUnavailable)):
        woo.ship_back(PARCEL)
    woo.ship_back(PARCEL)

    booked = books(sandbox)
    assert (len(booked["ship_backs"]), len(booked["notes"])) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_503", ChannelUnavailable),
        ("html", ChannelRejected),
        ("rate_limit", RateLimited),
        ("bad_signature", ChannelDenied),
    ],
)
def test_a_failing_list_call_says_what_to_do(
    sandbox: Sandbox, woo: WooCommerceChannel, kind: str, error: type[ChannelError]
) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:woo-1", "kind": kind, "times": 1})

    with pytest.raises(error):
        read(woo)


def test_a_cancelled_order_is_not_completed(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    loaded = orders(1, first=7001, status="closed")
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": loaded})

    with pytest.raises(ChannelRejected):
        woo.ship_back(PARCEL)


def test_an_order_that_is_not_there_is_none(woo: WooCommerceChannel) -> None:
    assert woo.order("7999") is None


def test_the_check_names_wrong_keys(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    credentials = {**sandbox.shop("woo-1"), "consumer_secret": "cs_wrong"}
    health = WooCommerceChannel(woo._client, "woo-1", credentials, own_mapping("woocommerce"), lambda: NOON).check()

    assert woo.check().ok
    assert not health.ok
    assert health.missing


def test_an_order_thrown_away_is_read_as_cancelled(sandbox: Sandbox, woo: WooCommerceChannel) -> None:
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": orders(2, first=7001)})
    sandbox.do("POST", "/shops/woo-1/orders/7001", {"set": {"platform_status": "trash"}})
    sandbox.do("POST", "/clock", {"advance_s": 120})

    found = [
        order for page in woo.changed_orders(NOON - timedelta(hours=1), NOON + timedelta(minutes=1)) for order in page
    ]

    states = {order["number"]: own_mapping("woocommerce").read(order).pay_state for order in found}
    assert states == {"7001": PayState.CANCELLED, "7002": PayState.READY}
