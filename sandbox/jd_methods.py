"""The JOS methods a seller's order system uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.jd_call import Call, Refused, invalid, missing
from sandbox.jd_order import READY, STATES, is_delivered, loosely, render_order, state_of
from sandbox.jd_shipping import carriers, shipment
from sandbox.jd_stock import set_stock, update_stock
from sandbox.orders import Order

LONGEST_WINDOW = timedelta(days=31)
CHANGED_WITHIN = timedelta(days=92)
CREATED_WITHIN = timedelta(days=730)
LARGEST_PAGE = 100
DEEPEST_PAGE = 100


def search(call: Call) -> dict[str, Any]:
    """jingdong.pop.order.search: orders by time of change or of creation, oldest first unless sortType is 1."""
    states, names = call.names("order_state"), call.names("optional_fields")
    if unknown := [state for state in states if state not in STATES]:
        raise invalid("order_state", f"没有状态{unknown[0]}", f"there is no state {unknown[0]}")
    start, end = _window(call, states)
    page, size = call.number("page", 1, 10**6), call.number("page_size", 20, LARGEST_PAGE)

    listed = _listed(call, start, end, states)
    if call.shop.churn(listed, call.world.now()):
        listed = _listed(call, start, end, states)
    # a list is not shown beyond its hundredth page
    shown = listed[(page - 1) * size : page * size] if page <= DEEPEST_PAGE else []
    return {
        "orderTotal": len(listed) if loosely(call.sign) else str(len(listed)),
        "orderInfoList": [_chosen(call, order, names) for order in shown],
    }


def _window(call: Call, states: list[str]) -> tuple[datetime, datetime]:
    start, end = call.moment("start_date"), call.moment("end_date")
    now = call.world.now()
    if start is None and end is None:
        if states != [READY]:
            raise missing("start_date")
        return now - LONGEST_WINDOW, now
    if start is None or end is None or end < start:
        raise invalid("end_date", "开始和结束时间必须成对", "start_date and end_date go together, the earlier first")
    if end - start > LONGEST_WINDOW:
        raise invalid("end_date", "时间跨度不能大于一个月", "the span is more than one month")
    return start, end


def _listed(call: Call, start: datetime, end: datetime, states: list[str]) -> list[Order]:
    now, shelf = call.world.now(), call.shop.shelf
    if call.optional("dateType") == "1":
        found = shelf.created(max(start, now - CREATED_WITHIN), min(end, now))
    else:
        found = shelf.modified(max(start, now - CHANGED_WITHIN), min(end, now))
    wanted = set(states)
    rows = [row for row in found if row.created_at <= now and is_delivered(row) and state_of(row) in wanted]
    return rows[::-1] if call.optional("sortType") == "1" else rows


def get(call: Call) -> dict[str, Any]:
    """jingdong.pop.order.get: one order, and only while it is in `order_state` when that is given."""
    names, order = call.names("optional_fields"), call.order("order_id")
    if call.optional("order_state") and state_of(order) not in call.names("order_state"):
        raise Refused(3001, "订单不存在", "the order does not exist in this state")
    return {"orderInfo": _chosen(call, order, names)}


def _chosen(call: Call, order: Order, names: list[str]) -> dict[str, Any]:
    rendered = render_order(order, call.shop, call.world.apps["jd"].key)
    return {name: rendered[name] for name in names if name in rendered}


def remark(call: Call) -> dict[str, Any]:
    """jingdong.pop.order.modifyVenderRemark: write the seller's memo and flag."""
    order, flag = call.order("order_id"), call.optional("flag") or "0"
    if flag not in {"0", "1", "2", "3", "4", "5"}:
        raise invalid("flag", "必须为0至5", "must be 0 to 5")
    now = call.world.now()
    order.seller_note, order.seller_flag = call.optional("remark"), int(flag)
    call.shop.shelf.touch(order, now)
    note = {"order_no": order.no, "note": order.seller_note, "flag": order.seller_flag, "at": now.isoformat()}
    call.shop.book.notes.append(note)
    return {}


@dataclass(frozen=True, slots=True)
class Method:
    """What answers a method: the key of its result, and whether success stands in an `apiResult` of its own."""

    answer: Callable[[Call], dict[str, Any]]
    result: str
    apart: bool = False


METHODS = {
    "jingdong.pop.order.search": Method(search, "searchorderinfo_result", apart=True),
    "jingdong.pop.order.get": Method(get, "orderDetailInfo", apart=True),
    "jingdong.pop.order.shipment": Method(shipment, "sopjosshipment_result"),
    "jingdong.pop.order.modifyVenderRemark": Method(remark, "modifyvenderremark_result"),
    "360buy.get.vender.all.delivery.company": Method(carriers, "vender_all_delivery_company"),
    "jingdong.ware.stock.sku.set": Method(set_stock, "returnType"),
    "jingdong.stock.write.updateSkuStock": Method(update_stock, "returnType"),
}
NOT_GRANTED = frozenset({"jingdong.pop.order.enSearch", "jingdong.pop.order.enGet"})
"""The older twins of search and get, which need a permission that no shop here gave."""
