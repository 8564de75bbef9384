"""A trade as the Taobao gateway shows it: yuan strings, China time, masked receiver."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sandbox.clock import CHINA
from sandbox.money import yuan
from sandbox.orders import Line, Order, shared_out, stable_id
from sandbox.world import Shop, is_trade_number

STATUS = {
    "unpaid": "WAIT_BUYER_PAY",
    "paid": "WAIT_SELLER_SEND_GOODS",
    "forbid": "PAID_FORBID_CONSIGN",
    "shipped": "WAIT_BUYER_CONFIRM_GOODS",
    "finished": "TRADE_FINISHED",
    "closed": "TRADE_CLOSED",
    "closed_unpaid": "TRADE_CLOSED_BY_TAOBAO",
}
REFUND_STATUS = {"none": "NO_REFUND", "requested": "WAIT_SELLER_AGREE", "done": "SUCCESS"}
DETAIL_ONLY = frozenset(
    {
        "buyer_message",
        "buyer_memo",
        "seller_memo",
        "promotion_details",
        "timeout_action_time",
        "is_part_consign",
        "coupon_fee",
        "logistics_infos",
        "service_tags",
    }
)
LONG_NUMBER = 10


def china(moment: datetime) -> str:
    """Write a time as the gateway does: China time without a zone."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def oid_of(order: Order, line: Line) -> int:
    """Return a line's number: its own when that is long, the trade's when it is the only line."""
    if is_trade_number(line.line_no) and len(line.line_no) >= LONG_NUMBER:
        return int(line.line_no)
    if len(order.lines) == 1:
        return int(order.no)
    return stable_id("oid", order.no, line.line_no, digits=18)


def oaid_of(order: Order, shop: Shop, app_key: str) -> str:
    """Return the handle of the encrypted receiver: it differs by shop, app and natural week."""
    receiver = order.receiver
    week = order.created_at.astimezone(CHINA).isocalendar()
    parts = (receiver.name, receiver.phone, receiver.city, receiver.address, str(week[:2]), shop.code, app_key)
    return "1" + base64.b64encode(hashlib.sha256("|".join(parts).encode()).digest()).decode()[:43].replace("/", "Z")


def masked_name(name: str) -> str:
    """Keep the first character of a name."""
    return name[:1] + "*" * max(1, min(2, len(name) - 1)) if name else ""


def masked_phone(phone: str) -> str:
    """Keep the last four digits."""
    return "*" * 7 + phone[-4:] if phone else ""


def buyer_open_uid(order: Order, app_key: str) -> str:
    """Return the buyer's stable number for one app key."""
    return "AAH" + hashlib.sha256(f"{app_key}/{order.buyer}".encode()).hexdigest()[:21]


def trade_status(order: Order) -> str:
    """Return the trade's status; part shipped is derived from the lines."""
    if order.status == "paid" and any(line.waybill for line in order.lines):
        return "SELLER_CONSIGNED_PART"
    return STATUS[order.status]


def trade_type(order: Order) -> str:
    """Return the kind of trade."""
    return order.type or ("cod" if order.cod else "step" if order.step else "fixed")


def render_trade(order: Order, shop: Shop, app_key: str) -> dict[str, Any]:
    """Return every field of a trade; what a client sees of it depends on the call and its `fields`."""
    discounts = _line_discounts(order)
    lines = [
        _render_line(order, line, shop, discount, share)
        for line, (discount, share) in zip(order.lines, discounts, strict=True)
    ]
    tid = int(order.no)
    trade_discount = sum(share for _, share in discounts)
    receiver = order.receiver
    trade: dict[str, Any] = {
        "tid": tid,
        "tid_str": order.no,
        "status": trade_status(order),
        "type": trade_type(order),
        "seller_nick": shop.nick,
        "created": china(order.created_at),
        "modified": china(order.modified_at),
        "payment": yuan(order.payable_fen),
        "total_fee": yuan(order.gross_fen),
        "post_fee": yuan(order.freight_fen),
        "discount_fee": yuan(trade_discount),
        "adjust_fee": "0.00",
        "received_payment": yuan(order.payable_fen if order.status == "finished" else 0),
        "num": sum(line.quantity for line in order.lines),
        "num_iid": lines[0]["num_iid"],
        "title": shop.nick,
        "seller_flag": order.seller_flag,
        "has_buyer_message": bool(order.buyer_note),
        "shipping_type": "express" if order.freight_fen else "free",
        "receiver_name": masked_name(receiver.name),
        "receiver_state": receiver.province,
        "receiver_city": receiver.city,
        "receiver_district": receiver.district,
        "receiver_address": "***",
        "receiver_zip": "000000",
        "receiver_mobile": masked_phone(receiver.phone),
        "oaid": oaid_of(order, shop, app_key),
        "orders": {"order": lines},
        "seller_memo": order.seller_note or None,
        "buyer_message": order.buyer_note or None,
        "is_part_consign": trade_status(order) == "SELLER_CONSIGNED_PART",
        "coupon_fee": 0,
        "trade_from": "WAP",
    }
    if order.buyer:
        trade |= {"buyer_nick": f"{order.buyer[0]}**", "buyer_open_uid": buyer_open_uid(order, app_key)}
    if receiver.town:
        trade["receiver_town"] = receiver.town
    if order.paid_at and not order.cod:
        trade["pay_time"] = china(order.paid_at)
    if shipped := [line.shipped_at for line in order.lines if line.shipped_at]:
        trade["consign_time"] = china(max(shipped))
    if order.status in {"finished", "closed", "closed_unpaid"}:
        trade["end_time"] = china(order.modified_at)
    if order.step:
        trade |= {"step_trade_status": order.step, "step_paid_fee": yuan(_step_paid(order))}
    if trade_discount:
        promotion = {
            "id": tid,
            "promotion_name": "满减",
            "promotion_desc": f"满减{yuan(trade_discount)}元",
            "discount_fee": yuan(trade_discount),
            "promotion_id": f"shopbonus-{stable_id('promotion', order.no, digits=9)}",
        }
        trade["promotion_details"] = {"promotion_detail": [promotion]}
    for key, value in order.raw.items():
        trade[key] = value
    return {key: value for key, value in trade.items() if value is not None}


