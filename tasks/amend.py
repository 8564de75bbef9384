"""What a newer platform version of a known order does: facts change, and it starts again where it must and can."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.database import Connection, copy_rows
from models.incoming import IncomingOrder, LineState, OrderKind, PayState
from models.order import (
    LINE_COLUMNS,
    Cause,
    Finding,
    HoldCode,
    Stage,
    place_holds,
    release_holds,
    write_events,
    write_own_events,
)
from models.receiver import RECEIVER_COLUMNS
from models.sealing import unseal
from tasks.lock_stock import unlock_stock

_FACTS = """update orders set pay_state = %s, platform_status = %s, paid_at = %s, modified_at = %s, ship_by = %s,
    goods_fen = %s, discount_fen = %s, freight_fen = %s, total_fen = %s, paid_fen = %s, refunded_fen = %s
    where id = %s"""

# An empty or masked value never overwrites a fuller one. The region counts as one value: parts of two do not mix.
_RECEIVER = """update receiver set
    name_enc = case when %(masked)s and not masked then name_enc else coalesce(%(name_enc)s, name_enc) end,
    phone_enc = case when %(masked)s and not masked then phone_enc else coalesce(%(phone_enc)s, phone_enc) end,
    address_enc = case when %(masked)s and not masked then address_enc else coalesce(%(address_enc)s, address_enc) end,
    notes_enc = coalesce(%(notes_enc)s, notes_enc),
    cut_enc = coalesce(%(cut_enc)s, cut_enc),
    phone_hash = coalesce(%(phone_hash)s, phone_hash),
    phone_last4 = coalesce(nullif(%(phone_last4)s, ''), phone_last4),
    province = case when %(region)s then %(province)s else province end,
    city = case when %(region)s then %(city)s else city end,
    district = case when %(region)s then %(district)s else district end,
    town = case when %(region)s then %(town)s else town end,
    oaid = coalesce(nullif(%(oaid)s, ''), oaid),
    masked = masked and %(masked)s
    where order_id = %(order_id)s"""


@dataclass(frozen=True, slots=True)
class Amendment:
    """A newer version of an order: what it says now, and its line and receiver rows as they would be stored."""

    order_id: int
    order: IncomingOrder
    lines: list[tuple[Any, ...]]
    receiver: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the pool decided from: the order's stage and kind, payment, region with address, and lines to ship."""

    stage: Stage
    kind: OrderKind
    payment: tuple[str, int]
    place: tuple[str, ...]
    goods: list[tuple[str, str, int, str]]


def amend_orders(conn: Connection, batch_id: int, amendments: Sequence[Amendment], why: Cause) -> int:
    """Take over newer versions; an order whose payment, goods or address changed begins again in this batch.

    It first gives back what it holds. One that only a remark or a time changed keeps its place and its stock.
    After dispatch the facts are noted and a hold says that the warehouse has other ones. An order that was cancelled
    begins again when the buyer paid after all. Returns how many orders begin again.
    """
    known = _known(conn, [amendment.order_id for amendment in amendments])
    told = [amendment for amendment in amendments if _matters(known[amendment.order_id], amendment)]
    again = [amendment for amendment in told if _can_begin_again(known[amendment.order_id], amendment)]
    late = [amendment for amendment in told if _comes_late(known[amendment.order_id], amendment)]
    _note_facts(conn, amendments, why)
    if again:
        _begin_again(conn, batch_id, again, why)
    place_holds(conn, [(amendment.order_id, _late_finding(amendment.order)) for amendment in late], why)
    return len(again)


def step_back(conn: Connection, batch_id: int, order_ids: Sequence[int], why: Cause) -> None:
    """Put orders back to ingested in a batch, with locks and allocations given up and decided holds dropped."""
    ids = list(order_ids)
    unlock_stock(conn, ids, why)
    conn.execute("delete from allocation where order_id = any(%s)", (ids,))
    release_holds(conn, ids, [code for code in HoldCode if code is not HoldCode.SKIPPED], why)
    conn.execute(
        "update order_state set stage = 'ingested', batch_id = %s, rule_version = %s where order_id = any(%s)",
        (batch_id, why.rule_version, ids),
    )
    write_events(conn, ids, Stage.INGESTED.value, why, {"batch": batch_id})


