"""An order as the sandbox keeps it, before a platform gives it its own form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import parse_instant
from sandbox.errors import ControlError, NotPossible

STATUSES = frozenset({"unpaid", "paid", "forbid", "shipped", "finished", "closed", "closed_unpaid"})
REFUNDS = frozenset({"none", "requested", "done"})


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets the goods; never printed."""

    name: str = ""
    phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    town: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "Receiver(...)"


@dataclass(frozen=True, slots=True)
class Invoice:
    """The invoice a buyer asks for; `kind` is `company` or `personal`, or "" where the checkout does not ask."""

    title: str = ""
    tax_no: str = ""
    kind: str = ""

    def __repr__(self) -> str:
        return "Invoice(...)"


@dataclass(slots=True)
class Line:
    """One SKU and quantity; `carrier` and `waybill` are set when the shop was told it is shipped."""

    line_no: str
    sku: str
    title: str
    quantity: int
    price_fen: int
    paid_fen: int
    refund: str = "none"
    carrier: str = ""
    waybill: str = ""
    shipped_at: datetime | None = None

    @property
    def gross_fen(self) -> int:
        """List price times quantity."""
        return self.price_fen * self.quantity


@dataclass(slots=True)
class Order:
    """An order of one shop. `raw` overrides fields of the platform's form; a null there removes the field."""

    no: str
    created_at: datetime
    paid_at: datetime | None
    modified_at: datetime
    buyer: str
    status: str
    receiver: Receiver
    lines: list[Line]
    freight_fen: int = 0
    discount_fen: int = 0
    buyer_note: str = ""
    seller_note: str = ""
    seller_flag: int = 0
    step: str = ""
    step_paid_fen: int | None = None
    type: str = ""
    cod: bool = False
    invoice: Invoice | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    platform_status: str = ""
    meta: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    completed_at: datetime | None = None

    @property
    def gross_fen(self) -> int:
        """Goods at list price."""
        return sum(line.gross_fen for line in self.lines)

    @property
    def goods_fen(self) -> int:
        """Goods after every discount."""
        return sum(line.paid_fen for line in self.lines)

    @property
    def payable_fen(self) -> int:
        """What the buyer pays, freight included."""
        return self.goods_fen + self.freight_fen

    def line(self, line_no: str) -> Line:
        """Return the line with this number."""
        for line in self.lines:
            if line.line_no == line_no:
                return line
        raise ControlError(f"order {self.no} has no line {line_no}")


def stable_id(*parts: str, digits: int) -> int:
    """Return a number of exactly `digits` digits that depends on the parts alone."""
    low = int(10 ** (digits - 1))
    drawn = int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:12], "big")
    return low + drawn % (low * 8)


