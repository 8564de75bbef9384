"""Warehouses' reports on outbound documents, applied to documents, stock and parcels a chunk at a time."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from models.database import Connection, copy_rows, take_ids
from models.messages import OutboxKind
from models.order import Cause, Finding, HoldCode, place_holds
from models.sealing import seal
from models.shipment import DOCUMENT_STEPS, DocumentState
from tasks.outbox import Effect, post

STATES = {
    "outbound.accepted": DocumentState.ACCEPTED,
    "outbound.rejected": DocumentState.REJECTED,
    "outbound.picking": DocumentState.PICKING,
    "outbound.picked": DocumentState.PICKED,
    "outbound.short_picked": DocumentState.PICKED,
    "outbound.packed": DocumentState.PACKED,
    "outbound.shipped": DocumentState.SHIPPED,
    "outbound.cancelled": DocumentState.CANCELLED,
}
"""Which state of the document each type of report says."""

MAX_WAYBILL = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report did: parcels of which batch left by it; `ignored` says why it changed nothing, "" when it did."""

    ignored: str = ""
    parcels: int = 0
    batch_id: int = 0


class _Untrue(Exception):
    """A report that cannot be true, in words for its note."""


@dataclass(slots=True)
class _Line:
    """A line as the document numbers it; `open` is what is still to be shipped."""

    order_id: int
    line_no: int
    sku_id: int
    open: int


@dataclass(slots=True)
class _Document:
    id: int
    no: str
    state: DocumentState
    carrier: str
    warehouse_id: int
    warehouse_code: str
    batch_id: int
    counterpart: str  # where its ship-backs go, "" for shops that take none
    shipped_at: datetime | None
    lines: dict[str, _Line] = field(default_factory=dict)
    package_nos: set[str] = field(default_factory=set)

    @property
    def order_ids(self) -> list[int]:
        return sorted({line.order_id for line in self.lines.values()})


@dataclass(frozen=True, slots=True)
class _Parcel:
    document: _Document
    package_no: str
    carrier: str
    waybill: str
    shipped_at: datetime
    units: dict[str, int]


@dataclass(slots=True)
class _Changes:
    """What the reports of a chunk add up to, written set-wise at its end."""

    documents: dict[int, _Document] = field(default_factory=dict)
    parcels: list[_Parcel] = field(default_factory=list)
    ended: list[tuple[int, int, int, str]] = field(default_factory=list)
    out: Counter[tuple[int, int]] = field(default_factory=Counter)
    freed: Counter[tuple[int, int]] = field(default_factory=Counter)
    movements: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    holds: list[tuple[int, Finding]] = field(default_factory=list)

    def hold(self, document: _Document, code: HoldCode, sentence: str) -> None:
        """Have every order of a document looked at by a person."""
        evidence = {"document": document.no}
        self.holds += [(order_id, Finding(code, sentence, evidence)) for order_id in document.order_ids]


Report = tuple[int, str, Mapping[str, Any]]
"""Inbox id, warehouse code, envelope."""


def apply_confirmations(conn: Connection, reports: Sequence[Report], why: Cause) -> dict[int, Outcome]:
    """Apply signed reports in the order they came; a report that cannot be true is ignored and says why.

    A late lower state is kept as an event and changes nothing else. Rows are locked in key order: documents,
    SKU pools, stock.
    """
    documents = _load(conn, reports)
    owners = _waybill_owners(conn, reports)
    changes = _Changes()
    outcomes: dict[int, Outcome] = {}
    for inbox_id, warehouse_code, envelope in reports:
        try:
            outcomes[inbox_id] = _apply(documents, owners, changes, warehouse_code, envelope, why.at)
        except _Untrue as error:
            outcomes[inbox_id] = Outcome(str(error))
    _save(conn, changes, why)
    return outcomes


