"""The console's orders: the list, the search, and what the desk decides about what it chose."""

import csv
import io
import re
from collections.abc import Callable

import pytest

from tests.fakes import FakePool, payload
from tests.tasks.shipping import dispatched, report
from tests.web.console.conftest import Browser
from web.console.order_words import ACTIONS

SignedIn = Callable[[str], Browser]


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """Three orders with a route (1 to 3), one that is not paid (4), one of a SKU that nobody knows (5)."""
    pool.stock(TEA=50)
    pool.take([*(payload(n) for n in (1, 2, 3)), payload(4, status="pending"), payload(5, units={"NOPE": 1})])
    pool.through_the_stages("route")
    return pool


def numbers(text: str) -> list[str]:
    """The order numbers of a page, in its order."""
    return re.findall(r'<td class="nowrap"><a href="/console/orders/\d+">([^<]+)</a>', text)


def ids(pool: FakePool, *nos: str) -> list[int]:
    found = dict(pool.rows("select order_no, id from orders"))
    return [found[no] for no in nos]


def test_the_first_page_counts_holds_and_shows_the_newest(signed_in: SignedIn, shop: FakePool) -> None:
    text = signed_in("viewer").get("/console/").text

    assert "未付款" in text
    assert "商家编码未知" in text
    assert numbers(text) == ["5", "4", "3", "2", "1"]


def test_the_list_has_every_order_newest_first(signed_in: SignedIn, shop: FakePool) -> None:
    assert numbers(signed_in("viewer").get("/console/orders").text) == ["5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("query", "nos"),
    [
        ("status=waiting_payment", ["4"]),
        ("status=in_process", ["3", "2", "1"]),
        ("hold=UNKNOWN_SKU", ["5"]),
        ("stage=routed&sku=TEA", ["3", "2", "1"]),
        ("region=浙江&status=held", ["5"]),
        ("region=杭州 西湖&hold=UNPAID", ["4"]),
        ("since=2026-11-20&until=2026-11-20&batch=1", ["5", "4", "3", "2", "1"]),
        ("since=2026-11-21", []),
        ("shop=WOO&sku=NOPE", ["5"]),
        ("q=2", ["2"]),
        ("q=13900000003", ["3"]),
    ],
)
def test_a_filter_leaves_what_it_says(signed_in: SignedIn, shop: FakePool, query: str, nos: list[str]) -> None:
    assert numbers(signed_in("viewer").get(f"/console/orders?{query}").text) == nos


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=gone", "gone is no status here."),
        ("shop=NONE", "There is no shop NONE."),
        ("since=yesterday", "yesterday is no day"),
        ("region=Atlantis", "No region is called Atlantis."),
        ("region=西湖区", "may be 浙江省杭州市西湖区, 江西省南昌市西湖区"),
        ("batch=99999999999999999999", "99999999999999999999 is no number of a batch."),
    ],
)
def test_a_filter_that_means_nothing_is_told_and_shows_nothing(
    signed_in: SignedIn, shop: FakePool, query: str, said: str
) -> None:
    text = signed_in("viewer").get(f"/console/orders?{query}&lang=en").text

    assert said in text
    assert numbers(text) == []


def test_pages_follow_each_other_by_key(signed_in: SignedIn, pool: FakePool) -> None:
    pool.stock(TEA=500)
    pool.take([payload(n) for n in range(1, 61)])
    browser = signed_in("viewer")
    first = browser.get("/console/orders?stage=ingested").text
    following = re.search(r'rel="next" href="([^"]+)"', first)

    assert following
    second = browser.get(following[1].replace("&amp;", "&")).text
    assert numbers(first) + numbers(second) == [str(n) for n in range(60, 0, -1)]
    assert 'rel="next"' not in second


def test_only_the_table_is_sent_where_the_browser_asks_for_it(signed_in: SignedIn, shop: FakePool) -> None:
    text = signed_in("viewer").get("/console/orders", headers={"hx-request": "true"}).text

    assert text.strip().startswith('<div id="orders">')


def test_a_search_for_one_order_leads_to_it(signed_in: SignedIn, shop: FakePool) -> None:
    browser = signed_in("viewer")
    (two,) = ids(shop, "2")

    assert browser.get("/console/orders/find?q=2").headers["location"] == f"/console/orders/{two}"
    assert browser.get("/console/orders/find?q=13900000002").headers["location"] == f"/console/orders/{two}"


def test_a_search_for_none_or_several_leads_to_the_list(signed_in: SignedIn, shop: FakePool) -> None:
    place = signed_in("viewer").get("/console/orders/find?q=%26nothing").headers["location"]

    assert place == "/console/orders?q=%26nothing"


def test_four_digits_of_a_phone_get_a_hint(signed_in: SignedIn, shop: FakePool) -> None:
    text = signed_in("viewer").get("/console/orders?q=0003&lang=en").text

    assert "Type all eleven digits" in text


def test_a_viewer_has_nothing_to_decide_with(signed_in: SignedIn, shop: FakePool) -> None:
    viewer = signed_in("viewer")

    assert "/console/orders/decide" not in viewer.get("/console/orders").text
    answer = viewer.submit("/console/orders/decide", action="hold", reason="no", id=ids(shop, "1"))
    assert answer.status_code == 403
    assert "MANUAL" not in str(shop.holds())


def test_chosen_orders_are_held_with_a_reason_and_the_way_leads_back(signed_in: SignedIn, shop: FakePool) -> None:
    desk = signed_in("desk")
    answer = desk.submit(
        "/console/orders/decide",
        action="hold",
        reason="buyer called",
        id=ids(shop, "1", "2"),
        back="/console/orders?status=in_process",
    )

    assert answer.headers["location"] == "/console/orders?status=in_process"
    assert desk.said() == "挂起：已处理 2 个订单。"
    assert {no: codes for no, codes in shop.holds().items() if "MANUAL" in codes} == {"1": ["MANUAL"], "2": ["MANUAL"]}
    assert shop.rows(
        "select distinct actor, detail->>'reason' from event where what = 'held' and actor like 'person%%'"
    ) == [("person:desk", "buyer called")]


