"""What the rules of the alerts say is said in Chinese to who reads Chinese."""

import re

import pytest

from web.console.sentences import in_words
from web.console.words import CHINESE, speak

OF = "shop WOO, order 1: parcel 圆通速递 YT1"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            f"{OF} left WH-A 11-20 12:00 and was not collected",
            "店铺 WOO 订单 1 的包裹 圆通速递 YT1 11-20 12:00 从 WH-A 发出，至今未揽收",
        ),
        (
            f"6 parcels of 圆通速递 from WH-A were not collected; the oldest left 11-20 12:00: {OF}",
            "WH-A 的 6 个圆通速递包裹未揽收，最早的于 11-20 12:00 发出：店铺 WOO 订单 1 的包裹 圆通速递 YT1",
        ),
        (f"{OF} is without a scan since 11-20 12:00", "店铺 WOO 订单 1 的包裹 圆通速递 YT1 11-20 12:00 后无物流更新"),
        (
            f"{OF}: its carrier has a problem with it since 11-20 12:00",
            "店铺 WOO 订单 1 的包裹 圆通速递 YT1：11-20 12:00 起派送异常",
        ),
        (
            "shop WOO: refuses parcel 圆通速递 YT1 since 11-20 12:00: HTTP 503",
            "店铺 WOO：包裹 圆通速递 YT1 的回传被拒，自 11-20 12:00 起：HTTP 503",
        ),
        (
            "shop WOO: order 1 was to leave by 11-22 10:00 and is at warehouse WH-A, picking",
            "店铺 WOO：订单 1 应在 11-22 10:00 前发出，现在仓库 WH-A，拣货中",
        ),
        (
            "shop WOO: order 1 is held (REMARK) and is to leave by 11-22 10:00",
            "店铺 WOO：订单 1 被挂起（备注需处理），须在 11-22 10:00 前发出",
        ),
        ("warehouse WH-A: document OB1 is put_back since 11-20 12:00", "仓库 WH-A：出库单 OB1 自 11-20 12:00 起待归位"),
        ("shop WOO: refund RT1 is in_doubt since 11-20 12:00", "店铺 WOO：退货 RT1 的退款自 11-20 12:00 起待核实"),
        (
            "shop WOO: batch 1 is open since 11-20 12:00; orders in it: 3 routed",
            "店铺 WOO：批次 1 自 11-20 12:00 起未完成，其中的订单：3 routed",
        ),
        (
            "warehouse:WH-A: 2 instructions to ship did not get through since 11-20 12:00, 1 of them refused: HTTP 503",
            "warehouse:WH-A：2 条出库指令未送达，最早的自 11-20 12:00 起，其中 1 条被拒：HTTP 503",
        ),
        (
            "SKU TEA: 19 units can be sold, 20 are kept safe; they last 4.3 days",
            "SKU TEA：可售 19 件，安全库存 20 件，还可卖 4.3 天",
        ),
        (
            "warehouse WH-A: no count of stock since 11-20 12:00; usually one comes within 1 h",
            "仓库 WH-A：11-20 12:00 后没有库存盘点，平时 1 小时内就有一次",
        ),
    ],
)
def test_an_alert_is_told_in_chinese(english: str, chinese: str) -> None:
    speak(CHINESE)

    assert in_words(english) == chinese
    assert not re.search(r"%\(", in_words(english))
