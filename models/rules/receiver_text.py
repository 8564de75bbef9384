"""Addresses and receivers made alike, so that two ways of writing the same one are found to be equal.

Only for plain ones: masks of two receivers may be equal too, so whatever holds a star has no such text.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from models.rules.divisions import place

_STARS: Final = "*＊●•"
_DIGITS: Final = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NUMBERED: Final = "号栋幢座楼单元室层弄巷户门期组队"
_SPOKEN = re.compile(f"([零〇一二两三四五六七八九十百]+)(?=[{_NUMBERED}])")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9a-z])[^0-9a-z\u3400-\u9fff]+(?=[0-9a-z])")
_OTHER_MARKS = re.compile(r"[^0-9a-z\u3400-\u9fff-]+|(?<![0-9a-z])-+|-+(?![0-9a-z])")
_SUBDISTRICT = re.compile("^[\u4e00-\u9fff]{2,6}街道(?!办)")
_FLAT_AT_END = re.compile("(?<=[0-9a-z])[室户]$")
_STREET = re.compile("[东西南北中]?[一二三四五]?(?:路|街|大道|巷|里|村)")
_SHORTENED = re.compile("(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)$")


def is_plain(*texts: str) -> bool:
    """Tell whether every text is there and none hides something behind stars."""
    return all(text.strip() and not any(star in text for star in _STARS) for text in texts)


def plain_address(division_code: str, written: str) -> str:
    """A street address within a division as it is compared: "" when it is masked, empty or lies nowhere we know.

    Widths, cases, spaces and marks do not count, nor do names of the division in front, or of a subdistrict (街道)
    behind them; 十二号楼, 12幢 and 12栋 are the same building, 502室 and 502 the same flat. Between digits one dash
    stays, so that 1-12 and 11-2 are two flats. Idempotent.
    """
    if not division_code or not is_plain(written):
        return ""
    text = unicodedata.normalize("NFKC", written).casefold()
    text = _OTHER_MARKS.sub("", _BETWEEN_DIGITS.sub("-", text))
    text = _without_names(text, _names(division_code))
    if "街道" in text:
        text = _SUBDISTRICT.sub("", text)
    text = _SPOKEN.sub(lambda found: _as_digits(found[1]), text)
    text = text.replace("号楼", "栋").replace("幢", "栋")
    return _FLAT_AT_END.sub("", text)


def plain_receiver(name: str, digits: str, address: str) -> str:
    """Who gets a parcel where, as it is compared: "" unless name, digits of the phone and `plain_address` are known."""
    if not digits or not address or not is_plain(name):
        return ""
    folded = "".join(unicodedata.normalize("NFKC", name).casefold().split())
    return f"{folded}\n{digits}\n{address}"


@lru_cache(maxsize=4096)
def _names(division_code: str) -> tuple[str, ...]:
    """The names that may stand in front of a street there, the longest first."""
    where = place(division_code)
    full = {name for name in (where.province, where.city, where.district) if name}
    short = {_SHORTENED.sub("", name) for name in (where.province, where.city) if name}
    return tuple(sorted({*full, *(name for name in short if len(name) >= 2)}, key=len, reverse=True))


def _without_names(text: str, names: tuple[str, ...]) -> str:
    while name := next((name for name in names if text.startswith(name) and _goes_on(text, name)), ""):
        text = text[len(name) :]
    return text


def _goes_on(text: str, name: str) -> bool:
    # 北京|路 and 南京|西路 are streets, not the city; a name with its kind (北京市) stands for itself
    rest = text[len(name) :]
    return bool(rest) and (
        name[-1] in "省市区县旗" or not re.match("[东西南北中]?[一二三四五]?(?:路|街|大道|巷|里|村)", rest)
    )


def _as_digits(spoken: str) -> str:
    """十二 is 12, 二十 is 20, 一百零三 is 103, and digit by digit 一二〇 is 120."""
    if not any(char in "十百" for char in spoken):
        return "".join(str(_DIGITS[char]) for char in spoken)
    total, digit = 0, 0
    for char in spoken:
        if char in "十百":
            total += (digit or 1) * (10 if char == "十" else 100)
            digit = 0
        else:
            digit = _DIGITS[char]
    return str(total + digit)
