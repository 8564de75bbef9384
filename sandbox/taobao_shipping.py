"""Shipping methods of the Taobao gateway: tell the shop a parcel is on its way."""

from __future__ import annotations

from typing import Any

from sandbox.orders import Line, Order
from sandbox.taobao_call import Call, invalid_argument, refused
from sandbox.taobao_carriers import CARRIERS
from sandbox.taobao_trade import oid_of, trade_status


def offline_send(call: Call) -> dict[str, Any]:
    """taobao.logistics.offline.send: the seller shipped a trade, or some of its lines, with an own carrier."""
    number, code = call.text("out_sid"), call.text("company_code")
    order = call.order(call.text("tid"))
    if order.cod:
        raise refused("isv.logistics-offline-service-error:B27", "货到付款订单不支持自己联系物流")
    carrier = CARRIERS.get(code)
    if carrier is None:
        raise refused("isv.logistics-offline-service-error:P03", f"物流公司{code}不存在")
    if not carrier.accepts(number):
        raise refused("isv.logistics-offline-service-error:B60", "运单号不符合规则")
    lines = _lines_to_ship(call, order)
    if trade_status(order) not in {"WAIT_SELLER_SEND_GOODS", "SELLER_CONSIGNED_PART"} or any(
        line.waybill or line.refund == "done" for line in lines
    ):
        raise refused("isv.logistics-offline-service-error:B04", "订单状态不正确，不能发货")
    now = call.world.now()
    for line in lines:
        line.carrier, line.waybill, line.shipped_at = carrier.name, number, now
    if all(line.waybill or line.refund == "done" for line in order.lines):
        order.status = "shipped"
    call.shop.shelf.touch(order, now)
    booked = None if len(lines) == len(order.lines) else [line.line_no for line in lines]
    call.shop.book.ship_back(order.no, booked, code, number, now, call.params.get("sign"))
    return {"shipping": {"is_success": True}}


def _lines_to_ship(call: Call, order: Order) -> list[Line]:
    if call.params.get("is_split", "0") != "1":
        return [line for line in order.lines if line.refund != "done" or order.status != "paid"]
    wanted = call.text("sub_tid").split(",")
    if len(wanted) > 50:
        raise invalid_argument("sub_tid", "more than 50 lines")
    by_oid = {str(oid_of(order, line)): line for line in order.lines}
    unknown = [oid for oid in wanted if oid.strip() not in by_oid]
    if unknown:
        raise refused("isv.logistics-offline-service-error:B01", f"子订单{unknown[0]}不存在")
    return [by_oid[oid.strip()] for oid in wanted]


def resend(call: Call) -> dict[str, Any]:
    """taobao.logistics.consign.resend: correct the number of a shipped trade."""
    number, code = call.text("out_sid"), call.text("company_code")
    order = call.order(call.text("tid"))
    carrier = CARRIERS.get(code)
    lines = [line for line in _lines_to_ship(call, order) if line.waybill]
    if carrier is None or not carrier.accepts(number) or not lines:
        raise refused("isv.logistics-resend-service-error:B04", "订单状态不正确，不能修改运单号")
    now = call.world.now()
    for line in lines:
        line.carrier, line.waybill = carrier.name, number
    call.shop.shelf.touch(order, now)
    call.shop.book.ship_back(order.no, [line.line_no for line in lines], code, number, now, call.params.get("sign"))
    return {"shipping": {"is_success": True}}


def companies(call: Call) -> dict[str, Any]:
    """taobao.logistics.companies.get."""
    names = set(call.fields())
    rows = [
        {"id": carrier.id, "code": carrier.code, "name": carrier.name, "reg_mail_no": carrier.reg_mail_no}
        for carrier in CARRIERS.values()
    ]
    chosen = [{key: value for key, value in row.items() if key in names} for row in rows]
    return {"logistics_companies": {"logistics_company": chosen}}
