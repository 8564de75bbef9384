"""Shipping methods of the JD gateway: an order leaves as a whole, with all its numbers in one call."""

from __future__ import annotations

from typing import Any

from sandbox.jd_call import Call, Refused, invalid
from sandbox.jd_carriers import CARRIERS, OWN_DELIVERY
from sandbox.jd_order import READY, STATES, loosely, state_of
from sandbox.orders import Order

Parcel = tuple[str, str]
"""A carrier's id and a number of it."""

SHIPPED = frozenset({"WAIT_GOODS_RECEIVE_CONFIRM", "FINISHED_L"})


def shipment(call: Call) -> dict[str, Any]:
    """jingdong.pop.order.shipment: the whole order left, in one parcel or several."""
    order = call.order("orderId")
    parcels = _parcels(call)
    _check_state(order)
    now, carriers = call.world.now(), call.text("logiCoprId")
    for line in order.lines:
        line.carrier, line.waybill, line.shipped_at = carriers, call.optional("logiNo"), now
    order.status, order.platform_status = "shipped", ""
    order.raw.pop("orderState", None)
    call.shop.shelf.touch(order, now)
    for carrier, number in parcels:
        call.shop.book.ship_back(order.no, None, carrier, number or None, now, call.sign)
    return {}


def _check_state(order: Order) -> None:
    state = state_of(order)
    if state in SHIPPED:
        raise Refused(10400012, "订单已出库，请勿重复操作", "the order is shipped already")
    if state != READY:
        raise Refused(10400013, f"订单状态为{STATES.get(state, state)}，不能出库", f"the order is {state}")
    if order.raw.get("storeOrder"):
        raise Refused(10400014, "京仓订单由京东库房出库", "a warehouse of the platform ships it")


def _parcels(call: Call) -> list[Parcel]:
    ids, groups = call.text("logiCoprId").split("|"), call.optional("logiNo").split("|")
    if len(ids) != len(groups):
        raise invalid("logiNo", "与物流公司数量不一致", "not one group of numbers per carrier")
    parcels = [(carrier, number) for carrier, group in zip(ids, groups, strict=True) for number in group.split(",")]
    for carrier, number in parcels:
        if carrier not in CARRIERS:
            raise Refused(10400021, f"物流公司{carrier}未启用", f"carrier {carrier} is not switched on")
        if not CARRIERS[carrier].accepts(number):
            wanted = "不需要运单号" if carrier == OWN_DELIVERY else "运单号不符合规则"
            raise invalid("logiNo", wanted, "not a number of this carrier")
    return parcels


def carriers(call: Call) -> dict[str, Any]:
    """360buy.get.vender.all.delivery.company: the carriers this shop has switched on."""
    rows: list[dict[str, Any]] = [
        {"id": carrier.id, "name": carrier.name, "description": carrier.description} for carrier in CARRIERS.values()
    ]
    if loosely(call.sign):
        rows = [row | {"id": int(row["id"])} for row in rows]
    return {"deliveryCompanyList": rows}
