"""The simulated warehouses that speak Qimen, over HTTP."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, Inbox

CHINA = timezone(timedelta(hours=8))
TAKEN = b"<response><flag>success</flag></response>"


def signature(query: dict[str, str], body: str, secret: str) -> str:
    """Qimen's md5, written out once more."""
    joined = "".join(name + query[name] for name in sorted(query) if name != "sign")
    return hashlib.md5(f"{secret}{joined}{body}{secret}".encode()).hexdigest().upper()


def _inner(element: ElementTree.Element) -> str:
    return (element.text or "") + "".join(ElementTree.tostring(child, "unicode") for child in element)


class QimenCaller:
    """Calls one warehouse as an order system does, and keeps what it calls back."""

    def __init__(self, sandbox: Sandbox, received: Inbox) -> None:
        self.sandbox, self.received = sandbox, received
        received.answer = lambda path: (200, TAKEN)
        self.known = self.set_up(callback_url=f"{received.url}/hooks/qimen/WH-E")

    def set_up(self, **settings: Any) -> dict[str, Any]:
        """Change the warehouse; returns how it is reached."""
        known: dict[str, Any] = self.sandbox.do("POST", "/warehouses", {"code": "WH-E", "speaks": "qimen"} | settings)
        return known

    @property
    def queries(self) -> list[dict[str, str]]:
        """The parameters of every call that came back."""
        return [dict(parse_qsl(urlsplit(headers[":path"]).query)) for headers, _ in self.received.messages]

    def call(self, method: str, body: str, **more: str) -> dict[str, str]:
        """What is answered to a signed call."""
        query = {
            "method": f"taobao.qimen.{method}",
            "app_key": self.known["app_key"],
            "timestamp": f"{datetime.now(UTC).astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
            "format": "xml",
            "v": "2.0",
            "sign_method": "md5",
            "customerId": self.known["customer_id"],
            **more,
        }
        query.setdefault("sign", signature(query, body, self.known["secret"]))
        answer = HTTP.post(self.known["endpoint"], params=query, content=body.encode())
        return {child.tag: _inner(child) for child in ElementTree.fromstring(answer.content)}

    def create(self, no: str = "OB1", **more: str) -> dict[str, str]:
        """Have two pieces of TEA and a CUP delivered."""
        lines = "".join(
            f"<orderLine><orderLineNo>{number}</orderLineNo><sourceOrderCode>9</sourceOrderCode>"
            f"<itemCode>{sku}</itemCode><planQty>{units}</planQty></orderLine>"
            for number, (sku, units) in enumerate({"TEA": 2, "CUP": 1}.items(), 1)
        )
        order = f"<deliveryOrderCode>{no}</deliveryOrderCode><logisticsCode>YTO</logisticsCode>"
        body = f"<request><deliveryOrder>{order}</deliveryOrder><orderLines>{lines}</orderLines></request>"
        return self.call("deliveryorder.create", body, **more)

    def cancel(self, no: str = "OB1") -> dict[str, str]:
        """Ask for a document back."""
        return self.call("order.cancel", f"<request><orderCode>{no}</orderCode></request>")

    def ship(self, **wishes: Any) -> dict[str, int]:
        """Let the warehouse ship what waits."""
        counts: dict[str, int] = self.sandbox.do("POST", "/warehouses/WH-E/ship", wishes)
        return counts

    def reports(self) -> list[tuple[str, ElementTree.Element]]:
        """Method and document of every call that came back."""
        methods = [query["method"] for query in self.queries]
        return [
            (method, ElementTree.fromstring(body))
            for method, (_, body) in zip(methods, self.received.messages, strict=True)
        ]


@pytest.fixture
def caller(sandbox: Sandbox, received: Inbox) -> QimenCaller:
    return QimenCaller(sandbox, received)


def text(root: ElementTree.Element, path: str) -> str:
    return root.findtext(path) or ""


def documents(sandbox: Sandbox) -> list[tuple[str, int, str]]:
    rows = sandbox.do("GET", "/books")["warehouses"]["WH-E"]["documents"]
    return [(row["outbound_no"], row["received"], row["state"]) for row in rows]


def test_a_warehouse_speaks_webhooks_until_it_is_told(sandbox: Sandbox, received: Inbox) -> None:
    assert sandbox.warehouse("WH-E")["platform"] == "webhook"

    assert QimenCaller(sandbox, received).known["platform"] == "qimen"
    assert sandbox.warehouse("WH-S")["platform"] == "webhook"


