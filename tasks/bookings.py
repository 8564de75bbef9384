"""What a chunk of warehouses' reports works on, and what it comes to: read in one go, written set-wise."""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from models.database import Connection, copy_rows, take_ids
from models.hold import Finding, HoldCode, place_holds
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from models.remainder import ShortWay
from models.rules.short_ships import short_way
from models.sealing import seal
from models.shipment import CLOSED, ENDED, GIVEN_BACK, DocumentState
from tasks.asked_back import forget_wishes
from tasks.delivered_back import settle_delivered
from tasks.desk_answers import settle_stopped
from tasks.effects import Effect, post
from tasks.ledger import Shipment, ship
from tasks.parts_back import in_parts, settle_parts
from tasks.ship_backs import message_key, post_when_complete
from tasks.shop_settings import capabilities_of
from tasks.short_ships import Lack, note_lacking
from tasks.stock_counters import columns
from tasks.stock_feed import recount, take_stock
from tasks.stock_kept import differences, kept_of
from tasks.unmerge import Refusal, give_back_answered, refusal_answered
from tasks.waybills import follow_documents


@dataclass(slots=True)
class DocumentLine:
    """A line as the document numbers it: units of a SKU for an order line; `open` is what is still to be shipped.

    An order line of a kit has one per component. `turn` is that of its allocation.
    """

    order_id: int
    line_no: int
    sku_id: int
    sku_code: str
    open: int
    turn: int = 1


@dataclass(slots=True)
class Document:
    """An outbound document as reports find it.

    `numbers_at_once`: its shop is told of an order's boxes only when the last of them left. `asked_back`: its warehouse
    was asked to give it back.
    """

    id: int
    no: str
    state: DocumentState
    carrier: str
    warehouse_id: int
    warehouse_code: str
    batch_id: int
    shipped_at: datetime | None
    accepted_at: datetime | None
    packed_at: datetime | None
    ended_at: datetime | None
    counterpart: str  # where its ship-backs go, "" for shops that take none, and for orders that no platform knows
    numbers_at_once: bool
    asked_back: bool
    short_way: ShortWay  # what becomes of units that it lacks
    lines: dict[str, DocumentLine] = field(default_factory=dict)
    package_nos: set[str] = field(default_factory=set)

    @property
    def order_ids(self) -> list[int]:
        """The orders it ships, ascending."""
        return sorted({line.order_id for line in self.lines.values()})


@dataclass(frozen=True, slots=True)
class NewParcel:
    """A box that left, with the units of each document line in it."""

    document: Document
    package_no: str
    carrier: str
    waybill: str
    shipped_at: datetime
    units: dict[str, int]


@dataclass(slots=True)
class Changes:
    """What the reports of a chunk add up to, written set-wise at its end."""

    documents: dict[int, Document] = field(default_factory=dict)
    parcels: list[NewParcel] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    holds: list[tuple[int, Finding]] = field(default_factory=list)
    lacks: list[Lack] = field(default_factory=list)
    given_back: list[int] = field(default_factory=list)  # documents, as their warehouses were asked to
    not_given_back: dict[int, Refusal] = field(default_factory=dict)  # by document
    refusing_orders: set[int] = field(default_factory=set)  # those of these documents

    def lack(self, document: Document, shipped: Mapping[str, int]) -> None:
        """Note what a document is closed without, when these units of its lines left last."""
        self.lacks += [
            Lack(
                document.id,
                document.no,
                document.warehouse_id,
                line.order_id,
                line.line_no,
                line.sku_id,
                line.sku_code,
                line.open - shipped.get(number, 0),
                document.short_way,
            )
            for number, line in document.lines.items()
            if line.open > shipped.get(number, 0)
        ]

    def hold(self, document: Document, order_ids: Iterable[int], code: HoldCode, sentence: str, **facts: str) -> None:
        """Have these orders of a document looked at by a person; `facts` are more evidence."""
        evidence = {"document": document.no, **facts}
        self.holds += [(order_id, Finding(code, sentence, evidence)) for order_id in sorted(order_ids)]