def _known(conn: Connection, order_ids: Sequence[int]) -> dict[int, _Known]:
    goods: dict[int, list[tuple[str, str, int, str]]] = {order_id: [] for order_id in order_ids}
    rows = conn.execute(
        """select s.order_id, s.stage, o.kind, o.pay_state, o.refunded_fen,
                  r.province, r.city, r.district, r.town, r.address_enc
           from order_state s join orders o on o.id = s.order_id join receiver r on r.order_id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (list(order_ids),),
    ).fetchall()
    for line in conn.execute(
        """select order_id, platform_line, sku_code, quantity, state from order_line
           where order_id = any(%s) order by order_id, line_no""",
        (list(order_ids),),
    ):
        goods[line[0]].append(line[1:])
    return {
        row[0]: _Known(
            Stage(row[1]),
            OrderKind(row[2]),
            (row[3], row[4]),
            (*row[5:9], unseal(row[9]) if row[9] else ""),
            goods[row[0]],
        )
        for row in rows
    }


def _matters(known: _Known, amendment: Amendment) -> bool:
    order, to = amendment.order, amendment.order.receiver
    goods = [(row[2], row[3], row[6], row[9]) for row in amendment.lines]
    place = (to.province, to.city, to.district, to.town, to.address)
    moved = bool(to.province or to.city) and not to.masked and place != known.place
    moved = moved or (bool(to.province or to.city) and place[:3] != known.place[:3])
    return moved or goods != known.goods or (order.pay_state.value, order.refunded_fen) != known.payment


def _can_begin_again(known: _Known, amendment: Amendment) -> bool:
    if known.kind is OrderKind.HEADER or known.stage is Stage.DISPATCHED:
        return False
    return known.stage is not Stage.CANCELLED or amendment.order.pay_state is not PayState.CANCELLED


def _comes_late(known: _Known, amendment: Amendment) -> bool:
    """Whether the warehouse should not go on as told: not so when the news is only that the order was shipped."""
    order = amendment.order
    if known.stage is not Stage.DISPATCHED:
        return False
    if order.refunded_fen > known.payment[1] or any(line.state is LineState.REFUNDING for line in order.lines):
        return True
    return order.pay_state not in (PayState.SHIPPED, PayState.FINISHED)


def _late_finding(order: IncomingOrder) -> Finding:
    refunding = [line.line_no for line in order.lines if line.state is not LineState.OPEN]
    return Finding(
        HoldCode.CHANGED_LATE,
        "the shop changed the order after its dispatch; its warehouse works from what was known then",
        {"pay_state": order.pay_state.value, "refunded_fen": order.refunded_fen, "lines_not_open": refunding},
    )


def _note_facts(conn: Connection, amendments: Sequence[Amendment], why: Cause) -> None:
    with conn.cursor() as cur:
        cur.executemany(_FACTS, [_facts(amendment) for amendment in amendments])
        cur.executemany(_RECEIVER, [_receiver(amendment) for amendment in amendments])
        cur.executemany(
            "update order_line set state = %s where order_id = %s and platform_line = %s",
            [(row[9], row[0], row[2]) for amendment in amendments for row in amendment.lines],
        )
    news = ((a.order_id, "amended", {"pay_state": a.order.pay_state.value}) for a in amendments)
    write_own_events(conn, news, why)


def _facts(amendment: Amendment) -> tuple[Any, ...]:
    order = amendment.order
    return (
        order.pay_state.value,
        order.platform_status,
        order.paid_at,
        order.modified_at,
        order.ship_by,
        order.goods_fen,
        order.discount_fen,
        order.freight_fen,
        order.total_fen,
        order.paid_fen,
        order.refunded_fen,
        amendment.order_id,
    )


def _receiver(amendment: Amendment) -> dict[str, Any]:
    values = dict(zip(RECEIVER_COLUMNS, amendment.receiver, strict=True))
    return {**values, "region": bool(values["province"] or values["city"])}


def _begin_again(conn: Connection, batch_id: int, amendments: Sequence[Amendment], why: Cause) -> None:
    ids = [amendment.order_id for amendment in amendments]
    step_back(conn, batch_id, ids, why)
    conn.execute("delete from order_line where order_id = any(%s)", (ids,))
    copy_rows(conn, "order_line", LINE_COLUMNS, (row for amendment in amendments for row in amendment.lines))