def test_an_order_is_taken_once_by_its_number(sandbox: Sandbox, caller: QimenCaller) -> None:
    answers = [caller.create() for _ in range(3)]

    assert [answer["flag"] for answer in answers] == ["success"] * 3
    assert len({answer["deliveryOrderId"] for answer in answers}) == 1
    assert documents(sandbox) == [("OB1", 3, "received")]


def test_a_repeat_may_be_refused_because_it_exists(sandbox: Sandbox, caller: QimenCaller) -> None:
    caller.set_up(qimen={"repeat": "exists"})
    caller.create()

    answer = caller.create()

    assert (answer["flag"], answer["message"]) == ("failure", "出库单号已存在:OB1")
    assert documents(sandbox) == [("OB1", 2, "received")]


@pytest.mark.parametrize(
    "more",
    [
        {"sign": "0" * 32},
        {"app_key": "1"},
        {"customerId": "c1"},
        {"sign_method": "hmac"},
        {"timestamp": "2020-01-01 00:00:00"},
        {"timestamp": "soon"},
    ],
)
def test_a_call_that_is_not_signed_as_agreed_is_refused(
    sandbox: Sandbox, caller: QimenCaller, more: dict[str, str]
) -> None:
    answer = caller.create(**more)

    assert (answer["flag"], answer["sub_code"]) == ("failure", "sign-check-failure")
    assert documents(sandbox) == []


def test_an_item_that_is_not_known_is_refused(sandbox: Sandbox, caller: QimenCaller) -> None:
    caller.set_up(qimen={"refuses": ["CUP"]})

    assert caller.create()["message"] == "商品编码不存在:CUP"
    assert documents(sandbox) == []


def test_a_shipment_is_confirmed_by_a_signed_call(caller: QimenCaller) -> None:
    caller.create()

    counts = caller.ship(packages=2)

    ((method, body),) = caller.reports()
    (query,) = caller.queries
    raw = caller.received.messages[0][1].decode()
    assert counts == {"sent": 1, "acknowledged": 1, "failed": 0}
    assert method == "deliveryorder.confirm"
    assert query["sign"] == signature(query, raw, caller.known["secret"])
    assert [text(body, f"deliveryOrder/{name}") for name in ("deliveryOrderCode", "status", "confirmType")] == [
        "OB1", "DELIVERED", "0",
    ]  # fmt: skip
    assert len({text(box, "expressCode") for box in body.findall("packages/package")}) == 2
    assert [(text(line, "orderLineNo"), text(line, "actualQty")) for line in body.findall("orderLines/orderLine")] == [
        ("1", "2"), ("2", "1"),
    ]  # fmt: skip


def test_what_leaves_in_parts_is_confirmed_box_by_box(caller: QimenCaller) -> None:
    caller.create()

    caller.ship(packages=2, in_parts=True)

    said = [body for _, body in caller.reports()]
    assert [text(body, "deliveryOrder/confirmType") for body in said] == ["1", "0"]
    assert [text(body, "deliveryOrder/status") for body in said] == ["PARTDELIVERED", "DELIVERED"]
    assert len({text(body, "deliveryOrder/outBizCode") for body in said}) == 2


def test_units_that_lack_are_told_before_the_rest_is_confirmed(caller: QimenCaller) -> None:
    caller.create()

    caller.ship(short={"TEA": 1})

    (lack, lacking), (confirm, confirmed) = caller.reports()
    assert (lack, confirm) == ("itemlack.report", "deliveryorder.confirm")
    assert [(text(item, "itemCode"), text(item, "lackQty")) for item in lacking.findall("items/item")] == [("TEA", "1")]
    assert [text(line, "actualQty") for line in confirmed.findall("orderLines/orderLine")] == ["1", "1"]


def test_auto_mode_accepts_then_ships(caller: QimenCaller) -> None:
    caller.set_up(mode="auto", ship_after_s=0.05)
    caller.create()

    caller.received.wait(2)

    assert [method for method, _ in caller.reports()] == ["orderprocess.report", "deliveryorder.confirm"]


def test_a_cancel_wins_only_before_shipping(sandbox: Sandbox, caller: QimenCaller) -> None:
    for no in ("OB1", "OB2"):
        caller.create(no)
    caller.ship(outbound_nos=["OB2"])

    answers = [caller.cancel(no) for no in ("OB1", "OB1", "OB2", "OB3")]

    assert [answer["flag"] for answer in answers] == ["success", "failure", "failure", "failure"]
    assert [answer["message"] for answer in answers[1:]] == ["单据已取消:OB1", "不能取消:SHIPPED", "单据不存在:OB3"]
    assert [state for _, _, state in documents(sandbox)] == ["cancelled", "shipped"]


