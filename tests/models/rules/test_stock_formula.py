"""The stock formula: which rule counts, and what a file must not say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from models.errors import SetupError
from models.rules.stock_formula import Formula, parse_formula

SHIPPED = Path("models/rules/stock_formula.yaml")


def formula(*rules: dict[str, Any]) -> Formula:
    return parse_formula({"rules": [{}, *rules]}, "test.yaml")


def test_the_shipped_formula_shows_twenty_below_fifty() -> None:
    rule = parse_formula(yaml.safe_load(SHIPPED.read_text()), SHIPPED.name).rule_for("any", "jd", "TEA")

    assert [(step.below, step.show) for step in rule.steps] == [(50, 20)]


@pytest.mark.parametrize(
    ("shop", "channel", "sku", "plus"),
    [
        ("jd-1", "jd", "TEA-1", 6),  # a SKU before a pattern
        ("jd-1", "jd", "TEA-2", 5),  # the longer pattern
        ("jd-1", "jd", "TEE", 4),  # any pattern before a shop
        ("jd-1", "jd", "CUP", 2),  # a shop before its channel
        ("jd-2", "jd", "CUP", 1),
        ("woo-1", "woocommerce", "CUP", 0),
        ("woo-1", "woocommerce", "T-SHIRT", 3),
    ],
)
def test_the_most_particular_rule_counts(shop: str, channel: str, sku: str, plus: int) -> None:
    found = formula(
        {"channel": "jd", "plus": 1},
        {"shop": "jd-1", "channel": "jd", "plus": 2},
        {"sku": "T*", "plus": 3},
        {"sku": "T*", "shop": "jd-1", "plus": 4},
        {"sku": "TEA-*", "plus": 5},
        {"sku": "TEA-1", "plus": 6},
    ).rule_for(shop, channel, sku)

    assert found.plus == plus


def test_a_rule_of_another_shop_is_never_used() -> None:
    assert formula({"shop": "jd-1", "sku": "TEA", "plus": 1}).rule_for("jd-2", "jd", "TEA").plus == 0


def test_only_the_star_stands_for_other_text() -> None:
    assert formula({"sku": "A.C*", "plus": 1}).rule_for("s", "jd", "ABC").plus == 0


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"sku": "A[0-9]"}, "rule 2: `sku` is a code in which only \\* has a meaning"),
        ({"sku": "A", "percent": 120}, "rule 2, percent: input should be less than or equal to 100, not 120"),
        ({"sku": "A", "percent": "50"}, "rule 2, percent: input should be a valid integer, not '50'"),
        ({"sku": "A", "margin": 5}, "rule 2, margin: is no word of a rule"),
        (
            {"sku": "A", "count": ["kept", "lost"]},
            "rule 2, count 2: input should be 'kept', 'on_the_way' or 'promises'",
        ),
        ({"sku": "A", "count": ["on_the_way"]}, "rule 2: `horizon_days` and `count: \\[on_the_way\\]` belong together"),
        (
            {"sku": "A", "steps": [{"below": 5, "show": 5}]},
            "rule 2, step 1: a step shows fewer units than it begins at",
        ),
        ({"sku": "A", "min": 5, "max": 4}, "rule 2: `max` 4 is below `min` 5"),
        ({"sku": "A", "buffer": {"fixed": 1, "quantile": 0.9}}, "rule 2, buffer: a buffer has either `fixed`, or both"),
        ({"sku": "A", "buffer": {"quantile": 0.9}}, "rule 2, buffer: a buffer has either `fixed`, or both"),
        ({}, "rules 1 and 2 are about the same shop, channel and sku"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named_with_what_is_wanted(rule: dict[str, Any], fault: str) -> None:
    with pytest.raises(SetupError, match=f"^stock formula test.yaml: {fault}"):
        formula(rule)


@pytest.mark.parametrize("body", [[], "rules", None])
def test_a_file_of_something_else_is_refused(body: Any) -> None:
    with pytest.raises(SetupError, match="want a list under `rules:`"):
        parse_formula(body, "test.yaml")


def test_a_formula_without_a_rule_for_everything_else_is_refused() -> None:
    with pytest.raises(SetupError, match="one rule must have no condition"):
        parse_formula({"rules": [{"shop": "jd-1"}]}, "test.yaml")
