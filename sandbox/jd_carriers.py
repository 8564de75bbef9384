"""The carriers a JD shop has switched on, by the number that its shipping call takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

OWN_DELIVERY = "1274"
"""The merchant brings it; there is no number to follow."""
_NUMBER = re.compile(r"[A-Za-z0-9-]{4,35}")


@dataclass(frozen=True, slots=True)
class Carrier:
    """One row of the shop's carrier list."""

    id: str
    name: str
    description: str

    def accepts(self, number: str) -> bool:
        """Whether a parcel of this carrier can have the number."""
        if self.id == OWN_DELIVERY:
            return not number
        return _NUMBER.fullmatch(number) is not None


CARRIERS = {
    carrier.id: carrier
    for carrier in (
        Carrier("467", "顺丰快递", "全国"),
        Carrier("465", "EMS", "全国"),
        Carrier("470", "申通快递", "全国"),
        Carrier("463", "圆通快递", "全国"),
        Carrier("1327", "韵达快递", "全国"),
        Carrier("1499", "中通快递", "全国"),
        Carrier("3046", "德邦快递", "全国"),
        Carrier("2087", "京东快递", "全国"),
        Carrier("773574", "极兔速递", "全国"),
        Carrier(OWN_DELIVERY, "厂家自送", "不需要运单号"),
    )
}