def shared_out(total: int, weights: list[int]) -> list[int]:
    """Split a total by weight into whole parts that add up to it; the last part takes the remainder."""
    whole = sum(weights)
    if not weights or whole <= 0:
        return [0] * (len(weights) - 1) + [total] if weights else []
    parts = [total * weight // whole for weight in weights]
    parts[-1] += total - sum(parts)
    return parts


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _instant(body: Mapping[str, Any], key: str) -> datetime | None:
    value = body.get(key)
    return None if value is None else _second(parse_instant(str(value)))


def _lines(bodies: list[dict[str, Any]], discount_fen: int) -> list[Line]:
    gross = [int(body["price_fen"]) * int(body.get("quantity", 1)) for body in bodies]
    if any(body.get("paid_fen") is not None for body in bodies):
        shares = [0] * len(bodies)
    else:
        shares = shared_out(discount_fen, gross)
    lines = []
    for body, gross_fen, share in zip(bodies, gross, shares, strict=True):
        paid = body.get("paid_fen")
        refund = str(body.get("refund") or "none")
        if refund not in REFUNDS:
            raise ControlError(f"refund {refund!r} is not one of {', '.join(sorted(REFUNDS))}")
        lines.append(
            Line(
                line_no=str(body["line_no"]),
                sku=str(body.get("sku") or ""),
                title=str(body.get("title") or ""),
                quantity=int(body.get("quantity", 1)),
                price_fen=int(body["price_fen"]),
                paid_fen=gross_fen - share if paid is None else int(paid),
                refund=refund,
            )
        )
    return lines


def read_order(body: Mapping[str, Any]) -> Order:
    """Read a neutral order; ControlError names what is missing or wrong."""
    try:
        created = _instant(body, "created_at")
        if created is None:
            raise ControlError(f"order {body.get('no')}: created_at is missing")
        paid = _instant(body, "paid_at")
        status = str(body["status"])
        if status not in STATUSES:
            raise ControlError(f"order {body['no']}: status {status!r} is not one of {', '.join(sorted(STATUSES))}")
        discount = int(body.get("discount_fen") or 0)
        step_paid = body.get("step_paid_fen")
        order = Order(
            no=str(body["no"]),
            created_at=created,
            paid_at=paid,
            modified_at=_instant(body, "modified_at") or max(created, paid or created),
            buyer=str(body.get("buyer") or ""),
            status=status,
            receiver=read_receiver(body["receiver"], Receiver()),
            lines=_lines(list(body["lines"]), discount),
            freight_fen=int(body.get("freight_fen") or 0),
            discount_fen=discount,
            buyer_note=str(body.get("buyer_note") or ""),
            seller_note=str(body.get("seller_note") or ""),
            seller_flag=int(body.get("seller_flag") or 0),
            step=str(body.get("step") or ""),
            step_paid_fen=None if step_paid is None else int(step_paid),
            type=str(body.get("type") or ""),
            cod=bool(body.get("cod")),
            invoice=read_invoice(body.get("invoice")),
            raw=dict(body.get("raw") or {}),
        )
    except KeyError as error:
        raise ControlError(f"order {body.get('no')}: {error.args[0]} is missing") from error
    except (TypeError, ValueError) as error:
        raise ControlError(f"order {body.get('no')}: {error}") from error
    if not order.lines:
        raise ControlError(f"order {order.no}: it has no lines")
    return order


def read_receiver(body: Mapping[str, Any], before: Receiver) -> Receiver:
    """Return the receiver with the given fields changed."""
    known = {key: str(value or "") for key, value in body.items() if key in Receiver.__dataclass_fields__}
    return replace(before, **known)


def read_invoice(body: Mapping[str, Any] | None) -> Invoice | None:
    """Return the invoice asked for, None when there is none; ControlError for a part that no invoice has."""
    if body is None:
        return None
    if unknown := set(body) - {"title", "tax_no", "kind"}:
        raise ControlError(f"an invoice has no {min(unknown)}; it has title, tax_no, kind")
    return Invoice(**{key: str(value or "") for key, value in body.items()})


def change_order(order: Order, changes: Mapping[str, Any]) -> None:
    """Set parts of an order; a line in `lines` is found by line_no and changed, an unknown one is added."""
    for key, value in changes.items():
        if key == "receiver":
            order.receiver = read_receiver(value, order.receiver)
        elif key == "lines":
            _change_lines(order, value)
        elif key == "invoice":
            order.invoice = read_invoice(value)
        elif key in {"created_at", "paid_at", "modified_at"}:
            setattr(order, key, _instant(changes, key))
        elif key == "status":
            if value not in STATUSES:
                raise ControlError(f"order {order.no}: status {value!r} is not one of {', '.join(sorted(STATUSES))}")
            order.status, order.platform_status = value, ""
        elif key in {"buyer", "buyer_note", "seller_note", "step", "type"}:
            setattr(order, key, str(value or ""))
        elif key in {"freight_fen", "discount_fen", "seller_flag", "step_paid_fen"}:
            setattr(order, key, int(value or 0))
        elif key in {"cod", "raw", "platform_status"}:
            setattr(order, key, value)
        else:
            raise ControlError(f"order {order.no}: {key!r} cannot be set")


def _change_lines(order: Order, bodies: list[dict[str, Any]]) -> None:
    known = {line.line_no: line for line in order.lines}
    for body in bodies:
        line = known.get(str(body.get("line_no")))
        if line is None:
            order.lines += _lines([body], 0)
            continue
        for key in ("sku", "title", "refund"):
            if key in body:
                setattr(line, key, str(body[key] or ""))
        for key in ("quantity", "price_fen", "paid_fen"):
            if key in body:
                setattr(line, key, int(body[key]))
        if "paid_fen" not in body and ("quantity" in body or "price_fen" in body):
            line.paid_fen = line.gross_fen


def apply_event(order: Order, body: Mapping[str, Any], now: datetime) -> None:
    """Let something happen to an order as buyer or platform would do it; NotPossible when its status forbids it."""
    event = str(body.get("event"))
    lines = [order.line(str(body["line_no"]))] if body.get("line_no") is not None else order.lines
    match event:
        case "pay":
            _pay(order, now)
        case "refund_request" | "refund_cancel" | "refund":
            _refund(order, lines, event)
        case "close":
            _require(order, event, STATUSES - {"closed", "closed_unpaid", "finished"})
            order.status = "closed" if order.paid_at else "closed_unpaid"
        case "release":
            _require(order, event, {"forbid"})
            order.status = "paid"
        case "finish":
            _require(order, event, {"shipped"})
            order.status = "finished"
        case "change_address":
            _require(order, event, {"unpaid", "paid", "forbid"})
            changed = body.get("receiver") or {"address": order.receiver.address + " 2单元"}
            order.receiver = read_receiver(changed, order.receiver)
        case "change_note":
            if "seller_note" in body:
                order.seller_note = str(body["seller_note"])
            if "buyer_note" in body or "seller_note" not in body:
                order.buyer_note = str(body.get("buyer_note", body.get("note", "请尽快发货")))
        case _:
            raise ControlError(f"order {order.no}: unknown event {event!r}")
    if event != "change_note":
        order.platform_status = ""


def _require(order: Order, event: str, allowed: frozenset[str] | set[str]) -> None:
    if order.status not in allowed:
        raise NotPossible(f"order {order.no}: {event} is not possible while it is {order.status}")


def _pay(order: Order, now: datetime) -> None:
    if order.step == "FRONT_PAID_FINAL_NOPAID":
        order.step = "FRONT_PAID_FINAL_PAID"
    else:
        _require(order, "pay", {"unpaid"})
    if order.step == "FRONT_NOPAID_FINAL_NOPAID":
        order.step = "FRONT_PAID_FINAL_NOPAID"
        return
    order.status = "paid"
    order.paid_at = max(now, order.created_at + timedelta(seconds=1))


def _refund(order: Order, lines: list[Line], event: str) -> None:
    _require(order, event, {"paid", "forbid", "shipped"})
    for line in lines:
        line.refund = {"refund_request": "requested", "refund_cancel": "none", "refund": "done"}[event]
    if all(line.refund == "done" for line in order.lines):
        order.status = "closed"
