"""Two readings of one order compared field by field, and field values made fit to be shown."""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from connectors.fields import Field
from connectors.mapping import Mapping
from connectors.paths import EACH
from connectors.reading_faults import shown
from models.incoming import IncomingInvoice, IncomingLine, IncomingOrder, IncomingReceiver
from models.masking import brief, mask_name, mask_phone
from models.rules.divisions import divisions
from models.settings import SHANGHAI

REGION: Final = frozenset({"receiver.province", "receiver.city", "receiver.district"})
"""Plain in the pool; yet buyers write names and streets there, so only the names of divisions are shown."""

NOTHING: Final = "-"
"""How a value is shown that is not there."""

_NOT_OF_THE_ORDER: Final = frozenset({"receiver", "invoice", "lines"})
_ORDER: Final = tuple(field.name for field in fields(IncomingOrder) if field.name not in _NOT_OF_THE_ORDER)
_OUTSIDE_ORDER: Final = frozenset({"pay_state", "kind", "not_ready"})  # no keys of a mapping's section `order`
_RECEIVER: Final = tuple(field.name for field in fields(IncomingReceiver))
_INVOICE: Final = tuple(field.name for field in fields(IncomingInvoice))
_LINE: Final = tuple(field.name for field in fields(IncomingLine))
_PERSONAL: Final = frozenset(
    {"order.buyer_key", "order.buyer_note", "order.seller_note", "invoice.title", "invoice.tax_no"}
    | {f"receiver.{name}" for name in _RECEIVER if name != "masked"}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two readings of an order give different values; `line` counts from 1, 0 outside of lines."""

    field: str
    line: int
    old: Any
    new: Any


def values_of(order: IncomingOrder) -> list[tuple[str, int, Any]]:
    """Every field of an order by its name in mappings, with its line number (0 outside of lines) and its value."""
    found = [(_order_field(name), 0, getattr(order, name)) for name in _ORDER]
    found += [(f"receiver.{name}", 0, getattr(order.receiver, name)) for name in _RECEIVER]
    found += [(f"invoice.{name}", 0, getattr(order.invoice, name, "")) for name in _INVOICE]
    for number, line in enumerate(order.lines, 1):
        found += [(f"line.{name}", number, getattr(line, name)) for name in _LINE]
    return found


def named_fields(mapping: Mapping) -> list[tuple[str, str, Field]]:
    """The compiled fields of a mapping: name, the place its paths start at ("" for the payload), and the field."""
    reader = mapping.reader
    found = [(_order_field(name), "", field) for name, field in reader.order.items()]
    found += [(f"receiver.{name}", "", field) for name, field in reader.receiver.items()]
    found += [(f"invoice.{name}", "", field) for name, field in reader.invoice.items()]
    return found + [(f"line.{name}", f"{reader.lines_path}{EACH}.", field) for name, field in reader.line.items()]


def differences(old: IncomingOrder, new: IncomingOrder) -> list[Difference]:
    """What differs, in the order of the fields; of orders with unlike numbers of lines, `lines` stands for them all."""
    if old == new:
        return []
    found = []
    if len(old.lines) != len(new.lines):
        found.append(Difference("lines", 0, len(old.lines), len(new.lines)))
        old, new = replace(old, lines=()), replace(new, lines=())
    pairs = zip(values_of(old), values_of(new), strict=True)
    return found + [Difference(name, line, was, now) for (name, line, was), (_, _, now) in pairs if was != now]


def personal_fields(*mappings: Mapping) -> frozenset[str]:
    """The fields whose values must not be shown: personal by themselves, or read by one from a place another hides."""
    return _PERSONAL | {
        name
        for mapping in mappings
        for name, paths in _sources(mapping)
        if any(other.private.covers(path) for other in mappings for path in paths)
    }


def shown_value(name: str, value: Any, personal: frozenset[str]) -> str:
    """A field's value as a person reads it; of a personal one a mask, or type and length only."""
    if value is None or value == "":
        return NOTHING
    if name in REGION and value in _division_names():
        return str(value)
    return _masked(name, value) if name in personal else _plain(name, value)


def _plain(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_fen"):
        return f"{value / 100:,.2f} yuan"
    return value.value if isinstance(value, StrEnum) else brief(str(value), 80)


def _masked(name: str, value: Any) -> str:
    if name == "receiver.name":
        return mask_name(value)
    return mask_phone(value) if name == "receiver.phone" else shown(value, personal=True)


def _order_field(name: str) -> str:
    return name if name in _OUTSIDE_ORDER else f"order.{name}"


def _sources(mapping: Mapping) -> list[tuple[str, list[str]]]:
    return [
        (name, [place + path for group in field.paths for path in group])
        for name, place, field in named_fields(mapping)
    ]


@cache
def _division_names() -> frozenset[str]:
    return frozenset(row.name for row in divisions().values())
