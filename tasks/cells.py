"""How the cells of a seller's files become values: divisions, carriers, times of day, priorities, weights."""

from datetime import time

from connectors.carriers.codes import carrier_codes
from connectors.converters import BadValue, whole
from models.rules.address import resolve_text
from models.rules.divisions import division
from tasks.sheets import as_count

COUNTRY = ""
"""The division code of the whole country."""

_COUNTRY_WORDS = frozenset({"全国", "中国", "*"})
_YES = frozenset({"yes", "y", "true", "1", "是", "支持"})
_NO = frozenset({"no", "n", "false", "0", "否", "不支持"})


def as_division(written: str) -> str:
    """The code of a division given by code or by name at any level; raises BadValue when the text does not decide."""
    if written.isascii() and written.isdigit():
        if division(written) is None:
            raise BadValue("is no current division code (six digits of GB/T 2260)")
        return written
    found = resolve_text(written)
    if found is None:
        raise BadValue("names no division, or more than one; write province, city and district, or its code")
    return found.code


def as_area(written: str) -> str:
    """A division's code, or COUNTRY for the whole country."""
    return COUNTRY if written in _COUNTRY_WORDS else as_division(written)


def as_carrier(written: str) -> str:
    """Our code of a carrier given by code or Chinese name."""
    by_name = {known.name: code for code, known in carrier_codes().items()}
    code = by_name.get(written, written)
    if code not in carrier_codes():
        raise BadValue("is not a carrier we know; use Kuaidi100's code, such as yuantong")
    return code


def as_priority(written: str) -> int:
    """A place in a sequence, from 1 to 1000, lower first."""
    number = whole(written)
    if not 1 <= number <= 1000:
        raise BadValue("is not a whole number from 1 to 1000")
    return number


def as_time(written: str) -> time:
    """A time of day in China, `16:30`."""
    hours, colon, minutes = written.replace("：", ":").partition(":")
    given = (hours, minutes[:2])
    if not colon or not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in given):
        raise BadValue("is not a time of day such as 16:30")
    hour, minute = map(int, given)
    if hour > 23 or minute > 59 or minutes[2:] not in ("", ":00"):
        raise BadValue("is not a time of day such as 16:30")
    return time(hour, minute)


def as_yes_no(written: str) -> bool:
    """Yes or no, in English or Chinese."""
    word = written.casefold()
    if word not in _YES | _NO:
        raise BadValue("is neither yes nor no")
    return word in _YES


def as_positive(written: str) -> int:
    """A whole number from 1."""
    number = as_count(written)
    if number < 1:
        raise BadValue("is not above 0")
    return number
