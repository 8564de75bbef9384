"""What people ask the list of orders for, and its filters as conditions on an order `o` and its state `s`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.hold import HoldCode
from models.order import Stage
from models.rules.order_status import WAITS_FOR_PAYMENT, WAITS_FOR_STOCK, Status
from models.shipment import DocumentState

Key = tuple[datetime, int]
"""Where an order stands in the list: when it was created, and its id among those of the same moment."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Filters of the list; all that are given must hold.

    `since` and `until` bound when orders were created, `until` excluded. `division` is a code or the beginning of one
    (`33` a province, `3301` a prefecture). `before` is the key of the last order of the page before.
    """

    status: Status | None = None
    hold: HoldCode | None = None
    shop_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    division: str = ""
    sku: str = ""
    overdue: bool = False
    batch_id: int | None = None
    stage: Stage | None = None
    document: DocumentState | None = None
    search: str = ""
    before: Key | None = None


EARLY = (Stage.INGESTED, Stage.VALIDATED, Stage.LOCKED, Stage.ROUTED)
"""Stages before the warehouse has the order."""

# an exists() would let PostgreSQL read all holds or documents into a hash, for a page of fifty orders
_OPEN_HOLD = """(select true from hold h where h.order_id = o.id and h.released_at is null{more} limit 1) is true"""
_DOCUMENT = """(select true from allocation a join outbound_document d on d.id = a.document_id
                where a.order_id = o.id{more} limit 1) is true"""
_PARCEL = """(select true from allocation a join parcel p on p.document_id = a.document_id
              where a.order_id = o.id{more} limit 1) is true"""
_UNDER_WAY = _DOCUMENT.format(more=" and d.state not in ('shipped', 'short', 'rejected', 'cancelled')")
_ON_THE_ROAD = _PARCEL.format(more=" and p.stage not in ('delivered', 'returned', 'cancelled')")
_IN_TROUBLE = _PARCEL.format(more=" and p.stage in ('problem', 'returning')")
_REFUSED = _DOCUMENT.format(
    more=""" and d.state in ('rejected', 'cancelled')
                  and not exists (select 1 from remainder r where r.document_id = d.id)"""
)
_CUT_SHORT = _OPEN_HOLD.format(more=" and h.code = 'SHIPPED_SHORT'")

_NOT_LEFT = f"(s.stage = any(%(early)s) or {_UNDER_WAY} or {_OPEN_HOLD.format(more='')} or {_REFUSED})"

_OF_STATUS: dict[Status, str] = {
    Status.WAITING_PAYMENT: f"s.stage = any(%(early)s) and {_OPEN_HOLD.format(more=' and h.code = any(%(paying)s)')}",
    Status.HELD: _OPEN_HOLD.format(more=" and h.code <> all(%(paying)s)") + " and s.stage <> 'cancelled'",
    Status.SHORT: f"s.stage = any(%(early)s) and {_OPEN_HOLD.format(more=' and h.code = any(%(stock)s)')}",
    Status.IN_PROCESS: f"s.stage = any(%(early)s) and not ({_OPEN_HOLD.format(more='')})",
    Status.AT_WAREHOUSE: f"s.stage = 'dispatched' and {_UNDER_WAY}",
    Status.PARTLY_SHIPPED: f"s.stage = 'dispatched' and {_PARCEL.format(more='')} and ({_UNDER_WAY} or {_CUT_SHORT})",
    Status.SHIPPED: f"s.stage = 'dispatched' and ({_ON_THE_ROAD} or not ({_PARCEL.format(more='')}))",
    Status.PROBLEM: f"s.stage = 'dispatched' and ({_IN_TROUBLE} or {_REFUSED} or not ({_DOCUMENT.format(more='')}))",
    Status.DELIVERED: "s.stage = 'dispatched' and " + _PARCEL.format(more=" and p.stage = 'delivered'"),
    Status.RETURNED: "s.stage = 'dispatched' and " + _PARCEL.format(more=" and p.stage = 'returned'"),
    Status.CANCELLED: "s.stage = 'cancelled'",
}
"""What is surely true of orders of a status, and of few others."""


def conditions(wish: Wish, now: datetime, ship_by: str = "o.ship_by") -> tuple[list[str], dict[str, Any]]:
    """SQL conditions that every wanted order meets, and their values.

    `ship_by` is how the promise of `o` is read. They are exact for every filter but the status: of that, `order_status`
    has the last word.
    """
    found: list[str] = []
    values: dict[str, Any] = {"now": now, "early": [stage.value for stage in EARLY]}
    if wish.status:
        found.append(_OF_STATUS[wish.status])
        values |= {"paying": sorted(WAITS_FOR_PAYMENT), "stock": sorted(WAITS_FOR_STOCK)}
    if wish.hold:
        found.append(_OPEN_HOLD.format(more=" and h.code = %(hold)s"))
        values["hold"] = wish.hold.value
    if wish.stage:
        found.append("s.stage = %(stage)s")
        values["stage"] = wish.stage.value
    if wish.batch_id is not None:
        found.append("s.batch_id = %(batch)s")
        values["batch"] = wish.batch_id
    if wish.overdue:
        found.append(f"{ship_by} < %(now)s and {_NOT_LEFT}")
    return _about_goods(wish, found, values)


def _about_goods(wish: Wish, found: list[str], values: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    if wish.division:
        found.append(
            """(select r.division_code >= %(division)s and r.division_code < %(after_division)s
                from receiver r where r.order_id = o.id)"""
        )
        values |= {"division": wish.division, "after_division": wish.division + ":"}  # ":" follows the digits
    if wish.sku:
        found.append("(select true from order_line l where l.order_id = o.id and l.sku_code = %(sku)s limit 1) is true")
        values["sku"] = wish.sku
    if wish.document:
        found.append(_DOCUMENT.format(more=" and d.state = %(document)s"))
        values["document"] = wish.document.value
    return found, values


def in_span(wish: Wish, order: str = "o") -> tuple[list[str], dict[str, Any]]:
    """Conditions on where an order stands in the list: its shop, its span of time, after the page before."""
    found: list[str] = []
    values: dict[str, Any] = {}
    if wish.shop_id is not None:
        found.append(f"{order}.shop_id = %(shop)s")
        values["shop"] = wish.shop_id
    if wish.since:
        found.append(f"{order}.created_at >= %(since)s")
        values["since"] = wish.since
    if wish.until:
        found.append(f"{order}.created_at < %(until)s")
        values["until"] = wish.until
    if wish.before:
        found.append(f"({order}.created_at, {order}.id) < (%(before_at)s, %(before_id)s)")
        values |= {"before_at": wish.before[0], "before_id": wish.before[1]}
    return found, values
