"""The demo's figures are what pool and books say, and whatever does not hold is said in a sentence."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from deployments.demo_runs import RunStory
from deployments.demo_summary import (
    Books,
    OrderFact,
    Tally,
    read_books,
    read_orders,
    tally_shops,
    total_of,
    what_is_wrong,
)
from models.database import connect

SENT = OrderFact("tmall-1", "1", "1", True, "", False, True, True, True)
HELD = OrderFact(
    "tmall-1",
    "2",
    "2",
    False,
    "BAD_AMOUNT",
    False,
    False,
    False,
    False,
    {"BAD_AMOUNT": "0.00 yuan", "BAD_FIELD": ""},
)
SHORT = OrderFact("tmall-1", "3", "3", True, "", True, False, False, False)
FROM_FILE = OrderFact("file-1", "536365", "536365", True, "", False, True, True, False)
ORDERS = [SENT, HELD, SHORT, FROM_FILE]
FAILED = RunStory(uuid4(), "process_orders", "tmall-1", "FAILED", "COMPLETED", "", 2, 3.0)


def outside(**changes: Any) -> dict[str, Any]:
    """Books of one API shop with three orders; one was shipped, and so was one of the file shop."""
    return {
        "shops": {"tmall-1": {"orders": ["1", "2", "3"], "ship_backs": [told("1", "YT1")]}},
        "warehouses": {"WH-E": {"documents": [document("OB1", "1", "YT1"), document("OB2", "536365", "YT2")]}},
        "carriers": {"kuaidi100": {"subscriptions": [{"number": "YT1", "count": 1}, {"number": "YT2", "count": 1}]}},
    } | changes


def told(order_no: str, waybill: str) -> dict[str, Any]:
    return {"order_no": order_no, "waybill": waybill, "line_nos": None}


def document(no: str, order_no: str, waybill: str) -> dict[str, Any]:
    return {"outbound_no": no, "version": 1, "order_nos": [order_no], "waybills": [waybill]}


def figures(books: Books, orders: list[OrderFact] | None = None) -> tuple[dict[str, Tally], Tally, list[str]]:
    orders = ORDERS if orders is None else orders
    shops = tally_shops(orders, {}, books, [FAILED])
    total = total_of(shops, [FAILED], 60.0)
    return shops, total, what_is_wrong(total, shops, orders, books)


def complaints(books: Books, orders: list[OrderFact] | None = None) -> list[str]:
    """What is wrong apart from the size of these small books."""
    return [sentence for sentence in figures(books, orders)[2] if "or more" not in sentence]


@pytest.fixture
def books() -> Books:
    return read_books(outside(), ["536365"])


def test_every_order_is_counted_once_where_it_stands(books: Books) -> None:
    shops, total, _ = figures(books)

    assert (shops["tmall-1"].orders_in, shops["tmall-1"].accepted, shops["tmall-1"].held) == (3, 2, 1)
    assert (total.orders_in, total.accepted, total.held, total.short) == (4, 3, 1, 1)
    assert total.held_by_code == {"BAD_AMOUNT": 1}
    assert total.holds == {"BAD_AMOUNT": 1, "BAD_FIELD": 1}
    assert total.examples["BAD_AMOUNT"] == "2: 0.00 yuan"
    assert (total.dispatched, total.shipped, total.delivered) == (2, 2, 1)
    assert (total.failed_runs, total.retried_runs, total.seconds) == (1, 1, 60.0)


def test_books_and_pool_that_agree_are_in_order(books: Books) -> None:
    assert complaints(books) == []


def test_too_few_orders_are_said(books: Books) -> None:
    assert figures(books)[2][:2] == ["4 orders came in, not 2400 or more", "2 shops had orders, not 7 or more"]


def test_an_order_in_neither_pool_nor_quarantine_is_lost(books: Books) -> None:
    assert complaints(books, [SENT, HELD, FROM_FILE]) == ["1 orders are neither in the pool nor in quarantine"]


def test_an_order_in_quarantine_is_not_lost(books: Books) -> None:
    shops = tally_shops([SENT, HELD, FROM_FILE], {"tmall-1": {"3"}}, books, [])

    assert (shops["tmall-1"].lost, shops["tmall-1"].quarantined) == (0, 1)


def test_a_parcel_reported_twice_is_doubled() -> None:
    shop = {"orders": ["1", "2", "3"], "ship_backs": [told("1", "YT1"), told("1", "YT1")]}

    wrong = complaints(read_books(outside(shops={"tmall-1": shop}), ["536365"]))

    assert wrong == [
        "1 effects reached the outside twice",
        "1 of 1 parcels were not reported to tmall-1 exactly once",
    ]


def test_a_document_under_two_keys_is_doubled() -> None:
    documents = [document("OB1", "1", "YT1"), document("OB1", "1", "YT1"), document("OB2", "536365", "YT2")]

    shops, _, _ = figures(read_books(outside(warehouses={"WH-E": {"documents": documents}}), ["536365"]))

    assert (shops["tmall-1"].doubled, shops["file-1"].doubled) == (1, 0)


def test_an_order_in_two_documents_is_doubled() -> None:
    documents = [document("OB1", "1", "YT1"), document("OB3", "1", "YT3"), document("OB2", "536365", "YT2")]

    shops, _, _ = figures(read_books(outside(warehouses={"WH-E": {"documents": documents}}), ["536365"]))

    assert shops["tmall-1"].doubled == 1


def test_a_parcel_that_its_shop_never_heard_of_is_said() -> None:
    shop = {"orders": ["1", "2", "3"], "ship_backs": []}

    wrong = complaints(read_books(outside(shops={"tmall-1": shop}), ["536365"]))

    assert wrong == ["1 of 1 parcels were not reported to tmall-1 exactly once"]


def test_an_order_shipped_in_the_pool_alone_is_said(books: Books) -> None:
    wrong = complaints(books, [SENT, HELD, replace(SHORT, dispatched=True, shipped=True), FROM_FILE])

    assert wrong == [
        "3 orders are dispatched; the warehouses have 2",
        "3 orders are shipped in the pool; 2 left the warehouses",
    ]


def test_codes_that_do_not_add_up_to_the_held_orders_are_said(books: Books) -> None:
    shops, total, _ = figures(books)
    total.held_by_code["REMARK"] = 1

    assert "the held orders by code do not add up to 1" in what_is_wrong(total, shops, ORDERS, books)


def test_a_failed_run_that_was_not_retried_is_said(books: Books) -> None:
    left = replace(FAILED, state="FAILED", attempts=1)
    shops = tally_shops(ORDERS, {}, books, [left])

    wrong = what_is_wrong(total_of(shops, [left], 1.0), shops, ORDERS, books)

    assert "0 of 1 failed runs completed by Retry" in wrong


def test_the_statements_fit_the_tables(database: str) -> None:
    with connect() as conn:
        assert read_orders(conn) == []
