"""The stock formula in force: the shipped one, another one, and trying one."""

from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from tasks.stock_formula import FormulaInForce, formula_in_force, try_formula, use_formula
from tests.fakes import NOON, FakePool, why


def write(folder: Path, text: str) -> Path:
    path = folder / "formula.yaml"
    path.write_text(text)
    return path


def in_force() -> FormulaInForce:
    with transaction() as conn:
        return formula_in_force(conn)


def listing(pool: FakePool, item: str, sku: str) -> None:
    pool.execute(
        """insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
           select s.id, k.id, %s, '', true, 0, 0, '' from shop s, sku k where s.code = 'WOO' and k.code = %s""",
        item,
        sku,
    )


def test_the_shipped_formula_counts_until_another_one_is_used(pool: FakePool, tmp_path: Path) -> None:
    before = in_force()
    used = use_formula(write(tmp_path, "rules:\n  - plus: -2\n"), "two for the window", why())

    assert (before.version, before.formula.rules[0].steps[0].show) == (0, 20)
    assert used.version == in_force().version == 1
    assert (in_force().formula.rules[0].plus, in_force().note, in_force().made_by) == (-2, "two for the window", "test")


def test_the_same_formula_again_is_no_new_version(pool: FakePool, tmp_path: Path) -> None:
    use_formula(write(tmp_path, "rules:\n  - plus: -2\n"), "", why())

    assert use_formula(write(tmp_path, "# again\nrules: [{plus: -2}]\n"), "", why()).version == 1


def test_one_that_names_what_there_is_not_is_refused(pool: FakePool, tmp_path: Path) -> None:
    text = "rules:\n  - {}\n  - {shop: NIL, warehouses: [WH-A, WH-Z]}\n  - {channel: amazon}\n"

    with pytest.raises(SetupError) as caught:
        use_formula(write(tmp_path, text), "", why())

    assert "rule 2: there is no shop NIL" in str(caught.value)
    assert "rule 2: there is no warehouse WH-Z" in str(caught.value)
    assert "rule 3: no channel is called amazon; there are " in str(caught.value)
    assert in_force().version == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: [", "is no YAML"),
        ("- a\n", "want a list under `rules:`"),
        ("2026-01-01: 1\n", "cannot be kept"),
        ("rules: &a [*a]\n", "cannot be kept"),
        ("rules: 2026-02-31\n", "is no YAML"),
    ],
)
def test_a_file_that_is_no_formula_is_named(pool: FakePool, tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SetupError, match=f"stock formula {tmp_path}/formula.yaml: {fault}"):
        use_formula(write(tmp_path, text), "", why())


def test_a_code_that_looks_like_a_date_is_kept_as_it_was_written(pool: FakePool, tmp_path: Path) -> None:
    use_formula(write(tmp_path, "rules: [{}, {sku: 2026-01-01, plus: -2}]\n"), "", why())

    assert in_force().formula.rules[1].sku == "2026-01-01"


def test_a_missing_file_is_named(pool: FakePool, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.yaml: cannot be read"):
        use_formula(tmp_path / "nowhere.yaml", "", why())


def test_trying_a_formula_tells_what_would_change_and_writes_nothing(pool: FakePool, tmp_path: Path) -> None:
    pool.stock(TEA=70, CUP=30)
    listing(pool, "1", "TEA")
    listing(pool, "2", "CUP")

    count, differences = try_formula(write(tmp_path, "rules: [{}]\n"), NOON)

    assert count == 2
    assert [(found.sku, found.now, found.then) for found in differences] == [("CUP", 20, 30)]
    assert in_force().version == 0
    assert pool.rows("select count(*) from stock_push") == [(0,)]
