"""The carriers a Taobao seller can name when shipping, with the pattern their numbers must match."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Carrier:
    """One row of taobao.logistics.companies.get."""

    id: int
    code: str
    name: str
    reg_mail_no: str

    def accepts(self, number: str) -> bool:
        """Whether the number could be this carrier's."""
        return re.fullmatch(self.reg_mail_no, number) is not None


_GENERAL = "[A-Za-z0-9-]{4,35}"
CARRIERS = {
    carrier.code: carrier
    for carrier in (
        Carrier(505, "SF", "顺丰速运", _GENERAL),
        Carrier(500, "ZTO", "中通快递", "(ZTO)?[0-9]{8,16}"),
        Carrier(101, "YTO", "圆通速递", "[A-Za-z]{2}[0-9]{8,15}|[0-9]{10,18}"),
        Carrier(102, "YUNDA", "韵达快递", "[0-9]{10,19}"),
        Carrier(100, "STO", "申通快递", "[0-9]{9,18}|[A-Z]{2}[0-9]{9,13}"),
        Carrier(502, "HTKY", "百世快递", "[A-Za-z0-9]{8,20}"),
        Carrier(2, "EMS", "EMS", "[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{10,15}"),
        Carrier(3, "EYB", "EMS经济快递", "[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{10,15}"),
        Carrier(200734, "POSTB", "邮政快递包裹", "[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{10,15}"),
        Carrier(107, "DBL", "德邦物流", _GENERAL),
        Carrier(5000000110730, "DBKD", "德邦快递", _GENERAL),
        Carrier(1207, "UC", "优速快递", "[A-Za-z0-9]{8,20}"),
        Carrier(108, "JD", "京东快递", _GENERAL),
        Carrier(200143, "JTSD", "极兔速递", "JT[0-9]{10,15}"),
    )
}
