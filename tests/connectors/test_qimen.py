from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest

from connectors.base import Message
from connectors.wms.qimen import ItemStock, QimenWms
from connectors.wms.qimen_protocol import is_signed
from connectors.wms.qimen_terms import read_options
from connectors.wms.qimen_xml import read_xml, text_of
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from tests.connectors.conftest import NOON

SECRET = "qimen0secret0000000000000000abcd"
KNOWN = {"endpoint": "https://qimen.example/service", "app_key": "23268761", "secret": SECRET, "customer_id": "c1"}
OK = "<response><flag>success</flag><code>0</code><message>ok</message></response>"


def outbound(**changes: Any) -> dict[str, Any]:
    """What a warehouse is told of a document."""
    return {
        "outbound_no": "OB1",
        "version": 1,
        "order_type": "SALE",
        "warehouse_code": "WH-E",
        "owner_code": "",
        "channel": {
            "platform": "TMALL",
            "shop_code": "SHOP01",
            "shop_name": "示例旗舰店",
            "order_nos": ["371", "372"],
            "ordered_at": "2026-11-20T11:40:02+08:00",
            "paid_at": None,
        },
        "priority": "NORMAL",
        "flags": ["SPLIT"],
        "ship_by": "2026-11-21T20:00:00+08:00",
        "carrier": {"code": "yuantong", "service": "STANDARD", "tracking_no": None, "label_url": None},
        "receiver": {
            "token": "rcv_8f1c",
            "name_masked": "张*",
            "phone_masked": "138****1234",
            "province": "广东省",
            "city": "深圳市",
            "district": "南山区",
            "town": "粤海街道",
            "address": "****",
            "oaid": "1OaId",
        },
        "sender": {
            "name": "杭州仓",
            "phone": "13900000000",
            "province": "浙江省",
            "city": "杭州市",
            "district": "余杭区",
            "address": "仓前街道1号",
        },
        "lines": [
            {
                "line_no": "1",
                "sku": "SKU-红<1>&",
                "barcode": "",
                "name": "红色杯子",
                "qty": 2,
                "stock_type": "GOOD",
                "order_no": "372",
                "platform_line_no": "3721",
                "unit_price": "54.00",
                "amount": "108.00",
            }
        ],
        "totals": {"qty": 2, "amount": "108.00", "currency": "CNY", "cod_amount": "0.00"},
        "buyer_note": "周末送",
        "seller_note": "",
        **changes,
    }


def message(**changes: Any) -> Message:
    return Message("outbound.created", "OB1:1", NOON, outbound(**changes))


CANCEL = Message(
    "outbound.cancel_requested",
    "OB1-r1-cancel",
    NOON,
    {"outbound_no": "OB1", "version": 1, "warehouse_code": "WH-E", "owner_code": "", "reason_code": "UNMERGE"},
)


def wms(answer: str | httpx.Response | Exception = OK, **more: str) -> QimenWms:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        response = httpx.Response(200, content=answer.encode()) if isinstance(answer, str) else answer
        response.request = request
        return response

    client = httpx.Client(transport=httpx.MockTransport(respond))
    return QimenWms(client, "WH-E", {**KNOWN, **more}, lambda: NOON)


def sent(message: Message, **more: str) -> httpx.Request:
    """The call by which a message is sent."""
    answer = httpx.Response(200, content=OK.encode())
    wms(answer, **more).send(message)
    return answer.request


def body_of(message: Message, **more: str) -> Element:
    return read_xml(sent(message, **more).content)


def failure(message: str, code: str = "S003", sub_code: str = "") -> str:
    said = f"<code>{code}</code><sub_code>{sub_code}</sub_code><message>{message}</message>"
    return f"<response><flag>failure</flag>{said}</response>"


def gateway(code: str, sub_code: str = "", text: str = "") -> str:
    return f"<error_response><code>{code}</code><msg>{text}</msg><sub_code>{sub_code}</sub_code></error_response>"


# sending


