"""What a Qimen warehouse reports, as the envelopes that warehouses with JSON webhooks send.

A report is known again by what its sender calls it (outBizCode), or by its very text where it has no name.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from xml.etree.ElementTree import Element

from connectors.base import Envelope
from connectors.converters import CHINA, TIMES, BadValue, whole
from connectors.wms.qimen_orders import STOCK_TYPES
from connectors.wms.qimen_xml import BadXml, read_xml, text_of

UNREADABLE: Final = "qimen.unreadable"
"""The type of an envelope that only keeps what came, for a person."""

MAX_ID_CHARS: Final = 120

_CONFIRMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NEW": "outbound.accepted",
        "ACCEPT": "outbound.accepted",
        "EXCEPTION": "outbound.exception",
        "CANCELED": "outbound.cancelled",
        "CLOSED": "outbound.cancelled",
        "REJECT": "outbound.rejected",
        "CANCELEDFAIL": "outbound.cancel_failed",
    }
)
# what left is told by the confirmation, with its boxes; here it only says that all was packed
_PROCESSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ACCEPT": "outbound.accepted",
        "PRINT": "outbound.picking",
        "PICK": "outbound.picking",
        "CHECK": "outbound.picked",
        "PACKAGE": "outbound.packed",
        "WEIGH": "outbound.packed",
        "READY": "outbound.packed",
        "DELIVERED": "outbound.packed",
        "EXCEPTION": "outbound.exception",
        "CANCELED": "outbound.cancelled",
        "CLOSED": "outbound.cancelled",
        "REJECT": "outbound.rejected",
        "CANCELEDFAIL": "outbound.cancel_failed",
    }
)
_LACKS: Final[Mapping[str, str]] = MappingProxyType({"系统报缺": "SYSTEM_SHORT", "实物报缺": "PHYSICAL_SHORT"})
_TYPES: Final[Mapping[str, str]] = MappingProxyType({theirs: ours for ours, theirs in STOCK_TYPES.items()})
_SIZES: Final[Mapping[str, str]] = MappingProxyType(
    {"weight": "weight_kg", "length": "length_cm", "width": "width_cm", "height": "height_cm", "volume": "volume"}
)

CarrierOf = Callable[[str, str], str]
"""Our code of a carrier, given its code in the protocol and its name."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A verified call: its method without prefix, its document, the digest of its body, when it was sent."""

    method: str
    root: Element
    digest: str
    sent_at: datetime
    carrier_of: CarrierOf

    def name(self, *parts: str) -> str:
        """What the report is known by: its method and these parts, the last of which is what its sender calls it."""
        found = ":".join((self.method, *parts))
        if not parts[-1] or len(found) > MAX_ID_CHARS or not found.isprintable():
            return f"{self.method}:{hashlib.sha256(found.encode()).hexdigest() if parts[-1] else self.digest}"
        return found

    def envelope(self, kind: str, happened: str, data: Mapping[str, Any]) -> Envelope:
        """A report on what happened at a time in China, when it was sent where that cannot be read."""
        try:
            at: datetime = TIMES["china_time"](happened)
        except BadValue:
            at = self.sent_at
        said = at.astimezone(CHINA).isoformat()
        return {"type": kind, "timestamp": said, "data": {**data, "occurred_at": said}}


def envelopes(method: str, body: bytes, sent_at: datetime, carrier_of: CarrierOf) -> dict[str, Envelope]:
    """What a call reports, as envelopes by the id by which each is taken once.

    A method that reports nothing we use, or a body that is no XML, becomes one envelope with the whole body.
    """
    digest = hashlib.sha256(body).hexdigest()
    try:
        root = read_xml(body)
    except BadXml as error:
        return {f"{UNREADABLE}:{digest}": _kept(UNREADABLE, sent_at, body, str(error))}
    read = _READERS.get(method)
    if read is None:
        known = method if method.isascii() and method.isprintable() and len(method) <= MAX_ID_CHARS // 2 else ""
        return {f"{known}:{digest}": _kept(f"qimen.{known}", sent_at, body, "")}
    return dict(read(_Call(method, root, digest, sent_at, carrier_of)))


def order_code(body: bytes) -> str:
    """The document that a question about its receiver names, "" when it names none."""
    try:
        return text_of(read_xml(body), "deliveryOrderCode")
    except BadXml:
        return ""


