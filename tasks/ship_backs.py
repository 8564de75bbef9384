"""Ship-backs: what is written for a shop when boxes leave, and what it is told of each box when that is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.base import Box, Capabilities, PieceCount, ShipBack
from models.database import Connection
from models.messages import OutboxKind
from models.rules.kits import kits_by_box, kits_touched
from models.rules.shipping_report import Line, NotYet, Parcel, Refusal, Report, Shipment, Verdict, judge
from tasks.effects import Effect, post
from tasks.outbox_calls import Pending


@dataclass(frozen=True, slots=True)
class Telling:
    """What a message tells a shop of one box: a report for each order in it, or why there can be none.

    `after` are boxes of the same orders that left before and whose reports have not got through, by parcel id with
    their numbers. `doubtful`: the number that is to be corrected may never have reached the shop.
    """

    message_id: int
    parcel_id: int
    waybill: str
    reports: tuple[ShipBack, ...]
    refusals: tuple[Refusal, ...]
    delays: tuple[NotYet, ...]
    after: Mapping[int, str]
    doubtful: bool


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A box as the pool knows it; `delivered` and `waits` say whether reports of it got through, and are on the way."""

    id: int
    carrier: str
    waybill: str
    told_waybill: str
    delivered: bool
    waits: bool
    pieces: Mapping[int, Mapping[int, int]]  # per order id, per line; of kits those that it completes


@dataclass(frozen=True, slots=True)
class _Order:
    """An order as the shop knows it."""

    external_id: str
    channel: str
    shipment: Shipment


def message_key(kind: OutboxKind, parcel_id: int, revision: int) -> str:
    """The idempotency key of a parcel's message: `ship-back-17`, after a correction of its number `ship-back-17-2`."""
    key = f"{kind.value.replace('_', '-')}-{parcel_id}"
    return key if revision == 1 else f"{key}-{revision}"


def post_when_complete(conn: Connection, document_ids: Sequence[int], at: datetime) -> None:
    """Write what was kept back for these closed documents, whose shops take all numbers of an order in one call.

    That is one ship-back for every box, of any document, that has none yet and holds only orders all of whose
    documents are closed, and of which nothing that lacked is still to be sent; none for boxes with replacements, which
    no platform knows. Documents that close at the same moment see each other: their orders are locked first.
    """
    if not document_ids:
        return
    orders = conn.execute(
        """select order_id from order_state
           where order_id in (select order_id from allocation where document_id = any(%s))
           order by order_id for update""",
        (list(document_ids),),
    ).fetchall()
    rows = conn.execute(
        """select p.id, p.renumbered + 1, 'shop:' || s.code, d.batch_id
           from parcel p join outbound_document d on d.id = p.document_id join shop s on s.id = d.shop_id
           where d.id in (select document_id from allocation where order_id = any(%s) and document_id is not null)
             and not exists (
               select 1 from parcel_line pl join allocation a on a.order_id = pl.order_id
               left join outbound_document x on x.id = a.document_id
               where pl.parcel_id = p.id and (x.id is null or x.state not in ('shipped', 'short')) and not exists (
                 select 1 from remainder r where r.document_id = x.id and r.order_id = a.order_id))
             and not exists (
               select 1 from parcel_line pl join remainder r on r.order_id = pl.order_id
               where pl.parcel_id = p.id and r.state = 'open' and r.way in ('reroute', 'back_order'))
             and not exists (
               select 1 from parcel_line pl join replacement r on r.order_id = pl.order_id where pl.parcel_id = p.id)
             and not exists (
               select 1 from generate_series(1, p.renumbered + 1) r
               join outbox o on o.key = 'ship-back-' || p.id || case when r > 1 then '-' || r else '' end)
           order by p.id""",
        ([row[0] for row in orders],),
    ).fetchall()
    kind = OutboxKind.SHIP_BACK
    effects = [Effect(kind, row[2], row[0], message_key(kind, row[0], row[1]), row[3], row[1]) for row in rows]
    post(conn, effects, at)


