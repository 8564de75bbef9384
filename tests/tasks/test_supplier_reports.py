"""Suppliers that ship directly: told by e-mail, reporting by file, both over the real ways in and out."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.database import transaction
from models.errors import ChannelDenied, SetupError
from models.messages import OutboxKind
from models.settings import settings
from sandbox import mail
from sandbox.mail import VANISH, MailServer
from tasks.counterparts import open_wms
from tasks.credentials import Owner, keep_secrets
from tasks.outbox import deliver
from tasks.reconcile import reconcile
from tasks.send import send
from tasks.setup import import_warehouses
from tasks.supplier_reports import SupplierReport, report_shipped
from tasks.track import work_off_inbox
from tests.fakes import NOON, FakePool, why
from tests.tasks.shipping import instructed, messages


@pytest.fixture(scope="session")
def running_mail() -> Iterator[MailServer]:
    with mail.running() as server:
        yield server


@pytest.fixture
def post_office(running_mail: MailServer) -> MailServer:
    running_mail.forget()
    return running_mail


@pytest.fixture
def supplier(pool: FakePool, post_office: MailServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePool]:
    """Two orders of 3 TEA and 1 CUP at WH-A, which is a supplier who is told by e-mail."""
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "https://oms.example")
    settings.cache_clear()
    pool.execute("update warehouse set kind = 'supplier', wms = 'email' where code = 'WH-A'")
    pool.execute(
        """insert into service_area (division_code, warehouse_id, priority)
           select '330000', id, 1 from warehouse where code = 'WH-A'"""
    )
    with transaction() as conn:
        keep_secrets(
            conn,
            Owner.WAREHOUSE,
            "WH-A",
            {
                "endpoint": f"smtp+plain://127.0.0.1:{post_office.port}",
                "mail_from": "orders@seller.example",
                "mail_to": "ship@supplier.example",
            },
        )
    pool.stock(TEA=10, CUP=10)
    yield instructed(pool, *[{"TEA": 3, "CUP": 1}] * 2)
    settings.cache_clear()


def numbers(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select no from outbound_document order by id")]


def states(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from outbound_document order by id")]


def tell() -> None:
    deliver("warehouse:WH-A", send, (OutboxKind.OUTBOUND_CREATED,), why(), forced=True)


def reported(tmp_path: Path, *lines: str, header: str = "outbound_no,carrier,waybill,sku,quantity") -> SupplierReport:
    file = tmp_path / "shipped.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return report_shipped(file, "WH-A")


def applied() -> None:
    with transaction() as conn:
        work_off_inbox(conn, why())


def said(report: SupplierReport) -> list[str]:
    return [str(problem) for problem in report.problems]


# told


def test_each_document_is_a_mail_with_a_link_and_nobody_in_clear(supplier: FakePool, post_office: MailServer) -> None:
    tell()

    texts = [str(found.get_body().get_content()) for found in post_office.mails]  # type: ignore[union-attr]
    assert sorted(no for no in numbers(supplier) for text in texts if no in text) == numbers(supplier)
    assert all("https://oms.example/instructions/rcv_" in text for text in texts)
    assert not any(clear in text for text in texts for clear in ("修远", "梧桐里弄", "13900000001"))
    assert messages(supplier, "outbound.created") == [(f"{no}-r1", "delivered") for no in numbers(supplier)]


def test_a_mail_whose_outcome_is_unknown_goes_again_under_the_same_id(
    supplier: FakePool, post_office: MailServer
) -> None:
    post_office.answer("DATA", VANISH, VANISH)
    tell()
    assert [state for _, state in messages(supplier, "outbound.created")] == ["pending", "pending"]

    tell()

    assert len(post_office.mails) == 4
    assert len({found["Message-ID"] for found in post_office.mails}) == 2
    assert [state for _, state in messages(supplier, "outbound.created")] == ["delivered", "delivered"]


def test_without_a_public_address_no_mail_leaves(
    supplier: FakePool, post_office: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "")
    settings.cache_clear()

    tell()

    assert post_office.mails == []
    assert "ORDERPOOL_PUBLIC_URL" in supplier.rows("select last_error from outbox limit 1")[0][0]


# reports by file


def test_the_file_of_the_mail_filled_in_ships_the_document(
    supplier: FakePool, post_office: MailServer, tmp_path: Path
) -> None:
    tell()
    table = next(iter(post_office.mails[0].iter_attachments())).get_payload(decode=True)
    assert isinstance(table, bytes)
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(row | {"carrier": "圆通速递", "waybill": "YT000001"} for row in rows)
    file = tmp_path / "back.csv"
    file.write_text(text.getvalue(), encoding="gb18030")

    done = report_shipped(file, "WH-A")
    applied()

    assert (done.stored, done.known, done.problems) == (1, 0, ())
    assert sorted(states(supplier)) == ["created", "shipped"]
    assert supplier.rows("select carrier, waybill from parcel") == [("yuantong", "YT000001")]
    assert messages(supplier) == [("ship-back-1", "pending")]
    assert supplier.untrue() == []
    assert reconcile() == []


def test_a_waybill_alone_ships_the_whole_document(supplier: FakePool, tmp_path: Path) -> None:
    one, other = numbers(supplier)

    reported(tmp_path, f"{one},yuantong,YT1", f"{other},,YT2", header="发货单号,快递公司,运单号")
    applied()

    assert states(supplier) == ["shipped", "shipped"]
    assert supplier.rows("select on_hand from stock order by sku_id") == [(4,), (8,)]


def test_the_same_rows_again_change_nothing(supplier: FakePool, tmp_path: Path) -> None:
    line = f"{numbers(supplier)[0]},yuantong,YT1,,"
    reported(tmp_path, line)
    applied()

    again = reported(tmp_path, line)
    applied()

    assert (again.stored, again.known) == (0, 1)
    assert len(messages(supplier)) == 1
    assert supplier.untrue() == []


def test_boxes_that_leave_later_come_in_a_later_file_with_the_earlier_ones(supplier: FakePool, tmp_path: Path) -> None:
    no = numbers(supplier)[0]
    first = f"{no},yuantong,YT1,TEA,3"
    reported(tmp_path, first)
    applied()
    assert states(supplier)[0] == "part_shipped"

    reported(tmp_path, first, f"{no},yuantong,YT2,CUP,1")
    applied()

    assert states(supplier)[0] == "shipped"
    assert supplier.rows("select waybill from parcel order by id") == [("YT1",), ("YT2",)]
    assert supplier.untrue() == []


def test_a_document_that_is_closed_short_gives_the_rest_back(supplier: FakePool, tmp_path: Path) -> None:
    header = "outbound_no,carrier,waybill,sku,quantity,final"

    reported(tmp_path, f"{numbers(supplier)[0]},yuantong,YT1,TEA,3,是", header=header)
    applied()

    assert states(supplier)[0] == "short"
    assert supplier.locked("CUP") == 1
    assert supplier.untrue() == []


def test_what_left_when_is_what_the_file_says(supplier: FakePool, tmp_path: Path) -> None:
    header = "outbound_no,waybill,shipped_at"

    reported(tmp_path, f"{numbers(supplier)[0]},YT1,2026-11-20 10:30:00", header=header)
    applied()

    assert supplier.rows("select distinct occurred_at from stock_movement") == [(NOON.replace(hour=2, minute=30),)]


def test_rows_without_a_waybill_wait(supplier: FakePool, tmp_path: Path) -> None:
    one, other = numbers(supplier)

    done = reported(tmp_path, f"{one},yuantong,YT1,,", f"{other},,,,")

    assert (done.stored, done.unfilled, done.problems) == (1, 1, ())


@pytest.mark.parametrize(
    ("line", "obstacle"),
    [
        ("OB1,yuantong,YT9,,", "line 3, outbound_no 'OB1': WH-A has no such document"),
        ("{two},pigeon,YT9,,", "line 3, carrier 'pigeon': is not a carrier we know"),
        ("{two},yuantong,YT 9!,,", "line 3, waybill 'YT 9!': is no waybill"),
        ("{two},yuantong,1.2E+13,,", "line 3, waybill '1.2E+13': Excel has turned this code into a number"),
        ("{two},yuantong,YT9,POT,1", "line 3, sku 'POT': is not in document {two}"),
        ("{two},yuantong,YT9,TEA,4", "line 3, quantity: makes 4 of TEA; the document has 3"),
        ("{two},yuantong,YT9,TEA,0", "line 3, quantity '0': is not above 0"),
        ("{two},yuantong,YT9,,2", "line 3, sku: is empty; of which SKU is the quantity?"),
        ("{two},yuantong,YT1,,", "line 3, waybill 'YT1': belongs to document {one}"),
    ],
)
def test_a_bad_row_is_named_and_stops_no_other_document(
    supplier: FakePool, tmp_path: Path, line: str, obstacle: str
) -> None:
    one, two = numbers(supplier)

    done = reported(tmp_path, f"{one},yuantong,YT1,,", line.format(one=one, two=two))
    applied()

    assert said(done)[0].startswith(obstacle.format(one=one, two=two))
    assert done.stored == 1
    assert states(supplier) == ["shipped", "created"]


def test_a_bad_row_leaves_its_whole_document_out(supplier: FakePool, tmp_path: Path) -> None:
    no = numbers(supplier)[0]

    done = reported(tmp_path, f"{no},yuantong,YT1,TEA,3", f"{no},yuantong,YT2,POT,1")

    assert (done.stored, len(done.problems)) == (0, 1)


def test_two_boxes_have_to_say_what_is_in_them(supplier: FakePool, tmp_path: Path) -> None:
    no = numbers(supplier)[0]

    done = reported(tmp_path, f"{no},yuantong,YT1,,", f"{no},yuantong,YT2,,")

    assert done.stored == 0
    assert "say SKU and quantity where not all of it is in one box" in said(done)[0]


def test_a_time_that_has_not_come_is_refused(supplier: FakePool, tmp_path: Path) -> None:
    done = reported(
        tmp_path, f"{numbers(supplier)[0]},YT1,2036-01-01 10:00:00", header="outbound_no,waybill,shipped_at"
    )

    assert "is in the future" in said(done)[0]


def test_a_waybill_of_a_parcel_in_the_pool_is_not_taken_again(supplier: FakePool, tmp_path: Path) -> None:
    one, other = numbers(supplier)
    reported(tmp_path, f"{one},yuantong,YT1,,")
    applied()

    done = reported(tmp_path, f"{other},yuantong,YT1,,")

    assert said(done) == [f"line 2, waybill 'YT1': belongs to document {one}"]


def test_another_warehouses_document_is_not_theirs(supplier: FakePool, tmp_path: Path) -> None:
    file = tmp_path / "shipped.csv"
    file.write_text(f"outbound_no,waybill\n{numbers(supplier)[0]},YT1\n")

    assert "WH-B has no such document" in said(report_shipped(file, "WH-B"))[0]
    with pytest.raises(SetupError, match="warehouse WH-X: is not in the pool"):
        report_shipped(file, "WH-X")


def test_a_signed_message_of_who_is_told_by_mail_is_nobodys(supplier: FakePool) -> None:
    with transaction() as conn:
        wms = open_wms(conn, "WH-A")

    with pytest.raises(ChannelDenied, match="its reports come by `orderpool supplier report`"):
        wms.verify({}, b"{}")


# setting up

HEADER = "code,name,division,kind,wms,endpoint,mail_from,mail_to"


def imported(tmp_path: Path, *lines: str) -> dict[str, dict[str, str]]:
    file = tmp_path / "warehouses.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return import_warehouses(file).secrets


def test_a_supplier_with_a_mailbox_is_a_warehouse(pool: FakePool, tmp_path: Path) -> None:
    made = imported(
        tmp_path, "SUP-1,甲,330106,供应商,email,smtps://mail.example:465,o@seller.example,s@supplier.example"
    )

    assert made == {}
    assert pool.rows("select kind, wms from warehouse where code = 'SUP-1'") == [("supplier", "email")]
    with transaction() as conn:
        assert open_wms(conn, "SUP-1").for_people


@pytest.mark.parametrize(
    ("line", "obstacle"),
    [
        ("S,甲,330106,supplier,email,,o@s.example,s@x.example", "endpoint: is empty, and none is known yet"),
        ("S,甲,330106,supplier,email,smtps://m.example,,s@x.example", "mail_from: is empty, and none is known yet"),
        ("S,甲,330106,supplier,email,smtps://m.example,o@s.example,", "mail_to: is empty, and none is known yet"),
        ("S,甲,330106,supplier,email,smtps://m.example,o@s.example,nobody", "mail_to 'nobody': is not an e-mail"),
        ("S,甲,330106,supplier,email,https://m.example,o@s.example,s@x.example", "does not go with its endpoint"),
        ("S,甲,330106,supplier,webhook,smtps://m.example,,", "does not go with its endpoint"),
        ("S,甲,330106,supplier,email,smtps://u:p@m.example,o@s.example,s@x.example", "with nothing else in it"),
    ],
)
def test_a_mailbox_that_cannot_work_is_refused(pool: FakePool, tmp_path: Path, line: str, obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        imported(tmp_path, line)
