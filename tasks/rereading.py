"""Reading stored payloads again: which orders the pool has otherwise than the present mapping reads them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from psycopg import sql

from connectors.mapping import Mapping, MappingError
from connectors.reading_differences import differences
from connectors.registry import CHANNELS
from models.database import Connection, copy_rows
from models.incoming import IncomingOrder, IncomingReceiver
from models.order import LINE_COLUMNS, Cause, write_own_events
from models.rules.fuller import fuller_receiver
from models.rules.invoice import fuller_invoice
from models.rules.purposes import Purpose
from tasks.kept_stock import forget_kits
from tasks.openings import note_opening
from tasks.receivers import Personal, personal_of, save_personal
from tasks.store import ORDER_COLUMNS, line_rows, order_row, sku_ids
from tasks.stored_payloads import Standing, StoredPayload, orders_as_stored, payloads_of, recorded_mapping

_TEXTS: Final = [one.name for one in fields(IncomingReceiver) if one.name != "masked"]
_NEVER_EMPTIED: Final = ("buyer_note", "seller_note", "split_from")
_NEVER_AMENDED: Final = frozenset(
    {"order.external_id", "order.order_no", "order.buyer_key", "order.created_at", "kind", "line.title"}
)
"""Fields that a newer platform version leaves as they are in the pool."""
_REWRITTEN: Final = [name for name in ORDER_COLUMNS if name not in ("id", "shop_id", "stored_at")]


@dataclass(frozen=True, slots=True)
class Present:
    """What a shop's payloads are read with now: its mapping, and the row that keeps its text."""

    shop_id: int
    channel: str
    mapping: Mapping
    version: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A stored order that reads otherwise than before: what the pool should say, and the fields that differ."""

    stored: StoredPayload
    order: IncomingOrder
    fields: tuple[str, ...]


@dataclass(slots=True)
class Rereading:
    """Orders read again, sorted by what came of it; `unreadable` are pairs of order number and obstacle."""

    same: int = 0
    changed: list[Reading] = field(default_factory=list)
    past: list[Reading] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    other_mapping: int = 0  # of a file shop: read with a mapping of another name, so left alone


def read_again(conn: Connection, present: Present, order_ids: Sequence[int], why: Cause) -> Rereading:
    """Read the newest payload of each of these orders with the present mapping; only that they were opened is written.

    An order before its dispatch is compared with what the pool says, one past review with what the mapping said
    that it was read with: what the platform changed after its dispatch is no matter of reading.
    """
    found = Rereading()
    note_opening(conn, Purpose.REREADING, why.actor, why.at, order_ids)
    payloads = payloads_of(conn, order_ids)
    in_pool = orders_as_stored(conn, [stored.order_id for stored in payloads])
    recorded = _recorded(conn, present, payloads)
    for stored in payloads:
        if present.channel == "file" and stored.mapping_name != present.mapping.name:
            found.other_mapping += 1
            continue
        try:
            _sort_in(found, _read(present, recorded, stored, in_pool[stored.order_id]))
        except MappingError as error:
            found.unreadable.append((stored.order_no, str(error)))
    _drop_clashes(conn, present, found)
    return found


def _sort_in(found: Rereading, reading: Reading) -> None:
    if not reading.fields:
        found.same += 1
    elif reading.stored.standing is Standing.PAST_REVIEW:
        found.past.append(reading)
    else:
        found.changed.append(reading)


def _recorded(conn: Connection, present: Present, payloads: Sequence[StoredPayload]) -> dict[int, Mapping | None]:
    """The mappings that these payloads were read with, by version, asking the channel what it asks today."""
    found: dict[int, Mapping | None] = {present.version: present.mapping}
    for version_id in {stored.mapping_version_id for stored in payloads} - {present.version}:
        mapping = recorded_mapping(conn, version_id)
        found[version_id] = mapping.gated(CHANNELS[present.channel].ready_to_ship) if mapping else None
    return found


def _read(
    present: Present, recorded: dict[int, Mapping | None], stored: StoredPayload, in_pool: IncomingOrder
) -> Reading:
    now = present.mapping.read(stored.payload)
    is_recent = stored.mapping_version_id == present.version
    before = now if is_recent else _read_before(recorded[stored.mapping_version_id], stored)
    if stored.standing is Standing.PAST_REVIEW:
        changes = differences(before or in_pool, now)
        return Reading(stored, now, tuple(dict.fromkeys(change.field for change in changes)))
    order = fuller(in_pool, now, before)
    return Reading(stored, order, _fields(in_pool, order, before))


def _read_before(mapping: Mapping | None, stored: StoredPayload) -> IncomingOrder | None:
    try:
        return mapping.read(stored.payload) if mapping else None
    except MappingError:
        return None


def fuller(in_pool: IncomingOrder, now: IncomingOrder, before: IncomingOrder | None) -> IncomingOrder:
    """The reading `now`, filled up with what the pool knows from earlier versions of the order.

    What the pool has from this very payload (`before` is how it was read) does not count: there the new reading
    stands, even where it reads nothing.
    """
    was, to = in_pool.receiver, now.receiver
    then = before.receiver if before else None
    reread: dict[str, Any] = {name: "" for name in _TEXTS if _is_of(then, name, was)}
    receiver = fuller_receiver(replace(was, **reread), to)
    if all(getattr(receiver, name) == getattr(to, name) for name in ("name", "phone", "address")):
        receiver = replace(receiver, masked=to.masked)
    kept = {
        name: getattr(in_pool, name)
        for name in _NEVER_EMPTIED
        if not getattr(now, name) and not _is_of(before, name, in_pool)
    }
    known_invoice = None if _is_of(before, "invoice", in_pool) else in_pool.invoice
    return replace(now, receiver=receiver, invoice=fuller_invoice(known_invoice, now.invoice), **kept)


def _is_of(before: object | None, name: str, in_pool: object) -> bool:
    return before is not None and getattr(before, name) == getattr(in_pool, name)


def _fields(in_pool: IncomingOrder, now: IncomingOrder, before: IncomingOrder | None) -> tuple[str, ...]:
    """The fields that the pool has otherwise, apart from those no amendment takes over and both mappings read alike."""
    found = {difference.field: None for difference in differences(in_pool, _in_order_of(in_pool, now))}
    reread = {difference.field for difference in differences(before, now)} if before else _NEVER_AMENDED
    return tuple(name for name in found if name not in _NEVER_AMENDED or name in reread)


def _in_order_of(in_pool: IncomingOrder, now: IncomingOrder) -> IncomingOrder:
    places = {line.line_no: place for place, line in enumerate(in_pool.lines)}
    if len(places) != len(now.lines) or any(line.line_no not in places for line in now.lines):
        return now
    return replace(now, lines=tuple(sorted(now.lines, key=lambda line: places[line.line_no])))


def _drop_clashes(conn: Connection, present: Present, found: Rereading) -> None:
    """Set aside orders that would take a platform id another order has, or would become another kind of order."""
    renamed = [reading for reading in found.changed if "order.external_id" in reading.fields]
    rows = conn.execute(
        "select external_id from orders where shop_id = %s and external_id = any(%s)",
        (present.shop_id, [reading.order.external_id for reading in renamed]),
    ).fetchall()
    taken = Counter([row[0] for row in rows] + [reading.order.external_id for reading in renamed])
    fitting = []
    for reading in found.changed:
        order_no, now = reading.stored.order_no, reading.order
        if "kind" in reading.fields:
            found.unreadable.append((order_no, f"order {order_no}: reads as {now.kind}; the pool has it otherwise"))
        elif "order.external_id" in reading.fields and taken[now.external_id] > 1:
            obstacle = f"order {order_no}: reads as platform id {now.external_id}, which another order has"
            found.unreadable.append((order_no, obstacle))
        else:
            fitting.append(reading)
    found.changed = fitting


def rewrite(conn: Connection, present: Present, changed: Sequence[Reading], batch_id: int, why: Cause) -> None:
    """Let the pool say what the payloads say, as if they had been read so from the start.

    The platform version stays the one it is: its revision is kept, cut anew and noted as read with this mapping.
    """
    if not changed:
        return
    ids = [reading.stored.order_id for reading in changed]
    skus = sku_ids(conn, [reading.order for reading in changed])
    rows = (order_row(reading.stored.order_id, present.shop_id, reading.order, why.at) for reading in changed)
    _overwrite_orders(conn, rows)
    lines = [row for reading in changed for row in line_rows(reading.stored.order_id, reading.order, skus)]
    forget_kits(conn, ids, [(row[0], row[1], row[4]) for row in lines])
    conn.execute("delete from order_line where order_id = any(%s)", (ids,))
    copy_rows(conn, "order_line", LINE_COLUMNS, lines)
    save_personal(conn, {reading.stored.order_id: _personal(present, reading) for reading in changed})
    conn.execute(
        """update raw_order w set mapping_version_id = %s, modified_at = n.modified_at, body = n.body
           from unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::text[]) n(id, revision, modified_at, body)
           where w.order_id = n.id and w.revision = n.revision""",
        (
            present.version,
            ids,
            [reading.stored.revision for reading in changed],
            [reading.order.modified_at for reading in changed],
            [present.mapping.cut(reading.stored.payload) for reading in changed],
        ),
    )
    news = (
        (reading.stored.order_id, "read_again", {"fields": list(reading.fields), "batch": batch_id})
        for reading in changed
    )
    write_own_events(conn, news, why)


def _personal(present: Present, reading: Reading) -> Personal:
    return personal_of(reading.order, present.mapping.personal(reading.stored.payload))


def _overwrite_orders(conn: Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Replace the facts of orders that are there; rows come in ORDER_COLUMNS. When they were stored stays."""
    columns = sql.SQL(", ").join(map(sql.Identifier, ORDER_COLUMNS))
    made = sql.SQL("create temp table read_order on commit drop as select {columns} from orders with no data")
    conn.execute(made.format(columns=columns))
    copy_rows(conn, "read_order", ORDER_COLUMNS, rows)
    values = sql.SQL(", ").join(sql.SQL("{one} = n.{one}").format(one=sql.Identifier(name)) for name in _REWRITTEN)
    conn.execute(sql.SQL("update orders o set {values} from read_order n where o.id = n.id").format(values=values))
    conn.execute("drop table read_order")
