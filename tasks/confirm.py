"""Warehouses' reports on outbound documents, applied to documents, stock and parcels a chunk at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.converters import BadValue, iso_time
from models.database import Connection
from models.hold import HoldCode
from models.order import Cause
from models.rules.short_ships import PROPOSALS
from models.shipment import CLOSED, DOCUMENT_STEPS, ENDED, GIVEN_BACK, LEFT, DocumentState
from tasks.bookings import Changes, Document, NewParcel, load_documents, save_changes
from tasks.ledger import Shipment
from tasks.shortfalls import with_orders
from tasks.unmerge import Refusal

SHORT_PICKED = "outbound.short_picked"
"""A warehouse did not find all units; it says what it proposes to do, and goes on picking."""

STATES = {
    "outbound.accepted": DocumentState.ACCEPTED,
    "outbound.rejected": DocumentState.REJECTED,
    "outbound.queued": DocumentState.QUEUED,
    "outbound.picking": DocumentState.PICKING,
    "outbound.picked": DocumentState.PICKED,
    SHORT_PICKED: DocumentState.PICKED,
    "outbound.packed": DocumentState.PACKED,
    "outbound.put_back": DocumentState.PUT_BACK,
    "outbound.shipped": DocumentState.SHIPPED,
    "outbound.cancelled": DocumentState.CANCELLED,
}
"""Which state of the document each type of report says."""

CANCEL_FAILED = "outbound.cancel_failed"
"""The answer of a warehouse that was asked for a document back and has to keep it."""

_PACKED = CLOSED | {DocumentState.PACKED, DocumentState.PART_SHIPPED}
_KEEPING = _PACKED | {
    DocumentState.ACCEPTED,
    DocumentState.QUEUED,
    DocumentState.PICKING,
    DocumentState.PICKED,
    DocumentState.PUT_BACK,
}

MAX_WAYBILL = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report did: parcels of which batch left by it; `ignored` says why it changed nothing, "" when it did.

    `note` says what of it was not used.
    """

    ignored: str = ""
    parcels: int = 0
    batch_id: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Waybills:
    """Whose the reported numbers are: the document of each number in use, and (number, document) of corrected ones."""

    owners: dict[str, str]
    former: frozenset[tuple[str, str]]

    def known_to(self, document: Document, waybill: str) -> bool:
        return self.owners.get(waybill) == document.no or (waybill, document.no) in self.former


class _Untrue(Exception):
    """A report that cannot be true, in words for its note."""


Report = tuple[int, str, Mapping[str, Any]]
"""Inbox id, warehouse code, envelope."""


def apply_confirmations(conn: Connection, reports: Sequence[Report], why: Cause) -> dict[int, Outcome]:
    """Apply signed reports in the order they came; a report that cannot be true is ignored and says why.

    A late lower state is kept as an event and changes nothing else. Rows are locked in key order: orders,
    documents, SKU pools, stock.
    """
    return with_orders(conn, lambda held: _apply_all(conn, reports, held, why))


def _apply_all(conn: Connection, reports: Sequence[Report], held: frozenset[int], why: Cause) -> dict[int, Outcome]:
    nos = sorted({str(_data(envelope).get("outbound_no", "")) for _, _, envelope in reports})
    documents = load_documents(conn, nos, held)
    waybills = _waybills(conn, reports)
    changes = Changes()
    outcomes: dict[int, Outcome] = {}
    for inbox_id, warehouse_code, envelope in reports:
        try:
            outcomes[inbox_id] = _apply(documents, waybills, changes, warehouse_code, envelope, why.at)
        except _Untrue as error:
            outcomes[inbox_id] = Outcome(str(error))
    save_changes(conn, changes, held, why)
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


def _waybills(conn: Connection, reports: Sequence[Report]) -> _Waybills:
    numbers = [str(package["tracking_no"]) for _, _, envelope in reports for package in _packages(envelope)]
    owners = conn.execute(
        """select p.waybill, d.no from parcel p join outbound_document d on d.id = p.document_id
           where p.waybill = any(%s)""",
        (numbers,),
    ).fetchall()
    # a document's report told again may still have a number that was corrected; another document may truly own it
    former = conn.execute(
        """select unnest(p.former_waybills), d.no from parcel p join outbound_document d on d.id = p.document_id
           where p.renumbered > 0 and p.former_waybills && %s""",
        (numbers,),
    ).fetchall()
    return _Waybills(dict(owners), frozenset(former))


