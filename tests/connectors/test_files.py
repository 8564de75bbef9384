import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
import pytest

from connectors.base import ShipBack
from connectors.channels.file import FileChannel, RejectedRow, SourceOrder, read_file
from connectors.mapping import Mapping, MappingError, parse_mapping
from models.errors import ChannelRejected, FeedError, SetupError
from models.incoming import LineState, OrderKind, PayState

DOCS = Path(__file__).parents[2] / "docs" / "mapping.md"


def documented() -> tuple[str, Mapping, Mapping]:
    """The CSV and the two mappings of docs/mapping.md."""
    text = DOCS.read_text("utf-8")
    (csv,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    header, goods = re.findall(r"```yaml\n(name: .*?)```", text, re.DOTALL)
    return csv, parse_mapping(header, "header.yaml"), parse_mapping(goods, "goods.yaml")


def documented_table() -> list[list[str]]:
    text = DOCS.read_text("utf-8").split("## Example: orders with lines")[1]
    rows = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]


CSV, HEADER, GOODS = documented()


def write_xlsx(path: Path, rows: list[list[str | float]]) -> Path:
    """A minimal workbook: texts inline, numbers as numbers."""

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    sheet = "".join(f"<row>{''.join(cell(value) for value in row)}</row>" for row in rows)
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets><sheet name="订单" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{sheet}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return path


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "orders.csv"
    path.write_bytes(text.encode(encoding))
    return path


def good(found: Iterator[SourceOrder | RejectedRow]) -> list[SourceOrder]:
    rows = list(found)
    assert [row for row in rows if isinstance(row, RejectedRow)] == []
    return [row for row in rows if isinstance(row, SourceOrder)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_documented_report_reads_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    rows = good(read_file(written(tmp_path, CSV, encoding), HEADER))

    orders = [HEADER.read(row.payload) for row in rows]

    assert [row.line for row in rows] == [2, 3, 4, 5]
    assert [order.paid_fen for order in orders] == [0, 2100, 3700, 15700]
    assert [order.pay_state for order in orders] == [PayState.UNPAID, *[PayState.FINISHED] * 3]
    assert orders[0].paid_at is None
    assert orders[1].paid_at == datetime(2020, 2, 20, 16, 0, 2, tzinfo=UTC)
    assert orders[2].created_at == datetime(2020, 2, 20, 15, 59, tzinfo=UTC)
    assert (orders[3].kind, orders[3].total_fen, orders[3].refunded_fen) == (OrderKind.HEADER, 15700, 2000)
    assert orders[1].receiver.province == "内蒙古自治区"


def test_a_netted_full_refund_is_no_unpaid_order(tmp_path: Path) -> None:
    text = CSV.splitlines()[0] + "\n5,37.00,0.00,安徽省,2020-02-20 23:59:00,2020-02-21 00:01:00,37.00\n"

    (row,) = good(read_file(written(tmp_path, text), HEADER))

    order = HEADER.read(row.payload)
    assert (order.pay_state, order.paid_fen, order.refunded_fen) == (PayState.FINISHED, 0, 3700)


def test_the_documented_export_groups_rows_that_stand_apart(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "export.xlsx", [list(row) for row in documented_table()])

    rows = good(read_file(path, GOODS))

    by_no = {order.order_no: order for order in (GOODS.read(row.payload) for row in rows)}
    first, second = by_no["6921000000000000001"], by_no["6921000000000000002"]
    assert [(line.line_no, line.sku_code, line.quantity, line.paid_fen) for line in first.lines] == [
        ("1", "TEA-01", 2, 5500),
        ("2", "POT-01", 1, 100000),
    ]
    assert (first.goods_fen, first.freight_fen, first.total_fen) == (105500, 800, 106300)
    assert (first.pay_state, first.buyer_note, first.lines[0].state) == (PayState.READY, "周末送", LineState.OPEN)
    assert (second.pay_state, second.paid_at) == (PayState.UNPAID, None)


def test_every_row_of_an_order_is_free_of_personal_values_once_cut(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "export.xlsx", [list(row) for row in documented_table()])

    cut = "".join(GOODS.cut(row.payload) for row in good(read_file(path, GOODS)))

    for personal in ("张伟", "13800005678", "某某路1号", "周末送", "李雷"):
        assert personal not in cut


def test_numbers_and_day_numbers_of_a_workbook_are_read(tmp_path: Path) -> None:
    header: list[str | float] = list(CSV.splitlines()[0].split(","))
    path = write_xlsx(tmp_path / "r.xlsx", [header, [4.0, 157.1, 157.1, "湖南省", 43881.5, 43881.75, 0.1 + 0.2]])

    (row,) = good(read_file(path, HEADER))

    order = HEADER.read(row.payload)
    assert (order.order_no, order.total_fen, order.refunded_fen) == ("4", 15710, 30)
    assert order.created_at == datetime(2020, 2, 20, 4, 0, tzinfo=UTC)


def test_bad_rows_are_reported_with_line_and_reason(tmp_path: Path) -> None:
    head = CSV.splitlines()[0]
    text = f"{head}\n1,1\n\n,1,1,沪,2020-02-21,2020-02-21,0\n2.91E+18,1,1,沪,2020-02-21,2020-02-21,0\n"

    rows = list(read_file(written(tmp_path, text), HEADER))

    assert [(row.line, row.order_no) for row in rows if isinstance(row, RejectedRow)] == [
        (2, "1"),
        (4, ""),
        (5, "2.91E+18"),
    ]
    assert "has 2 cells where the header has 7" in str(rows[0])
    assert "rounded by a spreadsheet" in str(rows[2])


def test_a_broken_row_takes_its_whole_order_along(tmp_path: Path) -> None:
    table = documented_table()
    lines = [",".join(f'"{cell}"' for cell in row) for row in table]
    lines[3] = "6921000000000000001,POT-01"

    rows = list(read_file(written(tmp_path, "\n".join(lines)), GOODS))

    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    assert [(row.order_no, row.line) for row in rejected] == [("6921000000000000001", 2)]
    assert "line 4" in rejected[0].reason


def test_a_missing_column_names_file_column_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"orders\.csv: lacks the column 退款金额; it has 订单编号"):
        list(read_file(written(tmp_path, CSV.replace("退款金额", "退款")), HEADER))


