"""A buyer's orders as the progress page shows them: found, read set-wise, masked. Nothing is asked of the outside.

An order whose receiver was erased, or whose platform split it into others, is not found.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from models.database import Connection
from models.incoming import LineState
from models.masking import mask_contacts, mask_name, mask_phone
from models.order import Stage
from models.rules.order_status import Facts
from models.rules.progress import Progress, furthest_step, has_left_in_part, of_order, of_parcel
from models.rules.returns import ReturnKind, ReturnState
from models.sealing import unseal
from models.shipment import ParcelStage
from tasks.expected_delivery import Expected, expected_deliveries
from tasks.order_rows import load_facts

SHOWN_FOR = timedelta(days=90)
"""Orders older than this are not shown. Source: docs/progress-page.md."""

MOST_ORDERS = 50
MOST_SCANS = 60
LEAST_SCANS = 6
"""Of all parcels of an order together, the newest, and at least of each: so its page stays below 50 KB."""


class Item(NamedTuple):
    """So many pieces of what was ordered."""

    title: str
    quantity: int


class Scan(NamedTuple):
    """One step of a parcel's way; text and place are masked."""

    at: datetime
    stage: ParcelStage | None  # None: the carrier's word for it is not known
    text: str
    place: str


class Return(NamedTuple):
    """Goods of the order that come back."""

    kind: ReturnKind
    state: ReturnState
    opened_at: datetime


@dataclass(slots=True)
class Parcel:
    """One parcel of the order with what lies in it of this order. `heard_at` is when the carrier last told of it."""

    id: int
    carrier: str
    waybill: str
    stage: ParcelStage
    left_at: datetime
    heard_at: datetime
    items: list[Item] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    expected: Expected | None = None

    @property
    def progress(self) -> Progress:
        """Where it is."""
        return of_parcel(self.stage)

    @property
    def step(self) -> int:
        """How far along the bar it came; in trouble or on its way back it is where it was scanned last before."""
        return furthest_step([self.stage, *(scan.stage for scan in self.scans if scan.stage)])


@dataclass(slots=True)
class BuyersOrder:
    """An order as its buyer sees it. `to_leave` are the pieces that lie in no parcel yet."""

    id: int
    number: str
    shop: str
    placed_at: datetime
    paid_at: datetime | None
    updated_at: datetime
    progress: Progress
    in_part: bool
    receiver: str
    phone: str
    region: str
    items: list[Item] = field(default_factory=list)
    to_leave: list[Item] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)


class _Boxed(NamedTuple):
    """Pieces of an order's line that lie in a parcel; 0 for a component of a kit."""

    order_id: int
    line_no: int
    pieces: int


_SHOWN = """
  r.erased_at is null and r.restricted_at is null and o.created_at > %(since)s and not exists (
    select from orders c where c.shop_id = o.shop_id and c.split_from = o.external_id and c.split_from <> '')"""


def orders_of_phone(conn: Connection, phone: bytes, at: datetime) -> list[int]:
    """The orders of a phone's hash, the newest first."""
    return _ids(conn, "r.phone_hash = %(phone)s", at, phone=phone)


def orders_of_number(conn: Connection, order_no: str, last4: str, at: datetime) -> list[int]:
    """The orders of a number, or those that the platform split it into, whose receiver's phone ends so."""
    return _ids(
        conn,
        """r.phone_last4 = %(last4)s and o.id in (
             select id from orders where order_no = %(no)s
             union all select c.id from orders p join orders c on c.shop_id = p.shop_id and c.split_from = p.external_id
                       and c.split_from <> '' where p.order_no = %(no)s)""",
        at,
        no=order_no,
        last4=last4,
    )


def still_shown(conn: Connection, order_ids: Sequence[int], at: datetime) -> list[int]:
    """Those of the orders that may be shown now, the newest first."""
    return _ids(conn, "o.id = any(%(ids)s)", at, ids=list(order_ids))


def _ids(conn: Connection, condition: str, at: datetime, **values: object) -> list[int]:
    rows = conn.execute(
        f"""select o.id from receiver r join orders o on o.id = r.order_id where {condition} and {_SHOWN}
            order by o.created_at desc, o.id desc limit {MOST_ORDERS}""".encode(),
        {**values, "since": at - SHOWN_FOR},
    ).fetchall()
    return [row[0] for row in rows]


def list_orders(conn: Connection, order_ids: Sequence[int]) -> list[BuyersOrder]:
    """The orders in the order of their ids as a list shows them: without parcels and returns, in three queries."""
    ids = list(order_ids)
    found = _orders(conn, ids, load_facts(conn, ids))
    _add_items(conn, found, ())
    return [found[order_id] for order_id in ids if order_id in found]


def load_order(conn: Connection, order_id: int) -> BuyersOrder:
    """One order with all that its page shows, in a fixed number of queries."""
    found = _orders(conn, [order_id], load_facts(conn, [order_id]))
    parcels, boxed = _parcels(conn, found)
    _add_scans(conn, parcels)
    expected = expected_deliveries(conn, list(parcels))
    for parcel_id, several in parcels.items():
        for parcel in several:
            parcel.expected = expected.get(parcel_id)
    _add_items(conn, found, boxed)
    _add_returns(conn, found)
    return found[order_id]


