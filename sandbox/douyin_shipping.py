"""Shipping methods of the Douyin gateway: tell the shop a parcel is on its way, whole, split or for several orders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.douyin_call import Call, missing_parameter, refused, rows_in, whole
from sandbox.douyin_carriers import CARRIERS, Carrier
from sandbox.douyin_order import SHIP_REFUSAL, order_status, sku_order_id
from sandbox.douyin_packs import Pack, add_pack, packs_of, pieces_left
from sandbox.orders import Line, Order, stable_id

MAX_PACKS = 100
MAX_ORDERS = 400
Pieces = dict[str, int]


def add(call: Call) -> dict[str, Any]:
    """order.logisticsAdd: the whole order, or what is left of it, in one parcel."""
    order = _order(call, call.text("order_id"))
    carrier, number = _box(call.params)
    pieces = _rest(order)
    _check(call, order, pieces)
    _ship(call, order, carrier, number, pieces, "")
    return {}


def add_multi_pack(call: Call) -> dict[str, Any]:
    """order.logisticsAddMultiPack: lines or pieces of one order, in one or more parcels, all or none.

    A request that was answered is answered the same again and ships nothing, whatever order of the shop it names.
    """
    order, request_id = _order(call, call.text("order_id")), call.text("request_id")
    known = ("multi", request_id)
    if known in call.shop.answered:
        return call.shop.answered[known]
    wished = [(*_box(row), _pieces(order, row)) for row in call.rows("pack_list", MAX_PACKS)]
    together: Pieces = {}
    for _, _, pieces in wished:
        for line_no, count in pieces.items():
            together[line_no] = together.get(line_no, 0) + count
    _check(call, order, together)
    packs = [_ship(call, order, carrier, number, pieces, request_id) for carrier, number, pieces in wished]
    call.shop.answered[known] = {"pack_list": [_answered(order, pack) for pack in packs]}
    return call.shop.answered[known]


def add_single_pack(call: Call) -> dict[str, Any]:
    """order.logisticsAddSinglePack: several orders, or pieces of them, in one parcel."""
    numbers, request_id = call.params.get("order_id_list"), call.text("request_id")
    if not isinstance(numbers, list) or not numbers:
        raise missing_parameter("order_id_list")
    if len(numbers) > MAX_ORDERS:
        raise refused(60032, "发货订单数最多支持400单")
    orders = [_order(call, str(no)) for no in numbers]
    known = ("single", request_id)
    if known in call.shop.answered:
        return call.shop.answered[known]
    carrier, number = _box(call.params)
    wished = [(order, _some_or_rest(order, call.params)) for order in orders]
    for order, pieces in wished:
        _check(call, order, pieces)
    packs = [_ship(call, order, carrier, number, pieces, request_id) for order, pieces in wished]
    call.shop.answered[known] = {"pack_id": packs[0].id}
    return call.shop.answered[known]


def edit(call: Call) -> dict[str, Any]:
    """order.logisticsEdit: correct the number of an order that was shipped whole."""
    order = _order(call, call.text("order_id"))
    carrier, number = _box(call.params)
    packs = packs_of(order)
    if len(packs) != 1 or packs[0].request_id:
        raise refused(70011, "包裹单号缺失，请修改后重试")
    _correct(call, order, packs[0], carrier, number)
    return {}


def edit_by_pack(call: Call) -> dict[str, Any]:
    """order.logisticsEditByPack: correct the number of one parcel."""
    order = _order(call, call.text("order_id"))
    carrier, number = _box(call.params)
    wanted = call.text("pack_id")
    for pack in packs_of(order):
        if pack.id == wanted:
            _correct(call, order, pack, carrier, number)
            return {}
    raise refused(70011, "包裹单号缺失，请修改后重试")


def companies(call: Call) -> list[dict[str, Any]]:
    """order.logisticsCompanyList."""
    return [{"id": carrier.id, "name": carrier.name, "code": carrier.code} for carrier in CARRIERS.values()]


def _order(call: Call, no: str) -> Order:
    order = call.find(no)
    if order is None:
        raise refused(60033, "订单不存在，请仔细检查后重试")
    return order


def _box(wish: dict[str, Any]) -> tuple[Carrier, str]:
    code, number = str(wish.get("company_code") or ""), str(wish.get("logistics_code") or "")
    if not code:
        raise refused(60083, "物流公司编码不能为空")
    carrier = CARRIERS.get(code)
    if carrier is None:
        raise refused(60018, "暂不支持该物流公司或物流商已失效，请检查")
    if not number:
        raise missing_parameter("logistics_code")
    if not carrier.accepts(number):
        raise refused(60017, "物流单号不符合规则")
    return carrier, number


def _rest(order: Order) -> Pieces:
    open_lines = [line for line in order.lines if line.refund != "done"]
    return {line.line_no: left for line in open_lines if (left := pieces_left(order, line))}


def _pieces(order: Order, wish: dict[str, Any]) -> Pieces:
    pieces: Pieces = {}
    for row in rows_in(wish, "shipped_order_info", MAX_PACKS):
        line = _line(order, str(row.get("shipped_order_id")))
        given = row.get("shipped_num")
        count = pieces_left(order, line) if given is None else whole("shipped_num", given)
        if count < 1:
            raise refused(60080, "商品的发货数量不允许小于0")
        pieces[line.line_no] = pieces.get(line.line_no, 0) + count
    return pieces


def _some_or_rest(order: Order, wish: dict[str, Any]) -> Pieces:
    rows = wish.get("shipped_order_info") or []
    own = {sku_order_id(order, line) for line in order.lines}
    mine = [row for row in rows if isinstance(row, dict) and str(row.get("shipped_order_id")) in own]
    return _pieces(order, {"shipped_order_info": mine}) if mine else _rest(order)


def _line(order: Order, number: str) -> Line:
    for line in order.lines:
        if sku_order_id(order, line) == number:
            return line
    raise refused(60102, "商品单不存在，请仔细检查后重试")


def _check(call: Call, order: Order, pieces: Pieces) -> None:
    """Refuse what may not leave, with the platform's own number."""
    if SHIP_REFUSAL in order.raw:
        raise refused(int(order.raw[SHIP_REFUSAL]), "发货失败")
    status = order_status(order)
    if status in _STATUS_REFUSALS:
        raise refused(*_STATUS_REFUSALS[status])
    lines = [line for line in order.lines if line.line_no in pieces]
    if any(line.refund == "done" for line in lines):
        raise refused(60021, "订单已取消，禁止发货")
    if not pieces or any(pieces[line.line_no] > pieces_left(order, line) for line in lines):
        raise refused(60110, "订单已发货，不允许再次执行发货")
    rejecting = call.flag("is_refund_reject") or call.flag("is_reject_refund")
    if not rejecting and any(line.refund == "requested" for line in lines):
        raise refused(60040, "发货订单中有退款申请需要处理，请先处理")


