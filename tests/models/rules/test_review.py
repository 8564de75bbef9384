"""Review rules decide order by order: each at its limit, beside it, and where it must not hit."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.hold import HoldCode
from models.incoming import IncomingInvoice, InvoiceKind, LineState, PayState
from models.rules.review import review, same_reason
from models.rules.review_rules import ReviewRules, rules_from
from models.rules.reviewed import Earlier, Listed, Reviewed, ReviewedLine, UsualPrice
from tasks.rules_in_force import shipped_rules

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
TEA = ReviewedLine(1, "TEA", 7, 2, 4000, LineState.OPEN, counts=True)
ORDER = Reviewed(
    id=1,
    order_no="A1",
    shop="tmall-1",
    channel="tmall",
    pay_state=PayState.READY,
    platform_status="WAIT_SELLER_SEND_GOODS",
    not_ready="",
    total_fen=4000,
    refunded_fen=0,
    ship_by=NOON + timedelta(days=2),
    at=NOON,
    handling=timedelta(hours=24),
    region=("浙江省", "杭州市", "西湖区"),
    division_code="330106",
    lines=(TEA,),
)


def rules(**sections: Any) -> ReviewRules:
    return rules_from(sections, 1, "test", shipped_rules())


def codes(order: Reviewed, used: ReviewRules | None = None) -> list[str]:
    return [finding.code.value for finding in review(order, used or shipped_rules())]


def test_an_ordinary_order_is_not_held() -> None:
    assert codes(ORDER) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pay_state": PayState.UNPAID}, ["UNPAID"]),
        ({"pay_state": PayState.BLOCKED}, ["BLOCKED"]),
        ({"pay_state": PayState.SHIPPED}, ["SHIPPED_ELSEWHERE"]),
        ({"division_code": ""}, ["BAD_ADDRESS"]),
        ({"same_no": ("jd-1 77",)}, ["DUPLICATE"]),
        ({"lines": (replace(TEA, sku_id=None),)}, ["UNKNOWN_SKU"]),
        ({"lines": (replace(TEA, sku_id=None, counts=False),)}, []),
        ({"lines": (replace(TEA, state=LineState.REFUNDING),)}, ["REFUNDING"]),
        ({"refunded_fen": 100}, ["REFUNDING"]),
        ({"refunded_fen": 100, "lines": (TEA, replace(TEA, state=LineState.CLOSED, counts=False))}, []),
        ({"channel": "woocommerce", "platform_status": "failed", "pay_state": PayState.UNPAID}, ["PAYMENT_FAILED"]),
        ({"channel": "woocommerce", "platform_status": "pending", "pay_state": PayState.UNPAID}, ["UNPAID"]),
        ({"channel": "jd", "platform_status": "failed", "pay_state": PayState.UNPAID}, ["UNPAID"]),
    ],
)
def test_what_platform_and_lines_say_is_held_for(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(replace(ORDER, **changes)) == expected


@pytest.mark.parametrize(("seconds", "is_held"), [(0, True), (599, True), (600, True), (601, False)])
def test_a_repeat_counts_up_to_its_last_second(seconds: int, is_held: bool) -> None:
    found = review(replace(ORDER, repeats=Earlier("A0", seconds)), shipped_rules())

    assert [finding.code for finding in found] == [HoldCode.REPEATED] * is_held
    assert all(finding.evidence == {"rule": "repeat", "earlier": "A0", "seconds": seconds} for finding in found)


@pytest.mark.parametrize(
    ("total", "is_held"), [(-1, True), (0, True), (1, False), (10_000_000, False), (10_000_001, True)]
)
def test_an_amount_is_believable_from_limit_to_limit(total: int, is_held: bool) -> None:
    dear = rules(high_value={"active": "false"})

    assert codes(replace(ORDER, total_fen=total), dear) == ["BAD_AMOUNT"] * is_held


@pytest.mark.parametrize(
    ("total", "expected"), [(999_999, []), (1_000_000, ["HIGH_VALUE"]), (10_000_001, ["BAD_AMOUNT"])]
)
def test_a_dear_order_is_looked_at_from_the_limit_on(total: int, expected: list[str]) -> None:
    assert codes(replace(ORDER, total_fen=total)) == expected


USUAL = {"TEA": UsualPrice(2000, 20, given=False)}


@pytest.mark.parametrize(
    ("paid_fen", "is_held"), [(799, True), (800, False), (20_000, False), (20_001, True), (0, False)]
)
def test_a_price_is_odd_beyond_its_shares_and_a_gift_has_none(paid_fen: int, is_held: bool) -> None:
    order = replace(ORDER, lines=(replace(TEA, paid_fen=paid_fen),), usual_prices=USUAL)

    assert codes(order) == ["ODD_PRICE"] * is_held


@pytest.mark.parametrize(
    ("usual", "is_held"),
    [
        (UsualPrice(100_000, 19, given=False), False),
        (UsualPrice(100_000, 20, given=False), True),
        (UsualPrice(100_000, 0, given=True), True),
    ],
)
def test_a_usual_price_is_relied_on_when_given_or_of_enough_lines(usual: UsualPrice, is_held: bool) -> None:
    assert codes(replace(ORDER, usual_prices={"TEA": usual})) == ["ODD_PRICE"] * is_held


def test_a_line_that_was_called_off_has_no_price() -> None:
    order = replace(ORDER, lines=(TEA, replace(TEA, number=2, paid_fen=1, counts=False)), usual_prices=USUAL)

    assert codes(order) == []


def test_a_blacklisted_order_tells_entry_kind_and_reason() -> None:
    (found,) = review(replace(ORDER, listed=(Listed(3, "phone", "refuses parcels"),)), shipped_rules())

    assert found.evidence["entries"] == [{"id": 3, "kind": "phone", "reason": "refuses parcels"}]


GOOD, WRONG = "91330100799655058B", "91330100799655058C"


@pytest.mark.parametrize(
    ("invoice", "wrong"),
    [
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", GOOD), None),
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", "９１３３０１００ 79965505-8b"), None),
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", WRONG), ["tax_no_check"]),
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", "123"), ["tax_no_form"]),
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", ""), ["tax_no_missing"]),
        (IncomingInvoice(InvoiceKind.COMPANY, "", ""), ["title_missing", "tax_no_missing"]),
        (IncomingInvoice(InvoiceKind.COMPANY, " ", GOOD), ["title_missing"]),
        (IncomingInvoice(InvoiceKind.PERSONAL, "李四", ""), None),
        (IncomingInvoice(InvoiceKind.PERSONAL, "李四", "123"), None),
        (IncomingInvoice(InvoiceKind.PERSONAL, "", ""), ["title_missing"]),
        (IncomingInvoice(InvoiceKind.UNSAID, "李四", ""), None),
        (IncomingInvoice(InvoiceKind.UNSAID, "某某", WRONG), ["tax_no_check"]),
        (IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", "330100799655058"), None),
    ],
)
def test_an_invoice_needs_a_title_and_a_company_a_right_tax_number(
    invoice: IncomingInvoice, wrong: list[str] | None
) -> None:
    found = review(replace(ORDER, invoice=invoice), shipped_rules())

    assert [finding.evidence["wrong"] for finding in found] == ([wrong] if wrong else [])


def test_old_tax_numbers_can_be_refused() -> None:
    old = IncomingInvoice(InvoiceKind.COMPANY, "某某有限公司", "330100799655058")

    assert codes(replace(ORDER, invoice=old), rules(invoice={"old_numbers": "no"})) == ["BAD_INVOICE"]


@pytest.mark.parametrize(
    ("division", "is_held"),
    [("330106", True), ("330100", True), ("330000", False), ("330200", False), ("340100", False)],
)
def test_a_division_is_undeliverable_with_everything_in_it(division: str, is_held: bool) -> None:
    nowhere = rules(region={"undeliverable": ["浙江省杭州市"]})

    assert codes(replace(ORDER, division_code=division), nowhere) == ["UNDELIVERABLE"] * is_held


def test_a_division_is_served_again_from_the_beginning_of_its_day() -> None:
    until = rules(region={"undeliverable": [{"division": "330000", "until": "2026-11-21", "reason": "snow"}]})
    midnight = datetime(2026, 11, 20, 16, tzinfo=UTC)

    (found,) = review(replace(ORDER, at=midnight - timedelta(seconds=1)), until)
    assert (found.code, found.again_at) == (HoldCode.UNDELIVERABLE, midnight)
    assert codes(replace(ORDER, at=midnight), until) == []


PRESALE = {"items": [{"sku": "TEA", "from": "2026-11-22"}, {"prefix": "XMAS-", "from": "2026-12-01"}]}


def test_a_presale_waits_for_its_day_and_no_longer_than_its_promise() -> None:
    (patient,) = review(replace(ORDER, ship_by=None), rules(presale=PRESALE))
    (promised,) = review(replace(ORDER, ship_by=NOON + timedelta(hours=25)), rules(presale=PRESALE))

    assert patient.again_at == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert promised.again_at == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({"at": datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC), "ship_by": None}, True),
        ({"at": datetime(2026, 11, 21, 16, tzinfo=UTC), "ship_by": None}, False),
        ({"ship_by": NOON + timedelta(hours=24)}, False),
        ({"lines": (replace(TEA, sku_code="TEA-2"),)}, False),
        ({"lines": (replace(TEA, sku_code="XMAS-TREE"),), "ship_by": None}, True),
        ({"lines": (replace(TEA, counts=False),)}, False),
    ],
)
def test_a_presale_is_held_until_its_day_begins_in_china(changes: dict[str, Any], is_held: bool) -> None:
    assert codes(replace(ORDER, **changes), rules(presale=PRESALE)) == ["PRESALE"] * is_held


def test_a_remark_names_who_asks_for_what_by_which_word_and_not_the_note() -> None:
    notes = {"buyer": "王小姐：先别发货，打13800005678", "seller": "换成红色"}

    (found,) = review(replace(ORDER, notes=notes, note_marks={"buyer": "b1", "seller": "s1"}), shipped_rules())

    assert found.evidence["hits"] == [
        {"by": "buyer", "topic": "do_not_ship", "keyword": "别发货", "note": "b1"},
        {"by": "seller", "topic": "change_goods", "keyword": "换成*色", "note": "s1"},
    ]
    assert "王" not in found.sentence
    assert "138" not in found.sentence


def test_a_topic_without_a_hold_holds_nothing() -> None:
    quiet = rules(remark={"topics": {"urgent": {"hold": "false", "keywords": ["加急"]}}})

    assert codes(replace(ORDER, notes={"buyer": "加急"}), quiet) == []


def test_an_order_shipped_elsewhere_is_not_asked_what_nobody_can_stop() -> None:
    gone = replace(ORDER, pay_state=PayState.FINISHED, notes={"buyer": "先别发货"}, repeats=Earlier("A0", 5))

    assert codes(gone) == ["SHIPPED_ELSEWHERE"]


HIT_BY_ALL = replace(
    ORDER,
    total_fen=2_000_000,
    repeats=Earlier("A0", 5),
    listed=(Listed(1, "phone", "x"),),
    notes={"buyer": "先别发货"},
    invoice=IncomingInvoice(InvoiceKind.COMPANY, "", ""),
    usual_prices={"TEA": UsualPrice(1, 0, given=True)},
    lines=(replace(TEA, state=LineState.REFUNDING),),
)
EVERY: Mapping[str, dict[str, Any]] = {
    "repeat": {},
    "amount": {"absurd_fen": 1_500_000},
    "price": {},
    "blacklist": {},
    "invoice": {},
    "region": {"undeliverable": ["330000"]},
    "remark": {},
    "refund": {},
    "presale": {"items": [{"sku": "TEA", "from": "2027-01-01"}]},
    "high_value": {},
}


@pytest.mark.parametrize("rule", EVERY)
@pytest.mark.parametrize("off", [{"active": "false"}, {"shops": ["jd-1"]}])
def test_a_rule_that_is_off_or_for_another_shop_finds_nothing(rule: str, off: dict[str, Any]) -> None:
    patient = replace(HIT_BY_ALL, ship_by=None)
    limit = {"amount": {"absurd_fen": 3_000_000}} if rule == "high_value" else {}
    on = rules(**{**limit, rule: EVERY[rule]})
    without = rules(**{**limit, rule: {**EVERY[rule], **off}})
    named = rules(**{**limit, rule: {**EVERY[rule], "shops": ["tmall-1"]}})

    assert len(codes(patient, on)) == len(codes(patient, without)) + (rule != "amount")
    assert codes(patient, named) == codes(patient, on)


def test_reasons_are_the_same_whatever_they_were_compared_with() -> None:
    assert same_reason({"total_fen": 1, "against": {"limit_fen": 5}}, {"total_fen": 1, "against": {"limit_fen": 6}})
    assert not same_reason({"total_fen": 1}, {"total_fen": 2})
