"""The compiled heart of a mapping: payload in, IncomingOrder out, or every fault at once."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from connectors.base import NotReady
from connectors.converters import (
    AMOUNTS,
    TIMES,
    BadValue,
    identifier,
    local_time,
    quantity,
    text,
    yuan_to_fen,
    zone_named,
)
from connectors.fields import REQUIRED, Field, Kind, constant, parse_field
from connectors.mapping_text import Node
from connectors.paths import EACH, PersonalPaths, list_at
from connectors.reading_faults import Fault, MappingError, shown
from models.incoming import (
    IncomingInvoice,
    IncomingLine,
    IncomingOrder,
    IncomingReceiver,
    InvoiceKind,
    LineState,
    OrderKind,
    PayState,
)
from models.rules.invoice import wanted_invoice

REJECTED: Final = "$rejected"
"""Set in the payload of a file's row that could not be read: the reason."""
FILE_LINES: Final = "$lines"
"""Where a payload made from a file keeps the rows of its order."""

# field -> (kind, value when absent)
_ORDER: Final[dict[str, tuple[str, Any]]] = {
    "external_id": ("id", None),
    "order_no": ("id", REQUIRED),
    "platform_status": ("id", ""),
    "buyer_key": ("id", ""),
    "created_at": ("time", REQUIRED),
    "paid_at": ("time", None),
    "modified_at": ("time", None),
    "ship_by": ("time", None),
    "goods_fen": ("amount", None),
    "discount_fen": ("amount", None),
    "freight_fen": ("amount", 0),
    "total_fen": ("amount", REQUIRED),
    "paid_fen": ("amount", None),
    "refunded_fen": ("amount", 0),
    "buyer_note": ("text", ""),
    "seller_note": ("text", ""),
    "split_from": ("id", ""),
    "cod_fen": ("amount", 0),
}
_RECEIVER: Final = (
    "name phone province city district town address oaid name_cipher phone_cipher address_cipher merge_key"
).split()
_INVOICE: Final[dict[str, tuple[str, Any]]] = {
    "kind": ("invoice_kind", InvoiceKind.UNSAID),
    "title": ("text", ""),
    "tax_no": ("text", ""),
}
_LINE: Final[dict[str, tuple[str, Any]]] = {
    "line_no": ("id", None),
    "sku_code": ("id", ""),
    "title": ("text", ""),
    "quantity": ("quantity", REQUIRED),
    "unit_price_fen": ("amount", None),
    "paid_fen": ("amount", REQUIRED),
    "state": ("line_state", LineState.OPEN),
}
Gate = Callable[[dict[str, Any]], NotReady | None]
"""A channel's predicate: why a paid order must not be shipped, whatever its status says."""

