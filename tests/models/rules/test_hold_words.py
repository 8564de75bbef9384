"""Every reason to hold an order is told in both languages, and says who ends it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.hold import Finding, HoldCode, in_one
from models.incoming import IncomingInvoice, InvoiceKind, LineState, PayState
from models.rules.hold_ends import end_words
from models.rules.hold_words import NAMES, hold_words
from models.rules.review import review
from models.rules.review_rules import rules_from
from models.rules.reviewed import Earlier, Listed, Reviewed, ReviewedLine, UsualPrice
from tasks.amend import called_off_finding
from tasks.lock_stock import short_finding
from tasks.promises import awaiting_finding

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
SUITE = yaml.safe_load((ROOT / "models/rules/order_batch.yaml").read_text("utf-8"))["expectations"]

EXPECTED = [
    Finding(HoldCode(entry["hold"]), entry["sentence"], {"expectation": entry["name"]})
    for entry in SUITE
    if "hold" in entry
]
STORED = [
    Finding(HoldCode.SHIPPED_SHORT, "the warehouse shipped less than was ordered and closed it", {"document": "OB1"}),
    Finding(
        HoldCode.WMS_REFUSED,
        "WH-A answers rejected: NO_STOCK",
        {"document": "OB1", "warehouse": "WH-A", "state": "rejected", "reason": "NO_STOCK"},
    ),
    Finding(
        HoldCode.SHORT_ROUTE,
        "no plan: does not have all units",
        {
            "why": "lacks_stock",
            "warehouses": {"WH-A": "lacks_stock"},
            "fullest": "WH-A",
            "missing": {"TEA": {"wanted": 3, "there": 1}},
        },
    ),
    Finding(
        HoldCode.CHANGED_LATE,
        "the shop changed the order after its dispatch (goods); OB1 is blocked",
        {"fields": ["goods"], "documents": ["OB1"], "pay_state": "ready", "refunded_fen": 0},
    ),
    Finding(HoldCode.LOCK_EXPIRED, "not paid until 2026-11-20 12:00 (China)", {"expired_at": "2026-11-20 12:00"}),
    Finding(HoldCode.REPLAYED, "read again from stored payloads by li; release to go on", {"by": "li"}),
    Finding(HoldCode.RESTORED, "its warehouse may have it already", {"taken_at": "2026-11-20 12:00"}),
    Finding(HoldCode.RESTORED, "its warehouse has it", {"taken_at": "2026-11-20 12:00", "instructed": True}),
    Finding(HoldCode.SIBLING, "waits for another order of its receiver", {}),
    Finding(HoldCode.SIBLING, "is to leave together with order 2", {"with": ["2"]}),
    Finding(HoldCode.DUPLICATE, "the platform split it from order 1", {"split_from": "1", "documents": []}),
    Finding(HoldCode.MANUAL, "stopped by li: gift", {"reason": "gift", "by": "li", "until": "2026-11-21 12:00"}),
    Finding(HoldCode.REJECTED, "rejected by li: a reseller", {"reason": "a reseller", "by": "li"}),
    Finding(HoldCode.SKIPPED, "skipped by li: poison", {"reason": "poison", "by": "li"}),
    called_off_finding("person:li", NOON, "the buyer called"),
    short_finding(HoldCode.SHORT_STOCK, {1: (3, 1)}, {1: "TEA"}),
    awaiting_finding({1: 3}, {1: "TEA"}, NOON),
]


RULES = yaml.safe_load((ROOT / "models/rules/review_rules.yaml").read_text("utf-8"))
RULES["presale"]["items"] = [{"sku": "MOONCAKE", "from": "2026-12-01"}]
RULES["region"]["undeliverable"] = [{"division": "650000", "until": "2026-12-15", "reason": "snow"}]


def found_of(**told: Any) -> list[Finding]:
    """What the review says of an order of one line of TEA, but for what is told otherwise."""
    line = ReviewedLine(1, "TEA", 1, 1, 2000, LineState.OPEN, True)
    plain = Reviewed(
        id=1, order_no="1", shop="WOO", channel="woocommerce", pay_state=PayState.READY, platform_status="paid",
        not_ready="", total_fen=2000, refunded_fen=0, ship_by=None, at=NOON, handling=timedelta(hours=24),
        region=("浙江省", "杭州市", "西湖区"), division_code="330106", lines=(line,),
    )  # fmt: skip
    return review(replace(plain, **told), rules_from(RULES, 1, "test"))


def line(**told: Any) -> tuple[ReviewedLine, ...]:
    return (replace(ReviewedLine(1, "TEA", 1, 1, 2000, LineState.OPEN, True), **told),)


REVIEWED = [
    *found_of(pay_state=PayState.UNPAID),
    *found_of(pay_state=PayState.UNPAID, platform_status="failed"),
    *found_of(pay_state=PayState.BLOCKED),
    *found_of(pay_state=PayState.PLATFORM_SHIPS),
    *found_of(pay_state=PayState.SHIPPED),
    *found_of(lines=line(state=LineState.REFUNDING)),
    *found_of(refunded_fen=500),
    *found_of(lines=line(sku_id=None)),
    *found_of(division_code="", region=("浙江省", "", "")),
    *found_of(same_no=("JD 77",)),
    *found_of(total_fen=0),
    *found_of(total_fen=99_999_999),
    *found_of(total_fen=2_000_000),
    *found_of(repeats=Earlier("77", 300)),
    *found_of(usual_prices={"TEA": UsualPrice(90_000, 50, False)}),
    *found_of(listed=(Listed(3, "phone", "never accepts"),)),
    *found_of(invoice=IncomingInvoice(InvoiceKind.COMPANY, "", "")),
    *found_of(invoice=IncomingInvoice(InvoiceKind.COMPANY, "A", "123")),
    *found_of(division_code="650102"),
    *found_of(notes={"buyer": "先别发货", "seller": "改地址"}),
    *found_of(lines=line(sku_code="MOONCAKE")),
]
FINDINGS = [*EXPECTED, *STORED, *REVIEWED]


def chinese(finding: Finding) -> str:
    return hold_words(finding.code, finding.evidence, finding.sentence)[1]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: f"{finding.code}: {finding.sentence}")
def test_a_reason_is_told_in_chinese_without_the_english_sentence(finding: Finding) -> None:
    assert finding.sentence not in chinese(finding)
    assert re.search("[\u4e00-\u9fff]", chinese(finding))
    assert hold_words(finding.code, finding.evidence, finding.sentence)[0] == finding.sentence


def test_a_hold_for_several_reasons_tells_each() -> None:
    two = [finding for finding in EXPECTED if finding.code is HoldCode.BAD_FIELD][:2]

    assert chinese(in_one(two)) == "；".join(map(chinese, two))


def test_every_code_that_is_placed_is_told_here() -> None:
    sources = [path for room in ("models", "tasks") for path in (ROOT / room).rglob("*.py")]
    placed = {
        code
        for path in sources
        for code in re.findall(r"(?:Finding|\.hold|_finding)\(\s*(?:\w+, )?HoldCode\.(\w+)", path.read_text("utf-8"))
    }

    assert len(placed) > 20
    assert placed <= {finding.code.name for finding in FINDINGS}


def test_a_hold_of_old_without_evidence_keeps_its_sentence() -> None:
    assert hold_words("SHORT_STOCK", {"TEA": 3}, "not enough stock") == ("not enough stock", "缺货：not enough stock")


@pytest.mark.parametrize("code", HoldCode)
def test_every_code_has_a_name_and_an_end_in_both_languages(code: HoldCode) -> None:
    for english, chinese_words in (NAMES[code], end_words(code)):
        assert english.isascii()
        assert re.search("[\u4e00-\u9fff]", chinese_words)


def test_names_of_codes_differ() -> None:
    assert len({words for name in NAMES.values() for words in name}) == 2 * len(HoldCode)
