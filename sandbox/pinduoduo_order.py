"""An order as the Pinduoduo gateway shows it: yuan as JSON numbers, China time, the receiver sealed and masked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import CHINA
from sandbox.orders import Line, Order, stable_id
from sandbox.pinduoduo_privacy import DATA_TYPES, ciphertexts, masks, open_address_id
from sandbox.world import Shop

SHIP_WITHIN = timedelta(hours=48)
TO_SHIP, SHIPPED, RECEIVED = 1, 2, 3
STEP_STATUS = {
    "FRONT_NOPAID_FINAL_NOPAID": 0,
    "FRONT_PAID_FINAL_NOPAID": 1,
    "FRONT_PAID_FRONT_FORFEITED": 1,
    "FRONT_PAID_FINAL_PAID": 2,
}
FLAGS = ("", "红色", "黄色", "绿色", "蓝色", "紫色")
BLANK = dict.fromkeys((*DATA_TYPES, *(f"{field}_mask" for field in DATA_TYPES), "open_address_id"), "")


def china(moment: datetime | None) -> str | None:
    """Write a time as the gateway does: China time without a zone, null when there is none."""
    return None if moment is None else f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def yuan_number(fen: int) -> float:
    """Write fen as a number of yuan."""
    return fen / 100


def is_known_to_sellers(order: Order) -> bool:
    """Whether sellers see it at all: it is paid, of a pre-sale at least the deposit."""
    if order.step:
        return STEP_STATUS.get(order.step, 0) > 0
    return order.paid_at is not None and order.status not in {"unpaid", "closed_unpaid"}


def confirmed_at(order: Order) -> datetime:
    """Return when the deal was made: a group is full as soon as it is paid."""
    return order.paid_at or order.created_at


def refund_status(order: Order) -> int:
    """Return 1 none, 2 asked for, 4 refunded: the platform knows one state for the whole order."""
    refunds = {line.refund for line in order.lines}
    return 2 if "requested" in refunds else 4 if "done" in refunds else 1


def order_status(order: Order) -> int:
    """Return 1 to ship, 2 shipped, 3 received; a closed order stays where it was."""
    if order.status in {"shipped", "finished"}:
        return SHIPPED if order.status == "shipped" else RECEIVED
    return SHIPPED if any(line.waybill for line in order.lines) else TO_SHIP


def main_parcel(order: Order) -> dict[str, Any] | None:
    """Return the parcel the order was shipped with; kept apart from the additions."""
    return next((row for row in order.meta if row["kind"] == "main"), None)


def render_order(order: Order, shop: Shop) -> dict[str, Any]:
    """Return an order as lists and detail show it; `raw` replaces fields, a null there removes one."""
    rendered = {
        **_states(order),
        **_times(order),
        **_amounts(order),
        **_notes(order),
        **_receiver(order, shop),
        **_parcels(order),
        "item_list": [_item(line, shop) for line in order.lines],
        "gift_list": [],
        "step_order_info": _step(order),
        "invoice_status": 0,
        "order_tag_list": [{"name": "no_trace_delivery", "value": 0}],
    }
    rendered |= order.raw
    return {key: value for key, value in rendered.items() if not (key in order.raw and value is None)}


def _states(order: Order) -> dict[str, Any]:
    refund = refund_status(order)
    # closed without a refund of goods: the deal itself was called off
    cancelled = order.step == "FRONT_PAID_FRONT_FORFEITED" or (order.status == "closed" and refund != 4)
    return {
        "order_sn": order.no,
        "order_status": order_status(order),
        "refund_status": refund,
        "after_sales_status": {1: 0, 2: 2, 4: 10}[refund],
        "confirm_status": 2 if cancelled else 1,
        "group_status": 1,
        "risk_control_status": 1 if order.status == "forbid" else 0,
        "trade_type": 1 if order.step else 0,
        "is_pre_sale": 1 if order.step else 0,
        "is_lucky_flag": 1,
        "is_stock_out": 0,
    }


def _times(order: Order) -> dict[str, Any]:
    shipped = [line.shipped_at for line in order.lines if line.shipped_at]
    return {
        "created_time": china(order.created_at),
        "pay_time": china(order.paid_at),
        "confirm_time": china(confirmed_at(order)),
        "last_ship_time": china(confirmed_at(order) + SHIP_WITHIN),
        "shipping_time": china(max(shipped)) if shipped else None,
        "receive_time": china(order.modified_at) if order.status == "finished" else None,
        "updated_at": china(order.modified_at),
    }


def _amounts(order: Order) -> dict[str, Any]:
    # what a line costs more than its list price was changed by hand, as a negative reduction
    change = min(0, order.gross_fen - order.goods_fen)
    discount = order.gross_fen - change - order.goods_fen
    return {
        "goods_amount": yuan_number(order.gross_fen - change),
        "discount_amount": yuan_number(discount),
        "seller_discount": yuan_number(discount),
        "platform_discount": 0.0,
        "capital_free_discount": 0.0,
        "order_change_amount": yuan_number(change),
        "postage": yuan_number(order.freight_fen),
        "pay_amount": yuan_number(order.payable_fen),
        "duo_duo_pay_reduction": 0.0,
    }


def _notes(order: Order) -> dict[str, Any]:
    flag = order.seller_flag
    return {
        "buyer_memo": order.buyer_note,
        "remark": order.seller_note,
        "remark_tag": flag or None,
        "remark_tag_name": FLAGS[flag] if 0 < flag < len(FLAGS) else None,
    }


def _receiver(order: Order, shop: Shop) -> dict[str, Any]:
    receiver = order.receiver
    region = {
        "province": receiver.province,
        "province_id": stable_id("province", receiver.province, digits=2),
        "city": receiver.city,
        "city_id": stable_id("city", receiver.province, receiver.city, digits=3),
        "town": receiver.district,
        "town_id": stable_id("town", receiver.city, receiver.district, digits=4),
    }
    if order_status(order) != TO_SHIP or order.status == "forbid":
        return region | BLANK
    handle = open_address_id(receiver, shop.code)
    return region | ciphertexts(order) | masks(receiver) | {"open_address_id": handle}


def _parcels(order: Order) -> dict[str, Any]:
    main = main_parcel(order) or {"logistics_id": 0, "tracking_number": ""}
    additions = [(row["kind"], _numbered(row)) for row in order.meta if row["kind"] != "main"]
    return {
        **_numbered(main),
        "extra_delivery_list": [row for kind, row in additions if kind != "resent"],
        "resend_delivery_list": [row for kind, row in additions if kind == "resent"],
    }


def _numbered(parcel: dict[str, Any]) -> dict[str, Any]:
    return {"logistics_id": parcel["logistics_id"], "tracking_number": parcel["tracking_number"]}


def _item(line: Line, shop: Shop) -> dict[str, Any]:
    product = shop.product(line.sku, line.title)
    return {
        "goods_id": product.item_id,
        "sku_id": product.sku_id,
        "outer_id": line.sku,
        "outer_goods_id": line.sku.rsplit("-", 1)[0],
        "goods_name": line.title,
        "goods_spec": "默认",
        "goods_price": yuan_number(line.price_fen),
        "goods_count": line.quantity,
        "goods_img": f"https://img.example.com/{product.item_id}.jpg",
    }


def _step(order: Order) -> dict[str, Any] | None:
    if not order.step:
        return None
    status = STEP_STATUS.get(order.step, 0)
    advance = order.payable_fen // 5 if order.step_paid_fen is None else order.step_paid_fen
    return {
        "advanced_paid_fee": yuan_number(advance if status else 0),
        "step_paid_fee": yuan_number(order.payable_fen - advance if status == 2 else 0),
        "step_discount_amount": 0.0,
        "step_trade_status": status,
    }
