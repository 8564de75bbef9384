"""How each alert is handled: how urgent it is, and for how long its repeats are told as one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from models.alert import AlertRule
from models.recipient import Severity

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
    # days ahead; a token that ended shows as a silent shop
    AlertRule.TOKEN_EXPIRING: Handling(Severity.P2),
    AlertRule.INGEST_MISSING: Handling(Severity.P2),
    AlertRule.SHIP_BACK_OVERDUE: Handling(Severity.P2),
    AlertRule.RUN_FAILED: Handling(Severity.P2),
    AlertRule.RUN_CRASHED: Handling(Severity.P2),
    AlertRule.WAYBILL_MISSING: Handling(Severity.P2),
    AlertRule.STOCK_SHORTFALL: Handling(Severity.P2, STOCK_WINDOW),
    AlertRule.STOCK_NOT_SHOWN: Handling(Severity.P2, STOCK_WINDOW),
    AlertRule.FEED_DRIFTING: Handling(Severity.P3),
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
}
"""What each rule is called, in English and Chinese."""
