"""Carriers of warehouses, their prices and the rules for them are read as a whole, or refused cell by cell."""

from pathlib import Path

import pytest

from models.errors import SetupError
from tasks.carrier_files import import_carriers, import_rates, import_rules
from tests.fakes import FakePool


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def test_carriers_of_a_warehouse_are_read_in_chinese(pool: FakePool, sheet: Path) -> None:
    sheet.write_text(
        "仓库编码,快递,优先级,揽收截止,最低重量(克),最高重量(克),货到付款\nWH-A,顺丰速运,2,20:00,,5000,否\n"
    )

    assert import_carriers(sheet).added == 1
    assert pool.rows(
        "select carrier, priority, cutoff::text, min_weight_g, max_weight_g, cod from warehouse_carrier"
    ) == [("shunfeng", 2, "20:00:00", 0, 5000, False)]


def test_a_file_is_the_whole_of_the_warehouses_it_names(pool: FakePool, sheet: Path) -> None:
    sheet.write_text("warehouse,carrier,priority\nWH-A,yunda,1\nWH-A,shunfeng,2\nWH-B,yunda,1\n")
    import_carriers(sheet)
    sheet.write_text("warehouse,carrier,priority\nWH-A,yunda,3\n")

    done = import_carriers(sheet)

    assert (done.added, done.changed, done.same, done.removed) == (0, 1, 0, 1)
    assert pool.rows("select carrier, priority from warehouse_carrier order by warehouse_id") == [
        ("yunda", 3),
        ("yunda", 1),
    ]


def test_rates_are_stored_in_fen_by_the_most_local_division(pool: FakePool, sheet: Path) -> None:
    sheet.write_text(
        "warehouse,carrier,division,first_g,first_yuan,step_g,step_yuan,days\n"
        "WH-A,yunda,全国,1000,8.5,500,4,4\nWH-A,yunda,浙江省,,3.00,,1.2,1\n"
    )

    assert import_rates(sheet).added == 2
    assert pool.rows(
        """select division_code, first_g, first_fen, step_g, step_fen, transit_days from carrier_rate
           order by 1"""
    ) == [("", 1000, 850, 500, 400, 4), ("330000", 1000, 300, 1000, 120, 1)]


def test_rates_of_other_carriers_stay(pool: FakePool, sheet: Path) -> None:
    sheet.write_text("warehouse,carrier,division,first_yuan,step_yuan\nWH-A,yunda,全国,8,4\nWH-A,shunfeng,全国,18,9\n")
    import_rates(sheet)
    sheet.write_text("warehouse,carrier,division,first_yuan,step_yuan\nWH-A,yunda,浙江省,3,1\n")

    done = import_rates(sheet)

    assert (done.added, done.removed) == (1, 1)
    assert pool.rows("select carrier, division_code from carrier_rate order by 1") == [
        ("shunfeng", ""),
        ("yunda", "330000"),
    ]


def test_rules_are_kept_in_the_order_of_their_rows(pool: FakePool, sheet: Path) -> None:
    sheet.write_text("effect,carrier,shop,division,cod\nnever,yunda,,西藏自治区,\n必须,shunfeng,WOO,,是\n")
    import_rules(sheet)

    assert pool.rows(
        "select position, effect, carrier, shop_code, division_code, cod from carrier_rule order by 1"
    ) == [
        (1, "never", "yunda", "", "540000", None),
        (2, "only", "shunfeng", "WOO", "", True),
    ]


def test_a_file_without_rows_ends_all_rules(pool: FakePool, sheet: Path) -> None:
    sheet.write_text("effect,carrier\nnever,yunda\n")
    import_rules(sheet)
    sheet.write_text("effect,carrier\n")

    assert import_rules(sheet).removed == 1
    assert pool.rows("select 1 from carrier_rule") == []


def test_every_bad_cell_of_rates_is_named_and_nothing_is_written(pool: FakePool, sheet: Path) -> None:
    sheet.write_text(
        "warehouse,carrier,division,first_g,first_yuan,step_yuan,days\n"
        "WH-X,pigeon,火星,0,-1,x,99\nWH-A,yunda,全国,1000,1,1,1\nWH-A,yunda,中国,1000,2,1,1\n"
    )

    with pytest.raises(SetupError) as refused:
        import_rates(sheet)

    said = str(refused.value)
    assert "line 2, warehouse 'WH-X': there is no such warehouse" in said
    assert "line 2, carrier 'pigeon': is not a carrier we know" in said
    assert "line 2, division '火星': names no division" in said
    assert "line 2, first_g '0': is not above 0" in said
    assert "line 2, first_yuan '-1': is below 0" in said
    assert "line 2, step_yuan 'x'" in said
    assert "line 2, days '99': is more than 60 days" in said
    assert "line 4, division: line 3 says the same warehouse and carrier and division already" in said
    assert pool.rows("select 1 from carrier_rate") == []


def test_a_weight_range_that_is_empty_and_an_unknown_shop_are_refused(pool: FakePool, sheet: Path) -> None:
    sheet.write_text("effect,carrier,shop,min_weight_g,max_weight_g\nnever,yunda,S9,500,500\nsometimes,yunda,,,\n")

    with pytest.raises(SetupError) as refused:
        import_rules(sheet)

    said = str(refused.value)
    assert "line 2, max_weight_g '500': is not above min_weight_g, 500" in said
    assert "line 2, shop 'S9': there is no such shop" in said
    assert "line 3, effect 'sometimes': is none of only, prefer, never" in said
