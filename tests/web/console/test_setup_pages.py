"""What people change on the set-up pages lands in the pool and is noted."""

from collections.abc import Callable
from typing import Any

import pytest

from models.settings import clock
from tests.fakes import FakePool
from tests.web.console.conftest import Browser, hidden

SignedIn = Callable[[str], Browser]


def noted(pool: FakePool, kind: str) -> list[tuple[Any, ...]]:
    """Actor, code, before and after of every change of a kind."""
    return pool.rows("select actor, code, before, after from setup_change where kind = %s order by id", kind)


def test_a_shop_is_renamed_and_switched_off(pool: FakePool, signed_in: SignedIn) -> None:
    answer = signed_in("admin").submit("/console/shops/WOO", name="网店", lock_unpaid="yes")

    assert answer.headers["location"] == "/console/shops/WOO"
    assert pool.rows("select name, active, lock_unpaid from shop") == [("网店", False, True)]
    assert noted(pool, "shop") == [
        (
            "person:admin",
            "WOO",
            {"name": "", "active": True, "lock_unpaid": False},
            {"name": "网店", "active": False, "lock_unpaid": True},
        )
    ]


def test_a_shops_settings_change_and_go_back(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    browser.submit("/console/shops/WOO/settings", handling_hours="12", page_size="50", lag_s="")
    browser.submit("/console/shops/WOO/settings", handling_hours="")

    assert pool.rows("select settings from shop") == [({"capabilities": {"page_size": 50}},)]
    assert [row[2:] for row in noted(pool, "shop")] == [
        ({"page_size": "100", "handling_hours": "24"}, {"page_size": "50", "handling_hours": "12"}),
        ({"handling_hours": "12"}, {"handling_hours": "24"}),
    ]


def test_a_setting_that_will_not_do_is_told_and_changes_nothing(pool: FakePool, signed_in: SignedIn) -> None:
    answer = signed_in("admin").submit("/console/shops/WOO/settings", page_size="many")

    assert (answer.status_code, "设置 page_size 应为不小于 1 的整数" in answer.text) == (409, True)
    assert noted(pool, "shop") == []


def test_a_shop_that_is_off_is_not_read_by_its_schedule(pool: FakePool, signed_in: SignedIn) -> None:
    from connectors.registry import CHANNELS
    from models.database import transaction
    from tasks.windows import claim_window, find_shop

    signed_in("admin").submit("/console/shops/WOO", name="WOO")
    with transaction() as conn:
        shop = find_shop(conn, "WOO")

    assert claim_window(shop, CHANNELS["woocommerce"].capabilities, "run", None, None) is None


WAREHOUSE = {"name": "东仓", "division": "浙江省杭州市余杭区", "carrier": "yunda", "kind": "own", "active": "yes"}


@pytest.fixture
def reachable(pool: FakePool) -> None:
    """WH-A has an address, without which it is not saved."""
    from models.database import transaction
    from tasks.credentials import Owner, keep_secrets

    with transaction() as conn:
        keep_secrets(conn, Owner.WAREHOUSE, "WH-A", {"endpoint": "http://127.0.0.1:9/in", "secret": "s"})


@pytest.mark.usefixtures("reachable")
def test_a_warehouse_changes_and_its_secrets_stay_unseen(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("warehouse")
    browser.submit("/console/warehouses/WH-A", **WAREHOUSE, cutoff="16:30", daily_limit="500", in_progress_limit="80")

    row = pool.rows("select name, division_code, carrier, cutoff::text, daily_limit, active from warehouse order by id")
    assert row[0] == ("东仓", "330110", "yunda", "16:30:00", 500, True)
    ((actor, code, before, after),) = noted(pool, "warehouse")
    assert (actor, code) == ("person:warehouse", "WH-A")
    assert after == before | {
        "name": "东仓", "division": "330110", "carrier": "yunda", "cutoff": "16:30:00", "daily_limit": 500,
        "in_progress_limit": 80,
    }  # fmt: skip
    assert "127.0.0.1" not in browser.get("/console/warehouses/WH-A").text


@pytest.mark.usefixtures("reachable")
def test_a_warehouse_whose_address_is_gone_gets_messages_when_a_person_says_so(
    pool: FakePool, signed_in: SignedIn
) -> None:
    pool.execute("update warehouse set stopped_at = %s", clock().now())
    browser = signed_in("warehouse")

    browser.submit("/console/warehouses/WH-A", **WAREHOUSE)
    assert pool.rows("select stopped_at is null from warehouse where code = 'WH-A'") == [(False,)]
    browser.submit("/console/warehouses/WH-A", **WAREHOUSE, mended="yes")
    assert pool.rows("select stopped_at is null from warehouse where code = 'WH-A'") == [(True,)]


def test_areas_are_added_changed_and_removed_one_by_one(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("warehouse")
    browser.submit("/console/areas/WH-A", division="浙江省，江苏省", priority="2")
    browser.submit("/console/areas/WH-A", division="浙江省", priority="1")
    browser.submit("/console/areas/WH-A/remove", division=["320000"])

    assert pool.rows("select division_code, priority from service_area") == [("330000", 1)]
    assert [row[1:] for row in noted(pool, "area")] == [
        ("WH-A", {"320000": None, "330000": None}, {"320000": 2, "330000": 2}),
        ("WH-A", {"330000": 2}, {"330000": 1}),
        ("WH-A", {"320000": 2}, {"320000": None}),
    ]


def test_the_last_area_of_a_warehouse_can_be_removed(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("warehouse")
    browser.submit("/console/areas/WH-A", division="浙江省")
    browser.submit("/console/areas/WH-A/remove", division=["330000"])

    assert pool.rows("select count(*) from service_area") == [(0,)]


def test_a_sku_is_added_with_its_usual_price(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    browser.submit("/console/skus/one", new="yes", code="TEA", name="绿茶", weight_g="250", usual_yuan="19.90")

    assert pool.rows("select code, name, weight_g, usual_fen, given from sku join sku_price on sku_id = id") == [
        ("TEA", "绿茶", 250, 1990, True)
    ]
    assert [row[2:] for row in noted(pool, "sku")] == [
        (None, {"name": "绿茶", "barcode": "", "weight_g": 250}),
        ({"usual_fen": None}, {"usual_fen": 1990}),
    ]


def test_a_new_sku_does_not_replace_one_that_is_there(pool: FakePool, signed_in: SignedIn) -> None:
    pool.stock(TEA=1)

    assert signed_in("admin").submit("/console/skus/one", new="yes", code="TEA", name="other").status_code == 409
    assert pool.rows("select name from sku") == [("",)]


@pytest.mark.parametrize("price", ["-1", "abc", "0.001"])
def test_a_price_that_is_none_changes_nothing(pool: FakePool, signed_in: SignedIn, price: str) -> None:
    answer = signed_in("admin").submit("/console/skus/one", new="yes", code="TEA", usual_yuan=price)

    assert answer.status_code == 409
    assert pool.rows("select count(*) from sku") == [(0,)]


def test_skus_are_paged_and_searched(pool: FakePool, signed_in: SignedIn) -> None:
    pool.execute(
        """insert into sku (code, name, barcode, weight_g)
           select 'S-' || to_char(n, 'FM000'), case n when 7 then '100%% 棉' else '' end, '', 0
           from generate_series(1, 120) n"""
    )
    browser = signed_in("viewer")
    codes: list[str] = []
    path = "/console/skus"
    while path:
        text = browser.get(path).text
        codes += [part.partition('"')[0] for part in text.split("/console/skus/one?code=")[1:]]
        after = text.partition('" rel="next"')[0].rpartition('href="')[2] if 'rel="next"' in text else ""
        path = after.replace("&amp;", "&")

    assert codes == [f"S-{number:03}" for number in range(1, 121)]
    assert "S-007" in browser.get("/console/skus?q=100%25").text
    assert "S-008" not in browser.get("/console/skus?q=100%25").text


def test_somebody_is_added_and_gets_a_password_once(pool: FakePool, signed_in: SignedIn, browser: Browser) -> None:
    admin = signed_in("admin")
    answer = admin.submit("/console/people", name="Wang", role="viewer")
    password = answer.text.partition('id="made">')[2].partition("<")[0]

    assert browser.sign_in("wang", password).status_code == 303
    assert password not in admin.get("/console/people").text
    assert noted(pool, "person") == [("person:admin", "wang", None, {"role": "viewer", "active": True})]


def test_the_last_admin_stays(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    answers = [
        browser.submit("/console/people/role", name="admin", role="viewer"),
        browser.submit("/console/people/active", name="admin", active="no"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert pool.rows("select role, active from console_user") == [("admin", True)]


def test_a_phone_is_put_on_the_blacklist_found_and_taken_off(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("desk")
    phone = {"kind": "phone", "value": "13800001234"}
    browser.submit("/console/blacklist", **phone, reason="拒收三次")
    found = browser.submit("/console/blacklist/find", **phone).text
    (entry,) = pool.rows("select id, made_by, shown from blacklist")
    browser.submit("/console/blacklist/end", id=str(entry[0]))

    assert entry[1] == "person:desk"
    assert "拒收三次" in found
    assert "13800001234" not in found
    assert pool.rows("select ended_by from blacklist") == [("person:desk",)]


def rules_page(browser: Browser) -> str:
    text = browser.get("/console/rules").text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
    assert "high_value" in text
    return (
        text.replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )


def test_rules_are_tried_before_they_are_put_in_force(pool: FakePool, signed_in: SignedIn) -> None:
    browser = signed_in("admin")
    other = rules_page(browser).replace("within_minutes: 10", "within_minutes: 20")

    untried = browser.submit("/console/rules/use", text=other, note="longer")
    tried = browser.submit("/console/rules/try", text=other, days="30", note="longer")
    used = browser.submit("/console/rules/use", text=other, note="longer", tried=hidden(tried.text, "tried"))

    assert (untried.status_code, tried.status_code, used.status_code) == (409, 200, 303)
    assert pool.rows("select version, note, made_by from review_rules") == [(1, "longer", "person:admin")]


def test_rules_with_a_fault_are_told_and_their_text_is_kept(pool: FakePool, signed_in: SignedIn) -> None:
    answer = signed_in("admin").submit("/console/rules/try", text="repeat: {within_minutes: many}", days="30")

    assert (answer.status_code, "repeat: {within_minutes: many}" in answer.text) == (409, True)
    assert "within_minutes" in answer.text.partition("problem")[2]


def test_the_language_switch_of_a_trial_leads_to_the_rules(signed_in: SignedIn) -> None:
    assert signed_in("viewer").get("/console/rules/try?lang=en").headers["location"] == "/console/rules?lang=en"


def test_whoever_moves_the_endpoint_of_a_warehouse_is_known(pool: FakePool, signed_in: SignedIn) -> None:
    sheet = "code,name,division,endpoint\nWH-C,North,110105,http://127.0.0.1:9/elsewhere\n"
    browser = signed_in("warehouse")
    for content in (sheet.replace("elsewhere", "in"), sheet, sheet):
        browser.post(
            "/console/warehouses/import", data={"csrf": browser.csrf}, files={"file": ("w.csv", content.encode())}
        )

    moved = [row for row in noted(pool, "warehouse") if "credentials" in row[3]]
    assert moved == [("person:warehouse", "WH-C", None, {"credentials": "endpoint"})] * 2
    assert "elsewhere" not in str(noted(pool, "warehouse"))
