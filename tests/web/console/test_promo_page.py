"""Promo mode in the console: switched on and off by who may, and seen by everybody."""

import re
from collections.abc import Callable
from datetime import timedelta

from models.settings import SHANGHAI, clock
from tests.fakes import NOON, FakePool
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


def soon() -> str:
    """Two hours from now, as a browser sends it."""
    return f"{(clock().now() + timedelta(hours=2)).astimezone(SHANGHAI):%Y-%m-%dT%H:%M}"


def read(browser: Browser, path: str) -> str:
    """A page's words."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", browser.get(path).text))


def test_a_promo_is_switched_on_seen_on_every_page_and_switched_off(pool: FakePool, signed_in: SignedIn) -> None:
    browser, until = signed_in("admin"), soon()

    on = browser.submit("/console/promo/on", profile="big", until=until, reason="Double Eleven")
    seen = [read(browser, f"/console/{name}?lang=en") for name in ("orders", "shops", "promo")]
    off = browser.submit("/console/promo/off")

    assert (on.headers["location"], off.headers["location"]) == ("/console/promo", "/console/promo")
    said = f"Promo big is in force until {until.replace('T', ' ')}, switched on by admin. Double Eleven"
    assert [said in text for text in seen] == [True] * 3
    assert 'id="promo"' not in browser.get("/console/orders").text
    assert pool.rows("select began_by, ended_by from promo") == [("person:admin", "person:admin")]
    assert pool.rows("select actor from setup_change where kind = 'promo'") == [("person:admin",)] * 2


def test_a_promo_without_an_end_is_refused(pool: FakePool, signed_in: SignedIn) -> None:
    answer = signed_in("admin").submit("/console/promo/on", profile="big", until="")

    assert (answer.status_code, "请填写大促模式的结束时间" in answer.text) == (409, True)


def test_only_an_administrator_switches_a_promo(pool: FakePool, signed_in: SignedIn) -> None:
    answer = signed_in("desk").submit("/console/promo/on", profile="big", until=soon())

    assert answer.status_code == 403
    assert pool.rows("select count(*) from promo") == [(0,)]


def test_the_page_tells_who_waits_for_room_and_so_does_the_order(pool: FakePool, signed_in: SignedIn) -> None:
    pool.stock(TEA=9)
    pool.batch_of([{"TEA": 1}])
    pool.execute("update warehouse set in_progress_limit = 70 where code = 'WH-A'")
    pool.execute("insert into release_wait select 1, id, %s, %s, %s from warehouse where code = 'WH-A'", *[NOON] * 3)
    browser = signed_in("admin")
    browser.submit("/console/promo/on", profile="usual", until=soon())

    assert "WH-A 0 70 1 2026-11-20 12:00" in read(browser, "/console/promo")
    assert "in WH-A since 2026-11-20 12:00" in read(browser, "/console/orders/1?lang=en")


def test_the_room_of_a_warehouse_is_set_on_its_page(pool: FakePool, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/console/warehouses/WH-A").text

    assert 'name="in_progress_limit"' in page
