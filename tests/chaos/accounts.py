"""What must be true after every fault, told by two sides: what the outside received, and what the pool says it did."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.database import connect
from models.hold import HoldCode
from models.rules.owners import Standstill
from models.settings import clock
from tasks.reconcile import reconcile
from tasks.waiting import waiting_orders
from tests.chaos.site import SHOPS, Site

GONE = frozenset({"cancelled", "rejected"})

KNOWN_WAITS = frozenset({HoldCode.REFUNDING, HoldCode.CHANGED_LATE, HoldCode.REMARK, HoldCode.SHIPPED_ELSEWHERE})
"""Why an order of the load may wait for a person: what its buyer did, never what a fault did."""


def problems(site: Site) -> list[str]:
    """Everything that was lost, doubled or left in limbo; empty when the accounts tie."""
    books = site.outside.books()
    return [
        *(f"reconcile: {mismatch.sentence}" for mismatch in reconcile()),
        *_orders(site),
        *_instructions(site, books),
        *_ship_backs(site, books),
        *_refusals(site),
        *_stock(site, books),
        *_limbo(),
    ]


def _orders(site: Site) -> Iterator[str]:
    """Every order of every shop is in the pool exactly once, with the amount that its buyer pays."""
    for shop in SHOPS:
        listed = site.outside.do("GET", f"shops/{shop}/orders")["orders"]
        outside = Counter((row["no"], row["payable_fen"]) for row in listed)
        inside = Counter(
            site.rows(
                "select o.order_no, o.total_fen from orders o join shop s on s.id = o.shop_id where s.code = %s", shop
            )
        )
        yield from (f"{shop}: order {no} of {fen} fen is not in the pool" for no, fen in outside - inside)
        yield from (f"{shop}: order {no} of {fen} fen is in the pool, not outside" for no, fen in inside - outside)


def _instructions(site: Site, books: dict[str, Any]) -> Iterator[str]:
    """Every instruction of the pool is at its warehouse, once, and no other one is; each order has the right number."""
    there: dict[tuple[str, str], dict[str, Any]] = {}
    for warehouse, book in books["warehouses"].items():
        versions = Counter((row["outbound_no"], row["version"]) for row in book["documents"])
        yield from (f"{warehouse}: {no} came under {n} keys" for (no, _), n in versions.items() if n > 1)
        there |= {(warehouse, row["outbound_no"]): row for row in book["documents"]}
    here = {
        (warehouse, no): (state, orders)
        for warehouse, no, state, orders in site.rows(
            """select w.code, d.no, d.state, array_agg(distinct o.order_no) from outbound_document d
               join warehouse w on w.id = d.warehouse_id join allocation a on a.document_id = d.id
               join orders o on o.id = a.order_id group by d.id, w.code"""
        )
    }
    open_here = {key for key, (state, _) in here.items() if state not in GONE}
    open_there = {key for key, row in there.items() if row["state"] not in GONE}
    yield from (f"{key[0]}: {key[1]} never arrived" for key in sorted(open_here - there.keys()))
    yield from (
        f"{key[0]}: {key[1]} lies there, and the pool knows nothing of it" for key in sorted(open_there - open_here)
    )
    served = Counter((no, key[0]) for key in open_there & here.keys() for no in here[key][1])
    yield from (f"order {no}: {n} instructions lie at {place}" for (no, place), n in served.items() if n > 1)
    dispatched = site.rows(
        """select o.order_no, (select count(distinct a.document_id) from allocation a
             join outbound_document d on d.id = a.document_id
             where a.order_id = o.id and d.state not in ('cancelled', 'rejected'))
           from order_state s join orders o on o.id = s.order_id where s.stage = 'dispatched'"""
    )
    places = Counter(no for no, _ in served)
    yield from (f"order {no}: {n} instructions, {places[no]} outside" for no, n in dispatched if n != places[no])


def _ship_backs(site: Site, books: dict[str, Any]) -> Iterator[str]:
    """Each shop was told of the waybills that its warehouse printed, and of no other."""
    printed: dict[str, set[str]] = {}
    for book in books["warehouses"].values():
        for row in book["documents"]:
            for no in row["order_nos"]:
                printed.setdefault(no, set()).update(row["waybills"])
    for shop in SHOPS:
        told: dict[str, set[str]] = {}
        for row in books["shops"][shop]["ship_backs"]:
            told.setdefault(row["order_no"], set()).add(row["waybill"])
        for no, waybills in told.items():
            if strange := waybills - printed.get(no, set()):
                yield f"{shop}: order {no} was told of {len(strange)} waybills that no warehouse printed"
        delivered = site.rows(
            """select distinct o.order_no from outbox x join parcel p on p.id = x.subject_id
               join parcel_line l on l.parcel_id = p.id join orders o on o.id = l.order_id
               join shop s on s.id = o.shop_id where x.kind = 'ship_back' and x.state = 'delivered' and s.code = %s""",
            shop,
        )
        yield from (f"{shop}: order {no} was never told to be shipped" for (no,) in delivered if no not in told)


def ship_backs(site: Site, state: str) -> list[tuple[str, str]]:
    """Shop and order number of every ship-back that stands so."""
    return [
        (shop, no)
        for shop, no in site.rows(
            """select distinct s.code, o.order_no from outbox x join parcel_line l on l.parcel_id = x.subject_id
               join orders o on o.id = l.order_id join shop s on s.id = o.shop_id
               where x.kind = 'ship_back' and x.state = %s""",
            state,
        )
    ]


def taken_back(site: Site, shop: str, order_no: str) -> bool:
    """Whether the buyer closed the order or wants money back, so that its shop hears of no parcel now."""
    order = site.outside.do("GET", f"shops/{shop}/orders/{order_no}")
    return order["status"] == "closed" or any(line["refund"] != "none" for line in order["lines"])


def _refusals(site: Site) -> Iterator[str]:
    """A shop refuses to hear of a parcel only when the buyer took the order back; nobody else refuses anything."""
    for state in ("pending", "refused"):
        for shop, no in ship_backs(site, state):
            if not taken_back(site, shop, no):
                yield f"{shop} was not told that order {no} is shipped, and its buyer did nothing"
    others = site.number("select count(*) from outbox where kind <> 'ship_back' and state = 'refused'")
    if others:
        yield f"{others} messages to warehouses or carriers are refused"


def _stock(site: Site, books: dict[str, Any]) -> Iterator[str]:
    """What lies in a warehouse is what it began with less what it shipped; what is locked is what open locks keep."""
    for warehouse, gone in site.rows(
        """select w.code, sum(s.opening - s.on_hand)::bigint from stock s
           join warehouse w on w.id = s.warehouse_id group by 1 order by 1"""
    ):
        documents = {row["outbound_no"]: row for row in books["warehouses"][warehouse]["documents"]}
        shipped = sum(row["qty"] for row in documents.values() if row["shipped"])
        if shipped != gone:
            yield f"{warehouse}: shipped {shipped} units, and the pool counts {gone}"
    locked = site.number("select coalesce(sum(locked), 0) from sku_pool")
    kept = site.number("select coalesce(sum(quantity), 0) from lock where state = 'open'")
    if locked != kept:
        yield f"stock: {locked} units are locked, and open locks keep {kept}"


def _limbo() -> Iterator[str]:
    """Nothing stands still but for what its buyer did."""
    with connect() as conn:
        found = waiting_orders(conn, clock().now())
    for standing in found.standings:
        if isinstance(standing.reason, Standstill) or standing.reason not in KNOWN_WAITS:
            yield f"{standing.total} orders stand {standing.stage} for {standing.reason}, such as {standing.oldest_no}"
    if found.quarantined:
        yield f"{found.quarantined} payloads are in quarantine"
