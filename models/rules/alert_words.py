"""Alerts in words for messages, English and Chinese, without anything personal and without markup of others."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

from models.alert import AlertRule
from models.masking import mask_contacts
from models.rules.alert_handling import HANDLING, NAMES
from models.rules.alert_news import Item, Known
from models.telling import Language, News, Occasion, Severity

MOST_LINES: Final = 20
"""A message with more news gives counts alone."""

SENTENCE_CHARS: Final = 300

_URL: Final = re.compile(r"https?://\S+")
_MARKUP: Final = str.maketrans({"<": "〈", ">": "〉", "[": "【", "]": "】", "*": "＊", "\\": "＼"})
"""What could make a link, a mention or a colour of a text that came from outside."""

_SAID: Final[Mapping[News, tuple[str, str]]] = {
    News.OPENED: ("since {opened}", "自 {opened} 起"),
    News.REPEATED: ("repeated {times} times, last {opened}", "重复 {times} 次，最近 {opened}"),
    News.ESCALATED: ("nobody acknowledged it since {opened}", "自 {opened} 起无人确认"),
    News.CLOSED: ("over at {closed}, since {opened}", "已恢复 {closed}，自 {opened} 起"),
}
_OVER: Final = ("over at {closed}", "已恢复 {closed}")
_TIMES: Final = ("{times} times", "{times} 次")
_COUNTED: Final[Mapping[News, tuple[str, str]]] = {
    News.OPENED: ("{count} new", "新增 {count}"),
    News.REPEATED: ("{count} repeated", "重复 {count}"),
    News.ESCALATED: ("{count} not acknowledged", "未确认 {count}"),
    News.CLOSED: ("{count} over", "已恢复 {count}"),
}
_TITLES: Final[Mapping[Occasion, tuple[str, str]]] = {
    Occasion.AT_ONCE: ("{count} alerts", "{count} 条告警"),
    Occasion.DIGEST: ("{count} alerts", "{count} 条告警"),
    Occasion.DAILY: ("daily report, {count} alerts", "每日汇总，{count} 条告警"),
}
LEFT_OUT: Final = ("and %d more", "还有 %d 条")
OPEN_IT: Final = ("all alerts", "查看全部告警")
LINK_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "alert": ("alert", "告警"),
    "page": ("what it is about", "查看"),
    "run": ("run", "运行"),
    "runbook": ("runbook", "处理手册"),
}
TEST_TITLE: Final = ("OrderPool: a test", "OrderPool：测试消息")
TEST_LINE: Final = ("alerts for {severities} arrive here", "本群将收到 {severities} 级别的告警")


def in_language(said: tuple[str, str], language: Language) -> str:
    """The English or the Chinese of it."""
    return said[language is Language.CHINESE]


def harmless(sentence: str) -> str:
    """A sentence on one line, cut, without phones, the queries of addresses, or anything a robot takes for markup."""
    plain = _URL.sub(lambda found: found[0].partition("?")[0].partition("#")[0], " ".join(sentence.split()))
    plain = mask_contacts(plain.translate(_MARKUP))
    return plain if len(plain) <= SENTENCE_CHARS else f"{plain[: SENTENCE_CHARS - 1]}…"


def title_of(occasion: Occasion, alerts: Mapping[int, Known], items: Sequence[Item], language: Language) -> str:
    """`[P1] 店铺停止抓单` of one alert, else how many there are; the most urgent severity stands before."""
    severity = min((alerts[item.alert].severity for item in items), default=Severity.P3)
    if len(items) == 1 and occasion is not Occasion.DAILY:
        return f"[{severity}] {in_language(NAMES[alerts[items[0].alert].rule], language)}"
    return f"[{severity}] OrderPool: {in_language(_TITLES[occasion], language).format(count=len(items))}"


def line_of(alert: Known, sentence: str, item: Item, language: Language, zone: tzinfo) -> str:
    """One news: what it is, how it stands, the sentence."""
    times = {"opened": _at(alert.opened_at, zone), "closed": _at(alert.closed_at, zone), "times": item.times}
    stands = [in_language(_SAID[item.news], language)]
    if item.news is News.OPENED and item.times > 1:
        stands.append(in_language(_TIMES, language))
    if item.news is not News.CLOSED and alert.closed_at is not None:
        stands.append(in_language(_OVER, language))
    comma = "，" if language is Language.CHINESE else ", "
    stand = comma.join(stands).format(**times)
    name = in_language(NAMES[alert.rule], language)
    return f"{name} ({stand}): {harmless(sentence)}"


def count_lines(alerts: Mapping[int, Known], items: Sequence[Item], language: Language) -> list[str]:
    """A line per rule with how many of its alerts are new, over and so on, the most urgent first."""
    counts: dict[AlertRule, dict[News, int]] = {}
    for item in items:
        of_rule = counts.setdefault(alerts[item.alert].rule, {})
        of_rule[item.news] = of_rule.get(item.news, 0) + 1
    lines = []
    for rule in sorted(counts, key=lambda rule: (HANDLING[rule].severity, rule)):
        told = [in_language(_COUNTED[news], language).format(count=counts[rule][news]) for news in sorted(counts[rule])]
        lines.append(f"[{HANDLING[rule].severity}] {in_language(NAMES[rule], language)}: {', '.join(told)}")
    return lines


def _at(moment: datetime | None, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}" if moment else ""