def _orders(conn: Connection, ids: list[int], facts: dict[int, Facts]) -> dict[int, BuyersOrder]:
    rows = conn.execute(
        """select o.id, o.order_no, coalesce(nullif(p.name, ''), p.code), o.created_at, o.paid_at,
                  greatest(o.stored_at, (select max(e.at) from event e where e.order_id = o.id)),
                  r.name_enc, r.phone_enc, concat_ws(' ', case when not starts_with(r.city, r.province)
                    then nullif(r.province, '') end, nullif(r.city, ''), nullif(r.district, ''))
           from orders o join shop p on p.id = o.shop_id join receiver r on r.order_id = o.id
           where o.id = any(%s)""",
        (ids,),
    )
    found = {}
    for order_id, number, shop, placed_at, paid_at, told_at, name, phone, region in rows:
        known = facts.get(order_id, Facts(Stage.INGESTED))
        found[order_id] = BuyersOrder(
            id=order_id,
            number=mask_number(number),
            shop=shop,
            placed_at=placed_at,
            paid_at=paid_at,
            updated_at=told_at,
            progress=of_order(known),
            in_part=has_left_in_part(known),
            receiver=mask_name(unseal(name)) if name else "",
            phone=mask_phone(unseal(phone)) if phone else "",
            region=f"{region}****" if region else "",
        )
    return found


def mask_number(number: str) -> str:
    """An order's number as its buyer knows it again: its first and last four characters, of a short one fewer."""
    if len(number) <= 5:
        return f"****{number[-1:]}"
    shown = 4 if len(number) > 10 else 2
    return f"{number[:shown]}****{number[-shown:]}"


def _parcels(conn: Connection, orders: dict[int, BuyersOrder]) -> tuple[dict[int, list[Parcel]], list[_Boxed]]:
    """The parcels by id, and what lies in them. One that carries several orders is one of each of them."""
    rows = conn.execute(
        """select l.order_id, p.id, p.carrier, p.waybill, p.stage, p.shipped_at, p.heard_at, l.line_no,
                  n.sku_id = l.sku_id,
                  case when n.sku_id = l.sku_id then n.title else coalesce(nullif(s.name, ''), s.code, n.title) end,
                  l.quantity
           from (select distinct order_id, document_id from allocation where order_id = any(%s)) a
           join parcel p on p.document_id = a.document_id and p.stage <> 'cancelled'
           join parcel_line l on l.parcel_id = p.id and l.order_id = a.order_id
           join order_line n on n.order_id = l.order_id and n.line_no = l.line_no
           left join sku s on s.id = l.sku_id
           order by l.order_id, p.shipped_at, p.id, l.line_no, l.sku_id""",
        (list(orders),),
    )
    found: dict[int, list[Parcel]] = defaultdict(list)
    boxed = []
    for order_id, parcel_id, carrier, waybill, stage, left_at, heard_at, line_no, whole, title, quantity in rows:
        order = orders[order_id]
        if not order.parcels or order.parcels[-1].id != parcel_id:
            parcel = Parcel(parcel_id, carrier, waybill, ParcelStage(stage), left_at, heard_at)
            order.parcels.append(parcel)
            order.updated_at = max(order.updated_at, heard_at)
            found[parcel_id].append(parcel)
        order.parcels[-1].items.append(Item(title, quantity))
        boxed.append(_Boxed(order_id, line_no, quantity if whole else 0))
    return found, boxed


def _add_scans(conn: Connection, parcels: dict[int, list[Parcel]]) -> None:
    rows = conn.execute(
        """select w.id, e.at, e.stage, e.text, e.place from unnest(%s::bigint[]) w(id) cross join lateral (
             select at, stage, text, place, digest from parcel_event where parcel_id = w.id
             order by at desc, digest limit %s) e order by w.id, e.at desc, e.digest""",
        (list(parcels), max(LEAST_SCANS, MOST_SCANS // max(1, len(parcels)))),
    )
    for parcel_id, at, stage, text, place in rows:
        for parcel in parcels[parcel_id]:
            # masked when it was stored; masked again, because it is shown to more people than it was stored for
            known = ParcelStage(stage) if stage else None
            parcel.scans.append(Scan(at, known, mask_contacts(text), mask_contacts(place)))


def _add_items(conn: Connection, orders: dict[int, BuyersOrder], boxed: Iterable[_Boxed]) -> None:
    """What was ordered, and what of it has not left. A kit counts as left with the first of its components."""
    left: dict[tuple[int, int], int] = defaultdict(int)
    kits = set()
    for each in boxed:
        left[each.order_id, each.line_no] += each.pieces
        if not each.pieces:
            kits.add((each.order_id, each.line_no))
    rows = conn.execute(
        """select order_id, line_no, title, quantity, state from order_line where order_id = any(%s)
           order by order_id, line_no""",
        (list(orders),),
    )
    for order_id, line_no, title, quantity, state in rows:
        orders[order_id].items.append(Item(title, quantity))
        missing = quantity - left[order_id, line_no]
        if missing > 0 and state != LineState.CLOSED and (order_id, line_no) not in kits:
            orders[order_id].to_leave.append(Item(title, missing))


def _add_returns(conn: Connection, orders: dict[int, BuyersOrder]) -> None:
    rows = conn.execute(
        """select order_id, kind, state, opened_at from return_order
           where order_id = any(%s) and state <> 'called_off' order by id""",
        (list(orders),),
    )
    for order_id, kind, state, opened_at in rows:
        orders[order_id].returns.append(Return(ReturnKind(kind), ReturnState(state), opened_at))


def latest(orders: Iterable[BuyersOrder]) -> datetime | None:
    """When what is shown was last told of; None without orders."""
    return max((order.updated_at for order in orders), default=None)
