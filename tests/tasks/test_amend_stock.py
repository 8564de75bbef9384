"""What an order keeps of its stock and of a warehouse's day when the shop changes it: stage by change, exactly."""

import json
from typing import Any

import pytest

from connectors.registry import mapping_for
from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tasks.lock_stock import lock_batch
from tests.fakes import FakePool, payload, why

BASKET = {"TEA": 3, "CUP": 1}
LINES = payload(1, units=BASKET)["line_items"]
MOVED = payload(1)["shipping"] | {"address_1": "滨江区江南大道9号"}

CHANGES: dict[str, dict[str, Any]] = {
    "cancel": {"status": "cancelled"},
    "address": {"shipping": MOVED},
    "more": {"units": {"TEA": 5, "CUP": 1}},
    "fewer": {"units": {"TEA": 1, "CUP": 1}},
    "exchange": {"units": {"POT": 3, "CUP": 1}},
    "line gone": {"units": {"CUP": 1}},
    "line called off": {"line_items": [LINES[0] | {"refund": "0"}, LINES[1] | {"refund": "1"}]},
    "refund": {"refunds": [{"id": 1, "total": "-20.00"}]},
}

AFTER: dict[str, dict[str, int]] = {
    "cancel": {},
    "address": {"TEA": 3, "CUP": 1},
    "more": {"TEA": 3, "CUP": 1},
    "fewer": {"TEA": 1, "CUP": 1},
    "exchange": {"CUP": 1},
    "line gone": {"CUP": 1},
    "line called off": {"TEA": 3},
    "refund": {"TEA": 3, "CUP": 1},
}
"""What an order that begins again keeps, all of it in the SKU pools."""

AT_LAST: dict[str, dict[str, int]] = AFTER | {"more": {"TEA": 5, "CUP": 1}, "exchange": {"POT": 3, "CUP": 1}}
"""What is locked for it when it has gone through the stages again."""

STAGES = ("ingested", "validate", "lock_stock", "route")


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """Five TEA, five CUP and five POT in WH-A, which takes nine documents a day; the shop calls off single lines."""
    text = mapping_for("woocommerce").read_text("utf-8")
    quantity = "  quantity: quantity"
    own = text.replace(quantity, f"{quantity}\n  state: {{from: refund, table: {{'1': closed, '0': open}}}}")
    pool.execute("update shop set settings = %s", json.dumps({"mapping": {"body": own}}))
    pool.execute("update warehouse set daily_limit = 9 where code = 'WH-A'")
    pool.stock(TEA=5, CUP=5, POT=5)
    return pool


def order(minute: int = 0, **changes: Any) -> dict[str, Any]:
    """The order of BASKET with changes; every line says whether it was called off."""
    units = changes.pop("units", BASKET)
    found = payload(1, minute, units=units, **changes)
    return found | {"line_items": [{"refund": "0"} | line for line in found["line_items"]]}


def open_locks(pool: FakePool, *, routed: bool) -> dict[str, int]:
    """Units of open locks per SKU: of warehouses, or of the pools alone."""
    return dict(
        pool.rows(
            """select k.code, sum(l.quantity)::int from lock l join sku k on k.id = l.sku_id
               where l.state = 'open' and (l.warehouse_id is not null) = %s group by 1 order by 1 desc""",
            routed,
        )
    )


def capacity(pool: FakePool) -> int:
    """Documents that the days of warehouses count."""
    return int(pool.rows("select coalesce(sum(used), 0) from warehouse_day")[0][0])


def bring(pool: FakePool, stage: str) -> None:
    pool.take([order()])
    if stage != "ingested":
        pool.through_the_stages(to=stage)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stage", STAGES)
def test_before_its_dispatch_an_order_keeps_what_it_still_wants(shop: FakePool, stage: str, change: str) -> None:
    bring(shop, stage)

    shop.take([order(1, **CHANGES[change])], run="run-2")

    kept = AFTER[change] if stage in ("lock_stock", "route") else {}
    assert (open_locks(shop, routed=False), open_locks(shop, routed=True)) == (kept, {})
    assert (capacity(shop), shop.rows("select count(*) from allocation")) == (0, [(0,)])
    assert shop.untrue() == []


