"""Review of one order: what keeps it from being shipped, decided from its own facts."""

from collections.abc import Sequence

from models.hold import Finding, HoldCode
from models.incoming import LineState, PayState


def payment_finding(pay_state: PayState, platform_status: str, not_ready: str) -> Finding | None:
    """Hold what is not paid or not free to ship.

    `platform_status` is the evidence in the platform's words, `not_ready` what the channel's predicate says.
    """
    evidence = {"platform_status": platform_status}
    match pay_state:
        case PayState.UNPAID:
            return Finding(HoldCode.UNPAID, not_ready or "the buyer has not paid yet", evidence)
        case PayState.BLOCKED:
            return Finding(HoldCode.BLOCKED, not_ready or "the platform forbids shipping for now", evidence)
        case PayState.PLATFORM_SHIPS:
            return Finding(HoldCode.SHIPPED_ELSEWHERE, not_ready or "the platform's own warehouse ships it", evidence)
        case PayState.SHIPPED | PayState.FINISHED:
            return Finding(HoldCode.SHIPPED_ELSEWHERE, "the platform says it was shipped already", evidence)
        case _:
            return None


def refund_finding(lines: Sequence[tuple[int, LineState]]) -> Finding | None:
    """Hold an order while a refund of one of its lines (number, state) is under way."""
    refunding = [number for number, state in lines if state is LineState.REFUNDING]
    if not refunding:
        return None
    return Finding(HoldCode.REFUNDING, f"a refund is asked for line {refunding[0]}", {"lines": refunding})


def unplaced_refund_finding(refunded_fen: int, lines: Sequence[tuple[int, LineState]]) -> Finding | None:
    """Hold an order part of whose money went back while no line says which goods are meant."""
    if refunded_fen <= 0 or any(state is not LineState.OPEN for _, state in lines):
        return None
    return Finding(
        HoldCode.REFUNDING,
        f"{refunded_fen / 100:.2f} yuan were refunded, and no line says for which goods",
        {"refunded_fen": refunded_fen},
    )


def sku_finding(lines: Sequence[tuple[int, str, int | None]]) -> Finding | None:
    """Hold an order with a line (number, code, our SKU id) whose code is empty or not ours."""
    unknown = {number: code for number, code, sku_id in lines if sku_id is None}
    if not unknown:
        return None
    names = ", ".join(f"line {number} has {code or 'no code'}" for number, code in unknown.items())
    return Finding(HoldCode.UNKNOWN_SKU, f"SKU not known: {names}", {"codes": sorted(set(unknown.values()))})


def address_finding(division_code: str, province: str, city: str, district: str) -> Finding | None:
    """Hold an order whose region resolves to no division.

    Only which fields are filled is told: buyers write names and streets into them.
    """
    if division_code:
        return None
    given = [name for name, text in (("province", province), ("city", city), ("district", district)) if text]
    filled = ", ".join(given) or "no field of it"
    return Finding(HoldCode.BAD_ADDRESS, f"the address names no division we know ({filled} filled)", {"filled": given})


def duplicate_finding(order_no: str, earlier: Sequence[str]) -> Finding | None:
    """Hold an order whose number the same channel already sent through another shop or id (`earlier`)."""
    if not earlier:
        return None
    return Finding(
        HoldCode.DUPLICATE, f"order {order_no} is in the pool already, from {earlier[0]}", {"earlier": list(earlier)}
    )
