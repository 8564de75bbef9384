import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from models.database import transaction
from sandbox.signatures import qimen
from tasks.credentials import Owner, keep_secrets
from tests.web.conftest import Pool

SECRET = "a secret of the app_key"
CHINA = timezone(timedelta(hours=8))
BODY = (
    "<request><deliveryOrder><deliveryOrderCode>OB20261122000007</deliveryOrderCode><status>DELIVERED</status>"
    "<outBizCode>W1-1</outBizCode><confirmType>0</confirmType></deliveryOrder><packages><package>"
    "<logisticsCode>YTO</logisticsCode><expressCode>YT1</expressCode></package></packages></request>"
)
LAUGHS = '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY l2 "&lol;&lol;&lol;">]><request>&l2;</request>'


@pytest.fixture
def warehouse(pool: Pool) -> Pool:
    """WH-E of the pool, which speaks Qimen."""
    pool.execute("update warehouse set wms = 'qimen' where code = 'WH-E'")
    with transaction() as conn:
        keep_secrets(conn, Owner.WAREHOUSE, "WH-E", {"app_key": "23268761", "secret": SECRET, "customer_id": "c1"})
    return pool


def query(
    body: str, method: str = "deliveryorder.confirm", secret: str = SECRET, age: timedelta = timedelta(), **more: str
) -> dict[str, str]:
    known = {
        "method": method,
        "app_key": "21363512",
        "timestamp": f"{(datetime.now(UTC) - age).astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
        "format": "xml",
        "v": "2.0",
        "sign_method": "md5",
        "customerId": "c1",
        **more,
    }
    return {**known, "sign": qimen(known, body, secret, known["sign_method"])}


def call(web: httpx.Client, body: str, given: dict[str, str], warehouse: str = "WH-E") -> httpx.Response:
    return web.post(f"/hooks/qimen/{warehouse}", params=given, content=body.encode())


