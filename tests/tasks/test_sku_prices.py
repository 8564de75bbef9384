"""Usual prices: medians of accepted lines, unless a person says otherwise."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.database import transaction
from models.errors import SetupError
from tasks.sku_prices import LearntCount, import_prices, learn_prices
from tests.fakes import NOON, FakePool, payload


@pytest.fixture
def sold(pool: FakePool) -> FakePool:
    """Three lines of TEA for 20, 20 and 30 yuan a unit that took stock, and one order that is held."""
    pool.stock(TEA=100, CUP=100)
    pool.take([dear(1, 20), dear(2, 20), dear(3, 30), payload(4, units={"CUP": 1}, customer_note="先别发货")])
    pool.through_the_stages(to="lock_stock")
    return pool


def dear(no: int, yuan: int) -> dict[str, Any]:
    line = payload(no)["line_items"][0] | {"quantity": 2}
    return payload(
        no, total=f"{2 * yuan}.00", line_items=[line | dict.fromkeys(("subtotal", "total"), f"{2 * yuan}.00")]
    )


def prices(pool: FakePool) -> list[tuple[Any, ...]]:
    return pool.rows(
        "select k.code, usual_fen, line_count, given from sku_price p join sku k on k.id = p.sku_id order by 1"
    )


def learn(days_later: int = 0) -> LearntCount:
    with transaction() as conn:
        return learn_prices(conn, NOON + timedelta(days=days_later))


def test_the_median_of_accepted_lines_is_learnt(sold: FakePool) -> None:
    assert learn() == LearntCount(new=1, changed=0, lines=3)
    assert prices(sold) == [("TEA", 2000, 3, False)]


def test_learning_again_changes_nothing(sold: FakePool) -> None:
    learn()

    assert learn() == LearntCount(new=0, changed=0, lines=3)


def test_lines_before_the_days_of_the_rules_do_not_count_and_a_known_price_stays(sold: FakePool) -> None:
    learn()

    assert learn(days_later=31).lines == 0
    assert prices(sold) == [("TEA", 2000, 3, False)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.csv"


def test_a_given_price_stays_whatever_is_sold(sold: FakePool, file: Path) -> None:
    file.write_text("code,usual_yuan\nTEA,88.80\n")

    assert import_prices(file).added == 1
    learn()

    assert prices(sold) == [("TEA", 8880, 0, True)]


def test_zero_goes_back_to_what_is_learnt(sold: FakePool, file: Path) -> None:
    for yuan in ("88.80", "0"):
        file.write_text(f"商家编码,常规价\nTEA,{yuan}\n", "utf-8")
        done = import_prices(file)
    learn()

    assert done.removed == 1
    assert prices(sold) == [("TEA", 2000, 3, False)]


def test_the_same_file_again_changes_nothing(sold: FakePool, file: Path) -> None:
    file.write_text("code,usual_yuan\nTEA,88.80\n")
    import_prices(file)

    done = import_prices(file)

    assert (done.added, done.changed, done.same) == (0, 0, 1)


@pytest.mark.parametrize(
    ("row", "obstacle"),
    [
        ("NOPE,5", "there is no such SKU"),
        ("TEA,dear", "want yuan such as 19.90"),
        ("TEA,-5", "is not from 0"),
        ("TEA,5\nTEA,6", "says the same code already"),
    ],
)
def test_a_bad_row_stops_its_file(sold: FakePool, file: Path, row: str, obstacle: str) -> None:
    file.write_text(f"code,usual_yuan\n{row}\n")

    with pytest.raises(SetupError, match=obstacle):
        import_prices(file)

    assert prices(sold) == []
