"""What a newer version of an order changes, and what each change does where the order stands: a total table."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.incoming import IncomingInvoice, IncomingReceiver, LineState, OrderKind, PayState
from models.order import Stage
from models.rules.fuller import fuller_notes, fuller_receiver
from models.rules.invoice import fuller_invoice
from models.shipment import BlockReason, DocumentState


class Standing(StrEnum):
    """Where an order stands when news of it comes: its stage, and once it is dispatched, its documents."""

    HEADER = "header"  # never processed
    INGESTED = "ingested"
    VALIDATED = "validated"
    LOCKED = "locked"
    ROUTED = "routed"
    UNSENT = "unsent"  # dispatched, and surely no warehouse has the instruction
    AT_WAREHOUSE = "at_warehouse"  # a warehouse has it, may have it, or gave it back
    PART_SHIPPED = "part_shipped"  # part of it left
    SHIPPED = "shipped"  # all that will leave left
    EMPTY = "empty"  # cancelled by us: nothing was left to ship, or the platform split it
    CLOSED = "closed"  # cancelled because the shop said so


DISPATCHED = frozenset({Standing.UNSENT, Standing.AT_WAREHOUSE, Standing.PART_SHIPPED, Standing.SHIPPED})
"""Standings at which documents were written from the order's lines."""


class Field(StrEnum):
    """What a newer version may change. Good and bad news of one thing are two fields: only bad news stops a parcel."""

    READY = "ready"  # paid and free to leave after all
    NOT_READY = "not_ready"  # not paid, or not free to leave, any more
    SHIPPED = "shipped"  # the platform counts it, or a line of it, as shipped
    CANCEL = "cancel"
    GOODS = "goods"  # a line came, went or opened again; another SKU or quantity
    ADDRESS = "address"
    CONTACT = "contact"  # the receiver's name or phone
    AMOUNT = "amount"
    REFUND = "refund"  # money went back, or a line's refund is under way, or a line was called off
    REFUND_WITHDRAWN = "refund_withdrawn"
    REMARK = "remark"  # a note of buyer or seller, or the invoice wish: what the order asks for in words
    STOP = "stop"  # a note newly asks for what stops a parcel, such as not to ship it
    PROMISE = "promise"  # by when it must leave


class Effect(StrEnum):
    """What a change does. Money and the platform's word on each line are noted whatever the effect."""

    ACCEPT = "accept"  # the fact is taken over, the order stays where it is
    RE_REVIEW = "re_review"  # taken over; the order gives back what it holds and begins again
    BLOCK = "block"  # taken over; its documents are blocked and a person is told
    REFUSE = "refuse"  # what was shipped stays as it was; the platform's version is kept aside, a person is told


_TEXT = """
             ready  not_ready shipped cancel goods  address contact amount refund refund_withdrawn remark stop   promise
header       accept accept    accept  accept accept accept  accept  accept accept accept           accept accept accept
ingested     review review    review  review review review  review  review review review           review review accept
validated    review review    review  review review review  review  review review review           review review accept
locked       review review    review  review review review  review  review review review           review review accept
routed       review review    review  review review review  review  review review review           review review accept
unsent       accept block     block   block  block  block   accept  accept block  accept           accept block  accept
at_warehouse accept block     accept  block  block  block   block   accept block  accept           accept block  accept
part_shipped accept block     accept  block  block  block   block   accept block  accept           accept block  accept
shipped      accept refuse    accept  refuse refuse refuse  refuse  accept refuse accept           accept accept accept
empty        review review    review  review review review  review  review review review           accept accept accept
closed       review review    review  accept accept accept  accept  accept accept accept           accept accept accept
"""


def _read(text: str) -> dict[tuple[Standing, Field], Effect]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    effects = {"review": Effect.RE_REVIEW} | {effect.value: effect for effect in Effect}
    return {
        (Standing(name), Field(field)): effects[cell]
        for name, *cells in rows
        for field, cell in zip(head, cells, strict=True)
    }


TABLE = _read(_TEXT)
"""The effect of every field at every standing. An instruction not sent yet is rendered from the facts of that
moment, so a new contact, amount or remark needs no stop there, unless the remark asks for one; where it goes and what
is in it were decided before."""

