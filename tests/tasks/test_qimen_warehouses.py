"""Warehouses that speak Qimen: how they are brought in, and what they are told of documents."""

from pathlib import Path
from xml.etree.ElementTree import Element

import psycopg
import pytest

from connectors.converters import CHINA
from connectors.wms.qimen import QimenWms
from connectors.wms.qimen_orders import cancel_body, create_body
from connectors.wms.qimen_terms import terms_of
from connectors.wms.qimen_xml import read_xml, text_of
from models.database import transaction
from models.errors import SetupError
from models.rules.purposes import Purpose
from tasks.counterparts import open_wms
from tasks.credentials import Owner, secrets_of
from tasks.render import render_cancels, render_outbound
from tasks.setup import import_warehouses
from tests.fakes import NOON, FakePool, payload, why

HEADER = "code,name,division,wms,endpoint,app_key,secret,customer_id"
ROW = "WH-Q,East,330110,qimen,https://qimen.example/service,23268761,app-secret,c1702959"
WEBHOOK = "whsec_" + "QUJD" * 8


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "warehouses.csv"


def taken(sheet: Path, text: str) -> None:
    sheet.write_text(text)
    import_warehouses(sheet)


def refused(sheet: Path, text: str) -> str:
    """Why a file is not taken."""
    sheet.write_text(text)
    with pytest.raises(SetupError) as error:
        import_warehouses(sheet)
    return str(error.value)


def test_a_warehouse_is_opened_with_what_the_file_says(database: str, sheet: Path) -> None:
    sheet.write_text(f"{HEADER},签名方式,wrap,version,货主编码,options\n{ROW},hmac,trailing,3.0,OWN01,cancel=later\n")

    done = import_warehouses(sheet)

    assert (done.added, done.secrets, done.ignored) == (1, {}, ())
    with psycopg.connect(database) as conn:
        assert isinstance(open_wms(conn, "WH-Q"), QimenWms)
        terms = terms_of("WH-Q", secrets_of(conn, Owner.WAREHOUSE, "WH-Q"))
    assert (terms.sign_method, terms.wrap, terms.version, terms.owner_code) == ("hmac", "trailing", "3.0", "OWN01")
    assert not terms.options.cancel_is_final


def test_a_later_file_may_leave_credentials_out(database: str, sheet: Path) -> None:
    taken(sheet, f"{HEADER}\n{ROW}\n")
    taken(sheet, "code,name,division,wms\nWH-Q,East two,330110,qimen\n")

    with psycopg.connect(database) as conn:
        assert secrets_of(conn, Owner.WAREHOUSE, "WH-Q")["secret"] == "app-secret"


def test_what_it_cannot_do_without_is_named(database: str, sheet: Path) -> None:
    said = refused(sheet, f"{HEADER}\nWH-Q,East,330110,qimen,,,,\n")

    assert "line 2, endpoint: is empty" in said
    assert "line 2, app_key: is empty, and none is known yet; which application calls this warehouse?" in said
    assert "line 2, secret: is empty, and none is known yet; what signs the calls of its app_key?" in said
    assert "line 2, customer_id: is empty" in said


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("sign_method", "sha3", "sign_method must be one of md5, hmac, hmac-sha256"),
        ("wrap", "front", "wrap must be one of both, trailing"),
        ("version", "two", "version must be two numbers, such as 2.0"),
        ("options", "window_s=1", "option window_s must be a number from 60 to 86400"),
        ("options", "carrier.nobody=X", "option carrier.nobody: is not a carrier we know"),
    ],
)
def test_what_cannot_be_used_is_named(database: str, sheet: Path, column: str, value: str, why: str) -> None:
    assert f"line 2, {column} '{value}': {why}" in refused(sheet, f"{HEADER},{column}\n{ROW},{value}\n")


def test_the_secret_of_a_webhook_is_none_of_qimen(database: str, sheet: Path) -> None:
    said = refused(sheet, f"{HEADER}\n{ROW.replace('app-secret', WEBHOOK)}\n")

    assert "line 2, secret: is that of a webhook; want the secret of the app_key" in said
    assert WEBHOOK not in said


def test_the_secret_of_qimen_is_none_of_a_webhook(database: str, sheet: Path) -> None:
    said = refused(sheet, f"{HEADER}\n{ROW.replace('qimen,', 'webhook,')}\n")

    assert "line 2, secret: is not `whsec_`" in said
    assert "app-secret" not in said


def test_a_warehouse_that_changes_its_language_needs_another_secret(database: str, sheet: Path) -> None:
    taken(sheet, "code,name,division,endpoint\nWH-Q,East,330110,https://wms.example.com/in\n")
    said = refused(sheet, f"{HEADER}\n{ROW.replace('app-secret', '')}\n")
    assert "line 2, secret: is that of a webhook" in said

    taken(sheet, f"{HEADER}\n{ROW}\n")
    back = refused(sheet, "code,name,division,wms\nWH-Q,East,330110,webhook\n")
    assert "line 2, secret: is empty, and the known one is not that of a webhook" in back


def test_mail_goes_to_no_qimen_warehouse(database: str, sheet: Path) -> None:
    mail = ROW.replace("https://qimen.example/service", "smtps://mail.example")

    assert "wms 'qimen': does not go with its endpoint" in refused(sheet, f"{HEADER}\n{mail}\n")


def elements(body: bytes, path: str) -> dict[str, str]:
    found = read_xml(body).find(path)
    assert isinstance(found, Element)
    return {child.tag: child.text or "" for child in found}


def test_what_the_pool_knows_of_a_document_is_what_the_warehouse_is_told(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    pool.take([payload(1, units={"TEA": 2, "CUP": 1})])
    pool.through_the_stages()
    ((document_id,),) = pool.rows("select id from outbound_document")
    terms = terms_of("WH-A", {"endpoint": "https://q", "app_key": "1", "secret": "s", "customer_id": "c1"})

    with transaction() as conn:
        data = render_outbound(conn, [document_id], Purpose.INSTRUCTION, why())[document_id]
        cancel = render_cancels(conn, [document_id])[document_id]
    body = create_body(data, NOON, NOON, terms)

    order = elements(body, "deliveryOrder")
    ((no, ordered_at, paid_at),) = pool.rows("select d.no, o.created_at, o.paid_at from outbound_document d, orders o")
    assert (order["deliveryOrderCode"], order["createTime"]) == (no, "2026-11-20 12:00:00")
    assert order["placeOrderTime"] == f"{ordered_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    assert order["payTime"] == f"{paid_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    sender = elements(body, "deliveryOrder/senderInfo")
    assert all(sender[part] for part in ("province", "city"))
    receiver = elements(body, "deliveryOrder/receiverInfo")
    assert "*" in receiver["name"]
    assert receiver["detailAddress"] == "****"
    lines = read_xml(body).findall("orderLines/orderLine")
    assert [text_of(line, "sourceOrderCode") for line in lines] == ["1", "1"]
    assert elements(b"<r>" + cancel_body(cancel, terms).partition(b"?>")[2] + b"</r>", "request")["orderCode"] == no