_STATUS_REFUSALS = {
    1: (60137, "订单未支付，禁止发货"),
    105: (60109, "订单正在风控审核中，风控审核时效1~2小时"),
    3: (60110, "订单已发货，不允许再次执行发货"),
    4: (60021, "订单已取消，禁止发货"),
    5: (60113, "订单已完结，禁止发货"),
}


def _ship(call: Call, order: Order, carrier: Carrier, number: str, pieces: Pieces, request_id: str) -> Pack:
    now = call.world.now()
    pack_id = str(stable_id("pack", order.no, str(len(packs_of(order))), digits=19))
    whole_order = all(pieces.get(line.line_no) == line.quantity for line in order.lines)
    pack = Pack(pack_id, request_id, carrier, number, now, pieces)
    add_pack(order, pack)
    call.shop.shelf.touch(order, now)
    booked = None if whole_order else list(pieces)
    call.shop.book.ship_back(order.no, booked, carrier.code, number, now, request_id or call.sign)
    return pack


def _correct(call: Call, order: Order, pack: Pack, carrier: Carrier, number: str) -> None:
    if order_status(order) not in {3, 101}:
        raise refused(10007, "此订单状态不允许重新发货")
    if (pack.carrier, pack.number) == (carrier, number):
        return
    for line in order.lines:
        if line.waybill == pack.number:
            line.carrier, line.waybill = carrier.name, number
    pack.carrier, pack.number = carrier, number
    now = call.world.now()
    call.shop.shelf.touch(order, now)
    call.shop.book.ship_back(order.no, list(pack.pieces), carrier.code, number, now, call.sign)


def _answered(order: Order, pack: Pack) -> dict[str, Any]:
    return {"pack_id": pack.id, "logistics_code": pack.number, "shipped_order_info": list(_infos(order, pack))}


def _infos(order: Order, pack: Pack) -> Iterable[dict[str, Any]]:
    for line in order.lines:
        if line.line_no in pack.pieces:
            yield {"shipped_order_id": sku_order_id(order, line), "shipped_num": pack.pieces[line.line_no]}