REASONS: dict[Field, BlockReason] = {
    Field.NOT_READY: BlockReason.NOT_READY,
    Field.SHIPPED: BlockReason.NOT_READY,
    Field.CANCEL: BlockReason.CANCELLED,
    Field.GOODS: BlockReason.GOODS_CHANGED,
    Field.ADDRESS: BlockReason.ADDRESS_CHANGED,
    Field.CONTACT: BlockReason.ADDRESS_CHANGED,
    Field.REFUND: BlockReason.REFUND,
    Field.STOP: BlockReason.REMARK,
}
"""Why a document is blocked, for each field that can block one."""

PAYMENT = frozenset({Field.READY, Field.NOT_READY, Field.SHIPPED, Field.CANCEL})
"""The fields that are a change of the pay state."""

_SHIPPED = {PayState.SHIPPED, PayState.FINISHED}


class Handover(StrEnum):
    """How far a document has come, seen from the order: what can still be taken back, stopped, or neither."""

    UNSENT = "unsent"
    SENT = "sent"
    PART_LEFT = "part_left"
    LEFT = "left"


def handover(state: DocumentState, *, may_be_known: bool) -> Handover:
    """How far a document has come; `may_be_known`: its instruction was delivered, or may have been."""
    match state:
        case DocumentState.SHIPPED | DocumentState.SHORT:
            return Handover.LEFT
        case DocumentState.PART_SHIPPED:
            return Handover.PART_LEFT
        case DocumentState.CREATED if not may_be_known:
            return Handover.UNSENT
        case _:
            return Handover.SENT


def standing(
    kind: OrderKind, stage: Stage, pay_state: PayState, documents: Collection[Handover], *, lacks: bool = False
) -> Standing:
    """Where an order stands; `documents` of a dispatched one. One without any counts as known to a warehouse.

    `lacks`: units that left with none of them may still be sent by another one.
    """
    if kind is OrderKind.HEADER:
        return Standing.HEADER
    if stage is Stage.CANCELLED:
        return Standing.CLOSED if pay_state is PayState.CANCELLED else Standing.EMPTY
    if stage is not Stage.DISPATCHED:
        return Standing(stage.value)
    if documents and set(documents) == {Handover.LEFT}:
        return Standing.PART_SHIPPED if lacks else Standing.SHIPPED
    if Handover.LEFT in documents or Handover.PART_LEFT in documents:
        return Standing.PART_SHIPPED
    return Standing.UNSENT if documents and set(documents) == {Handover.UNSENT} else Standing.AT_WAREHOUSE


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line as far as a change of it matters. `gone`: all its units are in parcels that left."""

    sku_code: str
    quantity: int
    state: LineState
    prices_fen: tuple[int, int]
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a version says of an order; `lines` by the platform's line number, `notes` by writer, none empty."""

    pay_state: PayState
    ship_by: datetime | None
    amounts_fen: tuple[int, ...]
    refunded_fen: int
    notes: dict[str, str]
    receiver: IncomingReceiver
    lines: dict[str, LineFacts]
    invoice: IncomingInvoice | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions: fields, lines (as JSON), and which parts of the receiver, never their text."""

    fields: tuple[Field, ...]
    lines: dict[str, list[dict[str, Any]]]
    parts: tuple[str, ...]


Stops = Callable[[Mapping[str, str]], frozenset[str]]
"""What notes, by who wrote them, ask for that stops a parcel: one text for each thing asked by each note."""


def difference(known: Facts, now: Facts, stops: Stops | None = None) -> Difference:
    """What the newer version changes; fields come in the order of Field.

    An empty or masked value says nothing, so it changes nothing. Without `stops` no note stops a parcel.
    """
    region, contact = changed_parts(known.receiver, now.receiver)
    found = {
        _pay_field(known.pay_state, now.pay_state),
        *_line_fields(known, now),
        *([Field.ADDRESS] if region else []),
        *([Field.CONTACT] if contact else []),
        *([Field.AMOUNT] if _amounts_differ(known, now) else []),
        *([Field.REFUND] if now.refunded_fen > known.refunded_fen else []),
        *([Field.REFUND_WITHDRAWN] if now.refunded_fen < known.refunded_fen else []),
        *([Field.REMARK] if _asks_otherwise(known, now) else []),
        *([Field.STOP] if stops and _asks_to_stop(known, now, stops) else []),
        *([Field.PROMISE] if now.ship_by != known.ship_by else []),
    }
    return Difference(
        tuple(field for field in Field if field in found), line_diff(known.lines, now.lines), (*region, *contact)
    )


def _pay_field(before: PayState, now: PayState) -> Field | None:
    if now is before or {now, before} == _SHIPPED:
        return None
    match now:
        case PayState.CANCELLED:
            return Field.CANCEL
        case PayState.SHIPPED | PayState.FINISHED:
            return Field.SHIPPED
        case PayState.READY:
            return Field.READY
        case _:
            return Field.NOT_READY


def _amounts_differ(known: Facts, now: Facts) -> bool:
    # lines that came or went are a change of goods; here only what the same lines cost counts
    same = known.lines.keys() & now.lines.keys()
    return known.amounts_fen != now.amounts_fen or any(
        known.lines[number].prices_fen != now.lines[number].prices_fen for number in same
    )


def _asks_otherwise(known: Facts, now: Facts) -> bool:
    if fuller_notes(known.notes, now.notes) != known.notes:
        return True
    return fuller_invoice(known.invoice, now.invoice) != known.invoice


def _asks_to_stop(known: Facts, now: Facts, stops: Stops) -> bool:
    notes = fuller_notes(known.notes, now.notes)
    changed = {by: note for by, note in notes.items() if note != known.notes.get(by)}
    return bool(changed) and bool(stops(changed))


def changed_parts(known: IncomingReceiver, now: IncomingReceiver) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the parts of the address, and of the contact, that a newer version changes.

    Masks are not compared with each other: for masked receivers a new merge key says that it is another one.
    """
    merged = fuller_receiver(known, now)
    told = ("name", "phone", "address") if not merged.masked else ()
    address = [
        part
        for part in ("province", "city", "district", "town", "address")
        if (part != "address" or "address" in told) and getattr(merged, part) != getattr(known, part)
    ]
    if known.merge_key and merged.merge_key != known.merge_key:
        address.append("merge_key")
    contact = [part for part in ("name", "phone") if part in told and getattr(merged, part) != getattr(known, part)]
    return tuple(address), tuple(contact)


