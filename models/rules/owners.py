"""Why orders do not move, and whose turn it is: every hold and every other standstill has one owner."""

from enum import StrEnum
from typing import Final

from models.hold import HoldCode
from models.rules.order_status import WAITS_FOR_PAYMENT, WAITS_FOR_STOCK


class Owner(StrEnum):
    """Who has to act, or what is waited for."""

    BUYER = "buyer"
    PLATFORM = "platform"
    DESK = "desk"
    PURCHASING = "purchasing"
    WAREHOUSE = "warehouse"
    GOODS_DATA = "goods_data"
    ON_CALL = "on_call"
    NOBODY = "nobody"


class Standstill(StrEnum):
    """Why an order without an open hold stands where it is."""

    RUNNING = "running"
    RESUMING = "resuming"
    FEED_DOUBTED = "feed_doubted"
    RUN_STOPPED = "run_stopped"
    ABANDONED = "abandoned"
    LEFT_OVER = "left_over"
    METERED = "metered"
    UNDELIVERED = "undelivered"
    NOT_ACCEPTED = "not_accepted"
    LATE_AT_WAREHOUSE = "late_at_warehouse"
    REST_LATE = "rest_late"
    REFUSED = "refused"


Reason = HoldCode | Standstill

_OF_HOLD: Final[dict[HoldCode, Owner]] = {
    HoldCode.UNPAID: Owner.BUYER,
    HoldCode.PAYMENT_FAILED: Owner.BUYER,
    HoldCode.LOCK_EXPIRED: Owner.BUYER,
    HoldCode.BLOCKED: Owner.PLATFORM,
    HoldCode.REFUNDING: Owner.DESK,
    HoldCode.DUPLICATE: Owner.DESK,
    HoldCode.BAD_AMOUNT: Owner.DESK,
    HoldCode.BAD_QUANTITY: Owner.DESK,
    HoldCode.UNKNOWN_SKU: Owner.GOODS_DATA,
    HoldCode.BAD_ADDRESS: Owner.DESK,
    HoldCode.BAD_FIELD: Owner.DESK,
    HoldCode.REPEATED: Owner.DESK,
    HoldCode.ODD_PRICE: Owner.DESK,
    HoldCode.BLACKLISTED: Owner.DESK,
    HoldCode.BAD_INVOICE: Owner.DESK,
    HoldCode.UNDELIVERABLE: Owner.DESK,
    HoldCode.REMARK: Owner.DESK,
    HoldCode.PRESALE: Owner.NOBODY,
    HoldCode.HIGH_VALUE: Owner.DESK,
    HoldCode.SIBLING: Owner.NOBODY,
    HoldCode.SHORT_STOCK: Owner.PURCHASING,
    HoldCode.SHORT_ROUTE: Owner.WAREHOUSE,
    HoldCode.AWAITING_STOCK: Owner.PURCHASING,
    HoldCode.SHIPPED_ELSEWHERE: Owner.PLATFORM,
    HoldCode.CHANGED_LATE: Owner.DESK,
    HoldCode.WMS_REFUSED: Owner.DESK,
    HoldCode.SHIPPED_SHORT: Owner.DESK,
    HoldCode.MANUAL: Owner.DESK,
    HoldCode.REJECTED: Owner.DESK,
    HoldCode.REPLAYED: Owner.ON_CALL,
    HoldCode.SKIPPED: Owner.ON_CALL,
    HoldCode.RESTORED: Owner.ON_CALL,
}

_OF_STANDSTILL: Final[dict[Standstill, Owner]] = {
    Standstill.RUNNING: Owner.NOBODY,
    Standstill.RESUMING: Owner.NOBODY,
    Standstill.FEED_DOUBTED: Owner.ON_CALL,
    Standstill.RUN_STOPPED: Owner.ON_CALL,
    Standstill.ABANDONED: Owner.ON_CALL,
    Standstill.LEFT_OVER: Owner.ON_CALL,
    Standstill.METERED: Owner.WAREHOUSE,
    Standstill.UNDELIVERED: Owner.ON_CALL,
    Standstill.NOT_ACCEPTED: Owner.WAREHOUSE,
    Standstill.LATE_AT_WAREHOUSE: Owner.WAREHOUSE,
    Standstill.REST_LATE: Owner.WAREHOUSE,
    Standstill.REFUSED: Owner.DESK,
}

_SAID_OF_OWNER: Final[dict[Owner, tuple[str, str]]] = {
    Owner.BUYER: ("buyer", "买家"),
    Owner.PLATFORM: ("platform", "平台"),
    Owner.DESK: ("order desk", "客服订单组"),
    Owner.PURCHASING: ("purchasing", "采购"),
    Owner.WAREHOUSE: ("warehouse", "仓库"),
    Owner.GOODS_DATA: ("goods data", "商品资料"),
    Owner.ON_CALL: ("on-call", "值班"),
    Owner.NOBODY: ("nobody: it moves by itself", "无需处理，会自动继续"),
}

_SAID_OF_STANDSTILL: Final[dict[Standstill, tuple[str, str]]] = {
    Standstill.RUNNING: ("in a run", "流程运行中"),
    Standstill.RESUMING: ("its wait ended; the next run takes it up", "等待已结束，下一次运行继续"),
    Standstill.FEED_DOUBTED: ("its batch looks wrong and waits to be accepted", "所在批次数据异常，待确认"),
    Standstill.RUN_STOPPED: ("its run stopped or failed", "所在批次的运行已中断或失败"),
    Standstill.ABANDONED: ("its batch was given up and is not taken up", "所在批次已放弃，尚未接续"),
    Standstill.LEFT_OVER: ("left over: no run, no hold", "遗留：既无运行也无挂起"),
    Standstill.METERED: ("waits for room in its warehouse; goes as parcels leave", "等待仓库空位，随包裹出库自动放行"),
    Standstill.UNDELIVERED: ("its instruction did not reach the warehouse", "发货指令未送达仓库"),
    Standstill.NOT_ACCEPTED: ("the warehouse has not accepted it", "仓库尚未接单"),
    Standstill.LATE_AT_WAREHOUSE: ("late at the warehouse", "仓内超时未发"),
    Standstill.REST_LATE: ("part of it left, the rest is late", "部分已发，其余超时"),
    Standstill.REFUSED: ("the warehouse gave it back", "仓库已退回指令"),
}


def owner_of(reason: Reason) -> Owner:
    """Whose turn it is."""
    return _OF_HOLD[reason] if isinstance(reason, HoldCode) else _OF_STANDSTILL[reason]


def owner_words(owner: Owner) -> tuple[str, str]:
    """An owner in English and Chinese."""
    return _SAID_OF_OWNER[owner]


def standstill_words(standstill: Standstill) -> tuple[str, str]:
    """A standstill in English and Chinese."""
    return _SAID_OF_STANDSTILL[standstill]


def precedence(code: HoldCode) -> int:
    """Which hold of an order comes first: its payment, then what somebody has to decide, then goods; lower first."""
    if code in WAITS_FOR_PAYMENT:
        return 0
    if code in WAITS_FOR_STOCK:
        return 3
    return 2 if owner_of(code) is Owner.NOBODY else 1
