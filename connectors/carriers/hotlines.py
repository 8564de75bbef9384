"""The public hotlines of carriers, as each names it on its own site; nobody's private number is among them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

HOTLINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "shunfeng": "95338",
        "zhongtong": "95311",
        "yuantong": "95554",
        "shentong": "95543",
        "yunda": "95546",
        "jtexpress": "956025",
        "youzhengguonei": "11183",
        "ems": "11183",
        "jd": "950616",
        "debangkuaidi": "95353",
    }
)
"""By our code of the carrier."""