def _kept(kind: str, sent_at: datetime, body: bytes, why: str) -> Envelope:
    data = {"body": body.decode("utf-8", "replace"), "why": why}
    return {"type": kind, "timestamp": sent_at.astimezone(CHINA).isoformat(), "data": data}


def _confirm(call: _Call) -> Iterator[tuple[str, Envelope]]:
    order = call.root.find("deliveryOrder")
    no, status = text_of(order, "deliveryOrderCode"), text_of(order, "status").upper()
    name = call.name(no, text_of(order, "outBizCode"))
    facts = {"event_id": name, "outbound_no": no, "wms_no": text_of(order, "deliveryOrderId")}
    happened = text_of(order, "orderConfirmTime")
    kind = _CONFIRMED.get(status)
    if kind is not None:
        said = {"reason_code": status, "reason": text_of(order, "remark")}
        yield name, call.envelope(kind, happened, facts | said)
        return
    packages = _packages(call)
    final = _final(text_of(order, "confirmType"), status)
    left = _left(call)
    if final and left and not packages and not any(left.values()):
        facts = facts | {"reason_code": "NOTHING_SHIPPED"}
    yield name, call.envelope("outbound.shipped", happened, facts | {"final": final, "packages": packages})


def _final(confirm_type: str, status: str) -> bool | None:
    """Whether nothing more follows; None where it does not say."""
    if confirm_type in ("0", "1"):
        return confirm_type == "0"
    return False if status == "PARTDELIVERED" else None


def _packages(call: _Call) -> list[dict[str, Any]]:
    """The boxes that have a number, each with what it holds.

    Boxes without a number travel under that of the others where these have but one. Where no box says what it holds,
    what left by the order's lines is taken for the first one's.
    """
    boxes = call.root.findall("packages/package")
    numbers = {number for box in boxes if (number := text_of(box, "expressCode"))}
    only = numbers.pop() if len(numbers) == 1 else ""
    loads = _loads(call, boxes)
    return [
        {
            "package_no": text_of(box, "packageCode"),
            "carrier_code": call.carrier_of(text_of(box, "logisticsCode"), text_of(box, "logisticsName")),
            "tracking_no": number,
            **{ours: said for theirs, ours in _SIZES.items() if (said := text_of(box, theirs))},
            "lines": load,
        }
        for box, load in zip(boxes, loads, strict=True)
        if (number := text_of(box, "expressCode") or only)
    ]


def _loads(call: _Call, boxes: Sequence[Element]) -> list[list[dict[str, Any]]]:
    items = [box.findall("items/item") for box in boxes]
    if not any(items):
        whole_order = [
            _said(text_of(line, "orderLineNo"), text_of(line, "itemCode"), _units(text_of(line, "actualQty")))
            for line in call.root.findall("orderLines/orderLine")
            if _units(text_of(line, "actualQty")) != 0
        ]
        return [whole_order if place == 0 else [] for place in range(len(boxes))]
    shares = _shares(call, items)
    return [[said for item in load for said in _item(item, shares)] for load in items]


def _item(item: Element, shares: Mapping[str, list[list[Any]]]) -> Iterator[dict[str, Any]]:
    """What a box holds of an item, by the lines that it is for where its SKU is on several."""
    line_no, sku, units = text_of(item, "orderLineNo"), text_of(item, "itemCode"), _units(text_of(item, "quantity"))
    if line_no or sku not in shares or not isinstance(units, int):
        yield _said(line_no, sku, units)
        return
    for share in shares[sku]:
        taken = min(units, share[1])
        if taken:
            yield _said(share[0], sku, taken)
        share[1] -= taken
        units -= taken


def _shares(call: _Call, loads: Sequence[Sequence[Element]]) -> dict[str, list[list[Any]]]:
    """Of SKUs on several lines what left of each line, where the boxes and the lines say the same number."""
    boxed: Counter[str] = Counter()
    for item in (item for load in loads for item in load):
        units = _units(text_of(item, "quantity"))
        if isinstance(units, int) and not text_of(item, "orderLineNo"):
            boxed[text_of(item, "itemCode")] += units
    shares: dict[str, list[list[Any]]] = defaultdict(list)
    for (line_no, sku), units in _left(call).items():
        shares[sku].append([line_no, units])
    return {
        sku: of
        for sku, of in shares.items()
        if len(of) > 1 and all(line_no for line_no, _ in of) and sum(units for _, units in of) == boxed[sku]
    }