def render_ship_backs(conn: Connection, pending: Sequence[Pending], capabilities: Capabilities) -> list[Telling]:
    """What each message tells its shop, boxes that left first first; a box may hold several orders."""
    messages = {message.subject_id: message for message in pending}
    order_ids = [
        row[0]
        for row in conn.execute(
            "select distinct order_id from parcel_line where parcel_id = any(%s)", (list(messages),)
        ).fetchall()
    ]
    parcels = _parcels(conn, order_ids)
    orders = _orders(conn, order_ids, parcels)
    verdicts = {key: judge(order.shipment, capabilities, order.channel) for key, order in orders.items()}
    return [
        _telling(messages[parcel.id], parcel, parcels, orders, verdicts)
        for parcel in parcels.values()
        if parcel.id in messages
    ]


def _parcels(conn: Connection, order_ids: Sequence[int]) -> dict[int, _Parcel]:
    """Every box of these orders, of any document, by id ascending."""
    rows = conn.execute(
        """select p.id, p.carrier, p.waybill, p.told_waybill, p.renumbered,
                  pl.order_id, pl.line_no, pl.sku_id, pl.quantity
           from parcel p join parcel_line pl on pl.parcel_id = p.id
           where p.document_id in (select document_id from allocation where order_id = any(%(orders)s))
             and pl.order_id = any(%(orders)s) order by p.id, pl.order_id, pl.line_no""",
        {"orders": list(order_ids)},
    ).fetchall()
    units: _Units = {}
    for row in rows:
        units.setdefault(row[5:7], {}).setdefault(row[0], {})[row[7]] = row[8]
    pieces = _pieces(units, _kits(conn, order_ids))
    states = _states(conn, {row[0]: row[4] for row in rows})
    return {
        i: _Parcel(i, carrier, waybill, told, "delivered" in states[i], "pending" in states[i], pieces[i])
        for i, carrier, waybill, told, *_ in rows
    }


_LineKey = tuple[int, int]
"""Order id and line."""

_Units = dict[_LineKey, dict[int, dict[int, int]]]
"""Per line and parcel id, the units of each SKU; parcels ascending."""


def _kits(conn: Connection, order_ids: Sequence[int]) -> dict[_LineKey, dict[int, int]]:
    """What one piece of a line is made of, per SKU; only lines of kits."""
    kits: dict[_LineKey, dict[int, int]] = {}
    for order_id, line_no, sku_id, per_unit in conn.execute(
        "select order_id, line_no, sku_id, per_unit from line_component where order_id = any(%s)", (list(order_ids),)
    ):
        kits.setdefault((order_id, line_no), {})[sku_id] = per_unit
    return kits


def _pieces(units: _Units, kits: Mapping[_LineKey, Mapping[int, int]]) -> dict[int, dict[int, dict[int, int]]]:
    """Per parcel, order and line, how many pieces the shop counts in it."""
    pieces: dict[int, dict[int, dict[int, int]]] = {}
    for (order_id, line_no), boxes in sorted(units.items()):
        per_unit = kits.get((order_id, line_no))
        counts = (
            kits_by_box(per_unit, list(boxes.values())) if per_unit else [sum(box.values()) for box in boxes.values()]
        )
        for parcel_id, count in zip(boxes, counts, strict=True):
            pieces.setdefault(parcel_id, {}).setdefault(order_id, {})[line_no] = count
    return pieces


def _states(conn: Connection, renumbered: Mapping[int, int]) -> dict[int, set[str]]:
    # by key: the outbox has no index by parcel
    keys = [
        message_key(OutboxKind.SHIP_BACK, parcel_id, revision)
        for parcel_id, times in renumbered.items()
        for revision in range(1, times + 2)
    ]
    states: dict[int, set[str]] = {parcel_id: set() for parcel_id in renumbered}
    for parcel_id, state in conn.execute("select subject_id, state from outbox where key = any(%s)", (keys,)):
        states[parcel_id].add(state)
    return states


