"""An order as the Douyin gateway shows it: fen, unix seconds, masks and ciphertexts."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

from sandbox.douyin_packs import Pack, packs_of, pieces_left
from sandbox.douyin_receiver import receiver_fields
from sandbox.orders import Line, Order, shared_out, stable_id
from sandbox.world import Shop

STATUS = {
    "unpaid": 1,
    "paid": 2,
    "forbid": 105,
    "shipped": 3,
    "finished": 5,
    "closed": 4,
    "closed_unpaid": 4,
}
DESCRIBED = {
    1: "待支付",
    105: "已支付",
    103: "部分支付",
    2: "备货中",
    101: "部分发货",
    3: "已发货",
    4: "已取消",
    5: "已完成",
    21: "发货前退款完结",
}
AFTER_SALE = {"none": (0, 0), "requested": (6, 1), "done": (12, 3)}
"""Refund of a line -> after_sale_status, refund_status."""
FINAL_PAID = "FRONT_PAID_FINAL_PAID"
PROMISED = timedelta(hours=48)
LONG_NUMBER = 10
SHIP_REFUSAL = "ship_refusal"
"""In an order's `raw`: the business number with which ship calls are refused. It is not shown."""


def unix(moment: datetime | None) -> int:
    """Write a time as the gateway does, 0 when it is not set."""
    return int(moment.timestamp()) if moment is not None else 0


def sku_order_id(order: Order, line: Line) -> str:
    """Return a line's number: its own when that is long, the order's when it is the only line."""
    if line.line_no.isdigit() and len(line.line_no) >= LONG_NUMBER:
        return line.line_no
    if len(order.lines) == 1:
        return order.no
    return str(stable_id("sku order", order.no, line.line_no, digits=19))


def order_status(order: Order) -> int:
    """Return the order's status; part shipped is derived from its parcels, `raw` goes before everything."""
    override = order.raw.get("order_status")
    if isinstance(override, int):
        return override
    if order.step not in {"", FINAL_PAID} and order.status in {"unpaid", "paid", "forbid"}:
        return 1
    if order.status == "paid" and packs_of(order):
        return 101
    return STATUS[order.status]


def _main_status(order: Order) -> int:
    if order_status(order) == 1 and order.step == "FRONT_PAID_FINAL_NOPAID":
        return 103
    if order.status == "closed" and not packs_of(order) and all(line.refund == "done" for line in order.lines):
        return 21
    return order_status(order)


def render_order(order: Order, shop: Shop, app_key: str) -> dict[str, Any]:
    """Return an order as the list and the detail call show it."""
    status, main = order_status(order), _main_status(order)
    reduced = sum(max(0, line.gross_fen - line.paid_fen) for line in order.lines)
    added = sum(max(0, line.paid_fen - line.gross_fen) for line in order.lines)
    postage = shared_out(order.freight_fen, [line.paid_fen for line in order.lines])
    form: dict[str, Any] = {
        "order_id": order.no,
        "shop_id": shop.owner_id,
        "shop_name": shop.nick,
        "order_type": 0,
        "order_type_desc": "普通订单",
        "order_status": status,
        "order_status_desc": DESCRIBED.get(status, ""),
        "main_status": main,
        "main_status_desc": DESCRIBED.get(main, ""),
        "create_time": unix(order.created_at),
        "pay_time": unix(order.paid_at),
        "update_time": unix(order.modified_at),
        "finish_time": unix(order.modified_at) if order.status in {"finished", "closed", "closed_unpaid"} else 0,
        "ship_time": max((unix(pack.shipped_at) for pack in packs_of(order)), default=0),
        "exp_ship_time": unix(order.paid_at + PROMISED) if order.paid_at else 0,
        "appointment_ship_time": 0,
        "buyer_words": order.buyer_note,
        "seller_words": order.seller_note,
        "seller_remark_stars": order.seller_flag,
        "pay_type": 2,
        "order_amount": order.gross_fen,
        "pay_amount": order.payable_fen,
        "post_amount": order.freight_fen,
        "post_insurance_amount": 0,
        "modify_amount": added,
        "modify_post_amount": 0,
        "promotion_amount": reduced,
        "promotion_shop_amount": reduced,
        "promotion_platform_amount": 0,
        "promotion_talent_amount": 0,
        "promotion_pay_amount": 0,
        "shop_cost_amount": reduced,
        "platform_cost_amount": 0,
        "tax_amount": 0,
        **receiver_fields(order, shop),
        "open_id": _open_id(app_key, order.buyer),
        "doudian_open_id": _open_id(shop.code, order.buyer),
        "cancel_reason": "",
        "logistics_info": [_render_pack(order, pack, shop) for pack in packs_of(order)],
        "order_phase_list": _phases(order) if order.step else [],
        "shop_order_tag_ui": [],
        "address_tag_ui": [],
        "sku_order_list": [
            _render_line(order, line, shop, post) for line, post in zip(order.lines, postage, strict=True)
        ],
    }
    form |= {key: value for key, value in order.raw.items() if key != SHIP_REFUSAL}
    return {key: value for key, value in form.items() if value is not None}


