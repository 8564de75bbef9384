"""Returns as people look at them: a list with filters, and one return with its lines, money, exchange and story."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from models.database import Connection
from models.rules.returns import OPEN, UNDECIDED, RefundState, ReturnKind, ReturnState

Row = Mapping[str, Any]

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class ReturnWish:
    """Which returns are asked for, newest first: "" and None stand for all; `before` is the id where a page ended.

    `todo`: where goods or money wait for somebody. `text`: a return's number, a waybill or an order's number.
    """

    text: str = ""
    state: str = ""
    refund: str = ""
    kind: str = ""
    todo: bool = False
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ListedReturn:
    """A return in a list; `units` are those announced, `exchange_no` the order that replaces its goods, or ""."""

    id: int
    no: str
    order_id: int
    order_no: str
    shop: str
    kind: ReturnKind
    state: ReturnState
    refund: RefundState
    amount_fen: int
    units: int
    skus: str
    carrier: str
    waybill: str
    warehouse: str
    exchange_no: str
    reason: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnPage:
    """A return with its lines, what an exchange of it sends out, and what happened to it, oldest first."""

    row: ListedReturn
    facts: Row
    lines: list[Row]
    instead: list[Row]
    events: list[Row]


_LISTED = """
  select r.id, r.no, r.order_id, o.order_no, s.code, r.kind, r.state, f.state, f.amount_fen,
         (select sum(l.quantity)::int from return_line l where l.return_id = r.id),
         (select string_agg(k.code || ' × ' || l.units, ', ' order by k.code) from (
            select sku_id, sum(quantity) as units from return_line where return_id = r.id group by 1) l
          join sku k on k.id = l.sku_id),
         r.carrier, r.waybill, coalesce(w.code, ''),
         coalesce((select x.order_no from replacement p join orders x on x.id = p.order_id
                   where p.return_id = r.id), ''),
         r.reason, r.opened_at
  from return_order r join orders o on o.id = r.order_id join shop s on s.id = o.shop_id
  join refund f on f.return_id = r.id left join warehouse w on w.id = r.warehouse_id
  where {where} order by r.id desc limit %(size)s"""

_FACTS: Final = """
  select r.arrived_at, r.inspected_at, r.inspected_by, r.note, r.opened_by, r.parcel_id, f.decided_by, f.changed_at,
         o.refunded_fen, o.paid_fen, (select p.order_id from replacement p where p.return_id = r.id) as exchange_id
  from return_order r join refund f on f.return_id = r.id join orders o on o.id = r.order_id where r.id = %s"""
_LINES: Final = """
  select l.line_no, l.sku_id, k.code as sku, coalesce(nullif(n.title, ''), k.name) as title, l.quantity, l.good,
         l.defect, l.wrong, l.empty, l.quantity - l.good - l.defect - l.wrong - l.empty as missing
  from return_line l join return_order r on r.id = l.return_id join sku k on k.id = l.sku_id
  left join order_line n on n.order_id = r.order_id and n.line_no = l.line_no
  where l.return_id = %s order by 1, 3"""
_INSTEAD: Final = """
  select k.code as sku, k.name, e.quantity from exchange_line e join sku k on k.id = e.sku_id
  where e.return_id = %s order by 1"""
_EVENTS: Final = """
  select e.at, e.what, e.actor, e.flow_run_id, e.rule_version, e.detail from event e
  join return_order r on r.order_id = e.order_id and e.detail->>'return' = r.no where r.id = %s order by e.id"""
_OF_ORDER: Final = """
  select r.id, r.no, r.kind, r.state, f.state as refund, f.amount_fen, r.carrier, r.waybill, r.opened_at
  from return_order r join refund f on f.return_id = r.id where r.order_id = %s order by r.id"""
_REPLACED_BY: Final = """
  select o.id, o.order_no, p.kind from replacement p join orders o on o.id = p.order_id
  where p.replaces = %s order by o.id"""
_REPLACES: Final = """
  select o.id, o.order_no, p.kind, coalesce(r.no, '') as return_no, r.id as return_id
  from replacement p join orders o on o.id = p.replaces left join return_order r on r.id = p.return_id
  where p.order_id = %s"""
_RETURNABLE: Final = """
  select l.line_no, l.sku_code, l.title, l.quantity,
         (select sum(a.shipped) from allocation a where a.order_id = l.order_id and a.line_no = l.line_no) as shipped
  from order_line l where l.order_id = %s and exists (
    select 1 from allocation a where a.order_id = l.order_id and a.line_no = l.line_no and a.shipped > 0)
  order by 1"""


def list_returns(conn: Connection, wish: ReturnWish) -> list[ListedReturn]:
    """The next page of the returns that are asked for, newest first."""
    wanted = ["true"]
    if wish.before is not None:
        wanted.append("r.id < %(before)s")
    if wish.state:
        wanted.append("r.state = %(state)s")
    if wish.refund:
        wanted.append("f.state = %(refund)s")
    if wish.kind:
        wanted.append("r.kind = %(kind)s")
    if wish.todo:
        wanted.append("(r.state = any(%(open)s) or f.state = any(%(undecided)s))")
    if wish.text:
        wanted.append(
            """(r.no = %(text)s or r.waybill = %(text)s
                or r.order_id in (select id from orders where order_no = %(text)s))"""
        )
    return _listed(conn, " and ".join(wanted), {
        "before": wish.before,
        "state": wish.state,
        "refund": wish.refund,
        "kind": wish.kind,
        "open": [state.value for state in OPEN],
        "undecided": [state.value for state in UNDECIDED],
        "text": wish.text.strip(),
        "size": PAGE,
    })  # fmt: skip


def find_return(conn: Connection, return_id: int) -> ReturnPage | None:
    """The return of this id; None when there is none."""
    found = _listed(conn, "r.id = %(id)s", {"id": return_id, "size": 1})
    if not found:
        return None
    return ReturnPage(
        found[0],
        _rows(conn, _FACTS, return_id)[0],
        _rows(conn, _LINES, return_id),
        _rows(conn, _INSTEAD, return_id),
        _rows(conn, _EVENTS, return_id),
    )


def returns_of(conn: Connection, order_id: int) -> list[Row]:
    """The returns of an order, oldest first."""
    return _rows(conn, _OF_ORDER, order_id)


def replaced_by(conn: Connection, order_id: int) -> list[Row]:
    """The orders that were made in place of what an order shipped."""
    return _rows(conn, _REPLACED_BY, order_id)


def replaces(conn: Connection, order_id: int) -> Row | None:
    """The order that this one was made in place of, with the return it is for; None for orders of a shop."""
    return next(iter(_rows(conn, _REPLACES, order_id)), None)


def returnable(conn: Connection, order_id: int) -> list[Row]:
    """The lines of an order of which something left."""
    return _rows(conn, _RETURNABLE, order_id)


def _listed(conn: Connection, where: str, values: Mapping[str, Any]) -> list[ListedReturn]:
    rows = conn.execute(_LISTED.format(where=where).encode(), values).fetchall()
    return [_listed_row(*row) for row in rows]


def _listed_row(*row: Any) -> ListedReturn:
    kind, state, refund = ReturnKind(row[5]), ReturnState(row[6]), RefundState(row[7])
    values: list[Any] = [*row[:5], kind, state, refund, *row[8:]]
    return ListedReturn(*values)


def _rows(conn: Connection, query: LiteralString, value: int) -> list[Row]:
    cursor = conn.execute(query, (value,))
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]