def _lines(conn: Connection, order_ids: Sequence[int]) -> dict[int, dict[int, Line]]:
    rows = conn.execute(
        """select l.order_id, l.line_no, l.platform_line, l.sku_code, l.quantity, l.state = 'closed',
                  coalesce(jsonb_object_agg(a.sku_id, a.units) filter (where a.sku_id is not null), '{}')
           from order_line l left join lateral (
             select u.sku_id, sum(u.units) as units from (
               select a.sku_id, case when d.state in ('shipped', 'short') or r.document_id is not null then 0
                                     else a.quantity - a.shipped end as units
               from allocation a left join outbound_document d on d.id = a.document_id
               left join remainder r on r.document_id = a.document_id and r.order_id = a.order_id
                 and r.line_no = a.line_no and r.sku_id = a.sku_id
               where a.order_id = l.order_id and a.line_no = l.line_no
               union all
               select r.sku_id, r.units from remainder r
               where r.order_id = l.order_id and r.line_no = l.line_no and r.state = 'open'
                 and r.way in ('reroute', 'back_order')) u group by 1) a on true
           where l.order_id = any(%s) group by l.order_id, l.line_no order by 1, 2""",
        (list(order_ids),),
    ).fetchall()
    kits = _kits(conn, order_ids)
    lines: dict[int, dict[int, Line]] = {}
    for order_id, number, platform_line, sku_code, quantity, closed, allocated in rows:
        waiting = {int(sku): units for sku, units in allocated.items()}
        to_come = kits_touched(kits.get((order_id, number)) or dict.fromkeys(waiting, 1), waiting)
        line = Line(number, platform_line, sku_code, quantity, to_come, closed or not waiting)
        lines.setdefault(order_id, {})[number] = line
    return lines


def _orders(conn: Connection, order_ids: Sequence[int], parcels: Mapping[int, _Parcel]) -> dict[int, _Order]:
    lines = _lines(conn, order_ids)
    boxes: dict[int, list[Parcel]] = {}
    for parcel in parcels.values():
        for order_id, pieces in parcel.pieces.items():
            boxes.setdefault(order_id, []).append(Parcel(parcel.id, parcel.carrier, parcel.waybill, pieces))
    rows = conn.execute(
        """select o.id, o.external_id, s.channel, o.order_no from orders o join shop s on s.id = o.shop_id
           where o.id = any(%s) order by o.id""",
        (list(boxes),),
    ).fetchall()
    return {
        order_id: _Order(external_id, channel, Shipment(order_no, lines[order_id], boxes[order_id]))
        for order_id, external_id, channel, order_no in rows
    }


def _telling(
    message: Pending,
    parcel: _Parcel,
    parcels: Mapping[int, _Parcel],
    orders: Mapping[int, _Order],
    verdicts: Mapping[int, Mapping[int, Verdict]],
) -> Telling:
    said = [(orders[order_id], verdicts[order_id][parcel.id]) for order_id in parcel.pieces]
    return Telling(
        message.id,
        parcel.id,
        parcel.waybill,
        tuple(_ship_back(order, parcel, said, message.key) for order, said in said if isinstance(said, Report)),
        tuple(said for _, said in said if isinstance(said, Refusal)),
        tuple(said for _, said in said if isinstance(said, NotYet)),
        {
            other.id: other.waybill
            for other in parcels.values()
            if other.id < parcel.id and other.waits and not other.delivered and other.pieces.keys() & parcel.pieces
        },
        parcel.told_waybill != "" and not parcel.delivered,
    )


def _ship_back(order: _Order, parcel: _Parcel, report: Report, key: str) -> ShipBack:
    lines = order.shipment.lines
    return ShipBack(
        order.external_id,
        order.shipment.order_no,
        parcel.carrier,
        parcel.waybill,
        () if report.whole else tuple(lines[number].platform_line for number in report.pieces),
        report.last,
        key,
        tuple(
            PieceCount(lines[number].platform_line, lines[number].sku_code, units, units == lines[number].quantity)
            for number, units in report.pieces.items()
            if units
        ),
        tuple(Box(other.carrier, other.waybill) for other in report.others),
        parcel.told_waybill,
    )