def told(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml;charset=UTF-8"
    return {child.tag: child.text for child in ElementTree.fromstring(answer.content)}


def kept(pool: Pool) -> list[tuple[str, str, str, str]]:
    """Source, id, state and type of every report kept."""
    return [(source, name, state, json.loads(body)["type"]) for source, name, state, body in pool.inbox()]


SUCCESS = {"flag": "success", "code": "0", "message": "ok"}
REFUSED = {
    "flag": "failure",
    "code": "sign-check-failure",
    "message": "Illegal request",
    "sub_code": "sign-check-failure",
    "sub_message": "Illegal request",
}


@pytest.mark.parametrize("method", ["deliveryorder.confirm", "taobao.qimen.deliveryorder.confirm"])
def test_a_signed_call_is_kept_as_a_report(web: httpx.Client, warehouse: Pool, method: str) -> None:
    assert told(call(web, BODY, query(BODY, method))) == SUCCESS

    name = "deliveryorder.confirm:OB20261122000007:W1-1"
    assert kept(warehouse) == [("wms:WH-E", name, "new", "outbound.shipped")]


def test_a_repeated_call_is_kept_once_and_answered_the_same(web: httpx.Client, warehouse: Pool) -> None:
    answers = [told(call(web, BODY, query(BODY, session=str(number)))) for number in range(2)]

    assert answers == [SUCCESS] * 2
    assert len(kept(warehouse)) == 1


@pytest.mark.parametrize(
    "given",
    [
        query(BODY, secret="another secret"),
        query(BODY.replace("YT1", "YT2")),
        query(BODY, age=timedelta(hours=2)),
        query(BODY, age=timedelta(hours=-2)),
        query(BODY, customerId="c2"),
        {**query(BODY), "method": "itemlack.report"},
        {**query(BODY), "sign_method": "sha3"},
        {},
    ],
)
def test_a_call_that_is_not_ours_is_refused_in_one_way(
    web: httpx.Client, warehouse: Pool, given: dict[str, str]
) -> None:
    assert told(call(web, BODY, given)) == REFUSED
    assert kept(warehouse) == []


@pytest.mark.parametrize("code", ["WH-W", "WH-X"])
def test_a_warehouse_that_speaks_no_qimen_is_not_found(web: httpx.Client, warehouse: Pool, code: str) -> None:
    answer = call(web, BODY, query(BODY), code)

    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


def test_a_warehouse_without_credentials_tells_nothing(web: httpx.Client, warehouse: Pool) -> None:
    warehouse.execute("delete from credential where name = 'customer_id'")

    answer = call(web, BODY, query(BODY))

    assert (answer.status_code, answer.json()) == (503, {"error": "not set up"})


def test_reports_do_not_come_the_way_of_webhooks(web: httpx.Client, warehouse: Pool) -> None:
    assert web.post("/hooks/wms/WH-E", content=BODY).status_code == 401


def test_a_body_over_a_megabyte_is_refused(web: httpx.Client, warehouse: Pool) -> None:
    body = "x" * 1_000_001

    assert call(web, body, query(body)).status_code == 413
    assert kept(warehouse) == []


@pytest.mark.parametrize("body", [LAUGHS, "", "{}", "<request>"])
def test_a_signed_body_that_cannot_be_read_is_kept_for_a_person(web: httpx.Client, warehouse: Pool, body: str) -> None:
    assert told(call(web, body, query(body))) == SUCCESS

    ((_, _, state, kind),) = kept(warehouse)
    assert (state, kind) == ("new", "qimen.unreadable")


def test_changes_of_stock_are_kept_each_by_its_name(web: httpx.Client, warehouse: Pool) -> None:
    items = "".join(f"<item><outBizCode>{biz}</outBizCode><quantity>1</quantity></item>" for biz in ("S1", "S2"))
    body = f"<request><items>{items}</items></request>"

    assert told(call(web, body, query(body, "stockchange.report"))) == SUCCESS

    assert [name for _, name, _, _ in kept(warehouse)] == ["stockchange.report:S1", "stockchange.report:S2"]


def ask(web: httpx.Client, no: str = "OB20261122000007", warehouse: str = "WH-E") -> httpx.Response:
    body = f"<request><deliveryOrderCode>{no}</deliveryOrderCode><scene>1002</scene></request>"
    return call(web, body, query(body, "taobao.qimen.receiverinfo.query"), warehouse)


def test_a_receiver_is_told_in_clear_and_the_look_is_noted(web: httpx.Client, warehouse: Pool) -> None:
    answer = ask(web)

    assert told(answer)["flag"] == "success"
    info = ElementTree.fromstring(answer.content).find("receiverInfo")
    assert info is not None
    assert {child.tag: child.text for child in info} == {
        "name": "张三",
        "mobile": "13800000000",
        "province": "广东省",
        "city": "深圳市",
        "area": "南山区",
        "detailAddress": "科技路1号",
    }
    assert warehouse.events() == [
        (1, "receiver_revealed", "wms:WH-E", {"purpose": "printing", "document": "OB20261122000007"})
    ]
    assert kept(warehouse) == []


def test_the_receiver_of_another_warehouses_document_is_not_told(web: httpx.Client, warehouse: Pool) -> None:
    warehouse.execute("update outbound_document set warehouse_id = (select id from warehouse where code = 'WH-W')")

    assert told(ask(web))["message"] == "no such document"
    assert warehouse.events() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update outbound_document set state = 'cancelled'", "cancelled"),
        ("update receiver set erased_at = now()", "erased"),
    ],
)
def test_a_receiver_that_may_not_be_told(web: httpx.Client, warehouse: Pool, change: str, code: str) -> None:
    warehouse.execute(change)

    assert told(ask(web))["code"] == code
    assert warehouse.events() == []


def test_a_question_without_a_document_is_answered_so(web: httpx.Client, warehouse: Pool) -> None:
    assert told(call(web, LAUGHS, query(LAUGHS, "receiverinfo.query")))["code"] == "not-found"