def _open_id(realm: str, buyer: str) -> str:
    if not buyer:
        return ""
    return "1@#" + base64.b64encode(hashlib.sha256(f"{realm}/{buyer}".encode()).digest()).decode()


def _render_pack(order: Order, pack: Pack, shop: Shop) -> dict[str, Any]:
    lines = {line.line_no: line for line in order.lines}
    return {
        "tracking_no": pack.number,
        "company": pack.carrier.code,
        "company_name": pack.carrier.name,
        "ship_time": unix(pack.shipped_at),
        "delivery_id": pack.id,
        "product_info": [
            {
                "sku_order_id": sku_order_id(order, lines[line_no]),
                "product_name": lines[line_no].title,
                "outer_sku_id": lines[line_no].sku,
                "sku_id": shop.product(lines[line_no].sku, lines[line_no].title).sku_id,
                "product_count": count,
                "price": lines[line_no].price_fen,
            }
            for line_no, count in pack.pieces.items()
        ],
    }


def _phases(order: Order) -> list[dict[str, Any]]:
    """The deposit and the final part of a pre-sale."""
    whole = order.payable_fen
    deposit = order.step_paid_fen if order.step_paid_fen is not None and order.step_paid_fen < whole else whole // 5
    paid = {"FRONT_NOPAID_FINAL_NOPAID": 0, FINAL_PAID: 2}.get(order.step, 1)
    return [
        {
            "phase_order_id": str(stable_id("phase", order.no, str(phase), digits=19)),
            "sku_order_id": sku_order_id(order, order.lines[0]),
            "total_phase": 2,
            "current_phase": phase,
            "pay_success": phase <= paid,
            "phase_pay_amount": amount,
            "phase_payable_price": amount,
        }
        for phase, amount in ((1, deposit), (2, whole - deposit))
    ]


def _render_line(order: Order, line: Line, shop: Shop, post_fen: int) -> dict[str, Any]:
    product = shop.product(line.sku, line.title)
    reduced, added = max(0, line.gross_fen - line.paid_fen), max(0, line.paid_fen - line.gross_fen)
    status, (after_sale, refund) = _line_status(order, line), AFTER_SALE[line.refund]
    kind = 0 if line.refund == "none" else 1 if packs_of(order) else 2
    return {
        "order_id": sku_order_id(order, line),
        "parent_order_id": order.no,
        "order_status": status,
        "order_status_desc": DESCRIBED.get(status, ""),
        "product_id": product.item_id,
        "product_id_str": str(product.item_id),
        "product_name": line.title,
        "product_pic": "",
        "sku_id": product.sku_id,
        "code": line.sku,
        "out_sku_id": 0,
        "out_product_id": 0,
        "spec": [{"name": "规格", "value": "默认"}],
        "item_num": line.quantity,
        "origin_amount": line.price_fen,
        "goods_price": line.price_fen,
        "sum_amount": line.gross_fen,
        "order_amount": line.gross_fen,
        "pay_amount": line.paid_fen,
        "promotion_amount": reduced,
        "promotion_shop_amount": reduced,
        "promotion_platform_amount": 0,
        "promotion_talent_amount": 0,
        "promotion_pay_amount": 0,
        "post_amount": post_fen,
        "modify_amount": added,
        "trade_type": 2 if order.step else 0,
        "pre_sale_type": 1 if order.step else 0,
        "after_sale_info": {"after_sale_status": after_sale, "after_sale_type": kind, "refund_status": refund},
        "given_product_type": "",
        "bundle_sku_info": [],
        "inventory_list": [
            {"warehouse_id": "", "out_warehouse_id": "", "inventory_type": 1, "count": line.quantity},
        ],
        "reduce_stock_type": 1,
        "pay_time": unix(order.paid_at),
        "ship_time": unix(line.shipped_at),
    }


def _line_status(order: Order, line: Line) -> int:
    if line.refund == "done":
        return 4
    status = order_status(order)
    if status != 101:
        return status
    left = pieces_left(order, line)
    return 3 if left == 0 else 2 if left == line.quantity else 101
