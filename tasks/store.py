"""Putting mapped orders into the pool: new ones once, changed ones by their newest version, bad ones aside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.mapping import Mapping, MappingError
from models.database import Connection, copy_rows, take_ids
from models.incoming import IncomingOrder
from models.order import LINE_COLUMNS, Cause, write_events
from models.receiver import RECEIVER_COLUMNS
from models.sealing import seal
from tasks.amend import Amendment, amend_orders
from tasks.receivers import personal_of, receiver_row

ORDER_COLUMNS = (
    "id shop_id external_id order_no kind pay_state platform_status buyer_key created_at paid_at modified_at ship_by "
    "not_ready split_from goods_fen discount_fen freight_fen total_fen paid_fen refunded_fen cod_fen stored_at"
).split()


_STORE_LOCKS = 7_011


@dataclass(frozen=True, slots=True)
class Arrival:
    """A payload and the order read from it."""

    order: IncomingOrder
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payload that could not be read, the platform's id if it has one, and why."""

    external_id: str
    payload: dict[str, Any]
    problem: MappingError


@dataclass(frozen=True, slots=True)
class StoreCount:
    """Orders new to the pool, orders that changed, payloads put aside."""

    stored: int
    joined: int
    rejected: int


def store_alone(conn: Connection, shop_id: int) -> None:
    """Let nobody else store orders of this shop until the transaction ends.

    Runs whose windows overlap would otherwise both find an order new. It comes before any row that the transaction
    locks, so that it cannot be part of a deadlock.
    """
    conn.execute("select pg_advisory_xact_lock(%s, %s)", (_STORE_LOCKS, shop_id))


