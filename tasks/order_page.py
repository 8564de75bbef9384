"""One order with everything that hangs on it, for the page that people read: masked, in a fixed number of queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from models.database import Connection
from models.hold import HoldCode
from models.masking import mask_name, mask_phone
from models.rules.routing_plan import plan_from
from models.rules.routing_words import area_words, plan_words
from models.sealing import unseal
from tasks.expected_delivery import Expected, expected_deliveries
from tasks.lock_stock import sku_codes
from tasks.order_rows import OrderRow, load_rows
from tasks.return_list import replaced_by, replaces, returnable, returns_of

Row = Mapping[str, Any]


class Receiver(NamedTuple):
    """Who gets the parcel, as it may be shown to everybody who may look."""

    name: str
    phone: str
    region: str
    division_code: str
    masked_by_platform: bool
    erased_at: datetime | None
    restricted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """An order and its story. The rows are mappings whose keys say what they hold; open holds come first.

    `routing` has the reasons in English and Chinese. `quality` is the check of its batch, None when there was none.
    `room_wait` is what it waits for while releases are metered, None when it does not. `returnable` are the lines of
    which something left, `replaced_by` the orders that were made in its place, `replaces` the one it stands in for.
    """

    row: OrderRow
    facts: Row
    receiver: Receiver | None
    lines: list[Row]
    holds: list[Row]
    locks: list[Row]
    allocations: list[Row]
    routing: tuple[tuple[str, ...], tuple[str, ...]]
    documents: list[Row]
    parcels: list[Row]
    scans: dict[int, list[Row]]
    expected: dict[int, Expected]
    siblings: list[Row]
    kept_apart: Row | None
    room_wait: Row | None
    quality: Row | None
    returns: list[Row]
    returnable: list[Row]
    replaced_by: list[Row]
    replaces: Row | None
    events: list[Row]


_FACTS = """
  select o.external_id, o.kind, o.pay_state, o.platform_status, o.not_ready, o.split_from, o.goods_fen, o.discount_fen,
         o.freight_fen, o.paid_fen, o.refunded_fen, o.cod_fen, o.modified_at, o.stored_at, s.rule_version, p.channel,
         b.state as batch_state
  from orders o join shop p on p.id = o.shop_id join order_state s on s.order_id = o.id
  left join batch b on b.id = s.batch_id where o.id = %s"""
_LINES = """
  select line_no, sku_code, sku_id, title, quantity, unit_price_fen, paid_fen, state from order_line
  where order_id = %s order by line_no"""
_HOLDS = """
  select code, sentence, evidence, rule_version, placed_at, release_at, released_at, released_by from hold
  where order_id = %s order by released_at is not null, id"""
_LOCKS = """
  select l.line_no, k.code as sku, w.code as warehouse, l.quantity, l.state, l.locked_at, l.ended_at, l.expires_at
  from lock l join sku k on k.id = l.sku_id left join warehouse w on w.id = l.warehouse_id
  where l.order_id = %s order by l.state <> 'open', l.id"""
_ALLOCATIONS = """
  select a.line_no, k.code as sku, a.quantity, a.shipped, w.code as warehouse, a.ship_day,
         coalesce(d.carrier, a.carrier, w.carrier) as carrier, d.no as document
  from allocation a join sku k on k.id = a.sku_id join warehouse w on w.id = a.warehouse_id
  left join outbound_document d on d.id = a.document_id
  where a.order_id = %s order by a.line_no, w.code, k.code"""
_DOCUMENTS = """
  select d.id, d.no, d.revision, d.state, d.carrier, w.code as warehouse, d.created_at, d.accepted_at, d.packed_at,
         d.shipped_at, d.deadline_at, x.state as message, x.attempts, x.last_error,
         array(select b.reason from document_block b where b.document_id = d.id and b.lifted_at is null order by 1)
           as blocks
  from outbound_document d join warehouse w on w.id = d.warehouse_id
  left join lateral (
    select state, attempts, last_error from outbox where kind = 'outbound.created' and subject_id = d.id
    order by id desc limit 1) x on true
  where d.id in (select document_id from allocation where order_id = %s) order by d.id"""
_PARCELS = """
  select p.id, p.carrier, p.waybill, p.former_waybills, p.stage, p.stage_at, p.shipped_at, d.no as document
  from parcel p join outbound_document d on d.id = p.document_id
  where p.document_id in (select document_id from allocation where order_id = %s)
    and exists (select 1 from parcel_line l where l.parcel_id = p.id and l.order_id = %s) order by p.id"""
_SCANS = "select parcel_id, at, stage, text, place from parcel_event where parcel_id = any(%s) order by at desc, digest"
_SIBLINGS = """
  select o.id, o.order_no, m.left_at, m.left_why, g.made_by, g.made_at
  from merge_member mine join merge_group g on g.id = mine.group_id
  join merge_member m on m.group_id = g.id join orders o on o.id = m.order_id
  where mine.order_id = %s and mine.left_at is null order by m.left_at is not null, o.id"""
_APART = "select since, by from kept_apart where order_id = %s"
_ROOM_WAIT = """
  select w.code as warehouse, r.since, r.due_at from release_wait r join warehouse w on w.id = r.warehouse_id
  where r.order_id = %s"""
_QUALITY = """
  select q.verdict, q.unmet, q.checked_at from quality_check q join order_state s on s.batch_id = q.batch_id
  where s.order_id = %s"""
_EVENTS = """
  select at, what, actor, flow_run_id, rule_version, detail from event where order_id = %s order by id"""


def find_order(conn: Connection, order_id: int, now: datetime) -> OrderPage | None:
    """The order of this id; None when there is none."""
    facts = _rows(conn, _FACTS, order_id)
    if not facts:
        return None
    (row,) = load_rows(conn, [order_id], now)
    parcels = _rows(conn, _PARCELS, order_id, order_id)
    return OrderPage(
        row=row,
        facts=facts[0],
        receiver=_receiver(conn, order_id),
        lines=_rows(conn, _LINES, order_id),
        holds=[{**hold, "code": HoldCode(hold["code"])} for hold in _rows(conn, _HOLDS, order_id)],
        locks=_rows(conn, _LOCKS, order_id),
        allocations=_rows(conn, _ALLOCATIONS, order_id),
        routing=_routing(conn, order_id),
        documents=_rows(conn, _DOCUMENTS, order_id),
        parcels=parcels,
        scans=_scans(conn, parcels),
        expected=expected_deliveries(conn, [parcel["id"] for parcel in parcels]),
        siblings=_rows(conn, _SIBLINGS, order_id),
        kept_apart=next(iter(_rows(conn, _APART, order_id)), None),
        room_wait=next(iter(_rows(conn, _ROOM_WAIT, order_id)), None),
        quality=next(iter(_rows(conn, _QUALITY, order_id)), None),
        returns=returns_of(conn, order_id),
        returnable=returnable(conn, order_id),
        replaced_by=replaced_by(conn, order_id),
        replaces=replaces(conn, order_id),
        events=_rows(conn, _EVENTS, order_id),
    )


def _rows(conn: Connection, query: LiteralString, *values: object) -> list[Row]:
    cursor = conn.execute(query, values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _scans(conn: Connection, parcels: list[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {parcel["id"]: [] for parcel in parcels}
    if found:
        for scan in _rows(conn, _SCANS, list(found)):
            found[scan["parcel_id"]].append(scan)
    return found


def _receiver(conn: Connection, order_id: int) -> Receiver | None:
    row = conn.execute(
        """select name_enc, phone_enc, concat_ws(' ', case when not starts_with(city, province) then province end,
                    nullif(city, ''), nullif(district, ''), nullif(town, '')), division_code, masked, erased_at,
                  restricted_at
           from receiver where order_id = %s""",
        (order_id,),
    ).fetchone()
    if row is None:
        return None
    # whoever asked for erasure is shown to nobody, not even masked
    name, phone = (unseal(value) if value and row[6] is None else "" for value in row[:2])
    return Receiver(mask_name(name), mask_phone(phone), *row[2:])


def _routing(conn: Connection, order_id: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why the order is served as it is, in English and Chinese; nothing while it is not routed."""
    row = conn.execute(
        """select p.plan, exists (select 1 from allocation where order_id = %s)
           from (select) one left join route_plan p on p.order_id = %s""",
        (order_id, order_id),
    ).fetchone()
    stored, routed = row or (None, False)
    if not routed:
        return (), ()
    if stored is None:
        english, chinese = area_words()
        return (english,), (chinese,)
    if "sentence" in stored:  # all that was kept of decisions of old
        return (stored["sentence"],), (stored["sentence"],)
    plan = plan_from(order_id, stored)
    words = plan_words(plan, sku_codes(conn, {sku_id for part in plan.parts for _, sku_id in part.units}))
    return words.en, words.zh
