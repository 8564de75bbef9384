"""The commands of routing: areas and carriers from files, rules put in force or tried, shortages decided."""

import json
from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tests.deployments.calling import run
from tests.fakes import FakePool, why


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "routing.yaml"


def route(pool: FakePool, *demands: dict[str, int]) -> None:
    batch = pool.batch_of(demands)
    for stage in (lock_batch, route_batch):
        with transaction() as conn:
            stage(conn, batch, why())


@pytest.fixture
def short(pool: FakePool) -> FakePool:
    """An order of 5 TEA that may not be split; WH-A has 3, WH-B has 2."""
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    route(pool, {"TEA": 5})
    return pool


def test_coverage_names_each_gap(pool: FakePool) -> None:
    pool.execute("insert into service_area values ('440000', 1, 1)")

    said = run("area", "coverage")

    assert "330000 浙江省: uncovered\n" in said
    assert "广东省" not in said
    assert said.endswith("33 divisions are uncovered\n")
    assert run("area", "coverage", "--csv").splitlines()[0] == "code,name,level,province"


def test_carriers_rates_and_rules_are_imported(pool: FakePool, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("warehouse,carrier\nWH-A,yunda\n")
    assert run("warehouse", "carriers", sheet) == "carriers of warehouses: 1 added, 0 changed, 0 as they were\n"
    sheet.write_text("warehouse,carrier,division,first_yuan,step_yuan\nWH-A,yunda,全国,8,4\n")
    assert run("carrier-rate", "import", sheet) == "carrier rates: 1 added, 0 changed, 0 as they were\n"
    sheet.write_text("effect,carrier\nnever,yunda\n")
    assert run("carrier-rule", "import", sheet) == "carrier rules: 1 added, 0 changed, 0 as they were\n"


def test_rules_are_put_in_force_and_shown(pool: FakePool, file: Path) -> None:
    file.write_text("rules:\n  least_part_fen: 5000\nareas: areas.csv\n")

    said = run("routing", "use", file, "--note", "no small parts")

    assert said.splitlines() == [
        "routing rules: version 1 is in force",
        "areas: only tried, not taken over; use `orderpool area import`",
    ]
    shown = run("routing", "show")
    assert "  least_part_fen: 5000  (usually 0)\n" in shown
    assert "no small parts" in shown
    assert json.loads(run("routing", "show", "--json"))[0]["rules"]["least_part_fen"] == 5000


def test_a_file_without_rules_puts_nothing_in_force(pool: FakePool, file: Path) -> None:
    file.write_text("areas: areas.csv\n")

    with pytest.raises(SetupError, match="has no section rules"):
        run("routing", "use", file, "--note", "")


def test_a_trial_shows_both_sides_and_what_it_assumes(pool: FakePool, file: Path) -> None:
    pool.stock(TEA=5, TEA_B=5)
    route(pool, {"TEA": 1}, {"TEA": 2})
    file.write_text("warehouses:\n  WH-A: {active: no}\n  WH-B: {daily_limit: 9}\n")

    said = run("routing", "try", file, "--days", "2")

    assert "2 orders routed from 2026-11-18 13:00 to 2026-11-20 13:00, routed again:" in said
    assert [line.split()[-2:] for line in said.splitlines() if "WH-B documents" in line] == [["0", "2"]]
    assert "2 of 9 (11-20)" in said
    assert "2 orders are served otherwise" in said
    assert said.count("assumed: ") == 3
    told = json.loads(run("routing", "try", file, "--json"))
    assert (told["changed"], told["tried"]["parcels"], told["tried"]["promised"]) == (2, 2, 0)
    assert told["tried"]["warehouses"] == {
        "WH-B": {"documents": 2, "busiest_day": "2026-11-20", "busiest_documents": 2, "daily_limit": 9}
    }


def test_shortages_are_listed_and_decided(short: FakePool) -> None:
    said = run("shortages")
    assert "order 1 of WOO  split: split: ship from WH-A + WH-B" in said
    ids = {each["kind"]: each["id"] for each in json.loads(run("shortages", "--json"))}

    moved = run("shortages", "choose", ids["transfer"])

    assert "order 1 goes on when what is moved has arrived\nfrom,to,sku,units,reference,expected_at\n" in moved
    assert run("shortages") == "nothing to decide\n"


def test_a_dismissed_option_is_gone(short: FakePool) -> None:
    (first, *_) = json.loads(run("shortages", "--json"))

    assert run("shortages", "dismiss", first["id"]) == f"option {first['id']}: not for order 1\n"

    assert first["id"] not in {each["id"] for each in json.loads(run("shortages", "--json"))}


def test_an_orders_story_says_why_it_is_served_as_it_is(pool: FakePool) -> None:
    pool.execute("insert into service_area values ('330000', 1, 1)")
    pool.stock(TEA=1, TEA_B=5)
    route(pool, {"TEA": 1}, {"TEA": 2})

    assert "  routing: the area's warehouse serves it whole\n" in run("order", "show", "1")
    other = run("order", "show", "2")
    assert "    2 from WH-B by yunda, 0 shipped\n" in other
    assert "  routing: the area's warehouse does not have all units\n" in other


def test_an_orders_story_names_the_carrier_of_its_document_also_after_another_became_usual(pool: FakePool) -> None:
    pool.stock(TEA=1)
    batch = pool.batch_of([{"TEA": 1}])
    for stage in (lock_batch, route_batch, dispatch_batch):
        with transaction() as conn:
            stage(conn, batch, why())

    pool.execute("update warehouse set carrier = 'shunfeng'")

    assert "    1 from WH-A by yuantong, 0 shipped\n" in run("order", "show", "1")