Fields = dict[str, Field]
_Lines = Callable[[dict[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class OrderReader:
    """Reads orders of one mapping.

    `order`, `receiver`, `invoice` and `line` hold a reader per field, in field order.
    """

    kind: OrderKind
    order: dict[str, Field]
    receiver: dict[str, Field]
    invoice: dict[str, Field]
    line: dict[str, Field]
    lines: _Lines
    lines_path: str
    masked: bool | None  # None: found out from the stars
    private: PersonalPaths
    shared: bool = False  # lines have no amount of their own: they share the order's goods by price
    gate: Gate | None = None

    def bound(self, private: PersonalPaths) -> "OrderReader":
        """The same reader, hiding these personal paths in its errors."""
        return replace(self, private=private)

    def read(self, payload: dict[str, Any]) -> IncomingOrder:
        """The order; raises MappingError."""
        try:
            return self._build(payload)
        except (BadValue, AttributeError, KeyError) as error:
            raise self._explain(payload, error) from None

    def external_id(self, payload: dict[str, Any]) -> str:
        """The platform's id of a payload, however much else of it is unreadable; "" when there is none."""
        return self._first_of(payload, ("external_id", "order_no"))

    def _build(self, payload: dict[str, Any]) -> IncomingOrder:
        if type(payload) is not dict or REJECTED in payload:
            raise BadValue("is not an order")
        values = [field.read(payload) for field in self.order.values()]
        lines = _told_apart(
            _line(position, [field.read(element) for field in self.line.values()])
            for position, element in enumerate(self.lines(payload), 1)
        )
        paid = values[-1] in (PayState.READY, PayState.BLOCKED)
        not_ready = self.gate(payload) if self.gate is not None and paid else None
        if not_ready is not None:
            values[-1] = not_ready.state
        reason = not_ready.reason if not_ready is not None else ""
        order = _assemble(self.kind, values, self._receiver(payload), lines, reason, self._invoice(payload))
        return _sharing(order) if self.shared else order

    def _receiver(self, payload: dict[str, Any]) -> IncomingReceiver:
        values = [field.read(payload) for field in self.receiver.values()]
        name, phone, province, city, district, town, address, oaid, *handles = values
        masked = self.masked
        if masked is None:
            masked = "*" in name or "*" in phone or "*" in address
        return IncomingReceiver(name, phone, province, city, district, town, address, oaid, masked, *handles)

    def _invoice(self, payload: dict[str, Any]) -> IncomingInvoice | None:
        # most mappings read none, and reading is what costs
        return wanted_invoice(*[field.read(payload) for field in self.invoice.values()]) if self.invoice else None

    def _explain(self, payload: dict[str, Any], error: Exception) -> MappingError:
        if type(payload) is not dict:
            return MappingError("?", (Fault("order", "the payload", f"is a {type(payload).__name__}", ""),))
        if REJECTED in payload:
            return MappingError(self._label(payload), (Fault("order", "row", str(payload[REJECTED]), ""),))
        faults = self._faults({**self.order, **self.receiver}, payload)
        faults += self._faults(self.invoice, payload, "invoice.")
        try:
            elements = self.lines(payload)
        except BadValue as bad:
            elements = []
            faults.append(Fault("lines", bad.path, bad.why, ""))
        for position, element in enumerate(elements, 1):
            faults += self._faults(self.line, element, f"lines[{position}].", f"{self.lines_path}{EACH}.")
        return MappingError(self._label(payload), tuple(faults) or (Fault("order", "the payload", str(error), ""),))

    def _faults(self, fields: Fields, payload: dict[str, Any], prefix: str = "", at: str = "") -> list[Fault]:
        found = []
        for name, field in fields.items():
            try:
                field.read(payload)
            except BadValue as bad:
                personal = any(self.private.covers(at + path) for group in field.paths for path in group)
                found.append(Fault(prefix + name, bad.path, bad.why, shown(bad.value, personal)))
            except (AttributeError, KeyError) as error:
                found.append(Fault(prefix + name, "the payload", f"has another shape: {type(error).__name__}", ""))
        return found

    def _label(self, payload: dict[str, Any]) -> str:
        return self._first_of(payload, ("order_no", "external_id")) or "?"

    def _first_of(self, payload: dict[str, Any], names: tuple[str, ...]) -> str:
        for name in names:
            try:
                if value := self.order[name].read(payload):
                    return str(value)
            except (BadValue, AttributeError, KeyError):
                continue
        return ""


def _assemble(
    kind: OrderKind,
    values: list[Any],
    receiver: IncomingReceiver,
    lines: tuple[IncomingLine, ...],
    not_ready: str,
    invoice: IncomingInvoice | None,
) -> IncomingOrder:
    (external_id, order_no, status, buyer_key, created_at, paid_at, modified_at, ship_by) = values[:8]
    (goods, discount, freight, total, paid, refunded, buyer_note, seller_note, *_) = values[8:]
    split_from, cod, pay_state = values[16:]
    if paid is None:
        paid = 0 if pay_state is PayState.UNPAID else total - cod
    if discount is None:
        discount = max(goods + freight - total, 0) if goods is not None else 0
    return IncomingOrder(
        external_id or order_no,
        order_no,
        kind,
        pay_state,
        status,
        buyer_key,
        created_at,
        paid_at,
        modified_at or paid_at or created_at,
        ship_by,
        goods if goods is not None else total - freight + discount,
        discount,
        freight,
        total,
        paid,
        refunded,
        buyer_note,
        seller_note,
        receiver,
        lines,
        not_ready,
        split_from,
        cod,
        invoice,
    )


def _sharing(order: IncomingOrder) -> IncomingOrder:
    """The order with what it pays for goods shared out to its lines by list price, in whole fen that add up.

    The largest remainders get the odd fen, earlier lines first among equals.
    """
    weights = [line.unit_price_fen * line.quantity for line in order.lines]
    goods, whole = max(order.total_fen - order.freight_fen, 0), sum(weights)
    if whole <= 0:
        return order
    shares = [goods * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(goods * weights[at] % whole), at))
    for at in by_remainder[: goods - sum(shares)]:
        shares[at] += 1
    lines = zip(order.lines, shares, strict=True)
    return replace(order, lines=tuple(replace(line, paid_fen=share) for line, share in lines))


def _line(position: int, values: list[Any]) -> IncomingLine:
    line_no, sku_code, title, pieces, unit_price, paid, state = values
    if unit_price is None:
        unit_price = paid // pieces
    return IncomingLine(line_no or str(position), sku_code, title, pieces, unit_price, paid, state)


def _told_apart(lines: Iterable[IncomingLine]) -> tuple[IncomingLine, ...]:
    """The lines with numbers of their own: a platform without line ids names a SKU twice that is sold and given."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        seen[line.line_no] += 1
        times = seen[line.line_no]
        found.append(line if times == 1 else replace(line, line_no=f"{line.line_no}#{times}"))
    return tuple(found)


def parse_order_reader(root: Node, keys: dict[str, Node], kind: OrderKind) -> tuple[Fields, OrderReader]:
    """Compile the order, receiver, invoice and line sections; raises SetupError.

    Gives the fields by full name (`order.total_fen`) next to the reader.
    """
    kinds = _kinds(root, keys)
    order = _section(keys["order"], _ORDER, kinds)
    order["pay_state"] = parse_field(keys["pay_state"], kinds["pay_state"], REQUIRED)
    receiver_keys = keys.get("receiver", Node(root.source, "receiver", {}))
    masked, receiver = _parse_receiver(receiver_keys, kinds)
    invoice = _section(keys["invoice"], _INVOICE, kinds) if "invoice" in keys else {}
    shared = "line" in keys and _takes_shares(keys["line"])
    line, lines_path = _parse_lines(root, keys, kind, kinds, shared=shared)
    lines = _lines_at(keys, lines_path)
    reader = OrderReader(kind, order, receiver, invoice, line, lines, lines_path, masked, PersonalPaths(()), shared)
    named = [("order", order), ("receiver", receiver), ("invoice", invoice), ("line", line)]
    return {f"{name}.{key}": field for name, fields in named for key, field in fields.items()}, reader


def _kinds(root: Node, keys: dict[str, Node]) -> dict[str, Kind]:
    times = {**TIMES, "local_time": local_time(_zone(keys))}
    amount = AMOUNTS[keys["money"].one_of(AMOUNTS)] if "money" in keys else yuan_to_fen
    time = times[keys["times"].one_of(times) if "times" in keys else "local_time"]
    return {
        "id": Kind(identifier, {"text": identifier}, amount),
        "text": Kind(text, {"text": text}, amount),
        "time": Kind(time, times, amount),
        "amount": Kind(amount, AMOUNTS, amount),
        "quantity": Kind(quantity, {"quantity": quantity}, amount),
        "pay_state": Kind(text, {"text": text}, amount, values={state.value: state for state in PayState}),
        "invoice_kind": Kind(text, {"text": text}, amount, values={kind.value: kind for kind in InvoiceKind}),
        "line_state": Kind(text, {"text": text}, amount, values={state.value: state for state in LineState}),
    }


def _zone(keys: dict[str, Node]) -> Any:
    node = keys.get("time_zone")
    try:
        return zone_named(node.word() if node is not None else "Asia/Shanghai")
    except ValueError as error:
        raise keys["time_zone"].error(str(error)) from error


def _section(node: Node, wanted: dict[str, tuple[str, Any]], kinds: dict[str, Kind]) -> Fields:
    given = node.children(wanted)
    fields: Fields = {}
    for name, (kind, empty) in wanted.items():
        if name in given:
            fields[name] = parse_field(given[name], kinds[kind], empty)
        elif empty is REQUIRED:
            raise node.error(f"lacks {name}")
        else:
            fields[name] = constant(empty)
    return fields


def _parse_receiver(node: Node, kinds: dict[str, Kind]) -> tuple[bool | None, Fields]:
    given = node.children((*_RECEIVER, "masked"))
    masked = given["masked"].one_of(("auto", "true", "false")) if "masked" in given else "auto"
    fields: Fields = {}
    for name in _RECEIVER:
        fields[name] = parse_field(given[name], kinds["text"], "") if name in given else constant("")
    return (None if masked == "auto" else masked == "true"), fields


def _takes_shares(line: Node) -> bool:
    given = line.children(_LINE).get("paid_fen")
    if given is None or given.value != {"share_of": "goods"}:
        return False
    if "unit_price_fen" not in line.children(_LINE):
        raise given.error("share_of goes by unit_price_fen, which is not there")
    return True


def _parse_lines(
    root: Node, keys: dict[str, Node], kind: OrderKind, kinds: dict[str, Kind], *, shared: bool
) -> tuple[Fields, str]:
    if kind is OrderKind.HEADER:
        if "line" in keys or "lines" in keys:
            raise root.error("kind header has no lines: leave out lines and line")
        return {}, ""
    if "line" not in keys:
        raise root.error("kind goods needs line (and lines, unless it reads files)")
    if "file" not in keys and "lines" not in keys:
        raise root.error("lacks lines, the path of the list of lines")
    if "file" in keys and "lines" in keys:
        raise keys["lines"].error("a file mapping has no lines path: the rows of an order are its lines")
    path = keys["lines"].word() if "lines" in keys else FILE_LINES
    if shared:
        without = Node(root.source, "line", {k: v for k, v in keys["line"].value.items() if k != "paid_fen"})
        return _section(without, {**_LINE, "paid_fen": ("amount", 0)}, kinds), path
    return _section(keys["line"], _LINE, kinds), path


def _lines_at(keys: dict[str, Node], path: str) -> _Lines:
    if not path:
        return lambda payload: []
    try:
        return list_at(path)
    except ValueError as error:
        raise keys["lines"].error(str(error)) from error