def load_documents(conn: Connection, nos: Sequence[str], more_orders: Collection[int] = ()) -> dict[str, Document]:
    """The documents of these numbers with their lines, locked in key order: orders, then documents.

    `more_orders` are locked with theirs.
    """
    conn.execute(
        """select 1 from order_state where order_id in (
             select a.order_id from allocation a join outbound_document d on d.id = a.document_id where d.no = any(%s)
             union select * from unnest(%s::bigint[]))
           order by order_id for update""",
        (list(nos), list(more_orders)),
    )
    rows = conn.execute(
        """select d.id, d.no, d.state, d.carrier, d.warehouse_id, w.code, d.batch_id,
                  d.shipped_at, d.accepted_at, d.packed_at, d.ended_at, s.code, s.channel, s.settings->'capabilities',
                  exists (select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel'),
                  exists (select 1 from allocation a join replacement p on p.order_id = a.order_id
                          where a.document_id = d.id),
                  s.settings, w.settings
           from outbound_document d join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
           where d.no = any(%s) order by d.id for update of d""",
        (list(nos),),
    ).fetchall()
    documents = {row[1]: _document(row) for row in rows}
    by_id = {document.id: document for document in documents.values()}
    for row in conn.execute(
        """select a.document_id, a.order_id, a.line_no, a.sku_id, k.code,
                  a.quantity - a.shipped - coalesce(r.units, 0), a.turn
           from allocation a join sku k on k.id = a.sku_id
           left join remainder r using (document_id, order_id, line_no, sku_id)
           where a.document_id = any(%s) order by a.document_id, a.order_id, a.line_no, a.sku_id""",
        (list(by_id),),
    ):
        lines = by_id[row[0]].lines
        lines[str(len(lines) + 1)] = DocumentLine(*row[1:])
    for document_id, package_no in conn.execute(
        "select document_id, package_no from parcel where document_id = any(%s)", (list(by_id),)
    ):
        by_id[document_id].package_nos.add(package_no)
    return documents


def _document(row: TupleRow) -> Document:
    (i, no, state, carrier, place, place_code, batch_id, shipped, accepted, packed, ended), shop = row[:11], row[11:14]
    to, at_once = ("", False) if row[15] else _reporting(*shop)
    way = short_way(row[16], row[17])
    if row[15] and way is ShortWay.REFUND:  # nothing was paid for a replacement
        way = ShortWay.HOLD
    return Document(
        i, no, DocumentState(state), carrier, place, place_code, batch_id, shipped, accepted, packed, ended,
        to, at_once, row[14], way,
    )  # fmt: skip


