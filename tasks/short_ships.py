"""Short shipments: what ended documents lacked, kept as remainders, and the way that the rule or a person chooses.

The units of a remainder are locked nowhere. Those that are still to leave are placed by `tasks.place_again`.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.database import Connection, copy_rows
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.order import Cause, write_own_events
from models.remainder import PLACING, REMAINDER_STEPS, RemainderState, ShortWay
from models.rules.kits import kits_touched
from models.rules.short_ships import closed_short, short_finding
from tasks.delivered_back import settle_delivered
from tasks.ship_backs import post_when_complete
from tasks.shop_settings import capabilities_of
from tasks.stock_counters import columns


@dataclass(frozen=True, slots=True)
class Lack:
    """Units of an order line's SKU that a document closes without, and what the rule says of them."""

    document_id: int
    document: str
    warehouse_id: int
    order_id: int
    line_no: int
    sku_id: int
    sku_code: str
    units: int
    way: ShortWay


def note_lacking(conn: Connection, lacks: Sequence[Lack], why: Cause) -> None:
    """Keep what documents were closed without, and hold their orders with what becomes of it.

    What the shop cancelled meanwhile is dropped at once; what the rule refunds is closed for the buyer at once. The
    caller has locked the orders, and ended the locks.
    """
    if not lacks:
        return
    copy_rows(
        conn,
        "remainder",
        "document_id order_id line_no sku_id warehouse_id units way state made_at".split(),
        (
            (k.document_id, k.order_id, k.line_no, k.sku_id, k.warehouse_id, k.units, k.way.value, "open", why.at)
            for k in lacks
        ),
    )
    dropped = drop_cancelled(conn, {lack.order_id for lack in lacks}, why)
    wanted = [lack for lack in lacks if lack.order_id not in dropped]
    owed = close_for_buyers(conn, {lack.order_id for lack in wanted if lack.way is ShortWay.REFUND}, why)
    place_holds(conn, _findings(wanted, owed), why, renew=True)


def note_given_back(conn: Connection, document_ids: Collection[int], called_off: Collection[int], why: Cause) -> None:
    """Keep what documents were to ship that came back while other documents of their orders stay.

    What is still wanted of it waits for a person; of orders that the shop cancelled, or that are called off, nothing
    is. The caller has locked the orders, and ended the locks.
    """
    rows = conn.execute(
        """insert into remainder (document_id, order_id, line_no, sku_id, warehouse_id, units, way, state, made_at)
           select document_id, order_id, line_no, sku_id, warehouse_id, quantity - shipped, 'hold', 'open', %s
           from allocation where document_id = any(%s) returning order_id""",
        (why.at, sorted(document_ids)),
    ).fetchall()
    order_ids = {row[0] for row in rows}
    drop(conn, order_ids & set(called_off), why, "it was called off")
    drop_cancelled(conn, order_ids, why)
    choose_way(conn, order_ids, ShortWay.HOLD, why)


def _findings(lacks: Sequence[Lack], owed: Mapping[int, int]) -> list[tuple[int, Finding]]:
    units: dict[tuple[int, str, ShortWay], Counter[str]] = {}
    for lack in lacks:
        units.setdefault((lack.order_id, lack.document, lack.way), Counter())[lack.sku_code] += lack.units
    return [
        (order_id, short_finding(closed_short(no), of, way, {"document": no, **_owing(owed, order_id, way)}))
        for (order_id, no, way), of in units.items()
    ]


def _owing(owed: Mapping[int, int], order_id: int, way: ShortWay) -> dict[str, int]:
    return {"refund_fen": owed[order_id]} if way is ShortWay.REFUND and order_id in owed else {}


def drop_cancelled(conn: Connection, order_ids: Collection[int], why: Cause) -> set[int]:
    """End the open remainders of those of these orders that the shop cancelled, with their hold; returns these."""
    rows = conn.execute(
        """select distinct r.order_id from remainder r join orders o on o.id = r.order_id
           where r.order_id = any(%s) and r.state = 'open' and o.pay_state = 'cancelled'""",
        (list(order_ids),),
    ).fetchall()
    cancelled = {row[0] for row in rows}
    drop(conn, cancelled, why, "the shop cancelled it")
    release_holds(conn, sorted(cancelled), [HoldCode.SHIPPED_SHORT], why)
    return cancelled