def newest(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """One arrival per order, the newest version of those read twice, in the order of their ids."""
    best: dict[str, Arrival] = {}
    for arrival in arrivals:
        known = best.get(arrival.order.external_id)
        if known is None or arrival.order.modified_at > known.order.modified_at:
            best[arrival.order.external_id] = arrival
    return [best[key] for key in sorted(best)]


def split_known(
    conn: Connection, shop_id: int, arrivals: Sequence[Arrival], mapping: Mapping
) -> tuple[list[Arrival], list[tuple[int, Arrival]]]:
    """Which arrivals are new, and which are newer versions of orders in the pool (with their ids).

    Times of change are whole seconds, and files have none: of the same time, a version whose money or payment
    differs is newer, unless it is the very payload that was stored last: what an order refuses to take over, such as
    a cancellation after it left, differs at every reading.
    """
    rows = conn.execute(
        """select external_id, id, modified_at, pay_state, total_fen, paid_fen, refunded_fen from orders
           where shop_id = %s and external_id = any(%s)""",
        (shop_id, [arrival.order.external_id for arrival in arrivals]),
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    fresh = [arrival for arrival in arrivals if arrival.order.external_id not in known]
    changed: list[tuple[int, Arrival]] = []
    doubtful: list[tuple[int, Arrival]] = []
    for order, arrival in ((arrival.order, arrival) for arrival in arrivals if arrival.order.external_id in known):
        order_id, modified_at, *facts = known[order.external_id]
        differs = facts != [order.pay_state.value, order.total_fen, order.paid_fen, order.refunded_fen]
        if order.modified_at > modified_at:
            changed.append((order_id, arrival))
        elif order.modified_at == modified_at and differs:
            doubtful.append((order_id, arrival))
    return fresh, changed + _not_stored_last(conn, doubtful, mapping)


def _not_stored_last(
    conn: Connection, versions: Sequence[tuple[int, Arrival]], mapping: Mapping
) -> list[tuple[int, Arrival]]:
    if not versions:
        return []
    rows = conn.execute(
        """select distinct on (order_id) order_id, body from raw_order
           where order_id = any(%s) order by order_id, revision desc""",
        ([order_id for order_id, _ in versions],),
    ).fetchall()
    last: dict[int, str] = dict(rows)
    return [(i, arrival) for i, arrival in versions if last.get(i) != mapping.cut(arrival.payload)]


def store_new(
    conn: Connection,
    shop_id: int,
    batch_id: int,
    arrivals: Sequence[Arrival],
    mapping: Mapping,
    mapping_version_id: int,
    why: Cause,
) -> list[int]:
    """Write orders the pool has not seen, in stage ingested, set-wise; returns their ids."""
    if not arrivals:
        return []
    ids = take_ids(conn, "orders_id_seq", len(arrivals))
    pairs = list(zip(ids, arrivals, strict=True))
    skus = sku_ids(conn, [arrival.order for arrival in arrivals])
    copy_rows(conn, "orders", ORDER_COLUMNS, (order_row(i, shop_id, a.order, why.at) for i, a in pairs))
    copy_rows(conn, "order_line", LINE_COLUMNS, (row for i, a in pairs for row in line_rows(i, a.order, skus)))
    copy_rows(conn, "receiver", RECEIVER_COLUMNS, (_receiver_row(i, a, mapping) for i, a in pairs))
    store_raw(conn, [(i, 1, a) for i, a in pairs], mapping, mapping_version_id)
    copy_rows(
        conn,
        "order_state",
        ("order_id", "batch_id", "stage", "rule_version"),
        ((i, batch_id, "ingested", why.rule_version) for i in ids),
    )
    write_events(conn, ids, "ingested", why)
    return ids


def store_changed(
    conn: Connection,
    batch_id: int,
    changed: Sequence[tuple[int, Arrival]],
    mapping: Mapping,
    mapping_version_id: int,
    why: Cause,
) -> int:
    """Write newer versions of known orders and let them take effect; returns how many joined the batch."""
    if not changed:
        return 0
    rows = conn.execute(
        "select order_id, max(revision) from raw_order where order_id = any(%s) group by 1",
        ([order_id for order_id, _ in changed],),
    ).fetchall()
    revisions = {row[0]: row[1] + 1 for row in rows}
    store_raw(conn, [(i, revisions.get(i, 1), a) for i, a in changed], mapping, mapping_version_id)
    skus = sku_ids(conn, [arrival.order for _, arrival in changed])
    return amend_orders(
        conn,
        batch_id,
        [
            Amendment(
                order_id,
                arrival.order,
                line_rows(order_id, arrival.order, skus),
                mapping.personal(arrival.payload),
            )
            for order_id, arrival in changed
        ],
        why,
    )


def quarantine(conn: Connection, shop_id: int, batch_id: int, refusals: Sequence[Refusal], at: datetime) -> int:
    """Keep unreadable payloads whole and sealed, the newest per platform id; a later good version frees them."""
    for refusal in refusals:
        conn.execute(
            """insert into quarantined_order (shop_id, external_id, batch_id, problem, body_enc, stored_at)
               values (%s, %s, %s, %s, %s, %s)
               on conflict (shop_id, external_id) do update
               set problem = excluded.problem, body_enc = excluded.body_enc, released_at = null,
                 batch_id = excluded.batch_id, stored_at = excluded.stored_at""",
            (
                shop_id,
                refusal.external_id,
                batch_id,
                str(refusal.problem),
                seal(body_of(refusal.payload)),
                at,
            ),
        )
    return len(refusals)


def body_of(payload: dict[str, Any]) -> str:
    """The text in which a payload is kept in quarantine."""
    return json.dumps(payload, ensure_ascii=False, default=str)


def free_from_quarantine(conn: Connection, shop_id: int, arrivals: Sequence[Arrival], at: datetime) -> None:
    """Note that these orders could be read after all."""
    conn.execute(
        """update quarantined_order set released_at = %s
           where shop_id = %s and external_id = any(%s) and released_at is null""",
        (at, shop_id, [arrival.order.external_id for arrival in arrivals]),
    )


def sku_ids(conn: Connection, orders: Sequence[IncomingOrder]) -> dict[str, int]:
    """Our ids of the merchant codes that these orders name; codes we do not know are left out."""
    codes = list({line.sku_code for order in orders for line in order.lines if line.sku_code})
    rows = conn.execute("select code, id from sku where code = any(%s)", (codes,)).fetchall()
    return {row[0]: row[1] for row in rows}


def order_row(order_id: int, shop_id: int, order: IncomingOrder, at: datetime) -> tuple[Any, ...]:
    """The row of `orders`, in ORDER_COLUMNS."""
    return (
        order_id,
        shop_id,
        order.external_id,
        order.order_no,
        order.kind.value,
        order.pay_state.value,
        order.platform_status,
        order.buyer_key,
        order.created_at,
        order.paid_at,
        order.modified_at,
        order.ship_by,
        order.not_ready,
        order.split_from,
        order.goods_fen,
        order.discount_fen,
        order.freight_fen,
        order.total_fen,
        order.paid_fen,
        order.refunded_fen,
        order.cod_fen,
        at,
    )


def line_rows(order_id: int, order: IncomingOrder, skus: dict[str, int]) -> list[tuple[Any, ...]]:
    """The rows of `order_line`, in LINE_COLUMNS, numbered from 1."""
    return [
        (
            order_id,
            number,
            line.line_no,
            line.sku_code,
            skus.get(line.sku_code),
            line.title,
            line.quantity,
            line.unit_price_fen,
            line.paid_fen,
            line.state.value,
        )
        for number, line in enumerate(order.lines, 1)
    ]


def _receiver_row(order_id: int, arrival: Arrival, mapping: Mapping) -> tuple[Any, ...]:
    return receiver_row(order_id, personal_of(arrival.order, mapping.personal(arrival.payload)))


def store_raw(
    conn: Connection, versions: Sequence[tuple[int, int, Arrival]], mapping: Mapping, mapping_version_id: int
) -> None:
    """Write each (order id, revision, arrival)'s payload with the receiver cut out."""
    copy_rows(
        conn,
        "raw_order",
        ("order_id", "revision", "mapping_version_id", "modified_at", "body"),
        ((i, r, mapping_version_id, a.order.modified_at, mapping.cut(a.payload)) for i, r, a in versions),
    )
