"""Orders that were there before: of the same buyer for the same goods, and with the same number."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.registry import CHANNELS
from models.database import Connection
from models.rules.repeats import Basket, Purchase, basket_of, nearest_repeats
from models.rules.reviewed import Earlier

# a moment of payment; an order that is paid at the door has none before it is there
MOMENT = "coalesce(o.paid_at, o.created_at)"
_BOUGHT = """o.kind = 'goods' and o.pay_state not in ('unpaid', 'cancelled') and s.stage <> 'cancelled'
    and not exists (select 1 from replacement p where p.order_id = o.id)"""

_BY_BUYER = f"""
  select o.id, o.order_no, {MOMENT}, w.buyer
  from unnest(%s::text[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[])
       w(buyer, shop_id, buyer_key, since, until)
  join orders o on o.shop_id = w.shop_id and o.buyer_key = w.buyer_key and o.buyer_key <> ''
    and {MOMENT} between w.since and w.until
  join order_state s on s.order_id = o.id
  where {_BOUGHT} and o.id <> all(%s)"""
_BY_PHONE = f"""
  select o.id, o.order_no, {MOMENT}, w.buyer
  from unnest(%s::text[], %s::bytea[], %s::timestamptz[], %s::timestamptz[]) w(buyer, phone_hash, since, until)
  join receiver r on r.phone_hash = w.phone_hash join orders o on o.id = r.order_id
    and {MOMENT} between w.since and w.until
  join order_state s on s.order_id = o.id
  where {_BOUGHT} and o.id <> all(%s)"""


@dataclass(frozen=True, slots=True)
class Bought:
    """A paid order that is reviewed: when, by whom as the platform and the phone say, and what for."""

    order_id: int
    order_no: str
    at: datetime
    shop_id: int
    buyer_key: str
    phone_hash: bytes | None
    basket: Basket

    @property
    def buyer(self) -> str:
        """What it is compared by: the platform's key in its shop, for a guest the phone; "" when there is neither."""
        if self.buyer_key:
            return f"{self.shop_id} {self.buyer_key}"
        return self.phone_hash.hex() if self.phone_hash else ""


def repeats_of(conn: Connection, bought: Sequence[Bought], within: timedelta) -> Mapping[int, Earlier]:
    """The nearest order of the same buyer for the same goods before each of these, at most so long before."""
    buyers = {order.order_id: buyer for order in bought if order.basket and (buyer := order.buyer)}
    asked = [order for order in bought if order.order_id in buyers]
    if not asked:
        return {}
    others = _others(conn, asked, buyers, within)
    baskets = _baskets(conn, {row[0] for row in others})
    by_buyer: dict[str, list[Purchase]] = {}
    for order in asked:
        buyer = buyers[order.order_id]
        by_buyer.setdefault(buyer, []).append(_purchase(order, buyer))
    for order_id, order_no, at, buyer in others:
        by_buyer[buyer].append(Purchase(order_id, order_no, at, buyer, baskets.get(order_id, frozenset())))
    for order, phone in _known_to_guests(asked, buyers):
        by_buyer[phone].append(_purchase(order, phone))
    found: dict[int, Earlier] = {}
    for buyer, own in by_buyer.items():
        if len(own) > 1:
            found |= nearest_repeats(own, {one.order_id for one in own if buyers.get(one.order_id) == buyer})
    return found


def _purchase(order: Bought, buyer: str) -> Purchase:
    return Purchase(order.order_id, order.order_no, order.at, buyer, order.basket)


def _known_to_guests(asked: Sequence[Bought], buyers: Mapping[int, str]) -> Iterable[tuple[Bought, str]]:
    """Those of buyers with an account whose phone a guest among them has as well, each with that phone."""
    phones = {order.phone_hash for order in asked if not order.buyer_key}
    return (
        (order, order.phone_hash.hex())
        for order in (asked if phones else ())
        if order.buyer_key and order.phone_hash and order.phone_hash in phones
    )


def _others(
    conn: Connection, asked: Sequence[Bought], buyers: Mapping[int, str], within: timedelta
) -> list[tuple[Any, ...]]:
    """Orders of these buyers, besides those asked about, in the spans that matter: id, number, moment, buyer."""
    spans: dict[str, tuple[Bought, datetime, datetime]] = {}
    for order in asked:
        buyer = buyers[order.order_id]
        first, since, until = spans.get(buyer, (order, order.at, order.at))
        spans[buyer] = (first, min(since, order.at), max(until, order.at))
    mine = [order.order_id for order in asked]
    rows: list[tuple[Any, ...]] = []
    keyed = [(buyer, *span) for buyer, span in spans.items() if span[0].buyer_key]
    guests = [(buyer, *span) for buyer, span in spans.items() if not span[0].buyer_key]
    if keyed:
        rows += conn.execute(
            _BY_BUYER.encode(),
            (
                [row[0] for row in keyed],
                [row[1].shop_id for row in keyed],
                [row[1].buyer_key for row in keyed],
                [row[2] - within for row in keyed],
                [row[3] for row in keyed],
                mine,
            ),
        ).fetchall()
    if guests:
        rows += conn.execute(
            _BY_PHONE.encode(),
            (
                [row[0] for row in guests],
                [row[1].phone_hash for row in guests],
                [row[2] - within for row in guests],
                [row[3] for row in guests],
                mine,
            ),
        ).fetchall()
    return rows


def _baskets(conn: Connection, order_ids: Collection[int]) -> dict[int, Basket]:
    lines: dict[int, list[tuple[str, int]]] = {}
    if order_ids:
        for order_id, code, quantity in conn.execute(
            """select l.order_id, l.sku_code, l.quantity from order_line l
               where l.order_id = any(%s) and (l.state <> 'closed' or exists (
                 select from allocation a where a.order_id = l.order_id and a.line_no = l.line_no))""",
            (list(order_ids),),
        ):
            lines.setdefault(order_id, []).append((code, quantity))
    return {order_id: basket_of(of) for order_id, of in lines.items()}


def channels_like(channel: str) -> list[str]:
    """The channels that never give an order number of this one again; elsewhere each shop counts for itself."""
    name = CHANNELS[channel].shared_numbers
    return [other for other, kind in CHANNELS.items() if name and kind.shared_numbers == name]


def same_numbers(conn: Connection, channel: str, order_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """For orders of a channel whose number came before: the shops and ids that brought it, the oldest first."""
    rows = conn.execute(
        """select o.id, array_agg(s.code || ' ' || e.external_id order by e.id)
           from orders o join orders e on e.order_no = o.order_no and e.id < o.id
           join shop s on s.id = e.shop_id
           where o.id = any(%s) and (e.shop_id = o.shop_id or s.channel = any(%s)) group by 1""",
        (list(order_ids), channels_like(channel)),
    ).fetchall()
    return {row[0]: tuple(row[1]) for row in rows}
