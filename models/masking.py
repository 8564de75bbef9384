"""How personal data is shown: enough to recognise, not enough to use."""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

_EXTENSION: Final = r"(?:(?P<link>[-转,#])\d{3,4}(?!\d))?"
_MOBILE = re.compile(r"(?<!\d)(?P<head>1[3-9]\d)(?:[ -]?\d{4})[ -]?(?P<tail>\d{4})(?!\d)" + _EXTENSION)
_LANDLINE = re.compile(r"(?<!\d)(?P<area>0(?:10|2\d|[3-9]\d\d))-?\d{3,4}(?P<tail>\d{4})(?!\d)")
_PICKUP_CODE = re.compile(
    r"((?:取件码|提货码|取货码|验证码)(?:为|是)?[^0-9A-Za-z\u4e00-\u9fff]{0,3})(?=[A-Za-z-]*\d)[0-9A-Za-z-]{2,20}"
)


def mask_name(name: str) -> str:
    """The first character and a star for each further one: 张*; a Latin name keeps its first letter: J***."""
    if not name or "*" in name:
        return name
    if name.isascii():
        return name[0] + "***"
    return name[0] + "*" * max(1, len(name) - 1)


def mask_phone(phone: str) -> str:
    """138****1234; a virtual number's extension is hidden; what is masked already stays."""
    if not phone or "*" in phone:
        return phone
    masked = mask_contacts(phone)
    if masked != phone:
        return masked
    return phone[:2] + "****" + phone[-2:] if len(phone) > 4 else "****"


def mask_contacts(written: str) -> str:
    """The text with mobile and landline numbers and pickup codes hidden.

    A mobile keeps its first 3 and last 4 digits, a virtual number hides its extension, a landline keeps
    area code and last 4.
    """
    masked = _MOBILE.sub(_mask_mobile, written)
    masked = _LANDLINE.sub(lambda found: f"{found['area']}-****{found['tail']}", masked)
    return _PICKUP_CODE.sub(lambda found: found[1] + "****", masked)


def _mask_mobile(found: re.Match[str]) -> str:
    extension = f"{found['link']}****" if found["link"] else ""
    return f"{found['head']}****{found['tail']}{extension}"


_SHORTEST_PART: Final = 3


def hide_known(written: str, private: Iterable[str]) -> str:
    """The text without private ones: each of them, and any part of three characters or more, becomes ****.

    For what the other side says about a call, which may repeat what it was sent.
    """
    known = [text for text in private if len(text) > 1]
    hidden = [False] * len(written)
    for text in known:
        longest = min(len(text), _SHORTEST_PART)
        parts = {text[i : i + longest] for i in range(len(text) - longest + 1)}
        for start in range(len(written) - longest + 1):
            if written[start : start + longest] in parts:
                hidden[start : start + longest] = [True] * longest
    return "".join(
        "****" if is_hidden else "".join(written[i] for i in places)
        for is_hidden, places in groupby(range(len(written)), key=hidden.__getitem__)
    )


def brief(written: str, limit: int = 200) -> str:
    """An answer's text fit for an error: one line, masked, at most `limit` characters."""
    return mask_contacts(" ".join(written.split()))[:limit]
