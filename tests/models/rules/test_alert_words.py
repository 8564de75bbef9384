"""Alerts in words: in both languages, and nothing that must not be told."""

from datetime import timedelta

import pytest

from models.alert import AlertRule
from models.rules.alert_news import Item, Known
from models.rules.alert_words import SENTENCE_CHARS, count_lines, harmless, line_of, title_of
from models.settings import SHANGHAI
from models.telling import Language, News, Occasion
from tests.fakes import NOON

SILENT = Known(1, AlertRule.INGEST_SILENT, "shop:A", NOON)
OVER = Known(2, AlertRule.STOCK_SHORTFALL, "sku:TEA", NOON, NOON + timedelta(minutes=90))
ALERTS = {1: SILENT, 2: OVER}
ZH, EN = Language.CHINESE, Language.ENGLISH


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("call 13812341234 now", "call 138****1234 now"),
        ("shop A:\n  HTTP 500", "shop A: HTTP 500"),
        ("https://p/x?access_token=abc#t failed", "https://p/x failed"),
        ("[click](https://evil) <@all> **now**", "【click】(https://evil) 〈@all〉 ＊＊now＊＊"),
    ],
)
def test_a_sentence_is_made_harmless(sentence: str, said: str) -> None:
    assert harmless(sentence) == said


def test_a_long_sentence_is_cut() -> None:
    assert len(harmless("x" * 900)) == SENTENCE_CHARS


@pytest.mark.parametrize(
    ("item", "chinese", "english"),
    [
        (Item(1, News.OPENED), "店铺停止抓单 (自 11-20 12:00 起): x", "no orders are fetched (since 11-20 12:00): x"),
        (
            Item(1, News.REPEATED, 3),
            "店铺停止抓单 (重复 3 次，最近 11-20 12:00): x",
            "no orders are fetched (repeated 3 times, last 11-20 12:00): x",
        ),
        (
            Item(2, News.OPENED, 2),
            "库存缺口 (自 11-20 12:00 起，2 次，已恢复 11-20 13:30): x",
            "less stock than promised (since 11-20 12:00, 2 times, over at 11-20 13:30): x",
        ),
        (
            Item(2, News.CLOSED),
            "库存缺口 (已恢复 11-20 13:30，自 11-20 12:00 起): x",
            "less stock than promised (over at 11-20 13:30, since 11-20 12:00): x",
        ),
    ],
)
def test_a_line_says_what_it_is_and_how_it_stands(item: Item, chinese: str, english: str) -> None:
    assert line_of(ALERTS[item.alert], "x", item, ZH, SHANGHAI) == chinese
    assert line_of(ALERTS[item.alert], "x", item, EN, SHANGHAI) == english


def test_a_title_names_the_one_or_counts_the_many() -> None:
    several = [Item(1, News.OPENED), Item(2, News.CLOSED)]

    assert title_of(Occasion.AT_ONCE, ALERTS, several[:1], ZH) == "[P1] 店铺停止抓单"
    assert title_of(Occasion.DIGEST, ALERTS, several, ZH) == "[P1] OrderPool: 2 条告警"
    assert title_of(Occasion.DAILY, ALERTS, several[1:], EN) == "[P2] OrderPool: daily report, 1 alerts"


def test_many_are_counted_by_rule() -> None:
    items = [Item(2, News.CLOSED), Item(1, News.OPENED), Item(2, News.OPENED), Item(2, News.OPENED)]

    assert count_lines(ALERTS, items, ZH) == ["[P1] 店铺停止抓单: 新增 1", "[P2] 库存缺口: 已恢复 1, 新增 2"]