def _apply(
    documents: Mapping[str, Document],
    waybills: _Waybills,
    changes: Changes,
    warehouse_code: str,
    envelope: Mapping[str, Any],
    now: datetime,
) -> Outcome:
    kind, data = str(envelope.get("type", "")), _data(envelope)
    if kind not in STATES and kind != CANCEL_FAILED:
        raise _Untrue(f"reports of type {kind or '(none)'} are not used")
    document = documents.get(str(data.get("outbound_no", "")))
    if document is None or document.warehouse_code != warehouse_code:
        raise _Untrue(f"{warehouse_code} has no outbound document {data.get('outbound_no', '(none)')}")
    if kind == CANCEL_FAILED:
        return _keep(document, changes, data)
    to = STATES[kind]
    closed = to is DocumentState.SHIPPED and data.get("packages") == [] and data.get("final") is True
    if closed and document.state not in LEFT:
        to = DocumentState.CANCELLED  # closed before anything of it left
    note = {"document": document.no, "wms_no": str(data.get("wms_no", ""))[:64]}
    events = [(order_id, f"document_{to.value}", note) for order_id in document.order_ids]
    events += _picked_short(document, data) if kind == SHORT_PICKED else []
    # a clock that goes ahead of ours must not put what happened after the counts to come
    at = min(happened_at(envelope, now), now)
    if to is DocumentState.CANCELLED and _is_rest(document, at):
        to, envelope = DocumentState.SHIPPED, {"data": {"packages": [], "final": True}}
    if to is DocumentState.SHIPPED:
        parcels = _ship(document, waybills, changes, envelope, at)
        changes.events += events
        return Outcome(parcels=parcels, batch_id=document.batch_id)
    changes.events += events
    _move(document, to, at, changes)
    if to in GIVEN_BACK and document.asked_back:
        changes.given_back.append(document.id)
    elif to in GIVEN_BACK:
        reason = str(data.get("reason_code") or "no reason given")[:64]
        sentence = f"{warehouse_code} answers {to.value}: {reason}"
        facts = {"warehouse": warehouse_code, "state": to.value, "reason": reason}
        changes.hold(document, document.order_ids, HoldCode.WMS_REFUSED, sentence, **facts)
    return Outcome()


def _is_rest(document: Document, at: datetime) -> bool:
    """Whether what a warehouse cancelled then is what had not left of a document: no box of it left later."""
    last_left = document.shipped_at if document.state is DocumentState.PART_SHIPPED else None
    return last_left is not None and at >= last_left


def _picked_short(document: Document, data: Mapping[str, Any]) -> list[tuple[int, str, dict[str, Any]]]:
    """What a warehouse did not find, for the orders' stories: before it closes the document nothing else changes.

    Lines that cannot be true are left out; the rule that will count is told, and what the warehouse proposes.
    """
    proposal = str(data.get("proposal", ""))
    detail = {
        "document": document.no,
        "proposal": proposal if proposal in PROPOSALS else "",
        "way": document.short_way.value,
    }
    units: dict[int, Counter[str]] = {}
    told = data.get("lines")
    for said in told if isinstance(told, list) else []:
        line = document.lines.get(str(said.get("line_no"))) if isinstance(said, Mapping) else None
        short = _units(said.get("short_qty")) if line else None
        if line and short and short <= line.open:
            units.setdefault(line.order_id, Counter())[line.sku_code] += short
    return [(order_id, "picked_short", {**detail, "units": dict(of)}) for order_id, of in units.items()]


def _keep(document: Document, changes: Changes, data: Mapping[str, Any]) -> Outcome:
    """The answer of a warehouse that does not give a document back."""
    if not document.asked_back:
        raise _Untrue(f"document {document.no}: nobody asked for it back")
    reason = str(data.get("reason_code") or "no reason given")[:64]
    what = "unmerge_refused" if len(document.order_ids) > 1 else "not_given_back"
    changes.events += [(order_id, what, {"document": document.no, "reason": reason}) for order_id in document.order_ids]
    changes.not_given_back[document.id] = Refusal(document.warehouse_code, document.no, reason)
    changes.refusing_orders.update(document.order_ids)
    return Outcome()


def _move(document: Document, to: DocumentState, at: datetime, changes: Changes) -> None:
    """A late lower state still says from when on the warehouse has kept the units."""
    if to in _KEEPING:
        document.accepted_at = min(document.accepted_at or at, at)
    if to in _PACKED:
        document.packed_at = min(document.packed_at or at, at)
    changes.documents[document.id] = document
    if to not in DOCUMENT_STEPS[document.state]:
        raise _Untrue(f"document {document.no} is {document.state} already")
    document.state = to
    document.ended_at = at if to in ENDED else None


def _ship(
    document: Document, waybills: _Waybills, changes: Changes, envelope: Mapping[str, Any], shipped_at: datetime
) -> int:
    data = _data(envelope)
    said_final = data.get("final")
    closes = said_final is True and _brings_nothing(document, waybills, envelope)
    packages = [] if closes else _fresh_packages(document, waybills, _packages(envelope))
    whole = said_final is not False and len(_packages(envelope)) == 1
    boxes = [] if closes else _boxes(document, packages, whole=whole)
    shipped = sum((Counter(box) for box in boxes), Counter[str]())
    lacking = any(line.open > shipped[number] for number, line in document.lines.items())
    final = bool(said_final) if said_final is not None else not lacking
    short = final and lacking
    reached = DocumentState.SHORT if short else DocumentState.SHIPPED if final else DocumentState.PART_SHIPPED
    _move(document, reached, shipped_at, changes)
    document.shipped_at = shipped_at
    if short:
        changes.lack(document, shipped)
    for package, box in zip(packages, boxes, strict=True):
        waybill = str(package["tracking_no"])
        waybills.owners[waybill] = document.no
        changes.parcels.append(
            NewParcel(
                document,
                _package_no(document, package, waybill),
                str(package.get("carrier_code") or document.carrier),
                waybill,
                shipped_at,
                box,
            )
        )
    _take_out(document, shipped, final, shipped_at, changes)
    return len(packages)


