"""The list of all orders: what its filters leave is what filtering every order leaves, whichever way it is found."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from benchmarks._console_pool import fill, phone_of
from models.database import connect, transaction
from models.hold import HoldCode
from models.order import Stage
from models.rules.order_status import Status
from models.settings import settings
from models.shipment import DocumentState
from tasks.order_list import MOST_COUNTED, all_orders, list_orders
from tasks.order_search import TOO_SHORT, WHOLE_PHONE, find_orders
from tasks.order_sources import LIMITS, Limits
from tasks.order_wish import Wish
from tests.shared_pool import shared_pool
from tests.tasks.many_orders import days_before, everything, held_codes, make_special, wanted

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
COUNT = 1_500

PATIENT = replace(LIMITS, patience_s=60.0)
WALKING = Limits(open=0, spread=0, step=120, worth_steps=1_000, patience_s=60)
GIVING_UP = Limits(spread=0, step=120, worth_steps=0, patience_s=60)
IMPATIENT = replace(WALKING, patience_s=0.0)

SINGLE: list[Wish] = [
    Wish(),
    *(Wish(status=status) for status in Status),
    *(Wish(hold=code) for code in (HoldCode.UNPAID, HoldCode.REMARK, HoldCode.SHIPPED_SHORT, HoldCode.REJECTED)),
    *(Wish(stage=stage) for stage in Stage),
    *(Wish(document=state) for state in DocumentState),
    Wish(shop_id=1),
    Wish(shop_id=6),
    Wish(since=days_before(NOW, 20), until=days_before(NOW, 10)),
    Wish(division="33"),
    Wish(division="3301"),
    Wish(sku="S77"),
    Wish(sku="NOBODY"),
    Wish(sku="no such"),
    Wish(overdue=True),
    Wish(batch_id=1),
]
PAIRED = [
    *(Wish(status=status) for status in Status),
    Wish(hold=HoldCode.REMARK),
    Wish(shop_id=2),
    Wish(since=days_before(NOW, 3)),
    Wish(division="4"),
    Wish(overdue=True),
    Wish(stage=Stage.DISPATCHED),
    Wish(document=DocumentState.PICKING),
]


def both(one: Wish, other: Wish) -> Wish | None:
    """The wish for both; None when both set the same filter."""
    nothing = Wish()
    given = [
        {
            field.name: getattr(wish, field.name)
            for field in fields(Wish)
            if getattr(wish, field.name) != getattr(nothing, field.name)
        }
        for wish in (one, other)
    ]
    return None if given[0].keys() & given[1].keys() else Wish(**given[0], **given[1])


PAIRS = [pair for one, other in combinations(PAIRED, 2) if (pair := both(one, other))]


@dataclass(frozen=True)
class Many:
    """A pool of many orders, and all of them as the slow way sees them."""

    orders: list[dict[str, Any]]


@pytest.fixture(scope="module")
def many(postgres: str) -> Iterator[Many]:
    with shared_pool(postgres, "order_list") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERPOOL_DATABASE_URL", url)
        settings.cache_clear()
        fill(COUNT, NOW)
        with transaction() as conn:
            make_special(conn)
        yield Many(everything())
    settings.cache_clear()


def listed(wish: Wish, limits: Limits, size: int = 37) -> list[int]:
    """The ids of all pages, one after the other."""
    found: list[int] = []
    here: Wish | None = wish
    with connect(autocommit=True) as conn:
        while here is not None:
            page = list_orders(conn, here, NOW, size, limits)
            found += [row.id for row in page.rows]
            here = replace(here, before=page.next) if page.next else None
    return found


def test_the_pool_has_orders_of_every_status_and_of_many_holds(many: Many) -> None:
    assert {order["status"] for order in many.orders} == set(Status)
    assert len(held_codes(many.orders)) >= 7


@pytest.mark.parametrize("limits", [PATIENT, WALKING, GIVING_UP], ids=["usual", "walking", "giving up"])
def test_each_filter_leaves_its_orders_page_after_page(many: Many, limits: Limits) -> None:
    for wish in SINGLE:
        assert listed(wish, limits) == wanted(many.orders, wish, NOW), wish


def test_pairs_of_filters_leave_the_orders_of_both(many: Many) -> None:
    for wish in PAIRS:
        assert listed(wish, PATIENT, 200) == wanted(many.orders, wish, NOW), wish


def test_pairs_are_the_same_when_they_are_walked_to(many: Many) -> None:
    for wish in PAIRS[::5]:
        assert listed(wish, WALKING, 200) == wanted(many.orders, wish, NOW), wish


def test_pages_that_are_cut_short_lose_nothing(many: Many) -> None:
    for wish in (Wish(status=Status.RETURNED), Wish(status=Status.HELD, shop_id=6), Wish(sku="S77")):
        assert listed(wish, IMPATIENT) == wanted(many.orders, wish, NOW)


def test_orders_of_one_moment_are_neither_skipped_nor_repeated(many: Many) -> None:
    assert len({order["created_at"] for order in many.orders}) < len(many.orders)
    for size in (1, 2, 7):
        page_by_page = listed(Wish(since=days_before(NOW, 2)), PATIENT, size)

        assert page_by_page == wanted(many.orders, Wish(since=days_before(NOW, 2)), NOW)


def test_an_order_that_comes_while_pages_are_turned_moves_none(many: Many) -> None:
    with connect() as conn:
        first = list_orders(conn, Wish(), NOW)
        conn.execute("update orders set created_at = created_at + interval '1 day' where id = %s", (first.rows[0].id,))
        second = list_orders(conn, Wish(before=first.next), NOW)
        conn.rollback()

    ids = [row.id for row in (*first.rows, *second.rows)]
    assert ids == wanted(many.orders, Wish(), NOW)[: len(ids)]


def test_a_count_is_told_where_it_is_cheap(many: Many) -> None:
    with connect(autocommit=True) as conn:
        counts = [list_orders(conn, wish, NOW).count for wish in (Wish(), Wish(batch_id=1), Wish(status=Status.HELD))]

    assert counts == [COUNT, len(wanted(many.orders, Wish(batch_id=1), NOW)), None]
    assert MOST_COUNTED > COUNT


def test_an_export_has_every_order_once_up_to_its_limit(many: Many) -> None:
    with connect(autocommit=True) as conn:
        ids = [row.id for rows in all_orders(conn, Wish(), NOW, 1_200) for row in rows]

    assert ids == wanted(many.orders, Wish(), NOW)[:1_200]


def test_a_row_says_what_is_late(many: Many) -> None:
    with connect(autocommit=True) as conn:
        rows = [row for rows in all_orders(conn, Wish(), NOW, COUNT) for row in rows]

    assert {row.id for row in rows if row.overdue} == set(wanted(many.orders, Wish(overdue=True), NOW))


def search(text: str) -> list[int]:
    with connect(autocommit=True) as conn:
        return sorted(find_orders(conn, text).order_ids)


NUMBER = str(260_000_000_000 + 900 * 37)
"""The number of order 900."""


@pytest.mark.parametrize("text", [NUMBER, f"  {NUMBER} ", "OB900", f"YT{8_800_000_000_000 + 900 * 13}"])
def test_an_order_is_found_by_its_number_document_and_waybill(many: Many, text: str) -> None:
    assert search(text) == [900]


def test_orders_are_found_by_the_beginning_of_their_number(many: Many) -> None:
    assert search(NUMBER[:11]) == [
        no for no in range(1, COUNT + 1) if str(260_000_000_000 + no * 37)[:11] == NUMBER[:11]
    ]


def phone(order_id: int) -> str:
    return phone_of(1 + order_id * 7477 % (COUNT // 10))


def test_orders_are_found_by_a_whole_phone(many: Many) -> None:
    number = phone(900)

    found = search(f"+86 {number[:3]} {number[3:7]} {number[7:]}")

    assert found == [order_id for order_id in range(1, COUNT + 1) if phone(order_id) == number]
    assert 900 in found


def test_four_digits_of_a_phone_count_together_with_a_number(many: Many) -> None:
    assert search(f"{NUMBER[:6]} {phone(900)[-4:]}") == search(phone(900))
    assert search(f"{NUMBER} {phone(900)[-4:]}") == [900]
    assert search(f"{NUMBER} 0000") == []


@pytest.mark.parametrize(("text", "hint"), [(phone_of(9999)[-4:], WHOLE_PHONE), ("xy", TOO_SHORT), ("nothing", "")])
def test_a_search_that_finds_nothing_says_what_would_help(many: Many, text: str, hint: str) -> None:
    with connect(autocommit=True) as conn:
        found = find_orders(conn, text)

    assert (found.order_ids, found.hint) == ([], hint)


def test_a_search_goes_together_with_filters(many: Many) -> None:
    wish = Wish(search=NUMBER, shop_id=next(order["shop_id"] for order in many.orders if order["id"] == 900))

    assert listed(wish, PATIENT) == [900]
    assert listed(replace(wish, shop_id=(wish.shop_id or 0) % 6 + 1), PATIENT) == []
