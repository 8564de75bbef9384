"""Divisions by what people call them: `浙江`, `杭州市`, `杭州 西湖`, or the digits of a code."""

import re
from functools import cache

from models.rules.divisions import Division, divisions, lineage

_DIGITS = re.compile(r"\d{2}|\d{4}|\d{6}")
_LEVELS = {"province": 0, "prefecture": 1, "county": 2}


def divisions_named(text: str) -> list[Division]:
    """The divisions that a name can mean, only those of the widest level that has any.

    A name may lack its ending (`浙江` for 浙江省). Names of what it lies in go before it, with a space or without:
    `杭州 西湖`, `杭州西湖区`. Nothing when it names none.
    """
    words = text.split()
    if not words:
        return []
    found = [each for each in divisions().values() if _means(words, each)]
    found = found or [each for each in divisions().values() if "".join(words) in _paths(each.code)]
    widest = min((_LEVELS[each.level] for each in found), default=0)
    exact = [each for each in found if each.name == words[-1]]
    return exact if exact and len(words) == 1 else [each for each in found if _LEVELS[each.level] == widest]


def code_beginning(code: str) -> str:
    """The beginning that codes of a division and of all in it have: `33`, `3301`, or a county's whole code."""
    if code.endswith("0000"):
        return code[:2]
    return code[:4] if code.endswith("00") else code


def is_code(text: str) -> bool:
    """Whether these are the digits of a code, or of its beginning by whole levels."""
    return _DIGITS.fullmatch(text) is not None


def full_name(code: str) -> str:
    """The name with those of what it lies in: 浙江省杭州市西湖区; "" for an unknown code."""
    return "".join(divisions()[step].name for step in reversed(lineage(code)))


def _means(words: list[str], each: Division) -> bool:
    if not each.name.startswith(words[-1]):
        return False
    above = [divisions()[code].name for code in lineage(each.code)[1:]]
    return all(any(name.startswith(word) for name in above) for word in words[:-1])


@cache
def _paths(code: str) -> frozenset[str]:
    """Ways to write a division behind what it lies in, with and without the endings of those above."""
    names = [divisions()[step].name for step in reversed(lineage(code))]
    written = {names[-1]}
    for name in reversed(names[:-1]):
        written |= {above + below for above in (name, name[:-1]) for below in written}
    return frozenset(written)
