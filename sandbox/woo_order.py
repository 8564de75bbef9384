"""An order as a WooCommerce store shows it: plain receiver, province codes, site time and UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.clock import CHINA
from sandbox.money import yuan
from sandbox.orders import Line, Order, stable_id
from sandbox.world import Shop, is_trade_number

STATUS = {
    "unpaid": "pending",
    "paid": "processing",
    "forbid": "on-hold",
    "shipped": "completed",
    "finished": "completed",
    "closed": "refunded",
    "closed_unpaid": "cancelled",
}
NEUTRAL = {
    "pending": "unpaid",
    "processing": "paid",
    "on-hold": "forbid",
    "completed": "shipped",
    "refunded": "closed",
    "cancelled": "closed_unpaid",
    "failed": "closed_unpaid",
}
_STATE_NAMES = (
    "云南 北京 天津 河北 山西 内蒙古 辽宁 吉林 黑龙江 上海 江苏 浙江 安徽 福建 江西 山东 "
    "河南 湖北 湖南 广东 广西 海南 重庆 四川 贵州 陕西 甘肃 青海 宁夏 澳门 西藏 新疆"
)
STATES = {f"CN{number}": name for number, name in enumerate(_STATE_NAMES.split(), start=1)}
_SMALLEST_OWN_LINE_ID = 100


def state_code(province: str) -> str:
    """Return the store's code of a province; a name it has no code for stays as it is."""
    return next((code for code, name in STATES.items() if province.startswith(name)), province)


def stamps(name: str, moment: datetime | None) -> dict[str, str | None]:
    """Return a date twice: in site time and in UTC, both without a zone."""
    if moment is None:
        return {name: None, f"{name}_gmt": None}
    return {name: f"{moment.astimezone(CHINA):%Y-%m-%dT%H:%M:%S}", f"{name}_gmt": f"{moment:%Y-%m-%dT%H:%M:%S}"}


def status_of(order: Order) -> str:
    """Return the store's status; one that a plugin or client set wins."""
    return order.platform_status or STATUS[order.status]


def line_id(order: Order, line: Line) -> int:
    """Return a line's number, unique over the store."""
    if is_trade_number(line.line_no) and int(line.line_no) >= _SMALLEST_OWN_LINE_ID:
        return int(line.line_no)
    return stable_id("line", order.no, line.line_no, digits=9)


def render_order(order: Order, shop: Shop, base: str) -> dict[str, Any]:
    """Return the whole order; `base` is the address of the store's API.

    As some sites do, every fifth order leaves the shipping address empty when it equals the billing one.
    """
    order_id = shop.order_id(order)
    status = status_of(order)
    person = _address(order, order_id)
    rendered: dict[str, Any] = {
        "id": order_id,
        "parent_id": 0,
        "number": order.no,
        "order_key": f"wc_order_{stable_id('key', order.no, digits=12):x}",
        "created_via": "checkout",
        "version": "8.6.1",
        "status": status,
        "currency": "CNY",
        **stamps("date_created", order.created_at),
        **stamps("date_modified", order.modified_at),
        "discount_total": yuan(max(0, order.gross_fen - order.goods_fen)),
        "discount_tax": "0.00",
        "shipping_total": yuan(order.freight_fen),
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": yuan(order.payable_fen),
        "total_tax": "0.00",
        "prices_include_tax": False,
        "customer_id": stable_id("customer", order.buyer, digits=6) if order.buyer else 0,
        "customer_ip_address": "203.0.113.9",
        "customer_user_agent": "Mozilla/5.0",
        "customer_note": order.buyer_note,
        "billing": {**person, "email": f"{stable_id('mail', order.receiver.phone, digits=8)}@example.com"},
        "shipping": dict.fromkeys(person, "") if order_id % 5 == 0 else person,
        "payment_method": "cod" if order.cod else "alipay",
        "payment_method_title": "货到付款" if order.cod else "支付宝",
        "transaction_id": f"{order.paid_at:%Y%m%d}{order_id}" if order.paid_at else "",
        **stamps("date_paid", order.paid_at),
        **stamps("date_completed", order.completed_at),
        "cart_hash": "d500c41d",
        "meta_data": [*order.meta, *_told_meta(order)],
        "line_items": [_line_item(order, line, shop) for line in order.lines],
        "tax_lines": [],
        "shipping_lines": [
            {
                "id": stable_id("shipping", order.no, digits=9),
                "method_title": "普通快递" if order.freight_fen else "包邮",
                "method_id": "flat_rate" if order.freight_fen else "free_shipping",
                "instance_id": "1",
                "total": yuan(order.freight_fen),
                "total_tax": "0.00",
                "taxes": [],
                "meta_data": [],
            }
        ],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [
            {"id": refund["id"], "reason": refund["reason"], "total": f"-{refund['amount']}"}
            for refund in render_refunds(order, shop)
        ],
        "payment_url": "",
        "is_editable": status in {"pending", "on-hold"},
        "needs_payment": status == "pending",
        "needs_processing": True,
        "currency_symbol": "¥",
        "_links": {"self": [{"href": f"{base}/orders/{order_id}"}], "collection": [{"href": f"{base}/orders"}]},
    }
    for key, value in order.raw.items():
        if value is None:
            rendered.pop(key, None)
        else:
            rendered[key] = value
    return rendered


