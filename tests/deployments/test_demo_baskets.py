"""The demo's orders are the data's invoices: all of them, in one shop each, literal where the shop is a file."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.channels.file import SourceOrder, read_file
from connectors.mapping import load_mapping
from deployments.demo_baskets import (
    FILE_SHOP,
    LINES_PER_ORDER,
    SHOP_SHARES,
    SPAN,
    STORE,
    Basket,
    Invoice,
    baskets_of,
    file_rows,
    read_invoices,
    refused_phones,
)
from deployments.demo_pool import FILE_MAPPING
from deployments.demo_refunds import refunds_of
from deployments.demo_stock import SCARCE, WITHOUT_ENTRY, stock_up
from deployments.demo_wishes import COMPANIES, STOPPING
from deployments.simulation import write_csv
from sandbox.orders import read_order
from tasks.windows import FIRST_LOOK_BACK
from tests.review_sets.tax_numbers import credit_check, organisation_check

NOW = datetime(2026, 11, 11, 4, tzinfo=UTC)
API_SHOPS = [code for code, _ in SHOP_SHARES if code != FILE_SHOP]


@pytest.fixture(scope="module")
def invoices() -> list[Invoice]:
    return read_invoices(NOW)


@pytest.fixture(scope="module")
def baskets(invoices: list[Invoice]) -> dict[str, list[Basket]]:
    return {shop: baskets_of(invoices, shop) for shop in API_SHOPS}


def test_more_than_2400_orders_in_seven_shops(invoices: list[Invoice], baskets: dict[str, list[Basket]]) -> None:
    exported = {row["InvoiceNo"] for row in file_rows(invoices)}

    assert sum(map(len, baskets.values())) + len(exported) > 2400
    assert min(len(exported), *map(len, baskets.values())) > 180


def test_no_line_of_an_api_shop_is_lost_or_doubled_by_splitting(
    invoices: list[Invoice], baskets: dict[str, list[Basket]]
) -> None:
    sold = Counter(
        (invoice.no, line.title, line.quantity, line.price_fen)
        for invoice in invoices
        if invoice.shop != FILE_SHOP and not invoice.is_cancellation
        for line in invoice.lines
        if line.quantity > 0
    )
    ordered = Counter(
        (basket.invoice_no, line.title, abs(line.quantity), line.price_fen)
        for shop in baskets.values()
        for basket in shop
        for line in basket.lines
    )

    assert ordered == sold
    assert max(len(basket.lines) for shop in baskets.values() for basket in shop) <= LINES_PER_ORDER


def test_the_tax_numbers_of_the_demos_companies_are_right() -> None:
    for _, number in COMPANIES:
        assert number[16] == organisation_check(number[8:16])
        assert number[17] == credit_check(number[:17])


def test_order_numbers_are_unique_over_all_shops(invoices: list[Invoice], baskets: dict[str, list[Basket]]) -> None:
    numbers = [basket.no for shop in baskets.values() for basket in shop]
    numbers += {row["InvoiceNo"] for row in file_rows(invoices)}

    assert len(numbers) == len(set(numbers))


def test_every_order_lies_in_a_new_shops_first_window(baskets: dict[str, list[Basket]]) -> None:
    ages = [NOW - basket.placed_at for shop in baskets.values() for basket in shop]

    assert timedelta(minutes=20) < min(ages)
    assert max(ages) <= SPAN + timedelta(seconds=1) < FIRST_LOOK_BACK


def test_the_simulated_shops_take_the_orders(baskets: dict[str, list[Basket]]) -> None:
    orders = [read_order(basket.as_order()) for shop in baskets.values() for basket in shop]

    assert any(order.payable_fen == 0 for order in orders)
    assert any(not line.sku for order in orders for line in order.lines)
    assert any(not order.buyer for order in orders)
    assert any(order.buyer_note in STOPPING for order in orders)
    assert any(order.invoice and not order.invoice.tax_no for order in orders)


def test_only_the_web_shop_has_lines_below_nothing_and_orders_for_nobody(baskets: dict[str, list[Basket]]) -> None:
    odd = [
        [basket.nobody or any(line.quantity < 1 for line in basket.lines) for basket in mine]
        for shop, mine in baskets.items()
        if shop != STORE
    ]

    assert not any(map(any, odd))
    assert sum(basket.nobody for basket in baskets[STORE]) > 1
    assert sum(line.quantity < 1 for basket in baskets[STORE] for line in basket.lines) > 1


def test_the_export_has_every_row_as_it_is_and_sums_that_tie(invoices: list[Invoice]) -> None:
    rows = file_rows(invoices)
    literal = [dict(row) for invoice in invoices if invoice.shop == FILE_SHOP for row in invoice.rows]

    assert [{key: row[key] for key in literal[0]} for row in rows] == literal
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["InvoiceNo"]] = sums.get(row["InvoiceNo"], Decimal(0)) + Decimal(row["小计"])
    assert {row["InvoiceNo"]: Decimal(row["订单总额"]) for row in rows} == sums
    assert any(row["InvoiceNo"].startswith("C") for row in rows)


def test_the_file_mapping_reads_the_whole_export(invoices: list[Invoice], tmp_path: Path) -> None:
    mapping = load_mapping(FILE_MAPPING)
    rows = file_rows(invoices)

    found = list(read_file(write_csv(tmp_path / "export.csv", rows), mapping))
    orders, faults = mapping.read_all([row.payload for row in found if isinstance(row, SourceOrder)])

    assert not faults
    assert len(orders) == len(found) == len({row["InvoiceNo"] for row in rows})
    assert sum(len(order.lines) for _, order in orders) == len(rows)
    assert all(order.total_fen == sum(line.paid_fen for line in order.lines) for _, order in orders)
    assert any(order.invoice for _, order in orders)
    assert any(order.buyer_note for _, order in orders)
    assert any(order.receiver.phone in refused_phones(invoices) for _, order in orders)


def test_stock_is_plentiful_scarce_for_a_few_and_unknown_for_some(invoices: list[Invoice]) -> None:
    goods = stock_up(invoices, ["A", "B"])
    wanted: Counter[str] = Counter()
    for invoice in invoices:
        for line in invoice.lines:
            wanted[line.code] += max(line.quantity, 0)

    assert (len(goods.scarce), len(goods.unknown)) == (SCARCE, WITHOUT_ENTRY)
    assert not goods.unknown & set(goods.skus)
    assert "POST" not in goods.skus
    for (_, code), units in goods.units.items():
        assert units > 0
        assert (2 * units < wanted[code]) if code in goods.scarce else (units >= wanted[code])


def test_each_cancellation_takes_back_another_order_of_its_shop(
    invoices: list[Invoice], baskets: dict[str, list[Basket]]
) -> None:
    for shop in API_SHOPS:
        cancelled = [invoice for invoice in invoices if invoice.is_cancellation and invoice.shop == shop]

        refunds = refunds_of(cancelled, baskets[shop])

        assert len(refunds) == len({refund.order_no for refund in refunds}) == len(cancelled) > 0
        assert {refund.order_no for refund in refunds} <= {basket.no for basket in baskets[shop]}


def test_a_cancellation_takes_back_the_buyers_own_purchase_of_the_article(invoices: list[Invoice]) -> None:
    bought = next(i for i in invoices if i.customer and len(i.lines) > 2 and i.shop == "tmall-1" and i.no[0] != "C")
    orders = baskets_of([bought], "tmall-1")
    article = orders[0].lines[1].code
    cancelled = Invoice("C1", bought.customer, NOW, (orders[0].lines[1],), ())

    (refund,) = refunds_of([cancelled], orders)

    assert refund.order_no in {order.no for order in orders}
    named = {event["line_no"] for event in refund.events}
    chosen = next(order for order in orders if order.no == refund.order_no)
    assert named == {chosen.line_no(n) for n, line in enumerate(chosen.lines) if line.code == article}
