"""Who ends a hold: what a person may decide, and for the others what has to happen instead."""

from collections.abc import Mapping
from typing import Final

from models.hold import HoldCode

ENDS_OTHERWISE: Final[Mapping[HoldCode, tuple[str, str]]] = {
    HoldCode.UNPAID: ("it ends when the shop says that the order is paid", "店铺回传已付款后自动解除"),
    HoldCode.PAYMENT_FAILED: ("it ends when the shop says that the order is paid", "店铺回传已付款后自动解除"),
    HoldCode.LOCK_EXPIRED: ("it ends when the shop says that the order is paid", "店铺回传已付款后自动解除"),
    HoldCode.BLOCKED: ("it ends when the platform lets the order leave", "平台允许发货后自动解除"),
    HoldCode.REFUNDING: (
        "it ends when the shop says that the refund is withdrawn or done",
        "店铺回传退款已撤销或已完成后自动解除",
    ),
    HoldCode.SHIPPED_ELSEWHERE: (
        "it ends when the platform says that the order is not shipped",
        "平台回传未发货后自动解除",
    ),
    HoldCode.BAD_QUANTITY: (
        "it ends when the shop sends a quantity that can be shipped",
        "店铺回传可发货的数量后自动解除",
    ),
    HoldCode.BAD_ADDRESS: (
        "it ends when the shop sends an address that a route can be found to",
        "店铺回传可识别的地址后自动解除",
    ),
    HoldCode.UNKNOWN_SKU: ("it ends when the SKU is imported", "导入该商家编码后自动解除"),
    HoldCode.SHORT_STOCK: ("it ends when stock comes", "到货后自动解除"),
    HoldCode.SHORT_ROUTE: ("it ends when a warehouse can serve the order", "有仓库可发货时自动解除"),
    HoldCode.AWAITING_STOCK: ("it ends when the stock that was promised comes", "预售现货到货后自动解除"),
}
"""Holds that state a fact nobody can decide away: what has to happen instead, in English and Chinese."""

ENDED_BY_NAME: Final[Mapping[HoldCode, tuple[str, str]]] = {
    HoldCode.CHANGED_LATE: (
        "its documents go as they are once it is released by its code",
        "按代码单独解除后，出库单按原样发出",
    ),
    HoldCode.WMS_REFUSED: (
        "it is released by its code once its warehouse was spoken to",
        "与仓库确认后，请按代码单独解除",
    ),
    HoldCode.SHIPPED_SHORT: (
        "it ends when the missing units are sent, or is released by its code once they are settled",
        "缺发部分补发后自动解除，或处理后按代码单独解除",
    ),
    HoldCode.PRESALE: (
        "it ends by itself when its day has come, or is released by its code",
        "到发货日自动解除，也可按代码单独解除",
    ),
    HoldCode.SIBLING: (
        "it ends by itself when its time is over, or is released by its code",
        "等待时间到后自动解除，也可按代码单独解除",
    ),
    HoldCode.SKIPPED: (
        "it is released by its code when its run is looked into",
        "查明该批次问题后，请按代码单独解除",
    ),
    HoldCode.RESTORED: (
        "it ends when the restore is confirmed, or is released by its code",
        "确认数据恢复后解除，也可按代码单独解除",
    ),
}
"""Holds that a person ends only by naming their code, since approving an order says nothing about them."""

REVIEWED: Final = frozenset(
    {
        HoldCode.DUPLICATE,
        HoldCode.BAD_AMOUNT,
        HoldCode.BAD_FIELD,
        HoldCode.REPEATED,
        HoldCode.ODD_PRICE,
        HoldCode.BLACKLISTED,
        HoldCode.BAD_INVOICE,
        HoldCode.UNDELIVERABLE,
        HoldCode.REMARK,
        HoldCode.HIGH_VALUE,
        HoldCode.MANUAL,
        HoldCode.REJECTED,
        HoldCode.REPLAYED,
    }
)
"""Doubts about an order: who approves it has looked at them."""

MAY_END: Final = REVIEWED | ENDED_BY_NAME.keys()
"""Every hold that a person may end."""


def end_words(code: HoldCode) -> tuple[str, str]:
    """What ends a hold of this code, in English and Chinese."""
    if code in REVIEWED:
        return "a person ends it: by approving the order, or by its code", "由人工审核通过，或按代码解除"
    return ENDS_OTHERWISE.get(code) or ENDED_BY_NAME[code]
