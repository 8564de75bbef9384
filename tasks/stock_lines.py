"""The lines of a report on stock: what they say of which SKU, and which of them cannot be used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.converters import BadValue, whole
from models.feeds import Counts
from tasks.sheets import MAX_COUNT

GOOD = "GOOD"
"""The stock type of units that can be sold; others are none of ours to sell."""

MAX_NAME = 128
"""Of a code, a reason or a reference, so many characters count."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a report: a SKU with units that lie there, or that came or went, and why."""

    sku: str
    units: int
    reason: str = ""
    ref_no: str = ""


def read_items(
    data: Mapping[str, Any], units_of: Callable[[Mapping[str, Any]], int], skus: Mapping[str, int]
) -> tuple[list[Item], list[str], set[str]]:
    """The usable lines of a report, and in words those that are not; one that is bad stops none.

    With them the SKUs of lines whose number cannot be read: what the other lines say of these is not all of it.
    """
    items: list[Item] = []
    unused: list[str] = []
    unread: set[str] = set()
    for place, line in enumerate(listed(data), 1):
        sku = str(line.get("sku") or "")[:MAX_NAME] if isinstance(line, Mapping) else ""
        if sku not in skus:
            unused.append(f"item {place}: {f'SKU {sku} is not known, or a kit' if sku else 'names no SKU'}")
        elif str(line.get("stock_type") or GOOD) == GOOD:
            try:
                units = units_of(line)
            except BadValue as error:
                unused.append(f"item {place}: {sku}: its number {error.why}")
                unread.add(sku)
                continue
            reason, ref_no = str(line.get("reason") or "").upper(), str(line.get("ref_no") or "")[:MAX_NAME]
            items.append(Item(sku, units, reason, ref_no))
    return items, unused, unread


def change_of(line: Mapping[str, Any]) -> int:
    """Units in (+) or out (-) of a line of changes. Raises BadValue when it says none."""
    return _bounded(line.get("delta"))


def count_of(counts: Counts) -> Callable[[Mapping[str, Any]], int]:
    """How a snapshot's line says its units: as one number, or as available and, of a physical count, frozen ones."""

    def units(line: Mapping[str, Any]) -> int:
        if "quantity" in line:
            return _bounded(line["quantity"])
        frozen = _bounded(line.get("frozen") or 0) if counts is Counts.PHYSICAL else 0
        return _bounded(line.get("available")) + frozen

    return units


def _bounded(value: object) -> int:
    if value is None:
        raise BadValue("is missing")
    number = whole(value)
    if abs(number) > MAX_COUNT:
        raise BadValue(f"is beyond {MAX_COUNT}")
    return number


def listed(data: Mapping[str, Any]) -> list[Any]:
    """The lines of a report; none where it has something else in their place."""
    items = data.get("items")
    return items if isinstance(items, list) else []
