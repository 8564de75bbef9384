"""Waybill numbers that look like the carriers' own."""

from __future__ import annotations

import time

# carrier code -> prefix, number of digits after it
SHAPES = {
    "shunfeng": ("SF", 13),
    "yuantong": ("YT", 13),
    "zhongtong": ("78", 12),
    "shentong": ("77", 13),
    "yunda": ("43", 13),
    "jtexpress": ("JT", 13),
    "jd": ("JDVB", 11),
    "ems": ("12", 11),
    "youzhengguonei": ("98", 11),
    "debangkuaidi": ("DPK", 12),
    "debangwuliu": ("DPL", 12),
    "huitongkuaidi": ("55", 13),
    "youshuwuliu": ("UC", 12),
    "danniao": ("61", 13),
}
OTHER_CODES = {
    "SF": "shunfeng",
    "YTO": "yuantong",
    "ZTO": "zhongtong",
    "STO": "shentong",
    "YUNDA": "yunda",
    "JTSD": "jtexpress",
    "JD": "jd",
    "EMS": "ems",
    "POSTB": "youzhengguonei",
    "DBKD": "debangkuaidi",
    "DBL": "debangwuliu",
    "HTKY": "huitongkuaidi",
    "UC": "youshuwuliu",
}


class WaybillPrinter:
    """Hands out every number once, also across restarts: the serial starts from the time of day."""

    def __init__(self) -> None:
        self._serial = int(time.time() * 1000)

    def next(self, carrier: str) -> str:
        """Return a new number of this carrier, named by tracking code or by marketplace code."""
        self._serial += 1
        code = OTHER_CODES.get(carrier, carrier)
        prefix, digits = SHAPES.get(code, (code[:2].upper() or "XX", 13))
        return prefix + str(self._serial % 10**digits).zfill(digits)
