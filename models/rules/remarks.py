"""What a note asks for: keywords of topics, found as people write them and not where a note denies them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from models.rules.review_rules import Topic

LONGEST: Final = 2000
"""So much of a note is read; platforms allow a few hundred characters."""

_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff"
# Characters of notes as Hong Kong, Macau and Taiwan write them, each with its simplified one.
_TRADITIONAL: Final = str.maketrans(
    "發貨購買換顏暫緩聯繫電話號碼單個郵寄遲這還會別們請後麼嗎開關條幾過兩訂錯誤變規數樣運輸時間齊節點爲為無須給幫麻煩啟動紅藍綠黃銀遞倉儲價實對應終來帶將從認當種紙盒類廠備註處裡裏沒謝讓漏拆裝",
    "发货购买换颜暂缓联系电话号码单个邮寄迟这还会别们请后么吗开关条几过两订错误变规数样运输时间齐节点为为无须给帮麻烦启动红蓝绿黄银递仓储价实对应终来带将从认当种纸盒类厂备注处里里没谢让漏拆装",
)
_CLAUSE_ENDS = re.compile('[\\s]*[，。；：！？、…~～,.;:!?()（）【】\\[\\]{}<>《》"“”|/\\n\\r]+[\\s]*')
_SPACE_AT_HAN = re.compile(f"(?<=[{_HAN}])\\s+|\\s+(?=[{_HAN}])")
_CONTRACTED = re.compile(r"\b(do|does|did|ca|could|wo|would|should|is|are|was|were|has|have|had|must|need)n'?t\b")
_WHOLE_WORD: Final = {"ca": "can", "wo": "will"}
# A question in the way of Chinese asks for the thing itself: 能不能改地址, 要不改地址吧.
_ASKED = re.compile("([能可要会行好是用想])不\\1|需不(?=需要)|有没(?=有)|要不然?(?=[^要])")

_DENIAL = re.compile(
    "(?:不[用需必要想是会能得再准打可]?|没有?|未|别|勿|无[需须]?|并?非|莫|甭)"
    "(?:需要|要|用|必|须|得|想|打算|准备|可以|再|去|来|给我?|帮我?|替我?|请|麻烦|随便|随意|擅自|私自|乱|自行|把|将|有|曾|说过?|提出?|申请|[修更变调])*$"
)
_DENIAL_IN_LATIN = re.compile(
    r"(?<![a-z])(?:not|no|never|without|nothing)"
    r"(?: (?:need|needs|needed|to|want|wants|wish|have|please|ever|any|the|be|been|being|going|it|necessary|reason|"
    r"put|on|this|my|a))* $"
)
_WORD_BEGINS: Final = "(?<![a-z0-9])"
_DENIED_BETWEEN = re.compile(r"[不没未别勿无非]|\b(?:not|no|never)\b")


@dataclass(frozen=True, slots=True)
class Hit:
    """A keyword of a topic that a note holds."""

    topic: Topic
    keyword: str


def plain_note(note: str) -> str:
    """The note as keywords are looked for in it: widths, cases and characters folded, `|` between its clauses."""
    text = unicodedata.normalize("NFKC", note[:LONGEST]).casefold().translate(_TRADITIONAL)
    text = text.replace("\u2019", "'").replace("\u2018", "'").replace("`", "'").replace("\u00b4", "'")
    text = _CONTRACTED.sub(lambda found: f"{_WHOLE_WORD.get(found[1], found[1])} not", text)
    text = re.sub(r"\bcannot\b", "can not", text)
    text = _CLAUSE_ENDS.sub("|", text)
    text = " ".join(_SPACE_AT_HAN.sub("", text).split())
    return _ASKED.sub(lambda found: found[1] or found[0].replace("不", "").replace("没", "").replace("要", ""), text)


def hits_of(note: str, topics: Sequence[Topic]) -> list[Hit]:
    """The first keyword of each topic that the note holds and does not deny, in the order of the topics."""
    if not note:
        return []
    text = plain_note(note)
    hits = (_first_hit(text, topic) for topic in topics)
    return [hit for hit in hits if hit]


def _first_hit(text: str, topic: Topic) -> Hit | None:
    reading = _reading(topic)
    if not any(quick.search(text) for quick in reading.quick):
        return None
    idle = [found.span() for pattern in reading.unless for found in pattern.finditer(text)]
    for keyword, pattern in reading.keywords:
        for found in pattern.finditer(text):
            if not _overlaps(found.span(), idle) and not _is_denied(text, found):
                return Hit(topic, keyword)
    return None


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in others)


def _is_denied(text: str, found: re.Match[str]) -> bool:
    before = text[text.rfind("|", 0, found.start()) + 1 : found.start()]
    if _DENIAL.search(before) or _DENIAL_IN_LATIN.search(before):
        return True
    return any(_DENIED_BETWEEN.search(gap) for gap in found.groups() if gap)


@dataclass(frozen=True, slots=True)
class _Reading:
    quick: tuple[re.Pattern[str], ...]  # most notes hold no keyword, and one pattern of many says so soonest
    keywords: tuple[tuple[str, re.Pattern[str]], ...]
    unless: tuple[re.Pattern[str], ...]


@lru_cache(maxsize=256)
def _reading(topic: Topic) -> _Reading:
    patterns = [_pattern(keyword) for keyword in topic.keywords]
    latin = [pattern for pattern in patterns if pattern.startswith(_WORD_BEGINS)]
    other = [pattern for pattern in patterns if not pattern.startswith(_WORD_BEGINS)]
    quick = [f"{_WORD_BEGINS}(?:{'|'.join(one.removeprefix(_WORD_BEGINS) for one in latin)})"] if latin else []
    return _Reading(
        tuple(re.compile(pattern) for pattern in (*quick, *(["|".join(other)] if other else []))),
        tuple((keyword, re.compile(pattern)) for keyword, pattern in zip(topic.keywords, patterns, strict=True)),
        tuple(re.compile(_pattern(phrase)) for phrase in topic.unless),
    )


def _pattern(keyword: str) -> str:
    parts = [plain_note(part) for part in keyword.split("*")]
    if all(part.isascii() for part in parts):
        return _WORD_BEGINS + "".join(_latin_parts(" * ".join(parts).split())) + "(?![a-z0-9])"
    return "([^|]{0,6}?)".join(re.escape(part) for part in parts)


def _latin_parts(words: Sequence[str]) -> Iterator[str]:
    """Each word, with a space before it that the first word and what stands for words bring along themselves."""
    joined = True
    for word in words:
        if word == "*":
            yield "((?: [^ |]+){0,3}?)"
        else:
            yield re.escape(word) if joined else " " + re.escape(word)
        joined = False
