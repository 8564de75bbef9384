"""What a chunk of warehouses' reports works on, and what it comes to: read in one go, written set-wise."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.database import Connection, copy_rows, take_ids
from models.messages import OutboxKind
from models.order import Cause, Finding, HoldCode, place_holds, write_own_events
from models.sealing import seal
from models.shipment import CLOSED, DocumentState
from tasks.outbox import Effect, post
from tasks.ship_backs import message_key, post_when_complete
from tasks.shop_settings import capabilities_of


@dataclass(slots=True)
class DocumentLine:
    """A line as the document numbers it; `open` is what is still to be shipped."""

    order_id: int
    line_no: int
    sku_id: int
    open: int


@dataclass(slots=True)
class Document:
    """An outbound document as reports find it.

    `numbers_at_once`: its shop is told of an order's boxes only when the last of them left.
    """

    id: int
    no: str
    state: DocumentState
    carrier: str
    warehouse_id: int
    warehouse_code: str
    batch_id: int
    shipped_at: datetime | None
    counterpart: str  # where its ship-backs go, "" for shops that take none
    numbers_at_once: bool
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
    ended: list[tuple[int, int, int, str]] = field(default_factory=list)
    out: Counter[tuple[int, int]] = field(default_factory=Counter)
    freed: Counter[tuple[int, int]] = field(default_factory=Counter)
    movements: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    holds: list[tuple[int, Finding]] = field(default_factory=list)

    def hold(self, document: Document, code: HoldCode, sentence: str) -> None:
        """Have every order of a document looked at by a person."""
        evidence = {"document": document.no}
        self.holds += [(order_id, Finding(code, sentence, evidence)) for order_id in document.order_ids]


def load_documents(conn: Connection, nos: Sequence[str]) -> dict[str, Document]:
    """The documents of these numbers with their lines, locked in key order: orders, documents, SKU pools, stock."""
    conn.execute(
        """select 1 from order_state where order_id in (
             select a.order_id from allocation a join outbound_document d on d.id = a.document_id where d.no = any(%s))
           order by order_id for update""",
        (list(nos),),
    )
    rows = conn.execute(
        """select d.id, d.no, d.state, d.carrier, d.warehouse_id, w.code, d.batch_id,
                  d.shipped_at, s.code, s.channel, s.settings->'capabilities'
           from outbound_document d join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
           where d.no = any(%s) order by d.id for update of d""",
        (list(nos),),
    ).fetchall()
    documents = {
        no: Document(i, no, DocumentState(state), carrier, place, place_code, batch_id, at, *_reporting(*shop))
        for i, no, state, carrier, place, place_code, batch_id, at, *shop in rows
    }
    by_id = {document.id: document for document in documents.values()}
    for row in conn.execute(
        """select a.document_id, a.order_id, a.line_no, l.sku_id, a.quantity - a.shipped
           from allocation a join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
           where a.document_id = any(%s) order by a.document_id, a.order_id, a.line_no""",
        (list(by_id),),
    ):
        lines = by_id[row[0]].lines
        lines[str(len(lines) + 1)] = DocumentLine(*row[1:])
    for document_id, package_no in conn.execute(
        "select document_id, package_no from parcel where document_id = any(%s)", (list(by_id),)
    ):
        by_id[document_id].package_nos.add(package_no)
    _lock_stock(conn, by_id.values())
    return documents


def _reporting(shop_code: str, channel: str, own: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Where ship-backs of a shop's documents go, and whether they are kept back until an order is complete."""
    capabilities = capabilities_of(shop_code, channel, own or {})
    counterpart = f"shop:{shop_code}" if capabilities.reports_shipping else ""
    return counterpart, capabilities.numbers_at_once


def _lock_stock(conn: Connection, documents: Iterable[Document]) -> None:
    keys = sorted({(d.warehouse_id, line.sku_id) for d in documents for line in d.lines.values()})
    conn.execute(
        "select 1 from sku_pool where sku_id = any(%s) order by sku_id for update", ([sku for _, sku in keys],)
    )
    conn.execute(
        """select 1 from stock where (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))
           order by warehouse_id, sku_id for update""",
        ([warehouse for warehouse, _ in keys], [sku for _, sku in keys]),
    )


def save_changes(conn: Connection, changes: Changes, why: Cause) -> None:
    """Write what the reports of a chunk come to."""
    touched = list(changes.documents.values())
    conn.execute(
        """update outbound_document d set state = n.state, shipped_at = n.at
           from unnest(%s::bigint[], %s::text[], %s::timestamptz[]) n(id, state, at) where d.id = n.id""",
        ([d.id for d in touched], [d.state.value for d in touched], [d.shipped_at for d in touched]),
    )
    _save_parcels(conn, changes.parcels, why)
    kept_back = [d.id for d in touched if d.counterpart and d.numbers_at_once and d.state in CLOSED]
    post_when_complete(conn, kept_back, why.at)
    _save_stock(conn, changes, why)
    place_holds(conn, changes.holds, why)
    write_own_events(conn, changes.events, why)


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
        (parcel_id, line.order_id, line.line_no, units, parcel.document.id)
        for parcel_id, parcel in numbered
        for number, units in parcel.units.items()
        for line in (parcel.document.lines[number],)
    ]
    copy_rows(conn, "parcel_line", ("parcel_id", "order_id", "line_no", "quantity"), (row[:4] for row in rows))
    conn.execute(
        """update allocation a set shipped = a.shipped + s.units
           from (select o, l, d, sum(q) units
                 from unnest(%s::bigint[], %s::int[], %s::bigint[], %s::int[]) u(o, l, d, q) group by 1, 2, 3) s
           where a.order_id = s.o and a.line_no = s.l and a.document_id = s.d""",
        ([r[1] for r in rows], [r[2] for r in rows], [r[4] for r in rows], [r[3] for r in rows]),
    )
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


def _save_stock(conn: Connection, changes: Changes, why: Cause) -> None:
    ended = changes.ended
    conn.execute(
        """update lock k set state = e.state, ended_at = %s
           from unnest(%s::bigint[], %s::int[], %s::int[], %s::text[]) e(o, l, w, state)
           where k.order_id = e.o and k.line_no = e.l and k.warehouse_id = e.w and k.state = 'open'""",
        (why.at, [e[0] for e in ended], [e[1] for e in ended], [e[2] for e in ended], [e[3] for e in ended]),
    )
    keys = sorted(changes.freed)
    columns = (
        [key[0] for key in keys],
        [key[1] for key in keys],
        [changes.out[key] for key in keys],
        [changes.freed[key] for key in keys],
    )
    conn.execute(
        """update stock s set on_hand = s.on_hand - u.gone, locked = s.locked - u.freed
           from unnest(%s::int[], %s::int[], %s::int[], %s::int[]) u(w, k, gone, freed)
           where s.warehouse_id = u.w and s.sku_id = u.k""",
        columns,
    )
    conn.execute(
        """update sku_pool p set on_hand = p.on_hand - u.gone, locked = p.locked - u.freed
           from (select k, sum(gone) gone, sum(freed) freed
                 from unnest(%s::int[], %s::int[], %s::int[], %s::int[]) x(w, k, gone, freed) group by 1) u
           where p.sku_id = u.k""",
        columns,
    )
    copy_rows(
        conn,
        "stock_movement",
        ("warehouse_id", "sku_id", "quantity", "reason", "reference", "at"),
        ((w, k, -units, "shipped", no, why.at) for (w, k, no), units in changes.movements.items()),
    )
