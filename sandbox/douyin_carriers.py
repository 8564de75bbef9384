"""The carriers a Douyin seller can name when shipping, with the pattern their numbers must match."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Carrier:
    """One row of order.logisticsCompanyList; the pattern is checked, not listed."""

    id: int
    code: str
    name: str
    numbers: str

    def accepts(self, number: str) -> bool:
        """Whether the number could be this carrier's."""
        return re.fullmatch(self.numbers, number) is not None


_GENERAL = "[A-Za-z0-9-]{4,35}"
_POSTAL = "[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{10,15}"
CARRIERS = {
    carrier.code: carrier
    for carrier in (
        Carrier(12, "shunfeng", "顺丰速运", _GENERAL),
        Carrier(15, "zhongtong", "中通快递", "(ZTO)?[0-9]{8,16}"),
        Carrier(7, "yuantong", "圆通快递", "[A-Za-z]{2}[0-9]{8,15}|[0-9]{10,18}"),
        Carrier(9, "yunda", "韵达快递", "[0-9]{10,19}"),
        Carrier(8, "shentong", "申通快递", "[0-9]{9,18}|[A-Z]{2}[0-9]{9,13}"),
        Carrier(17, "ems", "EMS", _POSTAL),
        Carrier(19, "youzhengguonei", "邮政快递包裹", _POSTAL),
        Carrier(20, "jd", "京东物流", _GENERAL),
        Carrier(43, "jtexpress", "极兔速递", "JT[0-9]{10,15}"),
        Carrier(16, "debangkuaidi", "德邦快递", _GENERAL),
        Carrier(18, "debangwuliu", "德邦物流", _GENERAL),
    )
}