def test_a_call_is_signed_over_its_query_and_body() -> None:
    request = sent(message(), endpoint="https://wms.example/in?tenant=7", sign_method="hmac")

    query = dict(request.url.params)
    assert is_signed(query, request.content, SECRET)
    assert {name: query[name] for name in query if name != "sign"} == {
        "tenant": "7",
        "method": "taobao.qimen.deliveryorder.create",
        "app_key": "23268761",
        "timestamp": "2026-11-20 12:00:00",
        "format": "xml",
        "v": "2.0",
        "sign_method": "hmac",
        "customerId": "c1",
    }
    assert request.headers["content-type"] == "text/xml;charset=UTF-8"


def test_an_order_to_deliver() -> None:
    body = body_of(message())

    order = body.find("deliveryOrder")
    assert order is not None
    assert {child.tag: child.text for child in order if len(child) == 0} == {
        "deliveryOrderCode": "OB1",
        "orderType": "JYCK",
        "warehouseCode": "WH-E",
        "orderFlag": "SPLIT",
        "sourcePlatformCode": "TM",
        "createTime": "2026-11-20 12:00:00",
        "placeOrderTime": "2026-11-20 11:40:02",
        "operateTime": "2026-11-20 12:00:00",
        "shopNick": "示例旗舰店",
        "totalAmount": "108.00",
        "arAmount": "0.00",
        "gotAmount": "108.00",
        "logisticsCode": "YTO",
        "logisticsName": "圆通速递",
        "isUrgency": "N",
        "invoiceFlag": "N",
        "buyerMessage": "周末送",
    }
    assert {child.tag: child.text for child in order.findall("deliveryRequirements/*")} == {
        "scheduleDay": "2026-11-21",
        "scheduleEndTime": "20:00:00",
    }
    assert {child.tag: child.text for child in order.findall("receiverInfo/*")} == {
        "oaid": "1OaId",
        "name": "张*",
        "mobile": "138****1234",
        "province": "广东省",
        "city": "深圳市",
        "area": "南山区",
        "town": "粤海街道",
        "detailAddress": "****",
    }
    assert text_of(order, "senderInfo/city") == "杭州市"
    (line,) = body.findall("orderLines/orderLine")
    assert {child.tag: child.text for child in line} == {
        "orderLineNo": "1",
        "sourceOrderCode": "372",
        "subSourceOrderCode": "3721",
        "ownerCode": "c1",
        "itemCode": "SKU-红<1>&",
        "inventoryType": "ZP",
        "itemName": "红色杯子",
        "planQty": "2",
        "actualPrice": "54.00",
    }


@pytest.mark.parametrize(
    ("due", "amounts"),
    [
        ("20.00", {"totalAmount": "108.00", "arAmount": "20.00", "gotAmount": "88.00"}),
        ("300.50", {"totalAmount": "", "arAmount": "300.50", "gotAmount": ""}),
    ],
)
def test_what_is_due_at_the_door(due: str, amounts: dict[str, str]) -> None:
    totals = {"qty": 2, "amount": "108.00", "currency": "CNY", "cod_amount": due}

    order = body_of(message(totals=totals)).find("deliveryOrder")

    assert {name: text_of(order, name) for name in amounts} == amounts
    assert text_of(order, "orderFlag") == "SPLIT^COD"


@pytest.mark.parametrize(
    ("options", "carrier", "platform", "codes"),
    [
        ("", "jtexpress", "DOUYIN", ("OTHER", "DY")),
        ("", "nobody", "FILE", ("OTHER", "OTHER")),
        ("carrier.jtexpress=JTSD; platform.douyin=OTHER", "jtexpress", "DOUYIN", ("JTSD", "OTHER")),
    ],
)
def test_codes_of_carriers_and_platforms(options: str, carrier: str, platform: str, codes: tuple[str, str]) -> None:
    channel = {**outbound()["channel"], "platform": platform}
    told = message(carrier={"code": carrier, "tracking_no": None}, channel=channel)

    order = body_of(told, options=options).find("deliveryOrder")

    assert (text_of(order, "logisticsCode"), text_of(order, "sourcePlatformCode")) == codes


def test_a_warehouse_may_have_codes_of_its_own() -> None:
    body = body_of(message(), owner_code="OWN01", options="warehouse=HZ-9")

    assert text_of(body, "deliveryOrder/warehouseCode") == "HZ-9"
    assert text_of(body, "orderLines/orderLine/ownerCode") == "OWN01"