def _reporting(shop_code: str, channel: str, own: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Where ship-backs of a shop's documents go, and whether they are kept back until an order is complete."""
    capabilities = capabilities_of(shop_code, channel, own or {})
    counterpart = f"shop:{shop_code}" if capabilities.reports_shipping else ""
    return counterpart, capabilities.numbers_at_once


def save_changes(conn: Connection, changes: Changes, held: frozenset[int], why: Cause) -> None:
    """Write what the reports of a chunk come to; `held` as `with_orders` gives it."""
    touched = list(changes.documents.values())
    ids = [document.id for document in touched]
    # no count comes between what is known of the warehouses now and what is known after
    take_stock(conn, {(d.warehouse_id, line.sku_id) for d in touched for line in d.lines.values()}, held)
    kept = kept_of(conn, ids)
    _save_documents(conn, touched, why)
    _save_parcels(conn, changes.parcels, why)
    left = [(parcel.document.id, parcel.waybill) for parcel in changes.parcels]
    follow_documents(conn, {document.id: document.state for document in touched}, left, why)
    forget_wishes(conn, [d.id for d in touched if d.asked_back and d.state in ENDED])
    for wave in _waves(changes.shipments):
        ship(conn, wave, why)
    note_lacking(conn, changes.lacks, why)
    kept_back = [d.id for d in touched if d.counterpart and d.numbers_at_once and d.state in CLOSED]
    post_when_complete(conn, kept_back, why.at)
    # its last box may have been delivered before a warehouse says that no further one leaves
    leaving = {parcel.document.id for parcel in changes.parcels}
    ended = [d for d in touched if d.counterpart and d.state in CLOSED and d.id not in leaving]
    settle_delivered(conn, {order_id for d in ended for order_id in d.order_ids}, why.at)
    # what a warehouse kept at the moment of its last count may be known only now
    recount(conn, differences(kept, kept_of(conn, ids)), held, "reports", why)
    place_holds(conn, changes.holds, why)
    write_own_events(conn, changes.events, why)
    # what left the house left, also when it is told in one chunk with the answer
    given_back = [i for i in changes.given_back if changes.documents[i].state in GIVEN_BACK]
    parted = set(in_parts(conn, {order_id for d in touched for order_id in d.order_ids}))
    alone = [i for i in given_back if not parted.intersection(changes.documents[i].order_ids)]
    if alone:
        give_back_answered(conn, alone, why)
        settle_stopped(conn, sorted({o for i in alone for o in changes.documents[i].order_ids}), why)
    if changes.not_given_back:
        refusal_answered(conn, changes.not_given_back, why)
        parted |= set(in_parts(conn, changes.refusing_orders))
    settle_parts(conn, parted, why)


def _save_documents(conn: Connection, documents: Sequence[Document], why: Cause) -> None:
    rows = [(d.id, d.state.value, d.shipped_at, d.accepted_at, d.packed_at, d.ended_at) for d in documents]
    conn.execute(
        """update outbound_document d set state = n.state, shipped_at = n.shipped_at, accepted_at = n.accepted_at,
             packed_at = n.packed_at, ended_at = n.ended_at,
             state_at = case when d.state <> n.state then %s else d.state_at end
           from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
                       %s::timestamptz[]) n(id, state, shipped_at, accepted_at, packed_at, ended_at)
           where d.id = n.id""",
        (why.at, *columns(rows, 6)),
    )


def _save_parcels(conn: Connection, parcels: Sequence[NewParcel], why: Cause) -> None:
    numbered = list(zip(take_ids(conn, "parcel_id_seq", len(parcels)), parcels, strict=True))
    copy_rows(
        conn,
        "parcel",
        (
            "id document_id package_no carrier waybill stage stage_at shipped_at heard_at salt_enc callback_token note"
        ).split(),
        (
            (
                parcel_id,
                parcel.document.id,
                parcel.package_no,
                parcel.carrier,
                parcel.waybill,
                "label_created",
                parcel.shipped_at,
                parcel.shipped_at,
                why.at,
                seal(secrets.token_hex(16)),
                secrets.token_urlsafe(18),
                "",
            )
            for parcel_id, parcel in numbered
        ),
    )
    rows = [
        (parcel_id, line.order_id, line.line_no, line.sku_id, units)
        for parcel_id, parcel in numbered
        for number, units in parcel.units.items()
        for line in (parcel.document.lines[number],)
    ]
    copy_rows(conn, "parcel_line", ("parcel_id", "order_id", "line_no", "sku_id", "quantity"), rows)
    _post_effects(conn, numbered, why.at)


def _post_effects(conn: Connection, parcels: Sequence[tuple[int, NewParcel]], at: datetime) -> None:
    effects = []
    for parcel_id, parcel in parcels:
        document = parcel.document
        to = {OutboxKind.SUBSCRIBE: "carrier:kuaidi100"}
        if document.counterpart and not document.numbers_at_once:
            to[OutboxKind.SHIP_BACK] = document.counterpart
        effects += [
            Effect(kind, counterpart, parcel_id, message_key(kind, parcel_id, 1), document.batch_id)
            for kind, counterpart in to.items()
        ]
    post(conn, effects, at)


def _waves(shipments: Iterable[Shipment]) -> list[list[Shipment]]:
    """The shipments in lists that hold each line once: a line may leave by several reports of one chunk."""
    waves: list[list[Shipment]] = []
    seen: Counter[tuple[int, ...]] = Counter()
    for shipment in shipments:
        key = shipment.lock
        if seen[key] == len(waves):
            waves.append([])
        waves[seen[key]].append(shipment)
        seen[key] += 1
    return waves