def _brings_nothing(document: Document, waybills: _Waybills, envelope: Mapping[str, Any]) -> bool:
    """Whether a report on a document that left in part names no box, or only known ones."""
    packages = _packages(envelope)
    readable = bool(packages) or _data(envelope).get("packages") == []
    known = all(waybills.known_to(document, str(package["tracking_no"])) for package in packages)
    return document.state is DocumentState.PART_SHIPPED and readable and known


def _package_no(document: Document, package: Mapping[str, Any], waybill: str) -> str:
    """The warehouse's number of the package; the waybill where an earlier one has that number already."""
    number = str(package.get("package_no") or waybill)
    number = waybill if number in document.package_nos else number
    document.package_nos.add(number)
    return number


def _fresh_packages(
    document: Document, waybills: _Waybills, packages: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    if not packages:
        raise _Untrue(f"document {document.no}: the report holds no package with a tracking_no")
    for package in packages:
        if len(str(package["tracking_no"])) > MAX_WAYBILL:
            raise _Untrue(f"document {document.no}: a waybill of {len(str(package['tracking_no']))} characters is none")
        owner = waybills.owners.get(str(package["tracking_no"]))
        if owner and not waybills.known_to(document, str(package["tracking_no"])):
            raise _Untrue(f"document {document.no}: waybill {package['tracking_no']} belongs to {owner}")
    fresh = [package for package in packages if not waybills.known_to(document, str(package["tracking_no"]))]
    if not fresh:
        raise _Untrue(f"document {document.no}: its parcels are known already")
    return fresh


def _boxes(document: Document, packages: Sequence[Mapping[str, Any]], whole: bool) -> list[dict[str, int]]:
    """Units per document line in each package; `whole`: the only package, which without lines holds everything."""
    left = {number: line.open for number, line in document.lines.items()}
    boxes: list[dict[str, int]] = []
    for package in packages:
        box: Counter[str] = Counter()
        for line in package["lines"]:
            for number, units in _reported(document, line, left).items():
                if units > left[number]:
                    raise _Untrue(
                        f"document {document.no}: line {number} has {left[number]} open, {units} are reported"
                    )
                left[number] -= units
                box[number] += units
        if not box and whole:
            box = Counter({number: units for number, units in left.items() if units > 0})
        boxes.append({number: units for number, units in box.items() if units > 0})
    if not any(boxes):
        raise _Untrue(f"document {document.no}: the packages hold no units")
    return boxes


def _reported(document: Document, line: object, left: Mapping[str, int]) -> Mapping[str, int]:
    """Units per document line that a line of a package speaks of: by its number, or without one by its SKU."""
    if not isinstance(line, Mapping):
        raise _Untrue(f"document {document.no}: the packages hold something that is no line")
    named, units = line.get("line_no"), _units(line.get("qty"))
    if named is None and line.get("sku"):
        return _spread(document, str(line["sku"]), units, left)
    if units is None or str(named) not in left:
        raise _Untrue(f"document {document.no}: line {named} with {line.get('qty')} units is not in it")
    return {str(named): units}


def _spread(document: Document, sku: str, units: int | None, left: Mapping[str, int]) -> Mapping[str, int]:
    """The units of a SKU over the lines that still want it, first line first."""
    wanting = [number for number, line in document.lines.items() if line.sku_code == sku]
    if units is None or not wanting:
        raise _Untrue(f"document {document.no}: SKU {sku[:64]} with {units} units is not in it")
    found: dict[str, int] = {}
    for number in wanting:
        found[number] = min(left[number], units - sum(found.values()))
    if sum(found.values()) < units:
        raise _Untrue(f"document {document.no}: SKU {sku} has {sum(found.values())} open, {units} are reported")
    return found


def _units(value: object) -> int | None:
    try:
        units = int(str(value))
    except ValueError:
        return None
    return units if units >= 0 else None


def _take_out(document: Document, shipped: Mapping[str, int], final: bool, left_at: datetime, changes: Changes) -> None:
    """Note what leaves of each line; of a final report also those of which nothing leaves any more."""
    for number, line in document.lines.items():
        units = shipped.get(number, 0)
        if units or (final and line.open):
            changes.shipments.append(
                Shipment(
                    line.order_id,
                    line.line_no,
                    line.sku_id,
                    document.warehouse_id,
                    units,
                    final,
                    document.no,
                    left_at,
                    line.turn,
                )
            )
        line.open = 0 if final else line.open - units


def happened_at(envelope: Mapping[str, Any], otherwise: datetime) -> datetime:
    """When what a report tells happened, by the warehouse; `otherwise` where it gives no usable time with its zone."""
    for written in (_data(envelope).get("occurred_at"), envelope.get("timestamp")):
        try:
            return iso_time(written)
        except BadValue:
            continue
    return otherwise
