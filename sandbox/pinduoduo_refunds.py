"""Refunds of a Pinduoduo shop, by the time of change of their orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.orders import Line, Order, stable_id
from sandbox.pinduoduo_call import Call
from sandbox.pinduoduo_order import china, yuan_number
from sandbox.world import Shop

LONGEST_SPAN = timedelta(minutes=30)
ALL_TYPES, REFUND_ONLY = 1, 2
AFTER_SALES_STATUS = {"requested": 2, "done": 10}


def refunds(call: Call) -> dict[str, Any]:
    """pdd.refund.list.increment.get: a row for each line with a refund, newest change first."""
    start, end = call.span("start_updated_at", "end_updated_at", LONGEST_SPAN)
    page, size = call.page()
    kind, status = call.number("after_sales_type", ALL_TYPES), call.number("after_sales_status", 1)
    rows = [
        _row(order, line, call.shop)
        for order in reversed(call.shop.shelf.modified(start, end))
        for line in order.lines
        if line.refund != "none"
    ]
    listed = [
        row for row in rows if kind in {ALL_TYPES, row["after_sales_type"]} and status in {1, row["after_sales_status"]}
    ]
    return {"refund_list": listed[(page - 1) * size : page * size], "total_count": len(listed)}


def _row(order: Order, line: Line, shop: Shop) -> dict[str, Any]:
    return {
        "id": stable_id("refund", order.no, line.line_no, digits=12),
        "order_sn": order.no,
        "after_sales_type": REFUND_ONLY,
        "after_sales_status": AFTER_SALES_STATUS[line.refund],
        "refund_amount": yuan_number(line.paid_fen),
        "goods_number": line.quantity,
        "outer_id": line.sku,
        "sku_id": str(shop.product(line.sku, line.title).sku_id),
        "updated_time": china(order.modified_at),
    }