def drop_closed(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """End the open remainders of lines of these orders that the shop closed; their hold too, where nothing else lacks.

    A line whose shipping the shop was told of, or of an order that is shipped there, may be closed as shipped: such a
    one counts as called off only when all money of the order went back.
    """
    rows = conn.execute(
        """select distinct r.order_id, r.line_no from remainder r join orders o on o.id = r.order_id
           join order_line l on l.order_id = r.order_id and l.line_no = r.line_no
           where r.order_id = any(%s) and r.state = 'open' and l.state = 'closed'
             and (0 < o.paid_fen and o.paid_fen <= o.refunded_fen
               or o.pay_state not in ('shipped', 'finished') and not exists (
                 select 1 from parcel_line pl join parcel p on p.id = pl.parcel_id
                 cross join generate_series(1, p.renumbered + 1) n
                 join outbox x on x.key = 'ship-back-' || p.id || case when n > 1 then '-' || n else '' end
                 where pl.order_id = r.order_id and pl.line_no = r.line_no and (x.state = 'delivered' or x.in_doubt)))
           order by 1, 2""",
        (list(order_ids),),
    ).fetchall()
    if not rows:
        return
    closed = sorted({row[0] for row in rows})
    drop(conn, closed, why, "the shop closed its line", rows)
    still = open_remainders(conn, closed)
    release_holds(conn, [order_id for order_id in closed if order_id not in still], [HoldCode.SHIPPED_SHORT], why)


def drop(
    conn: Connection,
    order_ids: Collection[int],
    why: Cause,
    because: str,
    lines: Collection[tuple[int, int]] | None = None,
) -> None:
    """End the open remainders of these orders: the units are not wanted any more, or were settled elsewhere.

    `lines` (order id, line) are those that are meant when it is not all of them.
    """
    ended = end_remainders(conn, order_ids, RemainderState.DROPPED, why, lines)
    write_own_events(
        conn, ((order_id, "rest_dropped", {"units": dict(of), "why": because}) for order_id, of in ended.items()), why
    )
    tell_complete(conn, ended, why)


def close_for_buyers(conn: Connection, order_ids: Collection[int], why: Cause, reason: str = "") -> dict[int, int]:
    """End the open remainders of these orders as to be refunded; gives per order what the buyer paid for them, in fen.

    That is the wish that whoever pays money back takes up: the rows in state REFUNDED, and the event `refund_owed`.
    A kit counts whole as soon as a part of it lacks.
    """
    ids = sorted(order_ids)
    owed = _paid_for(conn, ids) if ids else {}
    ended = end_remainders(conn, ids, RemainderState.REFUNDED, why)
    write_own_events(
        conn,
        (
            (
                order_id,
                "refund_owed",
                {"units": dict(of), "refund_fen": owed.get(order_id, 0), **({"reason": reason} if reason else {})},
            )
            for order_id, of in ended.items()
        ),
        why,
    )
    tell_complete(conn, ended, why)
    return {order_id: owed.get(order_id, 0) for order_id in ended}


def _paid_for(conn: Connection, order_ids: list[int]) -> dict[int, int]:
    """What the buyers paid for what lacks of these orders now, beside what earlier documents lacked and is owed."""
    rows = conn.execute(
        """select r.order_id, r.line_no, l.paid_fen, l.quantity, jsonb_object_agg(r.sku_id, r.units),
                  jsonb_object_agg(r.sku_id, r.before), jsonb_object_agg(r.sku_id, coalesce(c.per_unit, 1))
           from (select order_id, line_no, sku_id, sum(units) as units,
                        coalesce(sum(units) filter (where state = 'refunded'), 0) as before
                 from remainder where order_id = any(%s) and state in ('open', 'refunded') group by 1, 2, 3) r
           join order_line l on l.order_id = r.order_id and l.line_no = r.line_no
           left join line_component c on c.order_id = r.order_id and c.line_no = r.line_no and c.sku_id = r.sku_id
           where l.quantity > 0 group by 1, 2, 3, 4""",
        (order_ids,),
    ).fetchall()
    owed: Counter[int] = Counter()
    for order_id, _, paid_fen, quantity, units, before, per_unit in rows:
        now, then = (min(kits_touched(per_unit, of), quantity) for of in (units, before))
        owed[order_id] += paid_fen * now // quantity - paid_fen * then // quantity
    return dict(owed)


def end_remainders(
    conn: Connection,
    order_ids: Collection[int],
    to: RemainderState,
    why: Cause,
    lines: Collection[tuple[int, int]] | None = None,
) -> dict[int, Counter[str]]:
    """Move the open remainders of these orders to a state that ends them, each once; units per order and SKU code.

    `lines` as in `drop`.
    """
    entry = [state.value for state, nexts in REMAINDER_STEPS.items() if to in nexts]
    rows = conn.execute(
        """update remainder r set state = %s, ended_at = %s from sku k
           where r.order_id = any(%s) and r.state = any(%s) and k.id = r.sku_id
             and (%s or (r.order_id, r.line_no) in (select * from unnest(%s::bigint[], %s::int[])))
           returning r.order_id, k.code, r.units""",
        (to.value, why.at, sorted(order_ids), entry, lines is None, *columns(list(lines or ()), 2)),
    ).fetchall()
    ended: dict[int, Counter[str]] = {}
    for order_id, code, units in sorted(rows):
        ended.setdefault(order_id, Counter())[code] += units
    return ended


def choose_way(
    conn: Connection, order_ids: Collection[int], way: ShortWay, why: Cause, because: str = "", reason: str = ""
) -> None:
    """Give what lacks of these orders another way, and tell it in their hold; the caller has locked them.

    `because` is what led to it, `reason` a person's.
    """
    ids = sorted(order_ids)
    found = open_remainders(conn, ids)
    conn.execute(
        "update remainder set way = %s where order_id = any(%s) and state = 'open'",
        (way.value, ids),
    )
    owed = close_for_buyers(conn, ids, why, reason) if way is ShortWay.REFUND else {}
    if way not in PLACING:
        tell_complete(conn, ids, why)
    evidence: dict[str, Any] = {"reason": reason, "by": why.actor.removeprefix("person:")} if reason else {}
    place_holds(
        conn,
        [
            (
                order_id,
                short_finding(
                    of.opening,
                    of.units,
                    way,
                    {"document": of.documents, **_owing(owed, order_id, way), **evidence}
                    | ({"came_back": True} if of.came_back else {}),
                    because,
                ),
            )
            for order_id, of in found.items()
        ],
        why,
        renew=True,
    )


@dataclass(frozen=True, slots=True)
class OpenRemainder:
    """What lacks of an order: by which documents, and units per SKU code; `came_back`: one was given back whole."""

    documents: str
    units: dict[str, int]
    came_back: bool = False

    @property
    def opening(self) -> str:
        """How a hold begins that tells it."""
        return f"{self.documents} came back" if self.came_back else closed_short(self.documents)

    def __str__(self) -> str:
        return ", ".join(f"{units} of {code}" for code, units in sorted(self.units.items()))


def open_remainders(conn: Connection, order_ids: Collection[int]) -> dict[int, OpenRemainder]:
    """What lacks of these orders and is not settled; those of which nothing does are left out."""
    rows = conn.execute(
        """select r.order_id, d.no, k.code, sum(r.units)::int, bool_or(d.state in ('rejected', 'cancelled'))
           from remainder r
           join outbound_document d on d.id = r.document_id join sku k on k.id = r.sku_id
           where r.order_id = any(%s) and r.state = 'open' group by 1, 2, 3 order by 1, 2, 3""",
        (list(order_ids),),
    ).fetchall()
    nos: dict[int, dict[str, None]] = {}
    units: dict[int, Counter[str]] = {}
    back: set[int] = set()
    for order_id, no, code, number, came_back in rows:
        back |= {order_id} if came_back else set()
        nos.setdefault(order_id, {})[no] = None
        units.setdefault(order_id, Counter())[code] += number
    return {
        order_id: OpenRemainder(", ".join(nos[order_id]), dict(of), order_id in back) for order_id, of in units.items()
    }


def take_orders(conn: Connection, order_ids: Collection[int]) -> None:
    """Lock these orders, and those that share a document with one of them, by id: telling shops asks for both."""
    conn.execute(
        """select 1 from order_state where order_id = any(%(ids)s) or order_id in (
             select b.order_id from allocation a join allocation b on b.document_id = a.document_id
             where a.order_id = any(%(ids)s))
           order by order_id for update""",
        {"ids": sorted(order_ids)},
    )


def tell_complete(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """Tell shops of those of these orders that are complete now: numbers where all go at once, and deliveries."""
    rows = conn.execute(
        """select distinct d.id, s.code, s.channel, s.settings->'capabilities' from allocation a
           join outbound_document d on d.id = a.document_id join shop s on s.id = d.shop_id
           where a.order_id = any(%s) order by 1""",
        (sorted(order_ids),),
    ).fetchall()
    post_when_complete(conn, [row[0] for row in rows if _takes_all_at_once(*row[1:])], why.at)
    settle_delivered(conn, order_ids, why.at)


def _takes_all_at_once(shop_code: str, channel: str, own: Mapping[str, Any] | None) -> bool:
    capabilities = capabilities_of(shop_code, channel, own or {})
    return capabilities.reports_shipping and capabilities.numbers_at_once
