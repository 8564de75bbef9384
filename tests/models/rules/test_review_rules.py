"""Rules of review are read strictly, and what is read comes back the same."""

from typing import Any

import pytest

from models.errors import SetupError
from models.rules.review_rules import rules_from
from tasks.rules_in_force import read_rules_text, shipped_rules


def test_stored_rules_are_the_rules_that_were_stored() -> None:
    assert rules_from(shipped_rules().to_json(), 0, "stored") == shipped_rules()


def test_what_is_left_out_is_as_it_comes() -> None:
    read = rules_from({"repeat": {"within_minutes": "5"}}, 0, "file", shipped_rules())

    assert read.repeat.within_minutes == 5
    assert (read.repeat.scope, read.remark) == (shipped_rules().repeat.scope, shipped_rules().remark)


def test_a_division_may_be_named_by_code_or_by_name() -> None:
    region = {"undeliverable": ["香港特别行政区", {"division": "650100", "until": "2026-12-15", "reason": "snow"}]}

    entries = rules_from({"region": region}, 0, "file", shipped_rules()).region.undeliverable

    assert [(entry.division, entry.reason) for entry in entries] == [("810000", ""), ("650100", "snow")]


@pytest.mark.parametrize(
    ("body", "obstacle"),
    [
        ("repeats: {}", "repeats: is no rule; there are amount,"),
        ("sku: {}", "sku: is no rule; it cannot be set"),
        ("- repeat", "want a section per rule"),
        ("repeat: [5]", "repeat: is ['5']; it has to be settings"),
        ("repeat: {minutes: 5}", "repeat: minutes is not a setting; the settings are active, shops, within_minutes"),
        ("repeat: {within_minutes: 0}", "repeat: within_minutes is '0'; it has to be from 1 to 10080"),
        ("repeat: {within_minutes: 1.5}", "repeat: within_minutes is '1.5'; it has to be a whole number"),
        ("repeat: {active: maybe}", "repeat: active is 'maybe'; it has to be true or false"),
        ("repeat: {shops: tmall-1}", "repeat: shops is 'tmall-1'; it has to be a list of texts"),
        ("amount: {least_fen: 500, absurd_fen: 499}", "amount: absurd_fen is 499; it has to be at least least_fen"),
        ("price: {low_share: 1.01}", "price: low_share is '1.01'; it has to be from 0 to 1"),
        ("price: {high_share: .inf}", "price: high_share is '.inf'; it has to be a number"),
        ("region: {undeliverable: [西湖区]}", "undeliverable 1: division is '西湖区'; it names no division"),
        ("region: {undeliverable: [{division: '650000', til: x}]}", "undeliverable 1: til is not a setting"),
        ("remark: {topics: {a: {keywords: ['*发货']}}}", "topics a: keywords holds '*发货'"),
        ("remark: {topics: {a: {keywords: [x]}}}", "topics a: keywords holds 'x'; a keyword is 2 to"),
        ("payment: {failed: [failed]}", "payment: failed is ['failed']; it has to be names"),
        ("payment: {active: false}", "payment: active is not a setting"),
        ("presale: {items: [{sku: A}]}", "items 1: from is missing"),
        ("presale: {items: [{sku: A, from: 2026-13-01}]}", "items 1: from is '2026-13-01'; it has to be a day"),
        ("presale: {items: [{from: 2026-12-01}]}", "items 1: sku or prefix"),
        ("high_value: {limit_fen: 1}\nhigh_value: {}", "high_value appears twice"),
        ("a: &a {}\nb: *a", "aliases are not allowed"),
        ("repeat: {", "is no YAML"),
        ("", "says nothing"),
    ],
)
def test_what_a_file_says_wrongly_is_named_with_its_rule(body: str, obstacle: str) -> None:
    with pytest.raises(SetupError) as refused:
        read_rules_text(body, "my.yaml")

    assert "review rules my.yaml" in str(refused.value)
    assert obstacle in str(refused.value)


def test_every_fault_is_told_at_once() -> None:
    wrong: dict[str, Any] = {"repeat": {"within_minutes": 0}, "high_value": {"limit": 1}}

    with pytest.raises(SetupError, match=r"within_minutes is 0.*high_value: limit is not a setting"):
        rules_from(wrong, 0, "file", shipped_rules())
