"""Sentences that the tasks word in English, as logs and commands have them, in the language of the page.

`web/translations/sentences/` has the templates. What fills a `why` or `wish` of one may be a sentence or a word of
its own, and `hold` and `holds` are codes. A sentence that no template fits stays as it is.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from babel.messages.pofile import read_po

from models.hold import HoldCode
from models.rules.hold_ends import ENDED_BY_NAME, ENDS_OTHERWISE
from web.console.order_words import hold_name
from web.console.words import ENGLISH, TRANSLATIONS, language

SENTENCES = TRANSLATIONS / "sentences" / "zh_CN.po"
_PLACE = re.compile(r"%\((\w+)\)s")


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    said: str
    fixed: int
    """How many characters of it are always the same."""


def in_words(sentence: str) -> str:
    """A sentence, or several with a line each, in the language of the request."""
    return sentence if language() == ENGLISH else "\n".join(map(_line, sentence.split("\n")))


def _line(line: str) -> str:
    text = line.lstrip()
    return line[: len(line) - len(text)] + _translated(text)


def _translated(text: str) -> str:
    if found := _fitting(text):
        return found
    if "; " in text:
        return "；".join(_translated(part) for part in text.split("; "))
    code, colon, rest = text.partition(": ")
    return f"{hold_name(HoldCode(code))}：{_translated(rest)}" if colon and code in HoldCode.__members__ else text


def _fitting(text: str) -> str:
    for template in _templates():
        if match := template.pattern.fullmatch(text):
            return template.said % {name: _filled(name, value) for name, value in match.groupdict().items()}
    return ""


def _filled(name: str, value: str) -> str:
    match name:
        case "why" | "wish":
            return _translated(value)
        case "hold" | "holds":
            known = HoldCode.__members__
            return "、".join(hold_name(HoldCode(code)) if code in known else code for code in value.split(", "))
    return value


@cache
def _templates() -> tuple[_Template, ...]:
    """Those with most of their own first, so that a general one does not hide a special one."""
    return tuple(sorted(_read(), key=lambda template: -template.fixed))


def _read() -> Iterator[_Template]:
    with SENTENCES.open("rb") as file:
        told = [(str(message.id), str(message.string)) for message in read_po(file, locale="zh_CN") if message.id]
    for english, chinese in [*told, *ENDS_OTHERWISE.values(), *ENDED_BY_NAME.values()]:
        parts = _PLACE.split(english)
        pattern = "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
        yield _Template(re.compile(pattern), chinese, sum(map(len, parts[::2])))
