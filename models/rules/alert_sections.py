"""Which section of the runbook speaks of which rule of the alerts."""

from typing import Final

from models.alert import AlertRule
from models.rules.faults import Fault

SECTIONS: Final[dict[AlertRule, str]] = {
    AlertRule.TOKEN_EXPIRING: Fault.ACCESS_DENIED.value,
    AlertRule.INGEST_MISSING: Fault.ORDERS_MISSING.value,
    AlertRule.SHIP_BACK_OVERDUE: "ship-back",
    AlertRule.STOCK_SHORTFALL: "stock-shortfall",
    AlertRule.STOCK_NOT_SHOWN: "stock-not-shown",
    AlertRule.FEED_DRIFTING: Fault.FEED_WRONG.value,
    AlertRule.RUN_FAILED: "all-faults",
    AlertRule.RUN_CRASHED: "crashed-or-late",
    AlertRule.RUN_LATE: "crashed-or-late",
    AlertRule.INGEST_SILENT: "shop-silent",
    AlertRule.WAYBILL_MISSING: "waybill-missing",
    AlertRule.NOT_COLLECTED: "not-collected",
    AlertRule.NO_MOVEMENT: "no-movement",
    AlertRule.DELIVERY_PROBLEM: "delivery-problem",
    AlertRule.SHIP_BACK_FAILED: "ship-back",
    AlertRule.NOT_DISPATCHED: "promise-in-danger",
    AlertRule.DISPATCH_DUE: "promise-in-danger",
    AlertRule.HELD_DUE: "held-too-long",
    AlertRule.DOCUMENT_STUCK: "stuck-at-warehouse",
    AlertRule.ORDER_STUCK: "orders-stuck",
    AlertRule.MESSAGE_STUCK: "messages-stuck",
    AlertRule.INSTRUCTION_UNDELIVERED: Fault.WMS_DOWN.value,
    AlertRule.AFTER_SALES_STUCK: "after-sales-stuck",
    AlertRule.STOCK_FEED_SILENT: "stock-feed-silent",
    AlertRule.BELOW_SAFETY: "below-safety",
}
"""The anchor of the section that says what to do; every rule has one."""
