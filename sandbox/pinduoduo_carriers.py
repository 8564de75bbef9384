"""The carriers a Pinduoduo seller can name when shipping."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Carrier:
    """One row of pdd.logistics.companies.get; an unavailable one is listed but refused."""

    id: int
    code: str
    name: str
    available: bool = True

    def as_json(self) -> dict[str, object]:
        """Return the row as the gateway shows it."""
        return {"id": self.id, "code": self.code, "logistics_company": self.name, "available": int(self.available)}


TRACKING_NUMBER = re.compile(r"[A-Za-z0-9-]{6,32}")
CARRIERS = {
    carrier.id: carrier
    for carrier in (
        Carrier(1, "STO", "申通快递"),
        Carrier(3, "HT", "百世快递", available=False),
        Carrier(44, "SF", "顺丰快递"),
        Carrier(85, "YTO", "圆通快递"),
        Carrier(115, "ZTO", "中通快递"),
        Carrier(118, "EMS", "邮政EMS"),
        Carrier(120, "JD", "京东配送"),
        Carrier(121, "YUNDA", "韵达快递"),
        Carrier(131, "DB", "德邦快递"),
        Carrier(132, "YZXB", "邮政快递包裹"),
        Carrier(384, "JTSD", "极兔速递"),
    )
}
