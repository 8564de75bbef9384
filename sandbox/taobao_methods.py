"""The TOP methods a seller's order system uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.orders import Order
from sandbox.shelf import FIRST
from sandbox.taobao_call import Call, invalid_argument, missing_argument, refused
from sandbox.taobao_shipping import companies, offline_send, resend
from sandbox.taobao_stock import item_quantity, skus_quantity
from sandbox.taobao_trade import (
    DETAIL_ONLY,
    china,
    oaid_of,
    render_trade,
    select,
    trade_status,
    trade_type,
)
from sandbox.world import World, invented

VISIBLE_FOR = timedelta(days=92)
LONGEST_WINDOW = timedelta(days=1)
DEFAULT_TYPES = "guarantee_trade,auto_delivery,ec,cod,step"
TOKEN_LIFE = timedelta(days=30)
MAX_MEMO_BYTES = 1000


def increment(call: Call) -> dict[str, Any]:
    """taobao.trades.sold.increment.get: trades by time of change, newest change first."""
    call.text("fields")
    start, end = call.moment("start_modified"), call.moment("end_modified")
    if start is None:
        raise missing_argument("start_modified")
    if end is None:
        raise missing_argument("end_modified")
    if end < start:
        raise refused("isv.invalid-parameter", "end_modified is before start_modified")
    if end - start > LONGEST_WINDOW:
        raise refused("isv.invalid-parameter", "the span of start_modified and end_modified is more than one day")
    now, shelf = call.world.now(), call.shop.shelf

    def window() -> list[Order]:
        seen = shelf.modified(max(start, now - VISIBLE_FOR), min(end, now))
        return _wanted(call, seen[::-1])

    listed = window()
    if call.shop.churn(listed, now):
        listed = window()
    return _page(call, listed)


def sold(call: Call) -> dict[str, Any]:
    """taobao.trades.sold.get: trades by time of creation, newest first."""
    call.text("fields")
    now = call.world.now()
    start = max(call.moment("start_created") or FIRST, now - VISIBLE_FOR)
    end = min(call.moment("end_created") or now, now)
    listed = _wanted(call, call.shop.shelf.created(start, end)[::-1])
    if call.shop.churn(listed, now):
        listed = _wanted(call, call.shop.shelf.created(start, end)[::-1])
    return _page(call, listed)


def _wanted(call: Call, orders: list[Order]) -> list[Order]:
    status = call.params.get("status", "")
    types = set((call.params.get("type") or DEFAULT_TYPES).split(","))
    if "guarantee_trade" in types:
        types |= {"fixed", "auction"}
    now = call.world.now()
    return [
        order
        for order in orders
        if order.created_at <= now and trade_type(order) in types and (not status or trade_status(order) == status)
    ]


def _page(call: Call, listed: list[Order]) -> dict[str, Any]:
    page, size = call.number("page_no", 1), call.number("page_size", 40)
    if page < 1:
        raise invalid_argument("page_no", "starts at 1")
    if not 1 <= size <= 100:
        raise invalid_argument("page_size", "must be 1 to 100")
    names = [name for name in call.fields() if name.partition(".")[0] not in DETAIL_ONLY]
    key = call.world.top_key
    rows = [select(render_trade(order, call.shop, key), names) for order in listed[(page - 1) * size : page * size]]
    answer: dict[str, Any] = {"trades": {"trade": rows}} if rows else {}
    if call.flag("use_has_next"):
        return answer | {"has_next": page * size < len(listed)}
    return answer | {"total_results": len(listed)}


def fullinfo(call: Call) -> dict[str, Any]:
    """taobao.trade.fullinfo.get: one trade with memos and promotions; the OAID only on request."""
    names = call.fields()
    trade = render_trade(call.order(call.text("tid")), call.shop, call.world.top_key)
    if call.params.get("include_oaid") != "include_oaid":
        trade.pop("oaid", None)
    return {"trade": select(trade, names)}


def memo(call: Call) -> dict[str, Any]:
    """taobao.trade.memo.update: write the seller's memo and flag."""
    order = call.order(call.text("tid"))
    text, flag = call.params.get("memo", ""), call.number("flag", order.seller_flag)
    if len(text.encode()) > MAX_MEMO_BYTES:
        raise invalid_argument("memo", "longer than 1000 bytes")
    if not 0 <= flag <= 5:
        raise invalid_argument("flag", "must be 0 to 5")
    if text or call.flag("reset"):
        order.seller_note = text
    order.seller_flag = flag
    now = call.world.now()
    call.shop.shelf.touch(order, now)
    call.shop.book.notes.append({"order_no": order.no, "note": text, "flag": flag, "at": now.isoformat()})
    return {"trade": {"tid": int(order.no), "modified": china(now)}}


