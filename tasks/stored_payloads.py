"""Payloads that the pool keeps, as they came, and the orders as the pool has them now."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, LiteralString

import orjson
from psycopg.rows import dict_row

from connectors.mapping import Mapping, join, parse_mapping
from connectors.paths import POINTER
from models.database import Connection
from models.errors import SetupError
from models.incoming import IncomingLine, IncomingOrder, LineState, OrderKind, PayState
from models.order import Stage
from models.sealing import unseal
from tasks.receivers import Personal, load_personal

_PAGE: Final = 500
_POINTER_TEXT: Final = orjson.dumps(POINTER).decode()


class Standing(StrEnum):
    """How far an order has come, as far as another reading of it matters.

    PAST_REVIEW begins with the outbound document: up to then every decision is ours alone and can be given back,
    from then on a warehouse works from it. An order whose personal data is erased counts as past review.
    """

    NOT_REVIEWED = "not reviewed"
    BEFORE_DISPATCH = "before dispatch"
    PAST_REVIEW = "past review"


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """The newest platform version of one order, the receiver joined in, and which mapping it was read with."""

    order_id: int
    order_no: str
    standing: Standing
    stage: Stage
    revision: int
    mapping_version_id: int
    mapping_name: str
    payload: dict[str, Any]


_STORED: LiteralString = """
    select o.id, o.order_no, s.stage, w.revision, w.mapping_version_id, m.name, w.body, r.cut_enc,
           r.erased_at is not null or exists (
             select 1 from allocation a where a.order_id = o.id and a.document_id is not null)
    from orders o join order_state s on s.order_id = o.id join receiver r on r.order_id = o.id
    join lateral (select revision, mapping_version_id, body from raw_order
                  where order_id = o.id order by revision desc limit 1) w on true
    join mapping_version m on m.id = w.mapping_version_id"""


def payloads_of(conn: Connection, order_ids: Sequence[int]) -> list[StoredPayload]:
    """The newest stored payload of each of these orders, by order id."""
    rows = conn.execute(_STORED + " where o.id = any(%s) order by o.id", (list(order_ids),)).fetchall()
    return [_stored(row) for row in rows]


def payloads_since(conn: Connection, shop_id: int, since: datetime) -> Iterator[StoredPayload]:
    """The newest payload of every order of a shop stored, or changed on its platform, since then.

    They come through a cursor of the server: memory stays bounded however many there are.
    """
    with conn.cursor(name="stored_payloads") as cur:
        cur.itersize = _PAGE
        cur.execute(
            _STORED + " where o.shop_id = %s and (o.stored_at >= %s or o.modified_at >= %s) order by o.id",
            (shop_id, since, since),
        )
        for row in cur:
            yield _stored(row)


def quarantined_since(conn: Connection, shop_id: int, since: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """The (platform id, payload) of everything a shop has had in quarantine since then and still has."""
    with conn.cursor(name="quarantined_payloads") as cur:
        cur.itersize = _PAGE
        cur.execute(
            """select external_id, body_enc from quarantined_order
               where shop_id = %s and stored_at >= %s and released_at is null order by id""",
            (shop_id, since),
        )
        for external_id, body_enc in cur:
            yield external_id, json.loads(unseal(body_enc))


def recorded_mapping(conn: Connection, version_id: int) -> Mapping | None:
    """A mapping as it was when orders were read with it; None when it is of a format that is no longer read."""
    row = conn.execute("select name, body from mapping_version where id = %s", (version_id,)).fetchone()
    return _parsed(*row) if row else None


@lru_cache(maxsize=64)
def _parsed(name: str, body: str) -> Mapping | None:
    try:
        return parse_mapping(body, name)
    except SetupError:
        return None


def _stored(row: tuple[Any, ...]) -> StoredPayload:
    order_id, order_no, stage, revision, version_id, name, body, cut_enc, fixed = row
    standing = Standing.NOT_REVIEWED if stage == Stage.INGESTED.value else Standing.BEFORE_DISPATCH
    if fixed or stage == Stage.DISPATCHED.value:
        standing = Standing.PAST_REVIEW
    payload = _joined(body, orjson.loads(unseal(cut_enc)) if cut_enc else {})
    return StoredPayload(order_id, order_no, standing, Stage(stage), revision, version_id, name, payload)


def _joined(body: str, personal: dict[str, Any]) -> Any:
    payload = join(body, personal)
    return payload if body.count(_POINTER_TEXT) == len(personal) else _emptied(payload)


def _emptied(value: Any) -> Any:
    """A payload with nothing where personal values were that are kept no longer."""
    if value == POINTER:
        return None
    if isinstance(value, dict):
        return {key: _emptied(inner) for key, inner in value.items()}
    return [_emptied(inner) for inner in value] if isinstance(value, list) else value


def orders_as_stored(conn: Connection, order_ids: Sequence[int]) -> dict[int, IncomingOrder]:
    """These orders with their lines and receivers as the pool has them, in the shape in which orders come in."""
    ids = list(order_ids)
    lines: dict[int, list[IncomingLine]] = {order_id: [] for order_id in ids}
    with conn.cursor(row_factory=dict_row) as cur:
        for row in cur.execute(
            """select order_id, platform_line as line_no, sku_code, title, quantity, unit_price_fen, paid_fen, state
               from order_line where order_id = any(%s) order by order_id, order_line.line_no""",
            (ids,),
        ):
            order_id, state = row.pop("order_id"), LineState(row.pop("state"))
            lines[order_id].append(IncomingLine(**row, state=state))
        facts = cur.execute(
            """select id, external_id, order_no, kind, pay_state, platform_status, buyer_key, created_at, paid_at,
                      modified_at, ship_by, goods_fen, discount_fen, freight_fen, total_fen, paid_fen, refunded_fen,
                      not_ready, split_from, cod_fen
               from orders where id = any(%s)""",
            (ids,),
        ).fetchall()
    personal = load_personal(conn, ids)
    found = {row.pop("id"): row for row in facts}
    return {order_id: _order(row, personal[order_id], tuple(lines[order_id])) for order_id, row in found.items()}


def _order(facts: dict[str, Any], personal: Personal, lines: tuple[IncomingLine, ...]) -> IncomingOrder:
    kind, pay_state = OrderKind(facts.pop("kind")), PayState(facts.pop("pay_state"))
    return IncomingOrder(
        **facts,
        kind=kind,
        pay_state=pay_state,
        buyer_note=personal.notes.get("buyer", ""),
        seller_note=personal.notes.get("seller", ""),
        receiver=personal.receiver,
        lines=lines,
        invoice=personal.invoice,
    )
