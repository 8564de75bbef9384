"""What a newer platform version of a known order does: facts change, and the order starts again where it still can."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from models.database import Connection, copy_rows
from models.incoming import IncomingOrder, OrderKind
from models.order import Cause, HoldCode, Stage, release_holds, write_events
from tasks.lock_stock import unlock_stock

_FACTS = """update orders set pay_state = %s, platform_status = %s, paid_at = %s, modified_at = %s, ship_by = %s,
    goods_fen = %s, discount_fen = %s, freight_fen = %s, total_fen = %s, paid_fen = %s, refunded_fen = %s
    where id = %s"""

# an empty or masked value never overwrites a fuller one
_RECEIVER = """update receiver set
    name_enc = case when %(masked)s and not masked then name_enc else coalesce(%(name_enc)s, name_enc) end,
    phone_enc = case when %(masked)s and not masked then phone_enc else coalesce(%(phone_enc)s, phone_enc) end,
    address_enc = case when %(masked)s and not masked then address_enc else coalesce(%(address_enc)s, address_enc) end,
    notes_enc = coalesce(%(notes_enc)s, notes_enc),
    cut_enc = coalesce(%(cut_enc)s, cut_enc),
    phone_hash = coalesce(%(phone_hash)s, phone_hash),
    phone_last4 = coalesce(nullif(%(phone_last4)s, ''), phone_last4),
    province = coalesce(nullif(%(province)s, ''), province),
    city = coalesce(nullif(%(city)s, ''), city),
    district = coalesce(nullif(%(district)s, ''), district),
    town = coalesce(nullif(%(town)s, ''), town),
    oaid = coalesce(nullif(%(oaid)s, ''), oaid),
    masked = masked and %(masked)s
    where order_id = %(order_id)s"""

_RECEIVER_NAMES = (
    "order_id name_enc phone_enc address_enc notes_enc cut_enc phone_hash phone_last4 province city district town "
    "division_code oaid masked"
).split()

Amendment = tuple[int, IncomingOrder, list[tuple[Any, ...]], tuple[Any, ...]]
"""Order id, the order as it is now, its line rows, its receiver row."""


def amend_orders(conn: Connection, batch_id: int, amendments: Sequence[Amendment], why: Cause) -> int:
    """Take over newer versions; orders not yet dispatched give back what they hold and begin again in this batch.

    After dispatch the facts are noted and the order stays where it is: its warehouse has the parcel.
    Returns how many orders begin again.
    """
    ids = [amendment[0] for amendment in amendments]
    rows = conn.execute(
        """select s.order_id, s.stage, o.kind from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (ids,),
    ).fetchall()
    final = {Stage.DISPATCHED.value, Stage.CANCELLED.value}
    again = [row[0] for row in rows if row[1] not in final and row[2] == OrderKind.GOODS]
    _note_facts(conn, amendments)
    for order_id, order, _, _ in amendments:
        write_events(conn, [order_id], "amended", why, {"pay_state": order.pay_state.value})
    if again:
        _begin_again(conn, batch_id, again, amendments, why)
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


def _note_facts(conn: Connection, amendments: Sequence[Amendment]) -> None:
    with conn.cursor() as cur:
        cur.executemany(
            _FACTS,
            [
                (
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
                    order_id,
                )
                for order_id, order, _, _ in amendments
            ],
        )
        cur.executemany(_RECEIVER, [dict(zip(_RECEIVER_NAMES, row, strict=True)) for *_, row in amendments])
        cur.executemany(
            "update order_line set state = %s where order_id = %s and platform_line = %s",
            [(row[9], row[0], row[2]) for _, _, lines, _ in amendments for row in lines],
        )


def _begin_again(
    conn: Connection, batch_id: int, order_ids: Sequence[int], amendments: Sequence[Amendment], why: Cause
) -> None:
    step_back(conn, batch_id, order_ids, why)
    chosen = set(order_ids)
    conn.execute("delete from order_line where order_id = any(%s)", (list(chosen),))
    copy_rows(
        conn,
        "order_line",
        "order_id line_no platform_line sku_code sku_id title quantity unit_price_fen paid_fen state".split(),
        (row for order_id, _, lines, _ in amendments if order_id in chosen for row in lines),
    )


def note_detail(conn: Connection, order_id: int, what: str, detail: dict[str, Any], why: Cause) -> None:
    """One event with its own detail on one order."""
    conn.execute(
        """insert into event (order_id, at, what, actor, flow_run_id, rule_version, detail)
           values (%s, %s, %s, %s, %s, %s, %s)""",
        (order_id, why.at, what, why.actor, why.flow_run_id, why.rule_version, Jsonb(detail)),
    )
