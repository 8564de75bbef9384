"""The orders resource of the WooCommerce REST API: list, read, change, notes, refunds."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from sandbox.answers import json_answer
from sandbox.clock import CHINA
from sandbox.orders import Order
from sandbox.shelf import FIRST, LAST
from sandbox.woo_call import WooCall, invalid_param
from sandbox.woo_order import NEUTRAL, render_order, render_refunds, stamps, status_of
from sandbox.woo_signin import Refused

_LISTED = {"any", *NEUTRAL, "trash"}
_SORT_KEYS: dict[str, Callable[[Order], Any]] = {
    "date": lambda order: (order.created_at, order.no),
    "modified": lambda order: (order.modified_at, order.no),
    "title": lambda order: (order.created_at, order.no),
    "slug": lambda order: (order.created_at, order.no),
}


def list_orders(call: WooCall) -> Response:
    """GET /orders."""
    page, per_page = call.number("page", 1, 1, None), call.number("per_page", 10, 1, 100)
    listed = _matching(call)
    if call.shop.churn(listed, call.now):
        listed = _matching(call)
    offset = call.number("offset", (page - 1) * per_page, 0, None)
    rows = [render_order(order, call.shop, call.base) for order in listed[offset : offset + per_page]]
    pages = ceil(len(listed) / per_page)
    return json_answer([call.narrowed(row) for row in rows], headers=_paging_headers(call, page, pages, len(listed)))


def _paging_headers(call: WooCall, page: int, pages: int, total: int) -> dict[str, str]:
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    kept = {key: value for key, value in call.query.items() if not key.startswith(("oauth_", "consumer_"))}

    def link(number: int, rel: str) -> str:
        return f'<{call.base}/orders?{urlencode({**kept, "page": number})}>; rel="{rel}"'

    links = [link(page - 1, "prev")] if page > 1 else []
    links += [link(page + 1, "next")] if page < pages else []
    return headers | ({"Link": ", ".join(links)} if links else {})


def _matching(call: WooCall) -> list[Order]:
    shelf, now = call.shop.shelf, call.now
    after, before = _moment(call, "modified_after") or FIRST, _moment(call, "modified_before") or LAST
    created_after, created_before = _moment(call, "after") or FIRST, _moment(call, "before") or LAST
    statuses = set(call.listed("status")) or {"any"}
    if unknown := statuses - _LISTED:
        unknown -= {order.platform_status for order in shelf.created(FIRST, LAST)}
        if unknown:
            raise invalid_param("status", f"{min(unknown)} is not one of any, {', '.join(sorted(NEUTRAL))}.")
    include, exclude = set(call.listed("include")), set(call.listed("exclude"))
    search, customer = call.query.get("search", ""), call.query.get("customer", "")
    found = [
        order
        for order in shelf.modified(after, min(before, now))
        if after < order.modified_at < before
        and created_after < order.created_at < created_before
        and order.created_at <= now
        and _has_status(order, statuses)
        and (not include or str(call.shop.order_id(order)) in include)
        and str(call.shop.order_id(order)) not in exclude
    ]
    if search or customer:
        found = [order for order in found if _is_meant(call, order, search, customer)]
    return _sorted(call, found)


def _has_status(order: Order, statuses: set[str]) -> bool:
    status = status_of(order)
    return status in statuses or ("any" in statuses and status != "trash")


def _is_meant(call: WooCall, order: Order, search: str, customer: str) -> bool:
    shown = render_order(order, call.shop, call.base)
    words = f"{shown['number']} {order.receiver.name} {order.receiver.phone} {order.receiver.address}"
    return search in words and customer in {"", str(shown["customer_id"])}


def _sorted(call: WooCall, orders: list[Order]) -> list[Order]:
    by, direction = call.query.get("orderby", "date"), call.query.get("order", "desc")
    if by not in {*_SORT_KEYS, "id", "include"}:
        raise invalid_param("orderby", "orderby is not one of date, id, include, title, slug, modified.")
    if direction not in {"asc", "desc"}:
        raise invalid_param("order", "order is not one of asc, desc.")
    key = _SORT_KEYS.get(by, call.shop.order_id)
    return sorted(orders, key=key, reverse=direction == "desc")


def _moment(call: WooCall, name: str) -> datetime | None:
    text = call.query.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_param(name, "Invalid date.") from None
    if moment.tzinfo is None:
        gmt = call.query.get("dates_are_gmt", "").lower() in {"true", "1"}
        moment = moment.replace(tzinfo=UTC if gmt else CHINA)
    return moment.astimezone(UTC)


def find_order(call: WooCall, order_id: int) -> Order:
    """Return an order of the store that is there by now."""
    order = call.shop.shelf.get(call.shop.ids.get(order_id, ""))
    if order is None or order.created_at > call.now:
        raise Refused(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return order


def read_order(call: WooCall, order_id: int) -> Response:
    """GET /orders/{id}."""
    return json_answer(call.narrowed(render_order(find_order(call, order_id), call.shop, call.base)))


def write_order(call: WooCall, order_id: int) -> Response:
    """PUT /orders/{id}: status, meta data, customer note."""
    order, body = find_order(call, order_id), call.body()
    status = body.get("status")
    if status is not None and status not in NEUTRAL and not re.fullmatch(r"[a-z][a-z-]{2,18}", str(status)):
        raise invalid_param("status", f"{status} is not one of {', '.join(sorted(NEUTRAL))}.")
    _set_meta(call, order, body.get("meta_data") or [])
    if "customer_note" in body:
        order.buyer_note = str(body["customer_note"])
    completed = status == "completed" and status_of(order) != "completed"
    if status is not None:
        _set_status(call, order, str(status))
    _book_ship_backs(call, order, completed)
    call.shop.shelf.touch(order, call.now)
    call.shop.has_changed([order])
    call.announce(order)
    return json_answer(render_order(order, call.shop, call.base))


def _set_status(call: WooCall, order: Order, status: str) -> None:
    if status in NEUTRAL:
        order.status, order.platform_status = NEUTRAL[status], "failed" if status == "failed" else ""
    else:
        order.platform_status = status
    if status == "completed":
        order.completed_at = order.completed_at or call.now
    if status in {"processing", "completed"} and order.paid_at is None and not order.cod:
        order.paid_at = call.now


def _set_meta(call: WooCall, order: Order, rows: list[dict[str, Any]]) -> None:
    """An entry with a known id replaces (a null value removes), one without an id is appended."""
    for row in rows:
        known = next((meta for meta in order.meta if row.get("id") and meta["id"] == row["id"]), None)
        if known is None:
            order.meta.append({"id": call.shop.fresh_id(), "key": str(row.get("key")), "value": row.get("value")})
        elif row.get("value") is None:
            order.meta.remove(known)
        else:
            known |= {"key": str(row.get("key", known["key"])), "value": row["value"]}


def _book_ship_backs(call: WooCall, order: Order, completed: bool) -> None:
    booked = call.shop.book.waybills_of(order.no)
    carriers = _meta_texts(order, r"tracking_(carrier|provider)")
    for position, waybill in enumerate(_meta_texts(order, r"tracking_number")):
        if waybill not in booked:
            carrier = carriers[min(position, len(carriers) - 1)] if carriers else ""
            call.shop.book.ship_back(order.no, None, carrier, waybill, call.now, call.request_key)
            booked.add(waybill)
    if completed and not booked:
        call.shop.book.ship_back(order.no, None, "", None, call.now, call.request_key)


def _meta_texts(order: Order, pattern: str) -> list[str]:
    texts: list[str] = []
    for meta in order.meta:
        if isinstance(meta["value"], list):
            found = [str(value) for item in meta["value"] for key, value in item.items() if re.search(pattern, key)]
            texts += found
        elif re.search(pattern, meta["key"]):
            texts += [part for part in re.split(r"[,;\s]+", str(meta["value"])) if part]
    return texts


def list_refunds(call: WooCall, order_id: int) -> Response:
    """GET /orders/{id}/refunds."""
    return json_answer(render_refunds(find_order(call, order_id), call.shop))


def list_notes(call: WooCall, order_id: int) -> Response:
    """GET /orders/{id}/notes, newest first."""
    order = find_order(call, order_id)
    notes = list(order.notes)
    if order.seller_note:
        notes.insert(0, _note(order_id, order.seller_note, False, order.created_at))
    return json_answer(notes[::-1])


def write_note(call: WooCall, order_id: int) -> Response:
    """POST /orders/{id}/notes; every call adds one, also a repeated one."""
    order, body = find_order(call, order_id), call.body()
    if not body.get("note"):
        raise Refused(400, "rest_missing_callback_param", "Missing parameter(s): note", params=["note"])
    note = _note(call.shop.fresh_id(), str(body["note"]), bool(body.get("customer_note")), call.now)
    order.notes.append(note)
    row = {"order_no": order.no, "note": note["note"], "customer_note": note["customer_note"]}
    call.shop.book.notes.append(row | {"at": call.now.isoformat()})
    return json_answer(note, 201)


def _note(note_id: int, text: str, to_customer: bool, at: datetime) -> dict[str, Any]:
    return {"id": note_id, "author": "shop", **stamps("date_created", at), "note": text, "customer_note": to_customer}
