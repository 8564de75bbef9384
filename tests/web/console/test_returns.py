"""The pages of returns: announced by the desk, inspected by the warehouse, paid by whom the desk decides."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.clocks import TickingClock, in_force
from tests.fakes import FakePool
from tests.tasks.returning import shipped, stock
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def left(pool: FakePool) -> FakePool:
    """Order 1 of 3 TEA and 1 CUP has left WH-A."""
    pool.stock(TEA=10, CUP=10)
    with in_force(TickingClock(timedelta(seconds=1))):
        shipped(pool)
    return pool


def announced(browser: Browser, **more: str) -> str:
    """Announce a return on the order's page; gives the address of the return."""
    fields = {"kind": "return", "reason": "太大了", "pieces-1": "2", **more}
    return browser.submit("/console/orders/1/return", **fields).headers["location"]


def test_a_return_goes_from_its_order_to_its_refund(signed_in: SignedIn, left: FakePool) -> None:
    desk, warehouse = signed_in("desk"), signed_in("warehouse")
    assert "登记退货、换货或补发" in desk.get("/console/orders/1").text
    place = announced(desk, carrier="shunfeng", waybill="SF1234567890")
    assert place == "/console/returns/1"
    text = warehouse.get(f"{place}?lang=en").text
    for part in ("on the way", "SF1234567890", "顺丰", "太大了", "refund wanted", 'name="good-1-1"'):
        assert part in text, part

    warehouse.submit(f"{place}/arrive", warehouse="WH-A")
    answer = warehouse.submit(f"{place}/inspect", **{"good-1-1": "1", "defect-1-1": "1"}, warehouse="WH-A")
    assert answer.headers["location"] == place
    assert stock(left, "TEA") == 8
    warehouse.submit(f"{place}/close", note="报废")
    desk.submit(f"{place}/refund", decision="agreed", amount="30.00")

    text = desk.get(place).text
    for part in ("已结案", "已同意退款", "30.00", "报废", "良品 1 · 次品 1 · WH-A"):
        assert part in text, part
    assert "refund_agreed" in [row[0] for row in left.rows("select what from event where actor = 'person:desk'")]
    order = desk.get("/console/orders/1?lang=en").text
    assert "refund agreed" in order
    assert "Return: inspected" in order


def test_an_exchange_shows_where_it_leads(signed_in: SignedIn, left: FakePool) -> None:
    desk = signed_in("desk")
    place = announced(desk, kind="exchange", instead="CUP=2")
    assert "CUP × 2" in desk.get(place).text
    desk.submit(f"{place}/exchange")

    assert "1-E1" in desk.get(place).text
    assert "1-E1" in desk.get("/console/orders/1").text
    assert "换货订单，原订单" in desk.get("/console/orders/2").text
    assert desk.get("/console/batches/2").status_code == 200


def test_goods_are_sent_once_more_from_the_order_s_page(signed_in: SignedIn, left: FakePool) -> None:
    assert announced(signed_in("desk"), kind="reship") == "/console/orders/1"

    assert left.rows("select order_no from orders order by id") == [("1",), ("1-R1",)]


def test_the_list_is_filtered_and_a_scan_leads_to_the_return(signed_in: SignedIn, left: FakePool) -> None:
    desk = signed_in("desk")
    announced(desk, waybill="SF1234567890")
    announced(desk, **{"pieces-1": "1"})
    desk.submit("/console/returns/2/call-off", reason="不退了")

    both = desk.get("/console/returns?lang=en").text
    assert ('/console/returns/1"' in both, '/console/returns/2"' in both) == (True, True)
    for query, there in (("state=called_off", "2"), ("state=on_the_way", "1"), ("kind=return&refund=wanted", "12")):
        text = desk.get(f"/console/returns?{query}").text
        assert "".join(i for i in "12" if f'/console/returns/{i}"' in text) == there, query
    assert desk.get("/console/returns?q=SF1234567890").headers["location"] == "/console/returns/1"
    assert "There is no such return" in desk.get("/console/returns?q=nothing").text


