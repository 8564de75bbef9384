"""The pages of what does not move: they need no Prefect, and the warehouse decides about shortages."""

from collections.abc import Callable

import pytest

from models.database import transaction
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tests.fakes import FakePool, payload, why
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def short(pool: FakePool) -> FakePool:
    """An order of 5 TEA that its shop cannot be told of in parts; WH-A has 3, WH-B has 2."""
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])
    for stage in (lock_batch, route_batch):
        with transaction() as conn:
            stage(conn, batch, why())
    return pool


def test_the_page_names_reason_owner_and_oldest(signed_in: SignedIn, pool: FakePool) -> None:
    pool.take([payload(1, status="pending"), payload(2, units={"NOPE": 1})])
    pool.through_the_stages("route")
    text = signed_in("viewer").get("/console/waiting?lang=en").text

    for part in ("not paid", "buyer", "unknown SKU", "goods data", "2 orders wait", "hold=UNPAID&amp;stage=validated"):
        assert part in text, part


def test_the_first_pages_part_counts_by_owner(signed_in: SignedIn, pool: FakePool) -> None:
    pool.take([payload(1, status="pending")])
    pool.through_the_stages("route")

    assert "买家" in signed_in("viewer").get("/console/standing").text


def test_when_everything_moves_the_page_says_so(signed_in: SignedIn, pool: FakePool) -> None:
    assert "没有滞留订单" in signed_in("viewer").get("/console/waiting").text


def test_ways_out_of_a_shortage_are_offered_in_words(signed_in: SignedIn, short: FakePool) -> None:
    browser = signed_in("warehouse")

    assert "从 WH-B 调拨 TEA × 2" in browser.get("/console/shortages").text
    assert "bring 2 of TEA from WH-B" in browser.get("/console/shortages?lang=en").text


def option(pool: FakePool, kind: str) -> int:
    return int(pool.rows("select id from shortage_option where kind = %s and state = 'open' order by id", kind)[0][0])


def test_a_transfer_that_is_chosen_lists_what_to_move(signed_in: SignedIn, short: FakePool) -> None:
    wish = option(short, "transfer")
    text = signed_in("warehouse").submit(f"/console/shortages/{wish}/choose").text

    assert f"transfer-{wish}-" in text
    assert short.rows("select state, decided_by from shortage_option where id = %s", wish) == [
        ("chosen", "person:warehouse")
    ]


def test_a_split_that_is_chosen_lets_the_order_go_on(signed_in: SignedIn, short: FakePool) -> None:
    answer = signed_in("warehouse").submit(f"/console/shortages/{option(short, 'split')}/choose")

    assert answer.headers["location"] == "/console/shortages"
    assert short.holds() == {}


def test_an_option_is_dismissed_once(signed_in: SignedIn, short: FakePool) -> None:
    browser, wish = signed_in("warehouse"), option(short, "split")

    assert browser.submit(f"/console/shortages/{wish}/dismiss").status_code == 303
    assert browser.submit(f"/console/shortages/{wish}/dismiss").status_code == 409


def test_the_desk_looks_and_the_warehouse_decides(signed_in: SignedIn, short: FakePool) -> None:
    desk = signed_in("desk")

    assert "/choose" not in desk.get("/console/shortages").text
    assert desk.submit(f"/console/shortages/{option(short, 'split')}/choose").status_code == 403
