"""How a receiver's phone and region are written, in a word each, so that checks never see the value itself."""

import re
from typing import Final

MASKED: Final = "masked"
NONE: Final = "none"
ODD: Final = "odd"

_EXTENSION: Final = r"(?:(?:[-,#]|转|ext\.?)\d{1,8})"
_SERVICE: Final = r"[48]00\d{7}|95\d{3,8}"
_COUNTRY: Final = r"(?:(?:\+|00)?86-?)?"
_AREA: Final = r"(?:10|2\d|[3-9]\d\d)-?"
_MOBILE = re.compile(rf"{_COUNTRY}1[3-9]\d{{9}}")
_VIRTUAL = re.compile(rf"{_COUNTRY}(?:1[3-9]\d{{9}}|{_SERVICE}){_EXTENSION}")
_LANDLINE = re.compile(rf"(?:(?:\+|00)?86-?0?{_AREA}|0{_AREA})?[2-9]\d{{6,7}}{_EXTENSION}?|{_SERVICE}")
_FOREIGN = re.compile(r"(?:\+|00)[1-9]\d{6,14}|(?:852|853)\d{8}|886\d{8,9}|09\d{8}")
_SPACES = re.compile(r"[ ()（）.·\u00a0\u3000]")
_SEVERAL = re.compile(r"[/;；、，\n]|,(?=\d{7})")
_KINDS: Final = (("mobile", _MOBILE), ("virtual", _VIRTUAL), ("landline", _LANDLINE), ("foreign", _FOREIGN))
_HAN = re.compile(r"[\u3400-\u9fff]")
_STARS: Final = "*＊●•"


def phone_kind(phone: str, masked: bool = False) -> str:
    """How a phone is written: mobile, virtual (with an extension), landline, foreign, masked, none or odd.

    Of several numbers in one field the first that can be called counts. `masked`: the receiver is one of masks, so
    that what is no number is the platform's stand-in for one. Sources: the numbering plan of mainland China (ITU
    E.164 national numbering plan, 86: mobiles are 1[3-9] and nine more digits, landlines an area code of 2 or 3 digits
    behind a trunk 0 and 7 or 8 digits, 400 and 800 service numbers) and E.164 for what begins with + or 00.
    """
    written = phone.strip()
    if not written:
        return NONE
    if any(star in written for star in _STARS):
        return MASKED
    for part in (written, *_SEVERAL.split(written)):
        kind = _kind_of(part)
        if kind:
            return kind
    return MASKED if masked else ODD


def _kind_of(part: str) -> str:
    # a dash may part digits from each other or an extension from its number
    with_dashes = _SPACES.sub("", part.strip().lower())
    writings = (with_dashes, with_dashes.replace("-", ""))
    return next((name for name, pattern in _KINDS if any(map(pattern.fullmatch, writings))), "")


def region_kind(province: str, city: str, district: str) -> str:
    """How a region is written: given, masked, none, or odd when it has no Chinese character or a broken one."""
    written = province + city + district
    if not written.strip():
        return NONE
    if any(star in written for star in _STARS):
        return MASKED
    return "given" if _HAN.search(written) and "\ufffd" not in written else ODD