def test_the_form_of_the_filter_may_leave_fields_empty(signed_in: SignedIn, left: FakePool) -> None:
    desk = signed_in("desk")
    announced(desk)
    form = re.search(r'<form method="get" action="/console/returns".*?</form>', desk.get("/console/returns").text, re.S)
    assert form
    fields = dict.fromkeys(re.findall(r'<(?:select|input type="search") name="(\w+)"', form[0]), "")
    assert set(fields) == {"q", "state", "refund", "kind"}

    for chosen, shown in (({}, True), ({"kind": "return"}, True), ({"state": "closed"}, False)):
        answer = desk.get("/console/returns", params=fields | chosen)
        assert (answer.status_code, '/console/returns/1"' in answer.text) == (200, shown), chosen
    assert desk.get("/console/returns", params=fields | {"kind": "gift"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("orders/1/return", {"pieces-1": "4", "reason": "x"}, "第 1 行：要退 TEA 4 件，已发 3 件，其中已退 0 件"),
        ("orders/1/return", {"pieces-1": "1"}, "请填写退货原因"),
        ("orders/1/return", {"pieces-1": "1", "reason": "x", "refund": "80.01"}, "买家整单实付 80.00 元"),
        ("orders/1/return", {"pieces-1": "1", "reason": "x", "refund": "lots"}, "不是以元为单位的金额"),
        ("orders/1/return", {"pieces-1": "1", "reason": "x", "kind": "exchange", "instead": "=="}, "应写作 SKU=数量"),
        ("orders/1/return", {"pieces-1": "1", "reason": "x", "waybill": "?"}, "应为 6 到 32 位字母、数字或短横"),
        ("returns/1/refund", {"decision": "asked"}, "退款不能提交付款，目前为申请中"),
        ("returns/1/close", {"note": "x"}, "不能结案，目前已登记"),
        ("returns/1/inspect", {"good-1-1": "9"}, "登记了 1 件，却验了 9 件"),
        ("returns/9/arrive", {"warehouse": "WH-A"}, "退货单 id 9：没有此退货单"),
    ],
)
def test_what_cannot_be_is_told_in_chinese(
    signed_in: SignedIn, left: FakePool, path: str, fields: dict[str, str], told: str
) -> None:
    admin = signed_in("admin")
    announced(admin, **{"pieces-1": "1"}) if path.startswith("returns") else None
    before = left.rows("select count(*) from event")
    answer = admin.submit(f"/console/{path}", **fields)

    assert (answer.status_code, told in answer.text) == (409, True), answer.text
    assert left.rows("select count(*) from event") == before


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", set()),
        ("desk", {"orders/1/return", "returns/1/waybill", "returns/1/refund", "returns/1/call-off"}),
        ("warehouse", {"returns/1/waybill", "returns/1/arrive", "returns/1/inspect", "returns/1/close"}),
    ],
)
def test_each_role_is_offered_what_it_may_do(signed_in: SignedIn, left: FakePool, role: str, may: set[str]) -> None:
    announced(signed_in("admin"))
    browser = signed_in(role)
    pages = browser.get("/console/orders/1").text + browser.get("/console/returns/1").text
    left.execute("update return_order set state = 'inspected'")
    pages += browser.get("/console/returns/1").text
    ways = {
        way
        for way in (
            "orders/1/return", "returns/1/waybill", "returns/1/arrive", "returns/1/close", "returns/1/refund",
            "returns/1/call-off",
        )
        if f'action="/console/{way}"' in pages
    }  # fmt: skip

    assert ways == may - {"returns/1/inspect"}
    assert ('name="good-1-1"' in pages) == ("returns/1/inspect" in may)


def test_a_return_that_is_not_there_is_said_so(signed_in: SignedIn, left: FakePool) -> None:
    assert signed_in("viewer").get("/console/returns/7").status_code == 404
