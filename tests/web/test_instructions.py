"""The page behind the link of an instruction by e-mail."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest

from models.settings import clock, set_clock, settings
from tasks.instruction_links import AFTER_SHIPPING, LASTS, page_address
from tests.web.conftest import Pool
from web.hooks import instructions

PUBLIC = "https://oms.example"


class ShiftedClock:
    """The machine's clock, moved."""

    def __init__(self, by: timedelta) -> None:
        self._usual, self._by = clock(), by

    def now(self) -> datetime:
        return self._usual.now() + self._by


@pytest.fixture
def page(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The path of the document's page."""
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", PUBLIC)
    settings.cache_clear()
    yield page_address("rcv_abc").removeprefix(PUBLIC)
    settings.cache_clear()


def test_the_page_names_the_goods_and_shows_nobody_in_clear(web: httpx.Client, pool: Pool, page: str) -> None:
    answer = web.get(page)

    assert answer.status_code == 200
    assert all(part in answer.text for part in ("OB20261122000007", "TEA", "Green tea", "张*", "138****0000"))
    assert not any(part in answer.text for part in ("张三", "13800000000", "科技路"))
    assert pool.events() == []


def test_a_click_shows_the_receiver_and_the_order_tells_so(web: httpx.Client, pool: Pool, page: str) -> None:
    answer = web.post(page)

    assert all(part in answer.text for part in ("张三", "13800000000", "广东省深圳市南山区科技路1号", "周末送"))
    assert pool.events() == [
        (1, "receiver_revealed", "supplier:WH-E", {"purpose": "printing", "document": "OB20261122000007"})
    ]


def test_nothing_on_the_way_keeps_or_finds_the_page(web: httpx.Client, pool: Pool, page: str) -> None:
    headers = web.post(page).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]


def test_prices_and_order_numbers_are_not_the_suppliers_business(web: httpx.Client, pool: Pool, page: str) -> None:
    assert "49.50" not in web.get(page).text
    assert "99.00" not in web.get(page).text


@pytest.mark.parametrize("path", ["/instructions/rcv_abc/AAAAAAAAAAAAAAAAAAAAAA", "/instructions/rcv_abc/%20"])
def test_a_link_that_is_not_ours_leads_nowhere(web: httpx.Client, pool: Pool, path: str) -> None:
    assert web.get(path).status_code == 404
    assert web.post(path).status_code == 404
    assert pool.events() == []


def test_the_link_of_one_document_opens_no_other(web: httpx.Client, pool: Pool, page: str) -> None:
    pool.execute("update outbound_document set receiver_token = 'rcv_xyz'")

    assert web.post(page.replace("rcv_abc", "rcv_xyz")).status_code == 404


def test_the_page_of_a_cancelled_document_says_so(web: httpx.Client, pool: Pool, page: str) -> None:
    pool.execute("update outbound_document set state = 'cancelled'")

    answer = web.post(page)

    assert (answer.status_code, "do not ship it" in answer.text) == (409, True)
    assert pool.events() == []


@pytest.mark.parametrize(("shipped", "after"), [("null", LASTS), ("now()", AFTER_SHIPPING + timedelta(minutes=1))])
def test_a_link_ends(web: httpx.Client, pool: Pool, page: str, shipped: str, after: timedelta) -> None:
    pool.execute(f"update outbound_document set shipped_at = {shipped}")
    usual = clock()
    set_clock(ShiftedClock(after))
    try:
        assert web.get(page).status_code == 410
        assert web.post(page).status_code == 410
    finally:
        set_clock(usual)


def test_an_erased_receiver_is_gone(web: httpx.Client, pool: Pool, page: str) -> None:
    pool.execute("update receiver set name_enc = null, erased_at = '2026-11-22'")

    assert web.post(page).status_code == 410


def test_one_document_is_not_looked_at_without_end(
    web: httpx.Client, pool: Pool, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions, "MOST_LOOKS", 2)

    assert [web.post(page).status_code for _ in range(3)] == [200, 200, 429]
    assert len(pool.events()) == 2


def test_what_others_wrote_is_text_on_the_page(web: httpx.Client, pool: Pool, page: str) -> None:
    pool.execute("update order_line set title = '<script>x</script>'")

    assert "<script>" not in web.get(page).text