def _line_fields(known: Facts, now: Facts) -> set[Field]:
    fields = {Field.GOODS} if set(known.lines) != set(now.lines) else set()
    for number, old in known.lines.items():
        if new := now.lines.get(number):
            if (old.sku_code, old.quantity) != (new.sku_code, new.quantity):
                fields.add(Field.GOODS)
            if field := _state_field(old, new.state, now.pay_state):
                fields.add(field)
    return fields


def _state_field(old: LineFacts, state: LineState, pay_state: PayState) -> Field | None:
    if state is old.state:
        return None
    match state:
        case LineState.REFUNDING:
            return Field.REFUND
        case LineState.OPEN:
            return Field.GOODS if old.state is LineState.CLOSED else Field.REFUND_WITHDRAWN
        case LineState.CLOSED:
            # what we shipped, and what the shop says was shipped, was not called off
            shipped = old.gone or pay_state in _SHIPPED
            return Field.SHIPPED if shipped else Field.REFUND


def line_diff(known: dict[str, LineFacts], now: dict[str, LineFacts]) -> dict[str, list[dict[str, Any]]]:
    """Which lines came, went or changed, with old and new values; kinds without a line are left out."""
    diff = {
        "added": [_told(number, line) for number, line in now.items() if number not in known],
        "removed": [_told(number, line) for number, line in known.items() if number not in now],
        "changed": [
            {"line": number, **changes}
            for number, old in known.items()
            if number in now and (changes := _changes(old, now[number]))
        ],
    }
    return {kind: lines for kind, lines in diff.items() if lines}


def _told(number: str, line: LineFacts) -> dict[str, Any]:
    return {"line": number, "sku": line.sku_code, "quantity": line.quantity, "state": line.state.value}


def _changes(old: LineFacts, new: LineFacts) -> dict[str, list[Any]]:
    pairs = {
        "sku": (old.sku_code, new.sku_code),
        "quantity": (old.quantity, new.quantity),
        "state": (old.state.value, new.state.value),
    }
    return {name: [before, after] for name, (before, after) in pairs.items() if before != after}


def effects(at: Standing, fields: Sequence[Field]) -> dict[Field, Effect]:
    """What each changed field does where the order stands."""
    return {field: TABLE[at, field] for field in fields}