def test_a_message_of_another_kind_is_rejected() -> None:
    with pytest.raises(ChannelRejected, match=r"outbound\.hold"):
        wms().send(Message("outbound.hold", "k", NOON, {}))


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        httpx.Response(500, content=OK.encode()),
        "<response><flag>SUCCESS</flag><code>50</code><deliveryOrderId>W1</deliveryOrderId></response>",
        failure("出库单号已存在:OB1"),
        failure("单据重复", code="50"),
        failure("Order OB1 already exists online"),
    ],
)
def test_the_order_is_there(answer: str | httpx.Response) -> None:
    assert wms(answer).send(message()) == {}


def test_codes_that_mean_it_exists_can_be_named() -> None:
    wms(failure("E", code="B07"), options="exists=B06 exists=B07").send(message())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure("商品编码不存在:SKU-RED-01"), ChannelRejected),
        (failure("订单商品行号重复"), ChannelRejected),
        (failure("E", code="200"), ChannelRejected),
        (failure("Illegal request", sub_code="sign-check-failure"), ChannelDenied),
        (failure("签名错误"), ChannelDenied),
        (failure("系统繁忙，请稍后再试"), ChannelUnavailable),
        (failure("remote", code="isp.remote-service-timeout"), OutcomeUnknown),
        (gateway("7", "accesscontrol.limited-by-api-access-count", "ban will last for 3 more seconds"), RateLimited),
        (gateway("25", text="Invalid signature"), ChannelDenied),
        (gateway("15", "isp.remote-service-timeout"), OutcomeUnknown),
        (gateway("41", "isv.invalid-parameter"), ChannelRejected),
        ("<html><body>Back soon</body></html>", OutcomeUnknown),
        ("<response><code>0</code></response>", OutcomeUnknown),
        ('<!DOCTYPE r [<!ENTITY x "y">]><response>&x;</response>', OutcomeUnknown),
        ("", OutcomeUnknown),
        (httpx.Response(429, headers={"retry-after": "30"}), RateLimited),
        (httpx.Response(403), ChannelDenied),
        (httpx.Response(404), ChannelUnavailable),
        (httpx.Response(302, headers={"location": "https://other.example"}), ChannelUnavailable),
        (httpx.Response(503), ChannelUnavailable),
        (httpx.Response(502), OutcomeUnknown),
        (httpx.ConnectError("refused"), ChannelUnavailable),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
    ],
)
def test_what_an_answer_means(answer: str | httpx.Response | Exception, error: type[ChannelError]) -> None:
    with pytest.raises(ChannelError) as caught:
        wms(answer).send(message())
    assert isinstance(caught.value, error)


def test_an_error_masks_what_the_warehouse_quotes() -> None:
    with pytest.raises(ChannelRejected) as caught:
        wms(failure("手机号无效 13812345678")).send(message())
    assert "138****5678" in str(caught.value)


# cancelling


def test_a_cancel_names_the_document() -> None:
    body = body_of(CANCEL)

    assert {child.tag: child.text for child in body} == {
        "warehouseCode": "WH-E",
        "ownerCode": "c1",
        "orderCode": "OB1",
        "orderType": "JYCK",
        "cancelReason": "UNMERGE",
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (OK, "outbound.cancelled"),
        (failure("单据已取消"), "outbound.cancelled"),
        (failure("Order OB1 is already cancelled"), "outbound.cancelled"),
        (failure("已拣货，不能取消"), "outbound.cancel_failed"),
        (failure("买家已取消，但包裹已出库"), "outbound.cancel_failed"),
        (failure("取消失败: 已取消失败3次"), "outbound.cancel_failed"),
        (failure("单据不存在"), "outbound.cancel_failed"),
    ],
)
def test_the_answer_to_a_cancel_is_a_report(answer: str, kind: str) -> None:
    reports = wms(answer).send(CANCEL)

    assert [(key, said["type"]) for key, said in reports.items()] == [("OB1-r1-cancel", kind)]
    assert reports["OB1-r1-cancel"]["data"]["outbound_no"] == "OB1"


