"""The demo knows its dirty orders, and says of each kind whether all are held as they should be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployments.demo_baskets import FILE_SHOP, SHOP_SHARES, STORE, baskets_of, read_invoices
from deployments.demo_dirt import Dirt, DirtTally, dirt_of, tally_dirt, what_is_dirty
from deployments.demo_stock import stock_up
from deployments.demo_summary import OrderFact

NOW = datetime(2026, 11, 11, 4, tzinfo=UTC)
SENTENCE = "a line has no positive quantity"
HELD = OrderFact(
    STORE, "1", "1", False, "BAD_AMOUNT", False, False, False, False, {"BAD_QUANTITY": SENTENCE, "BAD_AMOUNT": "-1"}
)
FROM_FILE = replace(HELD, shop=FILE_SHOP, external_id="C5", order_no="C5")
RETURNS = (Dirt("a negative quantity", "BAD_QUANTITY", frozenset({(STORE, "1"), (FILE_SHOP, "C5")})),)


def test_every_kind_is_in_the_export_and_behind_an_api() -> None:
    invoices = read_invoices(NOW)
    baskets = {shop: baskets_of(invoices, shop) for shop, _ in SHOP_SHARES if shop != FILE_SHOP}

    dirt = dirt_of(baskets, invoices, stock_up(invoices, ["A"]).skus)

    assert [one.code for one in dirt] == ["BAD_QUANTITY", "BAD_AMOUNT", "BAD_FIELD", "UNKNOWN_SKU"]
    for one in dirt:
        shops = {shop for shop, _ in one.orders}
        assert FILE_SHOP in shops
        assert len(shops) > 1


def test_an_order_counts_as_held_under_the_code_of_its_kind_and_is_told_by_its_sentence() -> None:
    tallies = tally_dirt(RETURNS, [HELD, FROM_FILE], {})

    assert tallies == [DirtTally("a negative quantity", "BAD_QUANTITY", 2, 2, 0, f"C5: {SENTENCE}")]
    assert list(what_is_dirty(RETURNS, tallies)) == []


def test_an_order_in_quarantine_did_not_get_through_either() -> None:
    tallies = tally_dirt(RETURNS, [HELD], {FILE_SHOP: {"C5"}})

    assert (tallies[0].held, tallies[0].quarantined) == (1, 1)
    assert list(what_is_dirty(RETURNS, tallies)) == []


@pytest.mark.parametrize("passed", [replace(FROM_FILE, holds={}), replace(FROM_FILE, holds={"BAD_AMOUNT": "-1"})])
def test_an_order_that_gets_through_is_said(passed: OrderFact) -> None:
    wrong = list(what_is_dirty(RETURNS, tally_dirt(RETURNS, [HELD, passed], {})))

    assert wrong == ["1 of 2 orders with a negative quantity are not held as BAD_QUANTITY"]


def test_a_kind_that_only_one_shop_has_is_said() -> None:
    lone = (replace(RETURNS[0], orders=frozenset({(STORE, "1")})),)

    wrong = list(what_is_dirty(lone, tally_dirt(lone, [HELD], {})))

    assert wrong == ["no file and API shop together have orders with a negative quantity"]