@pytest.mark.parametrize("action", list(ACTIONS))
def test_every_decision_is_done_or_refused_in_words(signed_in: SignedIn, shop: FakePool, action: str) -> None:
    answer = signed_in("desk").submit(
        "/console/orders/decide", action=action, code="UNPAID", reason="to see", id=ids(shop, "1", "4", "5")
    )

    assert answer.status_code in (200, 303, 409)
    assert "Traceback" not in answer.text


def test_a_timed_hold_ends_when_chinas_clock_says(signed_in: SignedIn, shop: FakePool) -> None:
    signed_in("desk").submit(
        "/console/orders/decide", action="hold", reason="later", until="2026-12-24T09:30", id=ids(shop, "1")
    )

    assert shop.rows("select to_char(release_at, 'YYYY-MM-DD HH24:MI') from hold where code = 'MANUAL'") == [
        ("2026-12-24 01:30",)
    ]


def test_what_is_refused_is_named_with_its_sentence(signed_in: SignedIn, shop: FakePool) -> None:
    desk = signed_in("desk")
    desk.submit("/console/orders/decide", action="hold", reason="look", id=ids(shop, "1"))
    answer = desk.submit(
        "/console/orders/decide", action="release", code="MANUAL", reason="fine", id=ids(shop, "1", "2")
    )

    assert answer.status_code == 200
    assert "订单 2：没有“人工暂停”挂起，无需解除" in answer.text
    assert "MANUAL" not in str(shop.holds())


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "hold", "reason": ""}, 409),
        ({"action": "explode", "reason": "why not"}, 400),
        ({"action": "hold", "reason": "x", "until": "tomorrow"}, 409),
        ({"action": "hold", "reason": "x", "id": "1; drop"}, 400),
        ({"action": "hold", "reason": "x", "id": [str(n) for n in range(501)]}, 400),
        ({"action": "hold", "reason": "x", "id": []}, 400),
    ],
)
def test_a_decision_that_says_too_little_or_too_much_is_refused(
    signed_in: SignedIn, shop: FakePool, form: dict[str, object], status: int
) -> None:
    given = {"id": ids(shop, "1")} | form

    assert signed_in("desk").submit("/console/orders/decide", **given).status_code == status
    assert "MANUAL" not in str(shop.holds())


@pytest.mark.parametrize("back", ["//evil.test", "https://evil.test/console/orders", "/console/orders/../people", ""])
def test_the_way_back_never_leads_elsewhere(signed_in: SignedIn, shop: FakePool, back: str) -> None:
    answer = signed_in("desk").submit("/console/orders/decide", action="hold", reason="x", id=ids(shop, "1"), back=back)

    assert answer.headers["location"] == "/console/orders"


def test_an_export_has_the_filters_orders_without_names_or_phones(signed_in: SignedIn, shop: FakePool) -> None:
    desk = signed_in("desk")
    text = desk.get("/console/orders/export/csv?stage=routed").text
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))

    assert [row["order_no"] for row in rows] == ["3", "2", "1"]
    assert rows[0]["region"] == "浙江省杭州市"
    assert not re.search(r"139\d{8}|欧阳|梧桐", text)
    assert shop.rows("select actor, detail->>'what', detail->>'rows' from access_log where what = 'exported'") == [
        ("person:desk", "orders", "3")
    ]


def test_an_export_of_a_filter_that_means_nothing_is_empty(signed_in: SignedIn, shop: FakePool) -> None:
    assert signed_in("desk").get("/console/orders/export/csv?shop=NONE").text.count("\n") == 1


def test_a_decision_leads_back_to_the_very_page_of_the_list(signed_in: SignedIn, shop: FakePool) -> None:
    text = signed_in("desk").get("/console/orders?shop=WOO&before=9700000000000000-1").text

    assert 'name="back" value="/console/orders?shop=WOO&amp;before=9700000000000000-1"' in text


def test_a_city_that_is_a_province_is_named_once(signed_in: SignedIn, shop: FakePool) -> None:
    shop.execute("update receiver set province = '上海', city = '上海市'")
    desk = signed_in("desk")
    pages = desk.get("/console/orders").text + desk.get(f"/console/orders/{ids(shop, '1')[0]}").text

    assert "上海市" in pages
    assert not re.search("上海 ?上海市", pages)


@pytest.mark.parametrize(
    ("action", "way", "state"),
    [("back_order_short", "back_order", "open"), ("refund_short", "refund", "refunded")],
)
def test_the_desk_settles_what_a_warehouse_did_not_ship(
    signed_in: SignedIn, pool: FakePool, action: str, way: str, state: str
) -> None:
    report(dispatched(pool), {"YT1": {1: 1}})

    answer = signed_in("desk").submit("/console/orders/decide", action=action, reason="asked", id=ids(pool, "1"))

    assert answer.status_code == 303
    assert pool.rows("select distinct way, state from remainder") == [(way, state)]


def test_what_cannot_be_sent_from_elsewhere_is_told_in_chinese(signed_in: SignedIn, pool: FakePool) -> None:
    report(dispatched(pool), {"YT1": {1: 1, 2: 1}})

    answer = signed_in("desk").submit(
        "/console/orders/decide", action="reroute_short", reason="asked", id=ids(pool, "1")
    )

    assert "订单 1：缺发的 2 of TEA 无法改仓补发，目前没有仓库可发" in answer.text
