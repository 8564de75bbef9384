"""Review of one order: what keeps it from being shipped, decided from what is known of it.

Every finding's evidence names the rule that made it, and under `against` what the order was compared with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from models.hold import Finding, HoldCode
from models.incoming import LineState, PayState
from models.rules.review_findings import (
    amount_finding,
    blacklist_finding,
    high_value_finding,
    invoice_finding,
    presale_finding,
    price_finding,
    region_finding,
    remark_finding,
    repeat_finding,
)
from models.rules.review_rules import ReviewRules, RuleName
from models.rules.reviewed import Reviewed, ReviewedLine

Rule = Callable[[Reviewed, ReviewRules], Finding | None]

NOT_OURS: Final = frozenset({PayState.PLATFORM_SHIPS, PayState.SHIPPED, PayState.FINISHED})
"""Orders that nobody here can ship or stop any more."""

SETTABLE: Final = frozenset(
    {
        HoldCode.REPEATED,
        HoldCode.BAD_AMOUNT,
        HoldCode.ODD_PRICE,
        HoldCode.BLACKLISTED,
        HoldCode.BAD_INVOICE,
        HoldCode.UNDELIVERABLE,
        HoldCode.REMARK,
        HoldCode.REFUNDING,
        HoldCode.UNPAID,
        HoldCode.PAYMENT_FAILED,
        HoldCode.PRESALE,
        HoldCode.HIGH_VALUE,
    }
)
"""Codes that other rules can place or end. What the other codes say no rule decides."""


def review(order: Reviewed, rules: ReviewRules) -> list[Finding]:
    """Every reason to hold the order, at most one of each code, in the order of the rules."""
    asked = _ALWAYS if order.pay_state in NOT_OURS else _ALL
    return [found for rule in asked if (found := rule(order, rules))]


def same_reason(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two findings' evidences of one code say the same of the order, whatever it was compared with."""
    return _facts(one) == _facts(other)


def _facts(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in evidence.items() if key not in ("rule", "against")}


def payment_finding(
    pay_state: PayState, platform_status: str, not_ready: str, *, failed: bool = False
) -> Finding | None:
    """Hold what is not paid or not free to ship.

    `platform_status` is the evidence in the platform's words, `not_ready` what the channel's predicate says. `failed`:
    the platform's status says that a payment was tried.
    """
    evidence = {"rule": RuleName.PAYMENT.value, "platform_status": platform_status}
    match pay_state:
        case PayState.UNPAID if failed:
            return Finding(HoldCode.PAYMENT_FAILED, "the payment was tried and failed", evidence)
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
    evidence = {"rule": RuleName.REFUND.value, "lines": refunding}
    return Finding(HoldCode.REFUNDING, f"a refund is asked for line {refunding[0]}", evidence)


def unplaced_refund_finding(refunded_fen: int, lines: Sequence[tuple[int, LineState]]) -> Finding | None:
    """Hold an order part of whose money went back while no line says which goods are meant."""
    if refunded_fen <= 0 or any(state is not LineState.OPEN for _, state in lines):
        return None
    return Finding(
        HoldCode.REFUNDING,
        f"{refunded_fen / 100:.2f} yuan were refunded, and no line says for which goods",
        {"rule": RuleName.REFUND.value, "refunded_fen": refunded_fen},
    )


def sku_finding(lines: Sequence[ReviewedLine]) -> Finding | None:
    """Hold an order with a line whose code is empty or not ours."""
    unknown = {line.number: line.sku_code for line in lines if line.sku_id is None}
    if not unknown:
        return None
    names = ", ".join(f"line {number} has {code or 'no code'}" for number, code in unknown.items())
    evidence = {"rule": RuleName.SKU.value, "codes": sorted(set(unknown.values()))}
    return Finding(HoldCode.UNKNOWN_SKU, f"SKU not known: {names}", evidence)


def address_finding(division_code: str, province: str, city: str, district: str) -> Finding | None:
    """Hold an order whose region resolves to no division.

    Only which fields are filled is told: buyers write names and streets into them.
    """
    if division_code:
        return None
    given = [name for name, text in (("province", province), ("city", city), ("district", district)) if text]
    filled = ", ".join(given) or "no field of it"
    return Finding(
        HoldCode.BAD_ADDRESS,
        f"the address names no division we know ({filled} filled)",
        {"rule": RuleName.REGION.value, "filled": given},
    )


def duplicate_finding(order_no: str, earlier: Sequence[str]) -> Finding | None:
    """Hold an order whose number the same channel already sent through another shop or id (`earlier`)."""
    if not earlier:
        return None
    return Finding(
        HoldCode.DUPLICATE,
        f"order {order_no} is in the pool already, from {earlier[0]}",
        {"rule": RuleName.DUPLICATE.value, "earlier": list(earlier)},
    )


def _payment(order: Reviewed, rules: ReviewRules) -> Finding | None:
    failed = rules.payment.is_failed(order.channel, order.platform_status)
    return payment_finding(order.pay_state, order.platform_status, order.not_ready, failed=failed)


def _refund(order: Reviewed, rules: ReviewRules) -> Finding | None:
    if not rules.refund.scope.covers(order.shop):
        return None
    found = refund_finding([(line.number, line.state) for line in order.lines if line.counts])
    return found or unplaced_refund_finding(order.refunded_fen, [(line.number, line.state) for line in order.lines])


def _sku(order: Reviewed, _: ReviewRules) -> Finding | None:
    return sku_finding([line for line in order.lines if line.counts])


def _address(order: Reviewed, _: ReviewRules) -> Finding | None:
    return address_finding(order.division_code, *order.region)


def _duplicate(order: Reviewed, _: ReviewRules) -> Finding | None:
    return duplicate_finding(order.order_no, order.same_no)


_ALWAYS: Final[tuple[Rule, ...]] = (_payment, _refund, _sku, _address, _duplicate, amount_finding)
_ALL: Final[tuple[Rule, ...]] = (
    *_ALWAYS,
    repeat_finding,
    price_finding,
    blacklist_finding,
    invoice_finding,
    region_finding,
    remark_finding,
    presale_finding,
    high_value_finding,
)
