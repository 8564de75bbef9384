"""Sheets in and out of the console: what goes out comes in again as it was, and nothing in it is run."""

import csv
import io
from collections.abc import Callable

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from tasks.workbook_reader import MAX_COLUMNS
from tests.fakes import FakePool
from tests.web.console.conftest import Browser
from web.console.sheets import EXPORTS_AT_ONCE, exporting

SignedIn = Callable[[str], Browser]
NAMES = ["=1+1", "＝1+1", "+86", "-5", "@x", "plain", '\u4e2d\u6587, "quoted"', "'quoted", "007"]
GUARDED = "'=1"


@pytest.fixture
def odd_skus(pool: FakePool) -> None:
    """SKUs with names that a spreadsheet would run or change."""
    for number, name in enumerate([*NAMES, GUARDED]):
        pool.execute(
            "insert into sku (code, name, barcode, weight_g) values (%s, %s, %s, %s)",
            f"S{number}", name, f"00{number}", number,
        )  # fmt: skip


def upload(browser: Browser, path: str, name: str, content: bytes) -> httpx.Response:
    return browser.post(path, data={"csrf": browser.csrf}, files={"file": (name, content)})


@pytest.mark.usefixtures("odd_skus")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_skus_come_in_as_they_went_out(pool: FakePool, signed_in: SignedIn, kind: str) -> None:
    browser = signed_in("admin")
    before = pool.rows("select code, name, barcode, weight_g from sku order by code")
    sheet = browser.get(f"/console/skus/export/{kind}").content
    pool.execute("delete from sku")
    answer = upload(browser, "/console/skus/import", f"skus.{kind}", sheet)

    assert answer.status_code == 303
    assert pool.rows("select code, name, barcode, weight_g from sku order by code") == before


@pytest.mark.usefixtures("odd_skus")
def test_a_csv_has_no_cell_that_begins_a_formula(signed_in: SignedIn) -> None:
    answer = signed_in("desk").get("/console/skus/export/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))

    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["content-disposition"]
    assert [cell for row in rows for cell in row if cell[:1] in ("=", "＝", "+", "-", "@")] == []


@pytest.mark.usefixtures("odd_skus")
def test_a_workbook_has_texts_and_no_formulas(signed_in: SignedIn) -> None:
    book = load_workbook(io.BytesIO(signed_in("desk").get("/console/skus/export/xlsx").content))

    assert "f" not in {cell.data_type for row in book.active.iter_rows() for cell in row}
    assert [row[1] for row in book.active.iter_rows(min_row=2, values_only=True)][:-1] == NAMES


def test_an_export_is_noted_with_who_took_it(pool: FakePool, signed_in: SignedIn) -> None:
    signed_in("warehouse").get("/console/warehouses/export/csv")

    assert pool.rows("select actor, what, detail from access_log") == [
        ("person:warehouse", "exported", {"what": "warehouses", "kind": "csv", "rows": 2})
    ]


def test_no_more_exports_are_written_at_once_than_memory_is_meant_for(signed_in: SignedIn) -> None:
    browser = signed_in("desk")
    for _ in range(EXPORTS_AT_ONCE):
        exporting.acquire()
    refused = browser.get("/console/orders/export/csv")
    exporting.release(EXPORTS_AT_ONCE)

    assert refused.status_code == 429
    assert browser.get("/console/orders/export/csv").status_code == 200


@pytest.mark.parametrize("kind", ["pdf", "..%2fx"])
def test_a_kind_of_sheet_that_is_none_is_not_found(signed_in: SignedIn, kind: str) -> None:
    assert signed_in("admin").get(f"/console/skus/export/{kind}").status_code == 404


def test_areas_come_in_as_they_went_out(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    pool.execute("insert into service_area select '330000', id, 3 from warehouse where code = 'WH-A'")
    pool.execute("insert into service_area select '', id, 1 from warehouse where code = 'WH-B'")
    before = pool.rows("select division_code, warehouse_id, priority from service_area where division_code <> ''")
    sheet = browser.get("/console/areas/export/xlsx").content
    pool.execute("delete from service_area")
    upload(browser, "/console/areas/import", "areas.xlsx", sheet)

    assert set(before) <= set(pool.rows("select division_code, warehouse_id, priority from service_area"))


def test_the_bad_rows_of_a_file_are_told_by_line_under_its_name(pool: FakePool, signed_in: SignedIn) -> None:
    answer = upload(signed_in("admin"), "/console/skus/import", "C:\\mine\\skus.csv", b"code,weight_g\nA,1\nB,much\n")

    assert answer.status_code == 409
    assert "skus.csv：2 行中有 1 行不可用" in answer.text
    assert "第 3 行 weight_g" in answer.text
    assert "/tmp" not in answer.text
    assert pool.rows("select count(*) from sku") == [(0,)]


def test_the_secrets_made_for_a_new_warehouse_are_shown_once(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("warehouse")
    sheet = "code,name,division,endpoint\nWH-C,North,110105,http://127.0.0.1:9/in\n"
    answer = upload(browser, "/console/warehouses/import", "w.csv", sheet.encode())

    assert "whsec_" in answer.text
    assert "whsec_" not in browser.get("/console/warehouses").text
    assert "whsec_" not in str(pool.rows("select before, after from setup_change"))


@pytest.mark.parametrize("files", [{}, {"file": ("", b"")}])
def test_no_file_is_told_plainly(signed_in: SignedIn, files: dict[str, tuple[str, bytes]]) -> None:
    browser = signed_in("admin")
    answer = browser.post("/console/skus/import", data={"csrf": browser.csrf}, files=files)

    assert (answer.status_code, "请先选择文件" in answer.text) == (400, True)


def test_a_file_that_is_too_large_is_refused(signed_in: SignedIn) -> None:
    assert upload(signed_in("admin"), "/console/skus/import", "s.csv", b"x" * 8_100_000).status_code == 413


def test_a_file_that_is_no_sheet_is_told_plainly(signed_in: SignedIn) -> None:
    answer = upload(signed_in("admin"), "/console/skus/import", "s.xlsx", b"PK\x03\x04 no workbook")

    assert (answer.status_code, "s.xlsx：无法读取" in answer.text) == (409, True)


def test_a_cell_in_the_last_corner_is_told_and_ends_nothing(signed_in: SignedIn) -> None:
    book = Workbook()
    book.active["A1"], book.active["XFD1048576"] = "code", "far"
    file = io.BytesIO()
    book.save(file)
    answer = upload(signed_in("admin"), "/console/skus/import", "s.xlsx", file.getvalue())

    assert (answer.status_code, "s.xlsx：无法读取：文件过大或已损坏" in answer.text) == (409, True)


def test_a_sheet_with_too_many_columns_is_told(signed_in: SignedIn) -> None:
    book = Workbook()
    book.active.append(["code", *map(str, range(MAX_COLUMNS))])
    file = io.BytesIO()
    book.save(file)

    assert (
        f"上限为 {MAX_COLUMNS} 列" in upload(signed_in("admin"), "/console/skus/import", "s.xlsx", file.getvalue()).text
    )
