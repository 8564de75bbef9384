"""The page of the queues: everybody who looks sees what waits, and it renews itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.settings import clock
from tests.fakes import FakePool, payload
from tests.web.console.conftest import Browser
from web.console.queues import age

SignedIn = Callable[[str], Browser]


@pytest.fixture
def waiting(pool: FakePool) -> FakePool:
    """An order whose instruction was written five hours ago and waits to be sent."""
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.execute("update outbox set created_at = %s", clock().now() - timedelta(hours=5))
    return pool


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("zh-CN", ("待发送: 发货指令", "warehouse:WH-A", "5 小时", "停滞")),
        ("en", ("To be sent: instructions to ship", "warehouse:WH-A", "5 h", "stands still")),
    ],
)
def test_the_page_tells_what_waits(
    signed_in: SignedIn, waiting: FakePool, language: str, parts: tuple[str, ...]
) -> None:
    text = signed_in("viewer").get(f"/console/queues?lang={language}").text

    for part in (*parts, 'hx-get="/console/queues/table"'):
        assert part in text, part


def test_the_part_that_renews_itself_is_the_table_alone(signed_in: SignedIn, waiting: FakePool) -> None:
    text = signed_in("viewer").get("/console/queues/table").text

    assert "warehouse:WH-A" in text
    assert "<html" not in text


def test_empty_queues_are_said_so(signed_in: SignedIn, pool: FakePool) -> None:
    assert "没有等待" in signed_in("viewer").get("/console/queues").text


@pytest.mark.parametrize(("seconds", "words"), [(0.4, ""), (119, "119 秒"), (600, "10 分钟"), (7200, "2 小时")])
def test_an_age_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words