@pytest.mark.parametrize(("reason", "status"), [("", "CANCELED"), ("ALREADY_PICKED", "CANCELEDFAIL")])
def test_a_cancel_may_be_answered_later(caller: QimenCaller, reason: str, status: str) -> None:
    caller.set_up(qimen={"cancel": "later"}, cancel_reason=reason)
    caller.create()

    assert caller.cancel()["flag"] == "success"

    caller.received.wait(1)
    ((method, body),) = caller.reports()
    assert (method, text(body, "process/processStatus")) == ("orderprocess.report", status)


def test_stock_comes_in_batches_and_kinds(caller: QimenCaller) -> None:
    caller.set_up(stock={"TEA": 5}, qimen={"defective": {"TEA": 1}})
    body = "<request><criteriaList><criteria><itemCode>TEA</itemCode></criteria></criteriaList></request>"

    answer = caller.call("inventory.query", body)

    items = ElementTree.fromstring(f"<items>{answer['items']}</items>")
    assert [(text(item, "inventoryType"), text(item, "quantity")) for item in items] == [
        ("ZP", "2"), ("ZP", "3"), ("CC", "1"),
    ]  # fmt: skip


def test_a_correction_is_told_as_a_difference(caller: QimenCaller) -> None:
    caller.set_up(stock={"TEA": 5})

    caller.sandbox.do("POST", "/warehouses/WH-E/stock", {"change": {"TEA": -2}, "reason": "CHECK"})

    ((method, body),) = caller.reports()
    assert (method, text(body, "adjustType")) == ("inventory.report", "CHECK")
    assert (text(body, "items/item/quantity"), text(body, "items/item/totalQty")) == ("-2", "3")


def test_what_leaves_may_be_told_as_a_change_of_stock(caller: QimenCaller) -> None:
    caller.set_up(stock={"TEA": 5}, tells_changes=True)
    caller.create()

    caller.ship()

    _, (method, body) = caller.reports()
    assert (method, text(body, "items/item/orderType"), text(body, "items/item/quantity")) == (
        "stockchange.report", "JYCK", "-2",
    )  # fmt: skip


def test_callback_faults_forge_double_and_reorder(sandbox: Sandbox, caller: QimenCaller) -> None:
    for no in ("OB1", "OB2"):
        caller.create(no)
    for kind in ("out_of_order", "duplicate", "bad_signature"):
        sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": kind, "times": 1})

    caller.ship()

    assert [text(body, "deliveryOrder/deliveryOrderCode") for _, body in caller.reports()] == ["OB2", "OB2", "OB1"]
    signed = [
        query["sign"] == signature(query, raw.decode(), caller.known["secret"])
        for query, (_, raw) in zip(caller.queries, caller.received.messages, strict=True)
    ]
    assert signed == [False, False, True]


def test_any_call_can_be_sent_again(caller: QimenCaller) -> None:
    body = "<request><order><orderCode>OB9</orderCode></order></request>"

    for _ in range(2):
        caller.sandbox.do("POST", "/warehouses/WH-E/send", {"method": "orderprocess.report", "body": body})

    assert [raw.decode() for _, raw in caller.received.messages] == [body, body]


def test_a_refused_report_counts_as_failed(caller: QimenCaller) -> None:
    caller.create()
    caller.received.answer = lambda path: (200, b"<response><flag>failure</flag></response>")

    assert caller.ship() == {"sent": 1, "acknowledged": 0, "failed": 1}


@pytest.mark.parametrize(
    "settings",
    [{"speaks": "klingon"}, {"qimen": {"repeat": "shrug"}}, {"qimen": {"sign_method": "sha3"}}],
)
def test_what_a_warehouse_cannot_be(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        sandbox.do("POST", "/warehouses", {"code": "WH-E", **settings})


def test_all_that_lies_there_is_asked_for_not_reported(sandbox: Sandbox, caller: QimenCaller) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        sandbox.do("POST", "/warehouses/WH-E/stock", {})


def test_that_nothing_more_leaves_may_be_told_by_itself(caller: QimenCaller) -> None:
    caller.create()

    caller.ship(short={"CUP": 1}, left_over=True)

    _, (_, first), (_, last) = caller.reports()
    assert [text(body, "deliveryOrder/confirmType") for body in (first, last)] == ["1", "0"]
    assert last.findall("packages/package") == []
    assert [text(line, "actualQty") for line in last.findall("orderLines/orderLine")] == ["0", "0"]
