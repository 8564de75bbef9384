"""The commands of review: rules tried and put in force, the blacklist, usual prices."""

import json
from pathlib import Path

import pytest

from models.errors import SetupError
from tests.deployments.calling import run
from tests.fakes import FakePool, payload


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "given"


def test_the_rules_that_are_shown_can_be_put_in_force_as_they_are(pool: FakePool, file: Path) -> None:
    file.write_text(run("rules", "show"), "utf-8")

    assert "version 0 is in force already" in run("rules", "use", file, "--note", "the same")


def test_rules_are_tried_then_used_then_reset(pool: FakePool, file: Path) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2, customer_note="先别发货")])
    pool.through_the_stages(to="route")
    file.write_text("high_value: {limit_fen: 2000}\nremark: {active: false}\n")

    tried = run("rules", "try", file)
    assert "2 open orders; putting these rules in force would change" in tried
    assert "  held HIGH_VALUE: 2 - 1, 2\n  freed REMARK: 1 - 2\n" in tried
    told = json.loads(run("rules", "try", file, "--json"))
    assert told["open"]["held"] == {"HIGH_VALUE": {"count": 2, "orders": ["1", "2"]}}

    used = run("rules", "use", file, "--note", "small limit")
    assert "version 1 is in force\n2 open orders reviewed again: 2 holds placed, 1 ended" in used
    assert pool.holds() == {"1": ["HIGH_VALUE"], "2": ["HIGH_VALUE"]}
    assert "small limit" in run("rules", "show")

    assert "version 2 is in force" in run("rules", "reset", "--note", "back")
    assert pool.holds() == {"2": ["REMARK"]}


def test_a_file_of_rules_that_is_wrong_is_told_by_its_name(pool: FakePool, file: Path) -> None:
    file.write_text("repeat: {minutes: 3}")

    with pytest.raises(SetupError, match=f"review rules {file}: repeat: minutes is not a setting"):
        run("rules", "try", file)


def test_the_blacklist_is_filled_listed_and_ended(pool: FakePool, file: Path) -> None:
    assert "entry 1" in run("blacklist", "add", "--phone", "13800005678", "--reason", "refuses parcels")
    file.write_text("kind,value,shop,reason\nbuyer,b-123456,WOO,resells\n")
    assert "1 added" in run("blacklist", "import", file)

    assert "138****5678" in run("blacklist", "list")
    assert "13800005678" not in run("blacklist", "list", "--json")
    assert "entry 1 ended" in run("blacklist", "end", "1")
    assert "138****" not in run("blacklist", "list")


def test_an_entry_names_one_thing(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="want one of --phone, --address and --buyer"):
        run("blacklist", "add", "--phone", "13800005678", "--buyer", "b", "--reason", "x")


def test_usual_prices_come_from_a_file(pool: FakePool, file: Path) -> None:
    pool.stock(TEA=1)
    file.write_text("code,usual_yuan\nTEA,19.90\n")

    assert "1 new" in run("sku", "prices", file)
    assert pool.rows("select usual_fen, given from sku_price") == [(1990, True)]
