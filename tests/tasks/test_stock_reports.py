"""What warehouses report of their stock through the signed hook: snapshots, page by page, and changes."""

from collections.abc import Sequence
from itertools import count as counting
from typing import Any

import orjson
import pytest

from models.database import transaction
from models.sealing import seal
from tasks.stock_reports import own_reasons, set_own_reasons
from tasks.track import work_off_inbox
from tests.fakes import NOON, FakePool, why
from tests.tasks.feeding import LATER, at, dispatched, stands

IDS = counting(1)


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """A pool with 20 TEA and 5 CUP in WH-A."""
    pool.stock(TEA=20, CUP=5)
    return pool


def post(pool: FakePool, kind: str, data: dict[str, Any], *, warehouse: str = "WH-A", minute: float = 5) -> None:
    """A verified message of a warehouse, stored as the hook stores it."""
    data = {"occurred_at": at(minute).isoformat()} | data
    body = orjson.dumps({"type": kind, "timestamp": at(minute).isoformat(), "data": data}).decode()
    pool.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           values (%s, %s, %s, 'new', '', %s, %s)""",
        f"wms:{warehouse}",
        f"msg_{next(IDS)}",
        seal(body),
        NOON,
        LATER,
    )


def snapshot(pool: FakePool, items: Sequence[object], minute: float = 5, /, **data: Any) -> None:
    post(pool, "inventory.snapshot", {"as_of": at(minute).isoformat(), "items": list(items), **data}, minute=minute)


def item(sku: str, available: int, frozen: int = 0, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "stock_type": "GOOD", "available": available, "frozen": frozen, "batch": None, **more}


def changed(pool: FakePool, *items: dict[str, Any], minute: float = 5, event: str = "") -> None:
    data = {"event_id": event or f"E{next(IDS)}", "items": list(items)}
    post(pool, "inventory.changed", data, minute=minute)


def change(sku: str, delta: int, reason: str = "ADJUST", ref_no: str = "") -> dict[str, Any]:
    return {"sku": sku, "stock_type": "GOOD", "delta": delta, "reason": reason, "ref_no": ref_no}


def work_off(pool: FakePool) -> list[tuple[str, str]]:
    """Work off all that came; gives state and note of every message."""
    while True:
        with transaction() as conn:
            if work_off_inbox(conn, why(at=LATER)) is None:
                break
    return pool.rows("select state, note from inbox order by id")


def test_a_snapshot_counts_what_is_available_and_what_is_frozen(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 12, 3), item("CUP", 5)])

    assert work_off(shop) == [("done", "")]

    assert stands(shop) == (15, 0, 0)
    assert stands(shop, "CUP") == (5, 0, 0)
    assert shop.rows("select source, counts, as_of, shelves, changed from stock_feed") == [
        ("wms:WH-A", "physical", at(5), 2, 1)
    ]


def test_batches_of_a_sku_add_up_and_only_good_units_count(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 8, batch="B1"), item("TEA", 4, 1, batch="B2"), item("TEA", 9, stock_type="DEFECT")])

    work_off(shop)

    assert stands(shop) == (13, 0, 0)


def test_a_snapshot_counts_only_when_all_its_pages_came(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 15)], page=2, pages=2)
    assert work_off(shop) == [("done", "page 2 of 2; it counts when all have come")]
    assert stands(shop) == (20, 0, 0)

    snapshot(shop, [item("CUP", 4)], page=1, pages=2)
    work_off(shop)

    assert (stands(shop), stands(shop, "CUP")) == ((15, 0, 0), (4, 0, 0))
    assert shop.rows("select count(*) from stock_feed_page") == [(0,)]


def test_a_page_told_twice_is_one_page(shop: FakePool) -> None:
    for _ in range(2):
        snapshot(shop, [item("TEA", 15)], page=1, pages=2)

    work_off(shop)

    assert stands(shop) == (20, 0, 0)
    assert shop.rows("select count(*) from stock_feed_page") == [(1,)]


def test_pages_of_two_snapshots_do_not_mix(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 15)], 5, page=1, pages=2)
    snapshot(shop, [item("CUP", 1)], 6, page=2, pages=2)

    work_off(shop)

    assert (stands(shop), stands(shop, "CUP")) == ((20, 0, 0), (5, 0, 0))


def test_a_snapshot_told_again_counts_once(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 15)])
    work_off(shop)
    snapshot(shop, [item("TEA", 15)])

    assert work_off(shop)[-1] == ("ignored", "the snapshot was applied before")


def test_a_complete_snapshot_says_that_the_rest_is_gone(shop: FakePool) -> None:
    snapshot(shop, [item("TEA", 15)], complete=True)

    work_off(shop)

    assert stands(shop, "CUP") == (0, 0, 0)


@pytest.mark.parametrize("more", [[], [item("TEA", 2, batch="B2")]])
def test_a_sku_of_which_a_number_cannot_be_read_stays_as_it_is(shop: FakePool, more: list[dict[str, Any]]) -> None:
    snapshot(shop, [item("CUP", 4), {"sku": "TEA", "available": "many"}, *more], complete=True)

    assert work_off(shop) == [("done", "not used: item 2: TEA: its number is not a number")]

    assert (stands(shop), stands(shop, "CUP")) == ((20, 0, 0), (4, 0, 0))


def test_an_unknown_sku_is_named_and_the_rest_counts(shop: FakePool) -> None:
    snapshot(shop, [item("MUG", 1), item("TEA", 15), {"sku": "CUP", "available": "some"}, "nonsense"])

    assert work_off(shop) == [
        (
            "done",
            "not used: item 1: SKU MUG is not known, or a kit; item 3: CUP: its number is not a number; "
            "item 4: names no SKU",
        )
    ]

    assert stands(shop) == (15, 0, 0)


@pytest.mark.parametrize(
    ("data", "why_not"),
    [
        ({"as_of": "yesterday"}, "it does not say as of when it counts"),
        ({"as_of": "2026-11-20T12:00:00"}, "it does not say as of when it counts"),
        ({"as_of": "2027-11-20T12:00:00+08:00"}, "which has not come"),
        ({"page": 3, "pages": 2}, "is no page of a snapshot"),
        ({"page": "one"}, "cannot be read"),
        ({"counts": "change"}, "is no page of a snapshot"),
        ({"counts": "everything"}, "cannot be read"),
        ({"items": "none"}, "it has no items"),
        ({"items": []}, "it counts nothing"),
    ],
)
def test_a_snapshot_that_cannot_be_used_says_why(shop: FakePool, data: dict[str, Any], why_not: str) -> None:
    snapshot(shop, [item("TEA", 15)], **data)

    ((state, note),) = work_off(shop)

    assert (state, why_not in note) == ("ignored", True), note
    assert stands(shop) == (20, 0, 0)


def test_a_supplier_may_say_what_its_numbers_count(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    post(shop, "outbound.accepted", {"outbound_no": no}, minute=1)
    snapshot(shop, [{"sku": "TEA", "quantity": 15}], counts="available")

    work_off(shop)

    assert stands(shop) == (20, 5, 0)


def test_changes_move_stock_each_once(shop: FakePool) -> None:
    changed(shop, change("TEA", -3), change("CUP", 2), event="E-1")
    changed(shop, change("TEA", -3), change("CUP", 2), event="E-1")
    changed(shop, change("TEA", 1))

    work_off(shop)

    assert (stands(shop), stands(shop, "CUP")) == ((18, 0, 0), (7, 0, 0))
    assert shop.untrue() == []


def test_what_our_own_documents_take_out_is_left_to_their_reports(shop: FakePool) -> None:
    changed(shop, change("TEA", -3, "sale"), change("CUP", 2))

    work_off(shop)

    assert (stands(shop), stands(shop, "CUP")) == ((20, 0, 0), (7, 0, 0))


def test_a_warehouse_may_have_its_own_words_for_them(shop: FakePool) -> None:
    set_own_reasons("WH-A", ["b2c"])
    changed(shop, change("TEA", -3, "B2C"), change("CUP", -2, "sale"))

    work_off(shop)

    assert own_reasons("WH-A") == ["B2C"]
    assert (stands(shop), stands(shop, "CUP")) == ((20, 0, 0), (3, 0, 0))


def test_units_under_the_reference_of_an_arrival_are_part_of_it(shop: FakePool) -> None:
    shop.execute(
        """insert into arrival (warehouse_id, sku_id, reference, expected, received, expected_at)
           select w.id, k.id, 'PO-1', 30, 0, %s from warehouse w, sku k where w.code = 'WH-A' and k.code = 'TEA'""",
        NOON,
    )
    changed(shop, change("TEA", 30, "INBOUND", "PO-1"))

    work_off(shop)

    assert stands(shop) == (50, 0, 0)
    assert shop.rows("select received, closed_at is not null from arrival") == [(30, True)]
    assert shop.rows("select reason from stock_movement") == [("arrival",)]


def test_reports_on_stock_and_on_documents_come_in_one_chunk(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    snapshot(shop, [item("TEA", 15)], 10)
    box = {"tracking_no": "YT1", "lines": []}
    post(shop, "outbound.shipped", {"outbound_no": no, "final": True, "packages": [box]}, minute=5)
    changed(shop, change("TEA", 2), minute=11)

    assert [state for state, _ in work_off(shop)] == ["done"] * 3

    assert stands(shop) == (17, 0, 0)
    assert shop.untrue() == []


def test_a_warehouse_speaks_of_its_own_shelves_only(shop: FakePool) -> None:
    shop.stock(TEA_B=7)
    post(shop, "inventory.snapshot", {"as_of": at(5).isoformat(), "items": [item("TEA", 4)]}, warehouse="WH-B")

    work_off(shop)

    assert (stands(shop), stands(shop, "TEA_B")) == ((20, 0, 0), (4, 0, 0))