def _step_paid(order: Order) -> int:
    if order.step_paid_fen is not None:
        return order.step_paid_fen
    if order.step == "FRONT_PAID_FINAL_PAID":
        return order.payable_fen
    return 0 if order.step == "FRONT_NOPAID_FINAL_NOPAID" else order.payable_fen // 5


def _line_discounts(order: Order) -> list[tuple[int, int]]:
    """Split each line's reduction into its own discount and its share of the order's."""
    reductions = [max(0, line.gross_fen - line.paid_fen) for line in order.lines]
    of_order = min(order.discount_fen, sum(reductions))
    shares = shared_out(of_order, reductions) if of_order else [0] * len(reductions)
    return [(reduction - share, share) for reduction, share in zip(reductions, shares, strict=True)]


def _render_line(order: Order, line: Line, shop: Shop, discount_fen: int, share_fen: int) -> dict[str, Any]:
    product = shop.product(line.sku, line.title)
    oid = oid_of(order, line)
    adjusted = max(0, line.paid_fen - line.gross_fen)
    total = line.gross_fen + adjusted - discount_fen
    postage = order.freight_fen if len(order.lines) == 1 else 0
    rendered: dict[str, Any] = {
        "oid": oid,
        "oid_str": str(oid),
        "status": _line_status(order, line),
        "title": line.title,
        "num_iid": product.item_id,
        "num": line.quantity,
        "price": yuan(line.price_fen),
        "total_fee": yuan(total),
        "discount_fee": yuan(discount_fen),
        "adjust_fee": yuan(adjusted),
        "payment": yuan(total - (share_fen if len(order.lines) == 1 else 0) + postage),
        "divide_order_fee": yuan(line.paid_fen),
        "refund_status": REFUND_STATUS[line.refund],
        "seller_type": "B" if shop.platform == "tmall" else "C",
        "cid": stable_id("cid", line.title, digits=8),
        "is_oversold": False,
    }
    if line.sku and not product.single:
        rendered |= {
            "sku_id": str(product.sku_id),
            "outer_iid": line.sku.rsplit("-", 1)[0],
            "outer_sku_id": line.sku,
            "sku_properties_name": "规格:默认",
        }
    elif product.single:
        rendered["outer_iid"] = line.sku
    if share_fen:
        rendered["part_mjz_discount"] = yuan(share_fen)
    if line.refund != "none":
        rendered["refund_id"] = str(stable_id("refund", order.no, line.line_no, digits=18))
    if line.waybill:
        rendered |= {"logistics_company": line.carrier, "invoice_no": line.waybill}
    if line.shipped_at:
        rendered["consign_time"] = china(line.shipped_at)
    return rendered


def _line_status(order: Order, line: Line) -> str:
    if line.refund == "done":
        return "TRADE_CLOSED"
    if order.status == "paid" and line.waybill:
        return "WAIT_BUYER_CONFIRM_GOODS"
    return STATUS[order.status]


def select(trade: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Return only the named fields; `orders.oid` picks inside lists, `orders` takes them whole."""
    whole: set[str] = set()
    nested: dict[str, set[str]] = {}
    for name in fields:
        outer, _, inner = name.partition(".")
        if inner:
            nested.setdefault(outer, set()).add(inner.rpartition(".")[2])
        else:
            whole.add(outer)
    picked = {key: value for key, value in trade.items() if key in whole}
    for outer, inner_names in nested.items():
        if outer in whole or not isinstance(trade.get(outer), dict):
            continue
        wrapper, rows = next(iter(trade[outer].items()))
        picked[outer] = {wrapper: [{key: row[key] for key in row if key in inner_names} for row in rows]}
    return picked