@pytest.mark.parametrize("change", [change for change in CHANGES if change != "refund"])
@pytest.mark.parametrize("stage", STAGES)
def test_in_the_end_exactly_what_is_wanted_is_locked(shop: FakePool, stage: str, change: str) -> None:
    bring(shop, stage)
    shop.take([order(1, **CHANGES[change])], run="run-2")

    shop.through_the_stages()

    assert (open_locks(shop, routed=False), open_locks(shop, routed=True)) == ({}, AT_LAST[change])
    assert capacity(shop) == (0 if change == "cancel" else 1)
    assert shop.untrue() == []


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_after_its_dispatch_an_order_keeps_all_until_its_warehouse_has_answered(
    shop: FakePool, change: str, sent: bool
) -> None:
    bring(shop, "dispatch")
    if sent:
        shop.execute("update outbox set state = 'delivered'")

    shop.take([order(1, **CHANGES[change])], run="run-2")

    assert (open_locks(shop, routed=False), open_locks(shop, routed=True)) == ({}, BASKET)
    assert capacity(shop) == 1
    assert shop.untrue() == []


def test_units_that_go_to_another_line_go_with_it(shop: FakePool) -> None:
    bring(shop, "lock_stock")

    shop.take([order(1, units={"CUP": 1, "TEA": 3})], run="run-2")

    places = shop.rows(
        """select l.line_no, k.code, l.quantity from lock l join sku k on k.id = l.sku_id
           where l.state = 'open' order by 1"""
    )
    assert places == [(1, "CUP", 1), (2, "TEA", 3)]
    assert shop.rows("select distinct state from lock where state <> 'open'") == [("moved",)]
    assert shop.untrue() == []


def test_an_amended_order_does_not_lose_its_stock_to_another_batch(shop: FakePool) -> None:
    bring(shop, "route")
    shop.take([order(1, shipping=MOVED)], run="run-2")
    (_, again) = shop.open_batches()

    other = shop.batch_of([{"TEA": 3}], "run-3")
    with transaction() as conn:
        lock_batch(conn, other, why())
    shop.through_the_stages(batches=[again])

    assert shop.stages() == {"1": "dispatched", "2": "validated"}
    assert shop.untrue() == []


def test_an_order_that_grows_beyond_what_there_is_gives_up_all(shop: FakePool) -> None:
    bring(shop, "route")
    shop.take([order(1, units={"TEA": 6, "CUP": 1})], run="run-2")

    shop.through_the_stages()

    assert shop.holds() == {"1": ["SHORT_STOCK"]}
    assert (shop.locked("TEA"), shop.locked("CUP")) == (0, 0)


@pytest.mark.parametrize("code", ["DUPLICATE", "BAD_AMOUNT", "SHIPPED_ELSEWHERE"])
def test_a_hold_that_gives_up_stock_gives_up_what_was_kept(shop: FakePool, code: str) -> None:
    bring(shop, "lock_stock")
    shop.take([order(1, shipping=MOVED)], run="run-2")
    shop.through_the_stages(to="validate")
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode(code), "for a test", {}))], why())

    shop.through_the_stages(to="lock_stock")

    assert shop.rows("select count(*) from lock where state = 'open'") == [(0,)]
    assert shop.untrue() == []


def test_units_that_a_count_did_not_find_are_not_kept(shop: FakePool) -> None:
    bring(shop, "route")
    shop.execute("update stock set missing = 2, on_hand = 3 where sku_id = 1")
    shop.execute("update sku_pool set on_hand = 3 where sku_id = 1")
    shop.execute("update stock set opening = 3 where sku_id = 1")

    shop.take([order(1, shipping=MOVED)], run="run-2")

    assert open_locks(shop, routed=False) == {"CUP": 1}
    assert shop.rows("select on_hand, locked, missing from stock where sku_id = 1") == [(1, 0, 0)]
    assert shop.untrue() == []
