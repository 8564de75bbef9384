"""Rules are tried on past orders in memory: the same orders, the stock of then, both sides next to each other."""

from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from models.database import transaction
from models.errors import SetupError
from tasks.amend import step_back
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tasks.routing_trial import Trial, try_rules
from tests.fakes import NOON, FakePool, why


@pytest.fixture
def past(pool: FakePool) -> FakePool:
    """Three orders of TEA routed at noon to WH-A, whose area it is; WH-B has TEA as well."""
    pool.execute("insert into service_area (warehouse_id, division_code, priority) values (1, '330000', 1)")
    pool.stock(TEA=5, TEA_B=5)
    route_all(pool, pool.batch_of([{"TEA": 1}] * 3))
    return pool


def route_all(pool: FakePool, batch: int, at: datetime = NOON) -> None:
    for stage in (lock_batch, route_batch):
        with transaction() as conn:
            stage(conn, batch, why(at=at))


def tried(tmp_path: Path, text: str, days: int = 30) -> Trial:
    path = tmp_path / "routing.yaml"
    path.write_text(text)
    return try_rules(path, days, NOON + timedelta(hours=1))


def test_the_rules_in_force_route_past_orders_as_they_were_routed(past: FakePool, tmp_path: Path) -> None:
    found = tried(tmp_path, "rules: {}\n")

    assert (found.orders, found.changed) == (3, 0)
    assert (found.now.routed, found.now.unroutable, found.now.parcels) == (3, 0, 3)
    assert found.now.load("WH-A") == 3


def test_a_warehouse_that_is_taken_away_moves_its_orders(past: FakePool, tmp_path: Path) -> None:
    found = tried(tmp_path, "warehouses:\n  WH-A: {active: no}\n")

    assert found.changed == 3
    assert (found.now.load("WH-A"), found.tried.load("WH-A"), found.tried.load("WH-B")) == (3, 0, 3)
    assert found.tried.metres > found.now.metres
    assert found.tried.cost_fen > found.now.cost_fen


def test_a_limit_is_kept_day_by_day(past: FakePool, tmp_path: Path) -> None:
    found = tried(tmp_path, "warehouses:\n  WH-A: {daily_limit: 2}\n  WH-B: {active: no}\n")

    assert found.tried.busiest("WH-A") == (NOON.date(), 2)
    assert found.tried.load("WH-A") == 3


def test_other_areas_are_read_as_their_import_would(past: FakePool, tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text("warehouse,division,priority\nWH-A,广东省,1\nWH-B,浙江省,1\n")

    found = tried(tmp_path, "areas: areas.csv\n")

    assert found.tried.load("WH-B") == 3
    assert past.rows("select division_code from service_area") == [("330000",)]


def test_other_rates_change_the_cost(past: FakePool, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(
        "warehouse,carrier,division,first_yuan,step_yuan\nWH-A,yuantong,全国,7.00,1\nWH-B,yunda,全国,7.00,1\n"
    )

    assert tried(tmp_path, "rates: rates.csv\n").tried.cost_fen == 2100


def test_stock_is_what_lay_there_then(past: FakePool, tmp_path: Path) -> None:
    past.deliver_more("TEA", 50)  # learnt at noon
    route_all(past, past.batch_of([{"TEA": 6}]), NOON - timedelta(minutes=1))
    route_all(past, past.batch_of([{"TEA": 6}]), NOON + timedelta(minutes=1))

    found = tried(tmp_path, "rules: {split: false}\n")

    assert (found.tried.routed, found.tried.unroutable) == (4, 1)


def test_an_order_that_began_again_counts_once_and_gives_back_what_it_had(past: FakePool, tmp_path: Path) -> None:
    with transaction() as conn:
        step_back(conn, 1, [1], why(at=NOON + timedelta(minutes=1)))

    found = tried(tmp_path, "rules: {}\n")

    assert found.orders == 2


def test_orders_before_the_time_are_left_out(past: FakePool, tmp_path: Path) -> None:
    route_all(past, past.batch_of([{"TEA": 1}]), NOON - timedelta(days=3))

    assert tried(tmp_path, "rules: {}\n", days=2).orders == 3


def test_the_replay_cannot_write(past: FakePool) -> None:
    with transaction() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            route_batch(conn, 1, why())


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        ("warehouses: {WH-X: {active: no}}\n", "warehouses: WH-X: there is no such warehouse"),
        ("warehouses: {WH-A: {active: maybe}}\n", "WH-A: active 'maybe': is neither yes nor no"),
        ("warehouses: {WH-A: {colour: red}}\n", "WH-A: colour: is none of the settings active, cutoff, daily_limit"),
        ("warehouses: {WH-A: 5}\n", "want, per code of a warehouse"),
        ("areas: nowhere.csv\n", "nowhere.csv: cannot be read"),
        ("areas: {}\n", "areas: want the name of a CSV file"),
    ],
)
def test_what_a_file_says_wrongly_is_named(pool: FakePool, tmp_path: Path, text: str, obstacle: str) -> None:
    with pytest.raises(SetupError) as refused:
        tried(tmp_path, text)

    assert obstacle in str(refused.value)
