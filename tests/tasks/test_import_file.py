"""A file of exported orders: every row once, counted by payment, rejected rows with line and reason."""

import csv
from pathlib import Path

import pytest

from models.database import connect
from models.errors import FeedError, SetupError
from tasks.import_file import ImportCount, import_file
from tasks.setup import add_shop

MAPPING = """
name: report
version: 1
kind: header
file: {}
order:
  order_no: 订单编号
  created_at: 创建时间
  paid_at: 付款时间
  total_fen: 总金额
  paid_fen: 实付
  refunded_fen: 退款
pay_state:
  rules:
    - when: {付款时间: {empty: true}}
      is: unpaid
  otherwise: finished
receiver:
  province: 地址
"""
HEADER = "订单编号,总金额,实付,地址 ,创建时间,付款时间 ,退款"
ROWS = """1,178.80,0.00,上海,2020-02-21 00:00:00,,0.00
2,21.00,21.00,内蒙古自治区,2020-02-20 23:59:54,2020-02-21 00:00:02,0.00
3,37.00,0.00,安徽省,2020-02-20 23:59:00,2020-02-21 00:01:00,37.00
4,157.00,137.00,湖南省,2020-02-20 23:58:35,2020-02-20 23:58:44,20.00
5,50.00,40.00,江苏省,2020-02-20 23:58:35,2020-02-20 23:58:44,40.00
6,157.00,157.00,湖南省,yesterday,2020-02-20 23:58:44,0.00
2,21.00,21.00,内蒙古自治区,2020-02-20 23:59:54,2020-02-21 00:00:02,0.00"""


@pytest.fixture
def folder(database: str, tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    add_shop("S", "file")
    return tmp_path


def run(folder: Path, rows: str = ROWS, shop: str = "S") -> ImportCount:
    path = folder / "orders.csv"
    path.write_text(f"{HEADER}\n{rows}\n", encoding="utf-8")
    return import_file(shop, path, folder / "m.yaml", "person:test", folder / "rejected.csv")


def rows_of(query: str) -> list[tuple[object, ...]]:
    with connect() as conn:
        return conn.execute(query.encode()).fetchall()


def test_every_row_is_counted_once(folder: Path) -> None:
    count = run(folder)

    assert count.groups == {"paid": 1, "unpaid": 1, "refunded_part": 1, "refunded_full": 2, "rejected": 2}
    assert sum(count.groups.values()) == len(ROWS.splitlines())
    assert rows_of("select kind, count(*) from orders group by 1") == [("header", 5)]


def test_rejected_rows_are_written_with_line_and_reason(folder: Path) -> None:
    run(folder)

    with (folder / "rejected.csv").open(encoding="utf-8-sig") as file:
        told = [(row["line"], row["order_no"], row["reason"]) for row in csv.DictReader(file)]

    assert [row[:2] for row in told] == [("7", "6"), ("8", "2")]
    assert "创建时间 = 'yesterday' is not a time" in told[0][2]
    assert told[1][2] == "repeats the order of line 3"


def test_a_second_import_changes_nothing(folder: Path) -> None:
    first = run(folder)
    before = rows_of("select * from orders order by id"), rows_of("select * from raw_order order by 1, 2")

    second = run(folder)

    assert second.groups == first.groups
    assert (second.stored, second.changed) == (0, 0)
    assert (rows_of("select * from orders order by id"), rows_of("select * from raw_order order by 1, 2")) == before


def test_a_newer_export_brings_refunds_up_to_date(folder: Path) -> None:
    run(folder)

    later = run(folder, ROWS.splitlines()[1].replace(",0.00", ",21.00").replace(",21.00,21.00,", ",21.00,0.00,"))

    assert later.groups["refunded_full"] == 1
    assert (later.stored, later.changed) == (0, 0)
    assert rows_of("select refunded_fen, paid_fen from orders where order_no = '2'") == [(2100, 0)]


def test_headers_are_never_processed(folder: Path) -> None:
    run(folder)

    assert rows_of("select distinct stage from order_state") == [("ingested",)]
    assert rows_of("select distinct state from batch") == [("closed",)]


def test_a_missing_column_is_named(folder: Path) -> None:
    path = folder / "short.csv"
    path.write_text("订单编号,总金额\n1,2.00\n", encoding="utf-8")

    with pytest.raises(FeedError, match=r"short\.csv: lacks the column .*创建时间"):
        import_file("S", path, folder / "m.yaml", "person:test", folder / "rejected.csv")


def test_a_shop_with_an_interface_takes_no_files(folder: Path) -> None:
    keys = {"endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
    add_shop("W", "woocommerce", credentials=keys)

    with pytest.raises(SetupError, match="shop W: orders come from woocommerce itself"):
        run(folder, shop="W")