def _told_meta(order: Order) -> list[dict[str, Any]]:
    """A refund request, a pre-sale step and an invoice have no field of their own; plugins keep them as meta."""
    told = []
    if any(line.refund == "requested" for line in order.lines):
        told.append(("_refund_requested", "yes"))
    if order.step:
        told.append(("_presale_step", order.step))
    if order.invoice is not None:
        parts = (("title", order.invoice.title), ("tax_no", order.invoice.tax_no), ("kind", order.invoice.kind))
        told += [(f"_invoice_{name}", value) for name, value in parts if value]
    return [{"id": stable_id("meta", order.no, key, digits=9), "key": key, "value": value} for key, value in told]


def _address(order: Order, order_id: int) -> dict[str, str]:
    """Write the receiver as checkouts do: some buyers put the whole name into the first field."""
    receiver = order.receiver
    surname = 0 if order_id % 3 == 0 else 1
    return {
        "first_name": receiver.name[surname:],
        "last_name": receiver.name[:surname],
        "company": "",
        "address_1": receiver.district + receiver.town + receiver.address,
        "address_2": "",
        "city": receiver.city,
        "state": state_code(receiver.province),
        "postcode": "",
        "country": "CN",
        "phone": receiver.phone,
    }


def _line_item(order: Order, line: Line, shop: Shop) -> dict[str, Any]:
    price = line.paid_fen / 100 / line.quantity if line.quantity else 0
    product = shop.product(line.sku, line.title)
    return {
        "id": line_id(order, line),
        "name": line.title,
        "product_id": product.parent_id or product.product_id,
        "variation_id": product.product_id if product.parent_id else 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": yuan(line.gross_fen),
        "subtotal_tax": "0.00",
        "total": yuan(line.paid_fen),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
        "sku": line.sku,
        "price": int(price) if price == int(price) else price,
        "parent_name": None,
    }


def render_refunds(order: Order, shop: Shop) -> list[dict[str, Any]]:
    """Return the refunds of an order, one for each refunded line."""
    refunds = []
    for line in order.lines:
        if line.refund != "done":
            continue
        item_id = line_id(order, line)
        item = _line_item(order, line, shop) | {
            "id": stable_id("refund line", order.no, line.line_no, digits=9),
            "quantity": -line.quantity,
            "subtotal": yuan(-line.gross_fen),
            "total": yuan(-line.paid_fen),
            "meta_data": [{"id": item_id, "key": "_refunded_item_id", "value": str(item_id)}],
        }
        refunds.append(
            {
                "id": stable_id("refund", order.no, line.line_no, digits=9),
                "parent_id": shop.order_id(order),
                **stamps("date_created", order.modified_at),
                "amount": yuan(line.paid_fen),
                "reason": "买家退款",
                "refunded_by": 1,
                "refunded_payment": False,
                "meta_data": [],
                "line_items": [item],
            }
        )
    return refunds
