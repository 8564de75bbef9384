"""Orders as the list shows them: their facts read for many at once, their status derived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import Connection
from models.hold import HoldCode
from models.order import Stage
from models.rules.order_status import NOT_SHIPPED, Facts, Status, order_status
from models.shipment import DocumentState, ParcelStage


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of the list. `first_sku` and `first_quantity` are of its first line; it has `lines` of them."""

    id: int
    order_no: str
    shop: str
    status: Status
    holds: tuple[HoldCode, ...]
    created_at: datetime
    paid_at: datetime | None
    ship_by: datetime | None
    total_fen: int
    region: str
    first_sku: str
    first_quantity: int
    lines: int
    batch_id: int
    stage: Stage
    overdue: bool


def statuses(conn: Connection, order_ids: Sequence[int]) -> dict[int, Status]:
    """The status of each order."""
    return {order_id: order_status(facts) for order_id, facts in load_facts(conn, order_ids).items()}


def load_facts(conn: Connection, order_ids: Sequence[int]) -> dict[int, Facts]:
    """What the statuses of these orders follow from. A parcel counts for the orders that lie in it."""
    rows = conn.execute(
        """select s.order_id, s.stage, h.codes, d.states, p.stages
           from order_state s
           left join lateral (
             select array_agg(code order by code) as codes from hold
             where order_id = s.order_id and released_at is null) h on true
           left join lateral (
             select array_agg(distinct d.state) as states from allocation a
             join outbound_document d on d.id = a.document_id where a.order_id = s.order_id) d
             on s.stage = 'dispatched'
           left join lateral (
             select array_agg(p.stage) as stages from parcel p
             where p.document_id in (select a.document_id from allocation a where a.order_id = s.order_id)
               and exists (select 1 from parcel_line l where l.parcel_id = p.id and l.order_id = s.order_id)) p
             on s.stage = 'dispatched'
           where s.order_id = any(%s)""",
        (list(order_ids),),
    )
    return {
        row[0]: Facts(
            Stage(row[1]),
            tuple(HoldCode(code) for code in row[2] or ()),
            tuple(DocumentState(state) for state in row[3] or ()),
            tuple(ParcelStage(stage) for stage in row[4] or ()),
        )
        for row in rows
    }


def load_rows(conn: Connection, order_ids: Sequence[int], now: datetime) -> list[OrderRow]:
    """The orders as the list shows them, in the order of the ids."""
    facts = load_facts(conn, order_ids)
    rows = conn.execute(
        """select o.id, o.order_no, p.code, o.created_at, o.paid_at, o.ship_by, o.total_fen,
                  coalesce(case when starts_with(r.city, r.province) then '' else r.province end || r.city, ''),
                  coalesce(l.sku_code, ''), coalesce(l.quantity, 0),
                  (select count(*) from order_line c where c.order_id = o.id), s.batch_id
           from unnest(%s::bigint[]) with ordinality w(id, place) join orders o on o.id = w.id
           join shop p on p.id = o.shop_id join order_state s on s.order_id = o.id
           left join receiver r on r.order_id = o.id
           left join lateral (
             select sku_code, quantity from order_line where order_id = o.id order by line_no limit 1) l on true
           order by w.place""",
        (list(order_ids),),
    ).fetchall()
    return [_row(row, facts[row[0]], now) for row in rows]


def _row(row: tuple[Any, ...], facts: Facts, now: datetime) -> OrderRow:
    status, ship_by = order_status(facts), row[5]
    return OrderRow(
        id=row[0],
        order_no=row[1],
        shop=row[2],
        status=status,
        holds=tuple(facts.holds),
        created_at=row[3],
        paid_at=row[4],
        ship_by=ship_by,
        total_fen=row[6],
        region=row[7],
        first_sku=row[8],
        first_quantity=row[9],
        lines=row[10],
        batch_id=row[11],
        stage=facts.stage,
        overdue=status in NOT_SHIPPED and ship_by is not None and ship_by < now,
    )
