"""Kits from files: whole kits, and nothing that could not be sold as one."""

from pathlib import Path

import pytest

from models.errors import SetupError
from tasks.kits import import_kits, list_kits, remove_kit
from tests.fakes import FakePool, payload


@pytest.fixture
def shelves(pool: FakePool) -> FakePool:
    """TEA, CUP and POT on the shelves, GIFT and BOX known and nowhere."""
    pool.stock(TEA=10, CUP=7, POT=5)
    pool.execute("insert into sku (code, name, barcode, weight_g) values ('GIFT', '', '', 0), ('BOX', '', '', 0)")
    return pool


def imported(tmp_path: Path, *lines: str, header: str = "kit,component,quantity") -> tuple[int, int, int]:
    file = tmp_path / "kits.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    done = import_kits(file)
    return done.added, done.changed, done.same


def kits(pool: FakePool) -> list[tuple[str, str, int]]:
    return pool.rows(
        """select k.code, c.code, quantity from kit_component join sku k on k.id = kit_id
           join sku c on c.id = component_id order by 1, 2"""
    )


def test_a_file_says_what_kits_are_made_of(shelves: FakePool, tmp_path: Path) -> None:
    assert imported(tmp_path, "GIFT,TEA,1", "GIFT,CUP,2", "BOX,POT,3") == (2, 0, 0)

    assert kits(shelves) == [("BOX", "POT", 3), ("GIFT", "CUP", 2), ("GIFT", "TEA", 1)]


def test_the_same_file_again_changes_nothing(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,1", "BOX,POT,3")

    assert imported(tmp_path, "GIFT,TEA,1", "BOX,POT,3") == (0, 0, 2)


def test_a_kit_in_a_file_is_the_whole_kit_and_others_stay(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,1", "GIFT,CUP,2", "BOX,POT,3")

    assert imported(tmp_path, "GIFT,TEA,4") == (0, 1, 0)

    assert kits(shelves) == [("BOX", "POT", 3), ("GIFT", "TEA", 4)]


def test_headers_may_be_chinese_and_one_unit_is_meant_without_a_number(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,", header="套装编码,组件编码,数量")

    assert kits(shelves) == [("GIFT", "TEA", 1)]


@pytest.mark.parametrize(
    ("lines", "obstacle"),
    [
        (["GHOST,TEA,1"], "line 2, kit 'GHOST': there is no such SKU"),
        (["GIFT,GHOST,1"], "line 2, component 'GHOST': there is no such SKU"),
        (["GIFT,GIFT,1"], "a kit cannot hold itself"),
        (["GIFT,TEA,1", "BOX,GIFT,1"], "line 3, component 'GIFT': is a kit itself"),
        (["GIFT,TEA,0"], "is not above 0"),
        (["GIFT,TEA,1001"], "is more than 1000 units in one kit"),
        (["GIFT,TEA,1", "GIFT,TEA,2"], "line 2 says the same kit and component already"),
        (["TEA,CUP,1"], "line 2, kit 'TEA': cannot be a kit: 10 of it lie in WH-A"),
    ],
)
def test_what_cannot_be_a_kit_is_refused_with_its_line(
    shelves: FakePool, tmp_path: Path, lines: list[str], obstacle: str
) -> None:
    with pytest.raises(SetupError, match=obstacle):
        imported(tmp_path, *lines)

    assert kits(shelves) == []


def test_one_bad_row_leaves_the_whole_file_out(shelves: FakePool, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="1 of 2 rows cannot be used; nothing was written"):
        imported(tmp_path, "GIFT,TEA,1", "BOX,GHOST,1")

    assert kits(shelves) == []


def test_a_component_of_a_kit_cannot_become_one(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,BOX,1")

    with pytest.raises(SetupError, match="line 2, kit 'BOX': is a component of another kit"):
        imported(tmp_path, "BOX,TEA,1")


def test_a_kit_may_be_rebuilt_together_with_what_it_held(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,BOX,1")

    assert imported(tmp_path, "GIFT,TEA,1", "BOX,TEA,1") == (1, 1, 0)


def test_a_sku_that_is_promised_to_orders_cannot_become_a_kit(shelves: FakePool, tmp_path: Path) -> None:
    shelves.execute(
        "insert into promise_pool (sku_id, kind, limit_units, promised) select id, 'presale', 5, 2 from sku"
        " where code = 'GIFT'"
    )

    with pytest.raises(SetupError, match="2 of it are promised to orders"):
        imported(tmp_path, "GIFT,TEA,1")


def test_units_on_their_way_keep_a_sku_from_becoming_a_kit(shelves: FakePool, tmp_path: Path) -> None:
    shelves.execute(
        """insert into arrival (warehouse_id, sku_id, reference, expected, received, expected_at)
           select w.id, k.id, 'PO1', 9, 0, '2026-12-01' from warehouse w, sku k
           where w.code = 'WH-A' and k.code = 'GIFT'"""
    )

    with pytest.raises(SetupError, match="9 of it are expected in WH-A"):
        imported(tmp_path, "GIFT,TEA,1")


def test_kits_are_listed_with_what_can_be_sold_of_them(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,1", "GIFT,CUP,2", "BOX,POT,1")

    assert [(kit.code, kit.components, kit.sellable) for kit in list_kits()] == [
        ("BOX", {"POT": 1}, 5),
        ("GIFT", {"CUP": 2, "TEA": 1}, 3),
    ]


def test_a_kit_that_is_removed_is_sold_from_its_own_stock(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,1")

    remove_kit("GIFT")

    assert kits(shelves) == []
    with pytest.raises(SetupError, match="kit GIFT: cannot be removed"):
        remove_kit("GIFT")


def test_an_order_locks_what_the_file_says(shelves: FakePool, tmp_path: Path) -> None:
    imported(tmp_path, "GIFT,TEA,1", "GIFT,CUP,2")
    shelves.take([payload(1, units={"GIFT": 3})])
    shelves.through_the_stages()

    assert (shelves.locked("TEA"), shelves.locked("CUP")) == (3, 6)
    assert shelves.untrue() == []
