"""`orderpool floor` as a person gives it."""

import re
from pathlib import Path

import pytest

from tests.deployments.calling import answer, run
from tests.fakes import FakePool
from tests.tasks.floor.house import House

BADGE = re.compile(r"PB-[A-Z2-7]{20}")


@pytest.fixture
def house(pool: FakePool) -> House:
    """WH-A as an own warehouse with stock."""
    pool.stock(TEA=10, CUP=10)
    return House(pool)


def test_waves_are_made_and_shown(house: House, tmp_path: Path) -> None:
    house.orders({"TEA": 1, "CUP": 1}, {"TEA": 2})
    file = tmp_path / "places.csv"
    file.write_text("sku,place,note\nTEA,A-01,\nCUP,A-02,\n")

    assert run("floor", "places", file, "--warehouse", "WH-A").splitlines() == [
        "places: 2 added, 0 changed, 0 as they were",
        "columns that mean nothing here: note",
    ]
    assert run("floor", "waves", "--warehouse", "WH-A") == "2 documents wait for a wave\n"
    (no,) = re.findall(r"WV\d{14}", run("floor", "make-waves", "--warehouse", "WH-A"))
    assert run("floor", "make-waves", "--warehouse", "WH-A") == "0 waves made\n"
    assert run("floor", "waves", "--warehouse", "WH-A").splitlines() == [
        f"{no}  mixed, zone A, yuantong, no last pick-up: open, 0 of 2 documents done",
        "0 documents wait for a wave",
    ]
    house.fetch(no)
    house.cancel(house.pool.rows("select no from outbound_document order by id")[0][0])
    said = run("floor", "waves", "--warehouse", "WH-A")
    assert "picked by 王芳, 1 of 2 documents done" in said
    assert "asked back: 2 units are to be put back" in said


def test_badges_are_made_shown_once_and_ended(house: House) -> None:
    said = run("floor", "badge", "李雷", "--warehouse", "WH-A")
    (badge,) = BADGE.findall(said)
    listed = run("floor", "pickers")

    assert badge not in listed
    assert [line.split()[:3] for line in listed.splitlines()] == [["WH-A", "李雷", "not"], ["WH-A", "王芳", "last"]]
    assert run("floor", "end-badge", "李雷", "--warehouse", "WH-A") == "李雷 signs in at WH-A no more\n"
    assert "李雷  badge ended" in run("floor", "pickers")


def test_a_warehouse_with_a_system_of_its_own_is_named(house: House) -> None:
    code, said = answer("floor", "make-waves", "--warehouse", "WH-B")
    assert (code, said) == (
        1,
        "orderpool: warehouse WH-B: works with webhook, not with handhelds; import it with wms handheld\n",
    )
