"""Shipping methods of the Pinduoduo gateway: one main parcel for each order, additions to it, the carriers."""

from __future__ import annotations

from typing import Any

from sandbox.orders import Order
from sandbox.pinduoduo_call import Call, bad_argument, refused
from sandbox.pinduoduo_carriers import CARRIERS, TRACKING_NUMBER, Carrier
from sandbox.pinduoduo_order import main_parcel, render_order

FIRST, CHANGE = 1, 2
MOST_CHANGES = 3
MOST_ADDITIONS = 10
ADDITIONS = {1: "extra", 2: "resent", 3: "gift"}


def online_send(call: Call) -> dict[str, Any]:
    """pdd.logistics.online.send: the order left with this number, or its number was wrong."""
    order = call.order(call.text("order_sn"))
    carrier = _carrier(call.number("logistics_id"))
    number = _tracking_number(call.text("tracking_number"))
    if call.one_of("redelivery_type", (FIRST, CHANGE), FIRST) == CHANGE:
        _change(order, carrier, number)
    else:
        _ship(call, order, carrier, number)
    now = call.world.now()
    for line in order.lines:
        line.carrier, line.waybill, line.shipped_at = carrier.name, number, line.shipped_at or now
    call.shop.shelf.touch(order, now)
    call.shop.book.ship_back(order.no, None, str(carrier.id), number, now, call.params.get("sign"))
    return {"is_success": True}


def _ship(call: Call, order: Order, carrier: Carrier, number: str) -> None:
    shown = render_order(order, call.shop)
    if shown.get("order_status") != 1 or main_parcel(order):
        raise refused("订单已发货，请勿重复发货")
    if shown.get("confirm_status") != 1 or shown.get("group_status") != 1:
        raise refused("订单未成交，不能发货")
    if shown.get("refund_status") != 1:
        raise refused("订单存在售后，不能发货")
    if shown.get("risk_control_status") != 0:
        raise refused("订单风控审核中，不能发货")
    step = shown.get("step_order_info")
    if shown.get("trade_type") and (step or {}).get("step_trade_status") != 2:
        raise refused("预售订单尾款未支付，不能发货")
    order.meta.append(_parcel("main", carrier, number) | {"changes": 0})
    order.status = "shipped"


def _change(order: Order, carrier: Carrier, number: str) -> None:
    main = main_parcel(order)
    if main is None:
        raise refused("订单未发货，不能修改物流单号")
    if main["changes"] >= MOST_CHANGES:
        raise refused("物流单号修改次数已达上限")
    if (main["logistics_id"], main["tracking_number"]) == (carrier.id, number):
        raise refused("物流单号没有变化")
    main |= {"logistics_id": carrier.id, "tracking_number": number, "changes": main["changes"] + 1}


def upload_extra(call: Call) -> dict[str, Any]:
    """pdd.order.upload.extra.logistics: further parcels of an order that is shipped."""
    order = call.order(call.text("order_sn"))
    kind = ADDITIONS[call.one_of("extra_track_type", ADDITIONS)]
    parcels = [
        _parcel(kind, _carrier(_shipping_id(row)), _tracking_number(str(row.get("tracking_number") or "")))
        for row in call.rows("extra_track_list", MOST_ADDITIONS)
    ]
    if main_parcel(order) is None:
        raise refused("订单未发货，不能上传额外物流单号")
    known = {row.get("tracking_number") for row in order.meta}
    if repeated := [row["tracking_number"] for row in parcels if row["tracking_number"] in known]:
        raise refused(f"物流单号{repeated[0]}已存在")
    now = call.world.now()
    order.meta += parcels
    call.shop.shelf.touch(order, now)
    for row in parcels:
        carrier, number = str(row["logistics_id"]), row["tracking_number"]
        call.shop.book.ship_back(order.no, None, carrier, number, now, call.params.get("sign"))
    return {"success": True}


def companies(call: Call) -> dict[str, Any]:
    """pdd.logistics.companies.get."""
    return {"logistics_companies": [carrier.as_json() for carrier in CARRIERS.values()]}


def _shipping_id(row: dict[str, Any]) -> int:
    try:
        return int(row.get("shipping_id") or 0)
    except (TypeError, ValueError):
        raise bad_argument("extra_track_list", "shipping_id必须为整数") from None


def _carrier(number: int) -> Carrier:
    carrier = CARRIERS.get(number)
    if carrier is None or not carrier.available:
        raise refused("物流公司不存在或不可用")
    return carrier


def _tracking_number(written: str) -> str:
    if not TRACKING_NUMBER.fullmatch(written):
        raise refused("物流单号不符合规则")
    return written


def _parcel(kind: str, carrier: Carrier, number: str) -> dict[str, Any]:
    return {"kind": kind, "logistics_id": carrier.id, "tracking_number": number}