def decrypt(call: Call) -> dict[str, Any]:
    """taobao.top.oaid.decrypt: give readable receivers for handles, with a virtual phone number."""
    found = []
    for row in call.rows("query_list", 20):
        order = call.order(str(row.get("tid")))
        if str(row.get("oaid")) != oaid_of(order, call.shop, call.world.top_key):
            found.append({"oaid": row.get("oaid"), "tid": order.no, "matched": False})
            continue
        receiver = order.receiver
        found.append(
            {
                "oaid": row["oaid"],
                "tid": order.no,
                "name": receiver.name,
                "mobile": f"188{receiver.phone[-8:].rjust(8, '0')}-{int(order.no) % 1000:03}",
                "phone": "",
                "address_detail": receiver.address,
                "town": receiver.town,
                "district": receiver.district,
                "city": receiver.city,
                "state": receiver.province,
                "country": "中国",
                "matched": True,
                "privacy_protection": True,
                "secret_no_expire_time": china(call.world.now() + timedelta(days=30)),
            }
        )
    return {"receiver_list": {"receiver": found}}


def merge(call: Call) -> dict[str, Any]:
    """taobao.top.oaid.merge: group trades that go to one receiver."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for row in call.rows("merge_list", 100):
        order = call.order(str(row.get("tid")))
        if str(row.get("oaid")) != oaid_of(order, call.shop, call.world.top_key):
            raise refused("isv.oaid-invalid", f"oaid与订单{order.no}不匹配")
        receiver = order.receiver
        key = (order.buyer, receiver.name, receiver.phone, receiver.province, receiver.city, receiver.address)
        groups.setdefault(key, []).append(order.no)
    return {"merge_list": {"string": [",".join(group) for group in groups.values() if len(group) > 1]}}


def server_time(call: Call) -> dict[str, Any]:
    """taobao.time.get."""
    return {"time": china(call.world.now())}


def issue_tokens(world: World, code: str = "", refresh_token: str = "") -> dict[str, Any]:
    """Exchange a code or a refresh token for a new seller token; the old token stays good."""
    for shop in world.shops.values():
        if shop.is_top and (code == f"code-{shop.code}" or (refresh_token and refresh_token == shop.refresh_token)):
            break
    else:
        raise refused("isv.invalid-token", "code or refresh_token is not valid")
    session = "6100" + invented(f"session {shop.code} {len(shop.sessions)}", 46)
    shop.sessions.append(session)
    world.faults.clear(shop.target, "expired_token")
    expires = int((world.now() + TOKEN_LIFE).timestamp())
    return {
        "access_token": session,
        "refresh_token": shop.refresh_token,
        "token_type": "Bearer",
        "expires_in": int(TOKEN_LIFE.total_seconds()),
        "expire_time": expires * 1000,
        "re_expires_in": int(TOKEN_LIFE.total_seconds()),
        "refresh_token_valid_time": expires * 1000,
        "taobao_user_id": shop.code,
        "taobao_user_nick": shop.nick,
    }


def create_token(call: Call) -> dict[str, Any]:
    """taobao.top.auth.token.create; its result is JSON inside JSON."""
    return {"token_result": json.dumps(issue_tokens(call.world, code=call.text("code")), ensure_ascii=False)}


def refresh_token(call: Call) -> dict[str, Any]:
    """taobao.top.auth.token.refresh; its result is JSON inside JSON."""
    tokens = issue_tokens(call.world, refresh_token=call.text("refresh_token"))
    return {"token_result": json.dumps(tokens, ensure_ascii=False)}


# name -> (what answers, whether a seller token is needed)
METHODS: dict[str, tuple[Callable[[Call], dict[str, Any]], bool]] = {
    "taobao.time.get": (server_time, False),
    "taobao.trades.sold.increment.get": (increment, True),
    "taobao.trades.sold.get": (sold, True),
    "taobao.trade.fullinfo.get": (fullinfo, True),
    "taobao.trade.get": (fullinfo, True),
    "taobao.trade.memo.update": (memo, True),
    "taobao.logistics.offline.send": (offline_send, True),
    "taobao.logistics.consign.resend": (resend, True),
    "taobao.logistics.companies.get": (companies, False),
    "taobao.top.oaid.decrypt": (decrypt, True),
    "taobao.top.oaid.merge": (merge, True),
    "taobao.skus.quantity.update": (skus_quantity, True),
    "taobao.item.quantity.update": (item_quantity, True),
    "taobao.top.auth.token.create": (create_token, False),
    "taobao.top.auth.token.refresh": (refresh_token, False),
}