def test_where_cancels_are_answered_later_success_says_nothing_yet() -> None:
    later = "cancel=later"

    assert wms(OK, options=later).send(CANCEL) == {}
    assert wms(failure("已拣货"), options=later).send(CANCEL)["OB1-r1-cancel"]["type"] == "outbound.cancel_failed"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure("x", sub_code="sign-check-failure"), ChannelDenied),
        (failure("系统繁忙"), ChannelUnavailable),
        (gateway("25"), ChannelDenied),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
    ],
)
def test_a_cancel_that_was_not_judged_is_asked_again(answer: str | Exception, error: type[ChannelError]) -> None:
    with pytest.raises(error):
        wms(answer).send(CANCEL)


# stock


def items(*rows: str) -> str:
    return f"<response><flag>success</flag><items>{''.join(f'<item>{row}</item>' for row in rows)}</items></response>"


def test_stock_is_summed_over_batches_and_good_units_only() -> None:
    answer = items(
        "<itemCode>A</itemCode><inventoryType>ZP</inventoryType><quantity>3</quantity><lockQuantity>1</lockQuantity>",
        "<itemCode>A</itemCode><inventoryType>ZP</inventoryType><quantity>4.0</quantity><batchCode>B2</batchCode>",
        "<itemCode>A</itemCode><inventoryType>CC</inventoryType><quantity>9</quantity>",
        "<itemCode>B</itemCode><quantity>0</quantity>",
    )

    assert wms(answer).stock(["A", "B", "C"]) == {"A": ItemStock(7, 1), "B": ItemStock(0, 0)}


def test_stock_is_asked_for_in_batches() -> None:
    asked = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append([found.text for found in read_xml(request.content).findall("criteriaList/criteria/itemCode")])
        return httpx.Response(200, content=OK.encode())

    client = httpx.Client(transport=httpx.MockTransport(respond))
    warehouse = QimenWms(client, "WH-E", {**KNOWN, "options": "query_batch=2"}, lambda: NOON)

    assert warehouse.stock(["A", "B", "C"]) == {}
    assert asked == [["A", "B"], ["C"]]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (items("<itemCode>A</itemCode><quantity>many</quantity>"), ChannelRejected),
        (failure("货主不存在"), ChannelRejected),
        (failure("x", code="isp.remote-service-timeout"), ChannelUnavailable),
        ("<html/>", ChannelUnavailable),
        (httpx.ReadTimeout("slow"), ChannelUnavailable),
    ],
)
def test_a_question_that_is_not_answered(answer: str | Exception, error: type[ChannelError]) -> None:
    with pytest.raises(error):
        wms(answer).stock(["A"])


# setting up


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"endpoint": "http://wms.example/in"}, "endpoint must be an https address"),
        ({"endpoint": ""}, "endpoint"),
        ({"app_key": ""}, "lacks the credential app_key"),
        ({"secret": ""}, "lacks the credential secret"),
        ({"customer_id": ""}, "lacks the credential customer_id"),
        ({"sign_method": "sha3"}, "sign_method must be one of md5, hmac, hmac-sha256"),
        ({"wrap": "front"}, "wrap must be one of both, trailing"),
        ({"version": "two"}, "version must be two numbers"),
        ({"options": "window_s"}, "is not name=value"),
        ({"options": "window_s=1"}, "window_s must be a number from 60 to 86400"),
        ({"options": "window_s=60.5"}, "window_s must be a number"),
        ({"options": "timeout_s=nan"}, "timeout_s must be a number"),
        ({"options": "cancel=maybe"}, "cancel=maybe is not known"),
        ({"options": "color=red"}, "color=red is not known"),
        ({"options": "carrier.nobody=X"}, "carrier.nobody: is not a carrier we know"),
    ],
)
def test_what_cannot_be_set_up(change: dict[str, str], why: str) -> None:
    with pytest.raises(SetupError, match=why):
        wms(**change)


def test_options_have_usual_values() -> None:
    usual = read_options("")

    assert (usual.window_s, usual.timeout_s, usual.query_batch, usual.cancel_is_final) == (600, 30.0, 100, True)


def test_reports_do_not_come_the_way_of_webhooks() -> None:
    with pytest.raises(ChannelDenied, match="/hooks/qimen"):
        wms().verify({}, b"{}")
