"""Stock that is pushed over HTTP: what the simulated platforms show is what the pool says, whatever goes wrong."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.live import run_work, waiting_work
from deployments.simulation_listings import list_products, shown
from flows.push_stock import push_stock
from models.database import transaction
from models.order import Cause
from models.settings import clock
from tasks.ingest import ingest_shop
from tasks.lock_stock import lock_batch
from tasks.stock_messages import Push, save_pushes
from tasks.stock_push import decide_all
from tasks.validate import validate_batch
from tests.pipeline.conftest import World
from tests.pipeline.orders import SKUS, order
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import flow_process, kill, run_to_its_end

UNITS = 3 * 1000
"""Of each SKU, over three warehouses."""

SHOPS = ("douyin-1", "jd-1", "pdd-1", "tmall-1", "woo-1")


@pytest.fixture(autouse=True)
def prefect(prefect_server: str) -> Iterator[None]:
    """The session's Prefect server, also when Prefect was imported before its address was known."""
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


def why() -> Cause:
    return Cause("test", clock().now(), None, 1)


def sell(world: World, sku: str, units: int) -> None:
    with transaction() as conn:
        conn.execute(
            "update sku_pool set locked = locked + %s where sku_id = (select id from sku where code = %s)", (units, sku)
        )


def unsent(world: World) -> int:
    return int(world.rows("select count(*) from stock_push where not sent")[0][0])


def test_every_platform_shows_what_the_pool_says(world: World, tmp_path: Path) -> None:
    assert list_products(world.sandbox, tmp_path, SHOPS, SKUS) == dict.fromkeys(SHOPS, len(SKUS))
    sell(world, "SKU-1", UNITS - 30)
    sell(world, "SKU-2", UNITS)

    state = push_stock(return_state=True)

    assert (state.name, state.message) == ("Completed", "60 of 60 listings told in 5 shops")
    for shop in SHOPS:
        shows = shown(world.sandbox, shop)
        assert (shows["SKU-0"], shows["SKU-1"], shows["SKU-2"]) == (UNITS, 20, 0), shop
    assert unsent(world) == 0


def test_what_is_sold_in_one_shop_is_shown_in_all(world: World, tmp_path: Path) -> None:
    list_products(world.sandbox, tmp_path, ("woo-1", "tmall-1"), SKUS)
    push_stock()
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(7)])
    for batch_id in ingest_shop("woo-1", None, None, why()).batch_ids:
        with transaction() as conn:
            validate_batch(conn, batch_id, why())
        with transaction() as conn:
            lock_batch(conn, batch_id, why())

    push_stock()

    locked = dict(world.rows("select k.code, p.locked from sku_pool p join sku k on k.id = p.sku_id"))
    assert sum(locked.values()) == 7 * 3
    for shop in ("woo-1", "tmall-1"):
        assert shown(world.sandbox, shop) == {sku: UNITS - locked[sku] for sku in SKUS}


def test_a_shop_that_is_down_fails_the_run_stops_no_other_and_is_told_by_a_retry(
    world: World, tmp_path: Path, prefect_api: PrefectApi
) -> None:
    list_products(world.sandbox, tmp_path, ("woo-1", "tmall-1"), SKUS)
    world.fault("http_503", "shop:tmall-1")
    run = prefect_api.open_run("push_stock", {})

    run_to_its_end("push_stock", run)

    state = prefect_api.state(run)
    assert state["type"] == "FAILED"
    assert state["message"].startswith("push_stock: 12 of 12 not told to tmall-1: ")
    assert "503" in state["message"]
    assert "SKU-0" in prefect_api.artifacts(run)["push-stock-tmall-1"]["data"]
    assert shown(world.sandbox, "woo-1")["SKU-0"] == UNITS

    world.no_faults()
    prefect_api.retry(run, force=True)
    run_to_its_end("push_stock", run)

    assert prefect_api.state(run)["message"] == "12 of 24 listings told in 1 shops"
    assert shown(world.sandbox, "tmall-1")["SKU-0"] == UNITS
    assert unsent(world) == 0


def test_a_listing_that_the_platform_refuses_is_named_and_the_others_are_told(world: World, tmp_path: Path) -> None:
    list_products(world.sandbox, tmp_path, ("jd-1",), SKUS)
    world.sandbox.do("POST", "shops/jd-1/products", {"products": [{"sku": "SKU-3", "stop": "banned"}]})

    state = push_stock(return_state=True)

    assert str(state.message).startswith("push_stock: 1 of 12 not told to jd-1: show 3000 of SKU-3: ")
    assert [units for sku, units in shown(world.sandbox, "jd-1").items() if sku != "SKU-3"] == [UNITS] * 11
    assert push_stock(return_state=True).is_completed()  # it is an alert from now on, not a failure of every run
    assert world.rows("select count(*) from listing where obstacle <> ''") == [(1,)]


def test_a_push_killed_before_its_answer_is_told_once_more(
    world: World, tmp_path: Path, prefect_api: PrefectApi
) -> None:
    list_products(world.sandbox, tmp_path, ("tmall-1",), SKUS)
    world.fault("timeout_after", "shop:tmall-1", times=1, seconds=60)
    run = prefect_api.open_run("push_stock", {})
    with flow_process("push_stock", run) as process:
        until = time.monotonic() + 60
        while not world.books()["shops"]["tmall-1"]["stock_writes"]:
            assert time.monotonic() < until, "nothing was told"
            time.sleep(0.1)
        kill(process)
    prefect_api.crash(run)
    sell(world, "SKU-0", 10)

    prefect_api.retry(run, force=True)
    run_to_its_end("push_stock", run)

    assert prefect_api.state(run)["type"] == "COMPLETED", prefect_api.state(run)
    assert shown(world.sandbox, "tmall-1") == {sku: UNITS - 10 * (sku == "SKU-0") for sku in SKUS}
    assert unsent(world) == 0


def test_an_older_push_after_a_newer_one_has_no_effect(world: World, tmp_path: Path) -> None:
    list_products(world.sandbox, tmp_path, ("woo-1",), SKUS)
    with transaction() as conn:
        decide_all(conn, why())
    older = [Push(*row) for row in world.rows("select listing_id, 'woo-1', units, version, formula from stock_push")]
    for sku in SKUS:
        sell(world, sku, 100)
    push_stock()

    with transaction() as conn:
        save_pushes(conn, older, clock().now())
    push_stock()

    assert set(shown(world.sandbox, "woo-1").values()) == {UNITS - 100}
    assert world.rows("select distinct units, sent from stock_push") == [(UNITS - 100, True)]


def test_what_is_about_to_sell_out_is_told_by_the_live_process_within_its_beat(world: World, tmp_path: Path) -> None:
    list_products(world.sandbox, tmp_path, ("woo-1", "tmall-1"), SKUS)
    push_stock()
    sell(world, "SKU-4", UNITS - 3)
    sell(world, "SKU-5", 100)
    before = world.rows("select count(*) from outbox")

    assert waiting_work() == ["stock"]
    run_work("stock")

    for shop in ("woo-1", "tmall-1"):
        shows = shown(world.sandbox, shop)
        assert (shows["SKU-4"], shows["SKU-5"]) == (3, UNITS)
    run_work("stock")
    assert world.rows("select count(*) from outbox") == [(before[0][0] + 2,)]
