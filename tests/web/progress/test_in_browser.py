"""The buyers' page on a phone of 375 pixels: every way in, what is seen, and whether everybody can use it."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tasks.progress_sessions import link_to
from tests.browsing import CHROMIUM, chromium, picture
from tests.clocks import StoppedClock
from tests.fakes import FakePool, payload
from tests.web.progress.accessibility import faults, tab_stops
from tests.web.progress.conftest import PHONE, Messages

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")

MOST_BYTES = 50_000


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def window(chrome: Browser, web: httpx.Client, pool: FakePool) -> Iterator[BrowserContext]:
    size = {"width": 375, "height": 667}
    made = chrome.new_context(base_url=str(web.base_url), viewport=size, locale="zh-CN")  # type: ignore[arg-type]
    made.set_default_timeout(8_000)
    yield made
    made.close()


@pytest.fixture
def phone(window: BrowserContext) -> Iterator[Page]:
    """A page of 375 pixels, at the first page; nothing it did was forbidden by its own headers."""
    page = window.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto("/progress")
    yield page
    assert complaints == []


@pytest.fixture
def scanned(pool: FakePool, clock: StoppedClock) -> FakePool:
    """The parcel was seen on its way; one of the texts names a phone that was not masked when it was stored."""
    told = [
        ("in_transit", 9, "【杭州转运中心】已发出，下一站【深圳转运中心】", "浙江省杭州市"),
        ("collected", 11, "【杭州西湖公司】已揽收，揽收员 13800138000", "浙江省杭州市"),
    ]
    for stage, hours, text, place in told:
        pool.execute(
            "insert into parcel_event (parcel_id, digest, at, stage, text, place) values (1, %s, %s, %s, %s, %s)",
            stage, clock.now() - timedelta(hours=hours), stage, text, place,
        )  # fmt: skip
    pool.execute("update parcel set stage = 'in_transit', heard_at = %s", clock.now() - timedelta(hours=9))
    pool.execute("update order_line set title = '云栖龙井 2026 明前特级 250 克' where sku_code = 'TEA'")
    pool.execute("update order_line set title = '青瓷主人杯' where sku_code = 'CUP'")
    return pool


def ask(page: Page, number: str = PHONE) -> None:
    page.get_by_label("收件人手机号").fill(number)
    page.get_by_label("我已阅读").check()
    page.get_by_role("button", name="获取验证码").click()
    page.wait_for_url("**/progress/code")


def type_code(page: Page, code: str) -> None:
    page.get_by_label("验证码").fill(code)
    page.get_by_role("button", name="查看订单").click()


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**6:06d}"


def test_a_phone_and_its_code_show_the_way_of_the_parcel(phone: Page, scanned: FakePool, messages: Messages) -> None:
    picture(phone, "progress-phone")
    ask(phone)
    expect(phone.locator("#sent")).to_contain_text("139****0001")
    expect(phone.get_by_role("button", name="秒后可重新获取")).to_be_disabled()
    picture(phone, "progress-code")
    type_code(phone, messages.code())
    phone.wait_for_url("**/progress/orders")

    expect(phone.locator("h1")).to_have_text("配货中")
    bar = phone.locator(".parcel .bar")
    expect(bar.locator("[aria-current=step]")).to_have_text("运输中")
    expect(bar.locator("li")).to_have_text(["已下单", "配货中", "已出库", "已揽收", "运输中", "派送中", "已签收"])
    expect(phone.locator(".line li").first).to_contain_text("深圳转运中心")
    expect(phone.locator(".line")).to_contain_text("138****8000")
    expect(phone.locator("main")).to_contain_text("待出库商品")
    picture(phone, "progress-order")


def test_a_wrong_an_expired_and_an_exhausted_code_are_told(
    phone: Page, messages: Messages, clock: StoppedClock
) -> None:
    ask(phone)
    code = messages.code()
    type_code(phone, wrong(code))
    expect(phone.get_by_role("alert")).to_contain_text("验证码不正确")
    expect(phone.get_by_label("验证码")).to_have_attribute("aria-describedby", "problem")
    picture(phone, "progress-wrong")
    for by in range(2, 6):
        type_code(phone, wrong(code, by))
    expect(phone.get_by_role("alert")).to_contain_text("错误次数过多")

    clock.advance(seconds=61)
    phone.goto("/progress")
    ask(phone)
    clock.advance(minutes=6)
    type_code(phone, messages.code() if messages.all() else "000000")
    expect(phone.get_by_role("alert")).to_contain_text("验证码已失效")


def test_a_number_and_the_end_of_the_phone_show_the_order(phone: Page, scanned: FakePool) -> None:
    phone.get_by_role("link", name="订单号查询").click()
    for last4 in ("0002", "0001"):
        phone.get_by_label("订单号", exact=True).fill("1")
        phone.get_by_label("收件人手机号后四位").fill(last4)
        phone.get_by_label("我已阅读").check()
        phone.get_by_role("button", name="查询", exact=True).click()
        if last4 == "0002":
            expect(phone.get_by_role("alert")).to_contain_text("没有找到")

    expect(phone.locator("main")).to_contain_text("YT7001")
    assert phone.url.endswith("/progress/orders")


def test_too_many_tries_are_told(phone: Page) -> None:
    phone.goto("/progress/number")
    for _ in range(6):
        phone.get_by_label("订单号", exact=True).fill("1")
        phone.get_by_label("收件人手机号后四位").fill("9999")
        phone.get_by_label("我已阅读").check()
        phone.get_by_role("button", name="查询", exact=True).click()
    expect(phone.get_by_role("alert")).to_contain_text("操作过于频繁，请 60 分钟后再试")


def test_a_link_shows_its_order_and_the_address_forgets_it(phone: Page, scanned: FakePool, clock: StoppedClock) -> None:
    phone.goto(f"/progress/t/{link_to(1, clock.now())}")

    assert phone.url.endswith("/progress/orders")
    expect(phone.locator("main")).to_contain_text("YT7001")
    phone.get_by_role("button", name="退出查询").click()
    phone.goto("/progress/orders")
    expect(phone.get_by_role("alert")).to_contain_text("查询已结束")


def test_several_orders_are_a_list_and_each_leads_on(
    phone: Page, scanned: FakePool, messages: Messages, clock: StoppedClock
) -> None:
    scanned.take([payload(2)])
    scanned.execute("update receiver r set phone_hash = f.phone_hash from receiver f where f.order_id = 1")
    ask(phone)
    type_code(phone, messages.code())
    phone.wait_for_url("**/progress/orders")

    cards = phone.locator(".card")
    expect(cards).to_have_count(2)
    picture(phone, "progress-orders")
    cards.filter(has_text="青瓷").click() if cards.filter(has_text="青瓷").count() else cards.nth(1).click()
    expect(phone.locator("main")).to_contain_text("YT7001")
    assert re.search(r"/progress/orders/[0-9a-f]{32}$", phone.url)
    phone.get_by_role("link", name="全部订单").click()
    expect(cards).to_have_count(2)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("at_pickup_point", "待取件"),
        ("out_for_delivery", "派送中"),
        ("problem", "异常"),
        ("returning", "退回中"),
        ("returned", "已退回"),
        ("delivered", "已签收"),
    ],
)
def test_each_state_of_a_parcel_has_its_words(
    phone: Page, scanned: FakePool, clock: StoppedClock, stage: str, words: str
) -> None:
    scanned.execute("update parcel set stage = %s", stage)
    phone.goto(f"/progress/t/{link_to(1, clock.now())}")

    expect(phone.locator(".parcel h2 .tag")).to_have_text(words)


PAGES = ("/progress", "/progress/number", "/progress/notice", "/progress/code", "wrong", "/progress/orders", "error")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_everybody_can_use_every_page(
    phone: Page, scanned: FakePool, messages: Messages, clock: StoppedClock, language: str
) -> None:
    ask(phone)
    found: dict[str, list[str]] = {}
    for place in PAGES:
        if place == "wrong":
            phone.goto(f"/progress/code?lang={language}")
            phone.locator("#code").fill("000000")
            phone.locator("form button").first.click()
        elif place == "error":
            phone.goto(f"/progress/t/{'A' * 40}?lang={language}")
        else:
            if place == "/progress/orders":
                phone.goto(f"/progress/t/{link_to(1, clock.now())}")
            phone.goto(f"{place}?lang={language}")
        found[place] = faults(phone)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 375, place

    assert {place: wrong for place, wrong in found.items() if wrong} == {}
    assert len(found) == len(PAGES)


def test_the_tab_key_goes_through_the_forms_in_their_order(phone: Page, messages: Messages) -> None:
    first = tab_stops(phone)
    phone.goto("/progress/number")
    second = tab_stops(phone)

    assert first[-4:] == ["phone", "agreed", "个人信息处理说明", "获取验证码"]
    assert second[-5:] == ["order_no", "last4", "agreed", "个人信息处理说明", "查询"]


def test_the_form_is_sent_with_the_keyboard_alone(phone: Page, messages: Messages) -> None:
    phone.locator("#phone").focus()
    phone.keyboard.type(PHONE)
    phone.keyboard.press("Tab")
    phone.keyboard.press("Space")
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/progress/code")
    phone.keyboard.type(messages.code())
    phone.keyboard.press("Enter")

    phone.wait_for_url("**/progress/orders")


def test_all_of_it_loads_within_50_kb_and_from_nowhere_else(
    window: BrowserContext, scanned: FakePool, clock: StoppedClock
) -> None:
    for n in range(60):
        scanned.execute(
            "insert into parcel_event (parcel_id, digest, at, stage, text, place) values (1, %s, %s, %s, %s, %s)",
            f"x{n}",
            clock.now() - timedelta(hours=20 + n),
            "in_transit",
            "【某某转运中心】已到达，正在分拣" * 2,
            "浙江省杭州市",
        )
    page = window.new_page()
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(f"/progress/t/{link_to(1, clock.now())}")
    expect(page.locator("main")).to_contain_text("YT7001")
    page.wait_for_load_state("networkidle")
    loaded = {answer.url: len(answer.body()) for answer in answers if answer.status == 200}

    assert len(loaded) >= 3
    assert sum(loaded.values()) < MOST_BYTES
    assert [url for url in loaded if not url.startswith(page.url.partition("/progress")[0])] == []


def test_it_works_without_scripts(chrome: Browser, web: httpx.Client, messages: Messages) -> None:
    window = chrome.new_context(base_url=str(web.base_url), java_script_enabled=False)
    page = window.new_page()
    page.goto("/progress")
    ask(page)
    type_code(page, messages.code())

    expect(page.locator("main")).to_contain_text("YT7001")
    window.close()


@pytest.fixture
def framed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    from models.settings import settings

    def allow(sites: str) -> None:
        monkeypatch.setenv("ORDERPOOL_PROGRESS_FRAMES", sites)
        settings.cache_clear()

    yield allow
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    ("sites", "ancestors"),
    [("", "'none'"), ("https://m.example.com https://*.example.org:8443", "'self' https://m.example.com https://*.ex")],
)
def test_only_named_sites_may_show_it_in_a_frame(
    web: httpx.Client, pool: FakePool, framed: Callable[[str], None], sites: str, ancestors: str
) -> None:
    framed(sites)
    answer = web.get("/progress", headers={"x-forwarded-proto": "https"})

    assert f"frame-ancestors {ancestors}" in answer.headers["content-security-policy"]
    cookie = answer.headers["set-cookie"]
    assert ("SameSite=none" in cookie, "Partitioned" in cookie) == (bool(sites), bool(sites))
    assert "HttpOnly" in cookie
    assert "Secure" in cookie


@pytest.mark.parametrize(
    "sites", ["https://m.example.com; script-src *", "m.example.com", "https://m.example.com/shop"]
)
def test_a_site_that_is_none_is_refused_at_the_start(sites: str) -> None:
    from models.settings import Settings

    with pytest.raises(ValueError, match="no site such as"):
        Settings(progress_frames=sites)


@pytest.mark.parametrize(
    "path", ["/progress", "/progress/number", "/progress/orders", "/progress/nothing", f"/progress/t/{'A' * 40}"]
)
def test_nothing_is_kept_indexed_or_told_to_others(web: httpx.Client, pool: FakePool, path: str) -> None:
    headers = web.get(path).headers

    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["code", "verify", "number", "leave"])
def test_a_forged_form_is_refused(web: httpx.Client, pool: FakePool, path: str) -> None:
    forged = web.post(f"/progress/{path}", data={"csrf": "x"})
    elsewhere = web.post(f"/progress/{path}", data={"csrf": "x"}, headers={"sec-fetch-site": "cross-site"})

    assert (forged.status_code, elsewhere.status_code) == (403, 403)