def test_a_doubled_column_stops_the_file(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="总金额 more than once"):
        list(read_file(written(tmp_path, CSV.replace("买家实际支付金额", "总金额,买家实际支付金额")), HEADER))


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff\xff", b"PK\x03\x04broken"])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)

    with pytest.raises(FeedError, match=r"orders\.csv"):
        list(read_file(path, HEADER))


def test_an_unclosed_quotation_mark_is_named(tmp_path: Path) -> None:
    text = CSV + '9,"' + "1,2,3,4\n" * 300

    with pytest.raises(FeedError, match="line 6 opens a quotation mark"):
        list(read_file(written(tmp_path, text), HEADER))


@pytest.mark.parametrize("cell", ['="2912345678901234567"', "'2912345678901234567", "2912345678901234567\t"])
def test_order_numbers_keep_every_digit(tmp_path: Path, cell: str) -> None:
    text = CSV.splitlines()[0] + f"\n{cell},1.00,1.00,沪,2020-02-21,2020-02-21,0\n"

    (row,) = good(read_file(written(tmp_path, text), HEADER))

    assert HEADER.read(row.payload).order_no == "2912345678901234567"


def test_an_api_mapping_cannot_read_files(tmp_path: Path) -> None:
    mapping = parse_mapping(
        "name: x\nversion: 1\nkind: header\norder: {order_no: a, created_at: b, total_fen: c}\n"
        "pay_state: {const: ready}",
        "x",
    )
    with pytest.raises(SetupError, match="no file section"):
        list(read_file(written(tmp_path, CSV), mapping))


class TestFileChannel:
    """A folder as a shop."""

    @pytest.fixture
    def shop(self, tmp_path: Path) -> FileChannel:
        text = CSV + "6,1\n"
        written(tmp_path, text)
        return FileChannel(httpx.Client(), "f", {"folder": str(tmp_path)}, HEADER, lambda: datetime.now(UTC))

    def test_it_gives_the_orders_of_files_written_in_the_window(self, shop: FileChannel) -> None:
        now = datetime.now(UTC)

        (page,) = shop.changed_orders(datetime(2020, 1, 1, tzinfo=UTC), now.replace(year=now.year + 1))

        orders, faults = HEADER.read_all(page)
        assert [order.order_no for _, order in orders] == ["1", "2", "3", "4"]
        assert [(position, error.order) for position, error in faults] == [(4, "6")]
        assert "line 6: has 2 cells" in str(faults[0][1])
        assert list(shop.changed_orders(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC))) == []

    def test_it_reports_no_shipping(self, shop: FileChannel) -> None:
        assert shop.capabilities.reports_shipping is False
        with pytest.raises(ChannelRejected):
            shop.ship_back(ShipBack("1", "1", "yuantong", "YT1", (), True, "k"))

    def test_it_knows_whether_its_folder_is_there(self, shop: FileChannel, tmp_path: Path) -> None:
        missing = {"folder": str(tmp_path / "gone")}
        gone = FileChannel(httpx.Client(), "f", missing, HEADER, lambda: datetime.now(UTC))

        assert shop.check().ok
        assert not gone.check().ok


def test_a_rejected_payload_is_an_order_fault() -> None:
    with pytest.raises(MappingError, match=r"order 7: .*line 3: the reason"):
        HEADER.read(RejectedRow(3, "the reason", "7").payload("订单编号"))