def _left(call: _Call) -> dict[tuple[str, str], int]:
    """What left by the order's lines: units by line number and SKU."""
    left: Counter[tuple[str, str]] = Counter()
    for line in call.root.findall("orderLines/orderLine"):
        units = _units(text_of(line, "actualQty"))
        # a number that cannot be read is not nothing
        left[text_of(line, "orderLineNo"), text_of(line, "itemCode")] += units if isinstance(units, int) else 1
    return left


def _said(line_no: str, sku: str, units: int | str) -> dict[str, Any]:
    return {"line_no": line_no, "sku": sku, "qty": units} if line_no else {"sku": sku, "qty": units}


def _units(written: str) -> int | str:
    """Units, also as `2.0`; what is no whole number stays as it is, for whoever judges the report."""
    try:
        return whole(written)
    except BadValue:
        return written


def _process(call: _Call) -> Iterator[tuple[str, Envelope]]:
    order, process = call.root.find("order"), call.root.find("process")
    status = text_of(process, "processStatus").upper()
    name = call.name("")
    said = {
        "event_id": name,
        "outbound_no": text_of(order, "orderCode"),
        "wms_no": text_of(order, "orderId"),
        "reason_code": status,
        "reason": text_of(process, "operateInfo"),
    }
    kind = _PROCESSED.get(status, f"qimen.process.{status[:40]}")
    yield name, call.envelope(kind, text_of(process, "operateTime"), said)


def _lack(call: _Call) -> Iterator[tuple[str, Envelope]]:
    root = call.root
    no = text_of(root, "deliveryOrderCode")
    name = call.name(no, text_of(root, "outBizCode"))
    lines = [
        {
            "sku": text_of(item, "itemCode"),
            "planned_qty": _units(text_of(item, "planQty")),
            "short_qty": _units(text_of(item, "lackQty")),
            "reason": _LACKS.get(text_of(item, "reason"), text_of(item, "reason")),
        }
        for item in root.findall("items/item")
    ]
    said = {"event_id": name, "outbound_no": no, "wms_no": text_of(root, "deliveryOrderId"), "lines": lines}
    yield name, call.envelope("outbound.short_picked", text_of(root, "createTime"), said)


def _counted(call: _Call) -> Iterator[tuple[str, Envelope]]:
    """A count or a correction: its quantities are differences, and each page is a report of its own."""
    root = call.root
    biz, page = text_of(root, "outBizCode"), text_of(root, "currentPage") or "1"
    name = call.name(page, biz)
    reason, ref_no = text_of(root, "adjustType") or "CHECK", text_of(root, "checkOrderCode")
    items = [_change(item, reason, ref_no) for item in root.findall("items/item")]
    yield name, call.envelope("inventory.changed", text_of(root, "checkTime"), {"event_id": name, "items": items})


def _changed(call: _Call) -> Iterator[tuple[str, Envelope]]:
    """Changes of stock, a report for each name that they have, so that one told again in other company is known."""
    named: dict[str, list[Element]] = defaultdict(list)
    for item in call.root.findall("items/item"):
        named[text_of(item, "outBizCode")].append(item)
    for biz, of in named.items():
        name = call.name(biz)
        items = [_change(item, text_of(item, "orderType"), text_of(item, "orderCode")) for item in of]
        happened = max(text_of(item, "changeTime") for item in of)
        yield name, call.envelope("inventory.changed", happened, {"event_id": name, "items": items})


def _change(item: Element, reason: str, ref_no: str) -> dict[str, Any]:
    kind = text_of(item, "inventoryType")
    return {
        "sku": text_of(item, "itemCode"),
        "stock_type": _TYPES.get(kind, kind) or "GOOD",
        "delta": text_of(item, "quantity") or None,
        "reason": reason,
        "ref_no": ref_no,
    }


_READERS: Final[Mapping[str, Callable[[_Call], Iterator[tuple[str, Envelope]]]]] = MappingProxyType(
    {
        "deliveryorder.confirm": _confirm,
        "orderprocess.report": _process,
        "itemlack.report": _lack,
        "inventory.report": _counted,
        "stockchange.report": _changed,
    }
)
