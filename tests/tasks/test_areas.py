"""What no warehouse serves is told once, at the highest division that lacks a warehouse."""

import pytest

from models.rules.divisions import divisions
from tasks.areas import coverage, gaps, uncovered
from tests.fakes import FakePool

PROVINCES = {found.code for found in divisions().values() if found.level == "province"}


def said(served: set[str], province: str) -> list[str]:
    return [str(gap) for gap in gaps(served) if gap.division.code[:2] == province[:2]]


def test_every_province_covered_leaves_no_gap() -> None:
    assert gaps(PROVINCES) == []


def test_the_whole_country_leaves_no_gap() -> None:
    assert gaps({""}) == []


def test_a_province_without_any_area_is_one_gap() -> None:
    assert said(PROVINCES - {"440000"}, "440000") == ["440000 广东省: uncovered"]


def test_prefectures_are_rolled_up_in_their_province() -> None:
    prefectures = {found.code for found in divisions().values() if found.parent_code == "440000"}

    (line,) = said((PROVINCES | prefectures) - {"440000", "440300", "441900"}, "440000")

    assert line == "440000 广东省: 2 of 21 prefectures uncovered: 深圳市, 东莞市"


def test_counties_are_told_under_their_prefecture() -> None:
    prefectures = {found.code for found in divisions().values() if found.parent_code == "440000"}
    served = (PROVINCES | prefectures | {"440305"}) - {"440000", "440300"}

    (line,) = said(served, "440000")

    assert line.startswith("440300 深圳市: 8 of 9 counties uncovered: 罗湖区, ")


def test_each_uncovered_division_is_one_row_of_the_table() -> None:
    prefectures = {found.code for found in divisions().values() if found.parent_code == "440000"}
    served = (PROVINCES | prefectures) - {"440000", "440300", "650000"}

    assert uncovered(gaps(served)) == [
        ("440300", "深圳市", "prefecture", "广东省"),
        ("650000", "新疆维吾尔自治区", "province", "新疆维吾尔自治区"),
    ]


@pytest.mark.parametrize(("active", "provinces"), [(True, 33), (False, 34)])
def test_only_active_warehouses_cover(pool: FakePool, active: bool, provinces: int) -> None:
    pool.execute("insert into service_area (warehouse_id, division_code, priority) values (1, '330000', 1)")
    pool.execute("update warehouse set active = %s", active)

    assert len(uncovered(coverage())) == provinces
