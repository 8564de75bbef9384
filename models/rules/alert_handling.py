"""How each alert is handled: how urgent it is, and for how long its repeats are told as one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from models.alert import AlertRule
from models.telling import Severity

ERROR_WINDOW: Final = timedelta(minutes=10)
STOCK_WINDOW: Final = timedelta(hours=4)


class Handling(NamedTuple):
    """`window`: an alert that comes again so soon after it was told is told once more, with a count, at its end."""

    severity: Severity
    window: timedelta = ERROR_WINDOW


HANDLING: Final[Mapping[AlertRule, Handling]] = {
    # nothing goes on until a person acts
    AlertRule.INGEST_SILENT: Handling(Severity.P1),
    AlertRule.RUN_LATE: Handling(Severity.P1),
    AlertRule.INSTRUCTION_UNDELIVERED: Handling(Severity.P1),
    # days ahead; a token that ended shows as a silent shop
    AlertRule.TOKEN_EXPIRING: Handling(Severity.P2),
    AlertRule.INGEST_MISSING: Handling(Severity.P2),
    AlertRule.SHIP_BACK_OVERDUE: Handling(Severity.P2),
    AlertRule.RUN_FAILED: Handling(Severity.P2),
    AlertRule.RUN_CRASHED: Handling(Severity.P2),
    AlertRule.WAYBILL_MISSING: Handling(Severity.P2),
    AlertRule.NOT_DISPATCHED: Handling(Severity.P2),
    AlertRule.DISPATCH_DUE: Handling(Severity.P2),
    AlertRule.HELD_DUE: Handling(Severity.P2),
    AlertRule.NOT_COLLECTED: Handling(Severity.P2),
    AlertRule.NO_MOVEMENT: Handling(Severity.P2),
    AlertRule.DELIVERY_PROBLEM: Handling(Severity.P2),
    AlertRule.SHIP_BACK_FAILED: Handling(Severity.P2),
    AlertRule.DOCUMENT_STUCK: Handling(Severity.P2),
    AlertRule.ORDER_STUCK: Handling(Severity.P2),
    AlertRule.MESSAGE_STUCK: Handling(Severity.P2),
    AlertRule.AFTER_SALES_STUCK: Handling(Severity.P2),
    AlertRule.STOCK_FEED_SILENT: Handling(Severity.P2, STOCK_WINDOW),
    AlertRule.STOCK_SHORTFALL: Handling(Severity.P2, STOCK_WINDOW),
    AlertRule.STOCK_NOT_SHOWN: Handling(Severity.P2, STOCK_WINDOW),
    AlertRule.FEED_DRIFTING: Handling(Severity.P3),
    AlertRule.BELOW_SAFETY: Handling(Severity.P3, STOCK_WINDOW),
}
"""Every rule that there is."""

NAMES: Final[Mapping[AlertRule, tuple[str, str]]] = {
    AlertRule.INGEST_SILENT: ("no orders are fetched", "店铺停止抓单"),
    AlertRule.RUN_LATE: ("a run is late", "任务未按时执行"),
    AlertRule.TOKEN_EXPIRING: ("a token ends", "授权即将到期"),
    AlertRule.INGEST_MISSING: ("orders were missing", "发现漏单"),
    AlertRule.SHIP_BACK_OVERDUE: ("a parcel is not reported", "发货未回传"),
    AlertRule.RUN_FAILED: ("a run failed", "任务失败"),
    AlertRule.RUN_CRASHED: ("a run crashed", "任务崩溃"),
    AlertRule.WAYBILL_MISSING: ("e-waybills are missing", "电子面单缺失"),
    AlertRule.STOCK_SHORTFALL: ("less stock than promised", "库存缺口"),
    AlertRule.STOCK_NOT_SHOWN: ("stock is not shown", "库存未同步"),
    AlertRule.FEED_DRIFTING: ("a feed drifts", "数据源漂移"),
    AlertRule.NOT_COLLECTED: ("a parcel is not collected", "快递未揽收"),
    AlertRule.NO_MOVEMENT: ("a parcel does not move", "物流停滞"),
    AlertRule.DELIVERY_PROBLEM: ("a delivery has a problem", "派送异常"),
    AlertRule.SHIP_BACK_FAILED: ("a ship-back was refused", "发货回传失败"),
    AlertRule.NOT_DISPATCHED: ("a promise is broken", "超时未发货"),
    AlertRule.DISPATCH_DUE: ("a promise ends soon", "即将超时未发货"),
    AlertRule.HELD_DUE: ("a hold endangers a promise", "扣单即将超时"),
    AlertRule.DOCUMENT_STUCK: ("a document is stuck", "出库单卡住"),
    AlertRule.ORDER_STUCK: ("orders are stuck", "订单卡住"),
    AlertRule.MESSAGE_STUCK: ("messages are stuck", "消息积压"),
    AlertRule.INSTRUCTION_UNDELIVERED: ("an instruction is not delivered", "仓库指令未送达"),
    AlertRule.AFTER_SALES_STUCK: ("after-sales is stuck", "售后卡住"),
    AlertRule.STOCK_FEED_SILENT: ("a stock feed is silent", "库存数据中断"),
    AlertRule.BELOW_SAFETY: ("stock is below safety", "低于安全库存"),
}
"""What each rule is called, in English and Chinese."""