def _data(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    data = envelope.get("data")
    return data if isinstance(data, Mapping) else {}


def _packages(envelope: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    packages = _data(envelope).get("packages")
    found = packages if isinstance(packages, list) else []
    boxes: dict[str, Mapping[str, Any]] = {}
    for package in found:
        if not isinstance(package, Mapping) or not package.get("tracking_no"):
            continue
        # several packages may travel under one waybill: to us they are one parcel
        waybill = str(package["tracking_no"])
        earlier = boxes.get(waybill)
        lines = [*_listed(earlier), *_listed(package)] if earlier else _listed(package)
        boxes[waybill] = {**package, **(earlier or {}), "lines": lines}
    return list(boxes.values())


def _listed(package: Mapping[str, Any]) -> list[Any]:
    lines = package.get("lines")
    return lines if isinstance(lines, list) else []


def _load(conn: Connection, reports: Sequence[Report]) -> dict[str, _Document]:
    nos = sorted({str(_data(envelope).get("outbound_no", "")) for _, _, envelope in reports})
    rows = conn.execute(
        """select d.id, d.no, d.state, d.carrier, d.warehouse_id, w.code, d.batch_id,
                  case when s.channel = 'file' then '' else 'shop:' || s.code end, d.shipped_at
           from outbound_document d join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
           where d.no = any(%s) order by d.id for update of d""",
        (nos,),
    ).fetchall()
    documents = {row[1]: _Document(row[0], row[1], DocumentState(row[2]), *row[3:]) for row in rows}
    by_id = {document.id: document for document in documents.values()}
    for row in conn.execute(
        """select a.document_id, a.order_id, a.line_no, l.sku_id, a.quantity - a.shipped
           from allocation a join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
           where a.document_id = any(%s) order by a.document_id, a.order_id, a.line_no""",
        (list(by_id),),
    ):
        lines = by_id[row[0]].lines
        lines[str(len(lines) + 1)] = _Line(*row[1:])
    for document_id, package_no in conn.execute(
        "select document_id, package_no from parcel where document_id = any(%s)", (list(by_id),)
    ):
        by_id[document_id].package_nos.add(package_no)
    _lock_stock(conn, by_id.values())
    return documents


def _lock_stock(conn: Connection, documents: Iterable[_Document]) -> None:
    keys = sorted({(d.warehouse_id, line.sku_id) for d in documents for line in d.lines.values()})
    conn.execute(
        "select 1 from sku_pool where sku_id = any(%s) order by sku_id for update", ([sku for _, sku in keys],)
    )
    conn.execute(
        """select 1 from stock where (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))
           order by warehouse_id, sku_id for update""",
        ([warehouse for warehouse, _ in keys], [sku for _, sku in keys]),
    )


def _waybill_owners(conn: Connection, reports: Sequence[Report]) -> dict[str, str]:
    waybills = [str(package["tracking_no"]) for _, _, envelope in reports for package in _packages(envelope)]
    rows = conn.execute(
        """select p.waybill, d.no from parcel p join outbound_document d on d.id = p.document_id
           where p.waybill = any(%s)""",
        (waybills,),
    ).fetchall()
    return dict(rows)


def _apply(
    documents: Mapping[str, _Document],
    owners: dict[str, str],
    changes: _Changes,
    warehouse_code: str,
    envelope: Mapping[str, Any],
    now: datetime,
) -> Outcome:
    kind, data = str(envelope.get("type", "")), _data(envelope)
    if kind not in STATES:
        raise _Untrue(f"reports of type {kind or '(none)'} are not used")
    document = documents.get(str(data.get("outbound_no", "")))
    if document is None or document.warehouse_code != warehouse_code:
        raise _Untrue(f"{warehouse_code} has no outbound document {data.get('outbound_no', '(none)')}")
    to = STATES[kind]
    note = {"document": document.no, "wms_no": str(data.get("wms_no", ""))[:64]}
    events = [(order_id, f"document_{to.value}", note) for order_id in document.order_ids]
    if to is DocumentState.SHIPPED:
        parcels = _ship(document, owners, changes, envelope, now)
        changes.events += events
        return Outcome(parcels=parcels, batch_id=document.batch_id)
    changes.events += events
    _move(document, to, changes)
    if to in (DocumentState.REJECTED, DocumentState.CANCELLED):
        reason = str(data.get("reason_code") or "no reason given")[:64]
        changes.hold(document, HoldCode.WMS_REFUSED, f"{warehouse_code} answers {to.value}: {reason}")
    return Outcome()


def _move(document: _Document, to: DocumentState, changes: _Changes) -> None:
    if to not in DOCUMENT_STEPS[document.state]:
        raise _Untrue(f"document {document.no} is {document.state} already")
    document.state = to
    changes.documents[document.id] = document


def _ship(
    document: _Document, owners: dict[str, str], changes: _Changes, envelope: Mapping[str, Any], now: datetime
) -> int:
    packages = _fresh_packages(document, owners, _packages(envelope))
    data = _data(envelope)
    said_final = data.get("final")
    boxes = _boxes(document, packages, whole=said_final is not False and len(_packages(envelope)) == 1)
    shipped = sum((Counter(box) for box in boxes), Counter[str]())
    lacking = any(line.open > shipped[number] for number, line in document.lines.items())
    final = bool(said_final) if said_final is not None else not lacking
    short = final and lacking
    reached = DocumentState.SHORT if short else DocumentState.SHIPPED if final else DocumentState.PART_SHIPPED
    _move(document, reached, changes)
    shipped_at = _moment(data.get("occurred_at"), now)
    document.shipped_at = shipped_at
    if short:
        changes.hold(document, HoldCode.SHIPPED_SHORT, "the warehouse shipped less than was ordered and closed it")
    for package, box in zip(packages, boxes, strict=True):
        waybill = str(package["tracking_no"])
        owners[waybill] = document.no
        changes.parcels.append(
            _Parcel(
                document,
                _package_no(document, package, waybill),
                str(package.get("carrier_code") or document.carrier),
                waybill,
                shipped_at,
                box,
            )
        )
    _take_out(document, shipped, final, changes)
    return len(packages)


def _package_no(document: _Document, package: Mapping[str, Any], waybill: str) -> str:
    """The warehouse's number of the package; the waybill where an earlier one has that number already."""
    number = str(package.get("package_no") or waybill)
    number = waybill if number in document.package_nos else number
    document.package_nos.add(number)
    return number


def _fresh_packages(
    document: _Document, owners: Mapping[str, str], packages: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    if not packages:
        raise _Untrue(f"document {document.no}: the report holds no package with a tracking_no")
    for package in packages:
        if len(str(package["tracking_no"])) > MAX_WAYBILL:
            raise _Untrue(f"document {document.no}: a waybill of {len(str(package['tracking_no']))} characters is none")
        owner = owners.get(str(package["tracking_no"]))
        if owner and owner != document.no:
            raise _Untrue(f"document {document.no}: waybill {package['tracking_no']} belongs to {owner}")
    fresh = [package for package in packages if str(package["tracking_no"]) not in owners]
    if not fresh:
        raise _Untrue(f"document {document.no}: its parcels are known already")
    return fresh


def _boxes(document: _Document, packages: Sequence[Mapping[str, Any]], whole: bool) -> list[dict[str, int]]:
    """Units per document line in each package; `whole`: the only package, which without lines holds everything."""
    left = {number: line.open for number, line in document.lines.items()}
    boxes: list[dict[str, int]] = []
    for package in packages:
        box: Counter[str] = Counter()
        for line in package["lines"]:
            if not isinstance(line, Mapping):
                raise _Untrue(f"document {document.no}: the packages hold something that is no line")
            number, units = str(line.get("line_no")), _units(line.get("qty"))
            if units is None or number not in left:
                raise _Untrue(f"document {document.no}: line {number} with {line.get('qty')} units is not in it")
            if units > left[number]:
                raise _Untrue(f"document {document.no}: line {number} has {left[number]} open, {units} are reported")
            left[number] -= units
            box[number] += units
        if not box and whole:
            box = Counter({number: units for number, units in left.items() if units > 0})
        boxes.append({number: units for number, units in box.items() if units > 0})
    if not any(boxes):
        raise _Untrue(f"document {document.no}: the packages hold no units")
    return boxes


def _units(value: object) -> int | None:
    try:
        units = int(str(value))
    except ValueError:
        return None
    return units if units >= 0 else None


def _take_out(document: _Document, shipped: Mapping[str, int], final: bool, changes: _Changes) -> None:
    """Book units out; a line's lock ends when nothing more of it will leave, and its rest becomes sellable again."""
    for number, line in document.lines.items():
        units = shipped.get(number, 0)
        rest = line.open - units
        key = (document.warehouse_id, line.sku_id)
        if line.open and (final or rest == 0):
            state = "consumed" if rest == 0 else "released"
            changes.ended.append((line.order_id, line.line_no, document.warehouse_id, state))
            changes.freed[key] += line.open
        else:
            changes.freed[key] += units
        line.open = rest if not final else 0
        if units:
            changes.out[key] += units
            changes.movements[(*key, document.no)] += units


def _save(conn: Connection, changes: _Changes, why: Cause) -> None:
    touched = list(changes.documents.values())
    conn.execute(
        """update outbound_document d set state = n.state, shipped_at = n.at
           from unnest(%s::bigint[], %s::text[], %s::timestamptz[]) n(id, state, at) where d.id = n.id""",
        ([d.id for d in touched], [d.state.value for d in touched], [d.shipped_at for d in touched]),
    )
    _save_parcels(conn, changes.parcels, why)
    _save_stock(conn, changes, why)
    place_holds(conn, changes.holds, why)
    copy_rows(
        conn,
        "event",
        ("order_id", "at", "what", "actor", "flow_run_id", "rule_version", "detail"),
        (
            (order_id, why.at, what, why.actor, why.flow_run_id, why.rule_version, Jsonb(detail))
            for order_id, what, detail in changes.events
        ),
    )


def _save_parcels(conn: Connection, parcels: Sequence[_Parcel], why: Cause) -> None:
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


def _post_effects(conn: Connection, parcels: Sequence[tuple[int, _Parcel]], at: datetime) -> None:
    effects = []
    for parcel_id, parcel in parcels:
        batch_id = parcel.document.batch_id
        effects.append(Effect(OutboxKind.SUBSCRIBE, "carrier:kuaidi100", parcel_id, f"subscribe-{parcel_id}", batch_id))
        if parcel.document.counterpart:
            key = f"ship-back-{parcel_id}"
            effects.append(Effect(OutboxKind.SHIP_BACK, parcel.document.counterpart, parcel_id, key, batch_id))
    post(conn, effects, at)


def _save_stock(conn: Connection, changes: _Changes, why: Cause) -> None:
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


def _moment(text: object, otherwise: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise
    return at if at.tzinfo else otherwise
