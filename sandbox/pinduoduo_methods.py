"""The methods of the Pinduoduo gateway that a seller's order system uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.orders import Order
from sandbox.pinduoduo_call import Call, bad_argument, refused
from sandbox.pinduoduo_decryption import decrypt, decrypt_masked
from sandbox.pinduoduo_order import china, confirmed_at, is_known_to_sellers, render_order
from sandbox.pinduoduo_refunds import refunds
from sandbox.pinduoduo_shipping import companies, online_send, upload_extra
from sandbox.pinduoduo_stock import quantity
from sandbox.pinduoduo_tokens import create_token, refresh_token

LONGEST_SPAN = timedelta(minutes=30)
LONGEST_CREATED_SPAN = timedelta(hours=24)
INDEX_LAG = timedelta(minutes=3)
LISTED_FOR = timedelta(days=90)
CONFIRMED_WITHIN = timedelta(days=30)
"""How long after it was placed a deal may still be made: the final part of a pre-sale takes weeks."""
ALL = 5
MAX_NOTE_CHARS = 300


def increment(call: Call) -> dict[str, Any]:
    """pdd.order.number.list.increment.get: full orders by time of change, newest change first."""
    start, end = call.span("start_updated_at", "end_updated_at", LONGEST_SPAN)
    now, shelf = call.world.now(), call.shop.shelf
    if end > now - INDEX_LAG:
        raise refused("结束时间必须早于当前时间3分钟")
    return _page(call, "order_sn_list", lambda: shelf.modified(start, end)[::-1])


def listing(call: Call) -> dict[str, Any]:
    """pdd.order.list.get: full orders by time of the deal, newest first."""
    start, end = call.span("start_confirm_at", "end_confirm_at", LONGEST_CREATED_SPAN)

    def window() -> list[Order]:
        placed = call.shop.shelf.created(start - CONFIRMED_WITHIN, end)
        made = [order for order in placed if start <= confirmed_at(order) <= end]
        return sorted(made, key=confirmed_at, reverse=True)

    return _page(call, "order_list", window)


def _page(call: Call, name: str, window: Callable[[], list[Order]]) -> dict[str, Any]:
    wanted = _filter(call)
    page, size = call.page()
    listed = [order for order in window() if wanted(order)]
    if call.shop.churn(listed, call.world.now()):
        listed = [order for order in window() if wanted(order)]
    rows = [render_order(order, call.shop) for order in listed[(page - 1) * size : page * size]]
    if call.flag("use_has_next"):
        return {name: rows, "has_next": page * size < len(listed)}
    return {name: rows, "total_count": len(listed)}


def _filter(call: Call) -> Callable[[Order], bool]:
    now = call.world.now()
    wanted = {
        "order_status": call.one_of("order_status", (1, 2, 3, ALL)),
        "refund_status": call.one_of("refund_status", (1, 2, 3, 4, ALL)),
    }
    fields = {name: value for name, value in wanted.items() if value != ALL}
    # the list by time of the deal does not know draws
    if call.params["type"] == "pdd.order.number.list.increment.get" and (
        lucky := call.one_of("is_lucky_flag", (0, 1, 2))
    ):
        fields["is_lucky_flag"] = lucky
    if call.params.get("trade_type"):
        fields["trade_type"] = call.one_of("trade_type", (0, 1))

    def fits(order: Order) -> bool:
        made = order.created_at <= now and now - LISTED_FOR <= confirmed_at(order) <= now
        if not made or not is_known_to_sellers(order):
            return False
        shown = render_order(order, call.shop) if fields else {}
        return all(shown.get(name) == value for name, value in fields.items())

    return fits


def information(call: Call) -> dict[str, Any]:
    """pdd.order.information.get: one order."""
    return {"order_info": render_order(call.order(call.text("order_sn")), call.shop)}


def note(call: Call) -> dict[str, Any]:
    """pdd.order.note.update: write the seller's note and flag."""
    order = call.order(call.text("order_sn"))
    text = call.params.get("note", "")
    if len(text) > MAX_NOTE_CHARS:
        raise bad_argument("note", f"备注最多{MAX_NOTE_CHARS}字")
    flag = call.one_of("tag", range(1, 6)) if call.params.get("tag") else order.seller_flag
    order.seller_note, order.seller_flag = text, flag
    now = call.world.now()
    call.shop.shelf.touch(order, now)
    call.shop.book.notes.append({"order_no": order.no, "note": text, "flag": flag, "at": now.isoformat()})
    return {"success": True}


def server_time(call: Call) -> dict[str, Any]:
    """pdd.time.get."""
    return {"time": china(call.world.now())}


@dataclass(frozen=True, slots=True)
class Method:
    """What answers a type, under which name, and whether a seller token is needed."""

    answer: Callable[[Call], dict[str, Any]]
    response: str
    needs_token: bool = True


METHODS = {
    "pdd.time.get": Method(server_time, "time_get_response", needs_token=False),
    "pdd.pop.auth.token.create": Method(create_token, "pop_auth_token_create_response", needs_token=False),
    "pdd.pop.auth.token.refresh": Method(refresh_token, "pop_auth_token_refresh_response", needs_token=False),
    "pdd.order.number.list.increment.get": Method(increment, "order_sn_increment_get_response"),
    "pdd.order.list.get": Method(listing, "order_list_get_response"),
    "pdd.order.information.get": Method(information, "order_info_get_response"),
    "pdd.order.note.update": Method(note, "order_note_update_response"),
    "pdd.logistics.online.send": Method(online_send, "logistics_online_send_response"),
    "pdd.order.upload.extra.logistics": Method(upload_extra, "upload_extra_logistics_response"),
    "pdd.logistics.companies.get": Method(companies, "logistics_companies_get_response", needs_token=False),
    "pdd.goods.quantity.update": Method(quantity, "goods_quantity_update_response"),
    "pdd.refund.list.increment.get": Method(refunds, "refund_increment_get_response"),
    "pdd.open.decrypt.batch": Method(decrypt, "open_decrypt_batch_response"),
    "pdd.open.decrypt.mask.batch": Method(decrypt_masked, "open_decrypt_mask_batch_response"),
}
