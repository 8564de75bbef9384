"""`orderpool floor print` as a person gives it."""

import stat
from pathlib import Path

import pytest

from models.settings import clock
from tests.deployments.calling import answer, run
from tests.fakes import FakePool
from tests.printed import pages
from tests.tasks.shipping import dispatched


@pytest.fixture
def house(pool: FakePool) -> FakePool:
    """An own warehouse with one accepted document of 3 TEA and 1 CUP."""
    dispatched(pool)
    pool.execute("update warehouse set wms = 'handheld', name = '杭州自营仓' where code = 'WH-A'")
    pool.execute("update outbound_document set state = 'accepted', accepted_at = %s", clock().now())
    return pool


def test_a_wave_is_printed_with_its_slips(house: FakePool, tmp_path: Path) -> None:
    run("floor", "make-waves", "--warehouse", "WH-A")
    ((wave,),) = house.rows("select no from wave")
    ((document,),) = house.rows("select no from outbound_document")
    listed, slips = tmp_path / "list.pdf", tmp_path / "slips.pdf"

    said = run("floor", "print", "wave", wave, "--to", listed)
    assert said == f"{listed}: 2 SKUs for 1 documents of {wave}\n"
    assert run("floor", "print", "slips", wave, "--to", slips, "--size", "a6") == f"{slips}: 1 slips\n"
    assert [page.codes for page in pages(listed.read_bytes())] == [[wave, "CUP", "TEA"], [document]]
    assert [(page.size, page.codes) for page in pages(slips.read_bytes())] == [((105, 148), [document])]


def test_documents_are_printed_by_number(house: FakePool, tmp_path: Path) -> None:
    ((no,),) = house.rows("select no from outbound_document")
    listed, slips = tmp_path / "list.pdf", tmp_path / "slips.pdf"

    assert run("floor", "print", "documents", no, "--to", listed) == f"{listed}: 2 SKUs for 1 documents\n"
    run("floor", "print", "slips", no, "--to", slips)
    assert [page.codes for page in pages(listed.read_bytes())] == [["CUP", "TEA"], [no]]
    assert [(page.size, page.codes) for page in pages(slips.read_bytes())] == [((100, 150), [no])]


def test_what_a_warehouse_has_not_got_is_printed_at_once(pool: FakePool, tmp_path: Path) -> None:
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}, {"TEA": 2}])
    pool.through_the_stages()
    nos = [row[0] for row in pool.rows("select no from outbound_document order by id")]
    listed = tmp_path / "list.pdf"

    run("floor", "print", "documents", "--undelivered", "WH-A", "--to", listed)
    assert [page.codes for page in pages(listed.read_bytes())] == [["TEA"], nos]
    code, said = answer("floor", "print", "documents", "--undelivered", "WH-B", "--to", listed)
    assert (code, said) == (1, "orderpool: 0 documents: 1 to 500 can be printed at once\n")


def test_badges_are_printed_into_a_file_of_its_owner(house: FakePool, tmp_path: Path) -> None:
    sheet = tmp_path / "badges.pdf"
    said = run("floor", "print", "badge", "王芳", "李雷", "--warehouse", "WH-A", "--to", sheet)
    (page,) = pages(sheet.read_bytes())

    assert said.startswith(f"{sheet}: 2 badges; ")
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    assert [code.startswith("PB-") for code in page.codes] == [True, True]
    assert "王芳" in page.text
    assert "WH-A 杭州自营仓" in page.text


def test_no_badge_is_made_that_cannot_be_written_down(house: FakePool, tmp_path: Path) -> None:
    sheet = tmp_path / "missing" / "badges.pdf"

    assert answer("floor", "print", "badge", "王芳", "--warehouse", "WH-A", "--to", sheet) == (
        1,
        f"orderpool: {sheet}: cannot be written: No such file or directory\n",
    )
    assert house.rows("select 1 from picker") == []


@pytest.mark.parametrize(
    ("wish", "obstacle"),
    [
        (["wave", "WV1"], "wave WV1: is not in the pool"),
        (["slips", "WV1"], "wave WV1: is not in the pool"),
        (["slips", "OB1", "--size", "a3"], "size a3: slips are 100x150 or a6"),
        (["documents", "OB1"], "document OB1: is not in the pool"),
    ],
)
def test_what_cannot_be_printed_is_named(house: FakePool, tmp_path: Path, wish: list[str], obstacle: str) -> None:
    code, said = answer("floor", "print", *wish, "--to", tmp_path / "out.pdf")

    assert (code, said.startswith(f"orderpool: {obstacle}")) == (1, True)
    assert list(tmp_path.iterdir()) == []
