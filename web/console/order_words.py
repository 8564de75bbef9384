"""Names of statuses, stages and states on the pages of orders, and the choice between two languages' sentences."""

from collections.abc import Mapping
from typing import TypeVar

from models.batch import BatchState
from models.hold import HoldCode
from models.incoming import LineState, PayState
from models.order import Stage
from models.rules.hold_words import NAMES
from models.rules.order_status import Status
from models.rules.owners import Reason, standstill_words
from models.shipment import BlockReason, DocumentState, ParcelStage
from models.stock import LockState
from web.console.words import CHINESE, N_, _, language

_Key = TypeVar("_Key", bound=str)

STATUSES: Mapping[Status, str] = {
    Status.WAITING_PAYMENT: N_("waiting for payment"),
    Status.HELD: N_("held"),
    Status.SHORT: N_("short of stock"),
    Status.IN_PROCESS: N_("in process"),
    Status.AT_WAREHOUSE: N_("at the warehouse"),
    Status.PARTLY_SHIPPED: N_("partly shipped"),
    Status.SHIPPED: N_("shipped"),
    Status.PROBLEM: N_("problem"),
    Status.DELIVERED: N_("delivered"),
    Status.RETURNED: N_("returned"),
    Status.CANCELLED: N_("cancelled"),
}
LOOKS: Mapping[Status, str] = {
    Status.HELD: "warn",
    Status.SHORT: "warn",
    Status.PROBLEM: "bad",
    Status.DELIVERED: "good",
    Status.SHIPPED: "good",
}
"""How a status looks where it is more than plain."""

STAGES: Mapping[Stage, str] = {
    Stage.INGESTED: N_("read"),
    Stage.VALIDATED: N_("checked"),
    Stage.LOCKED: N_("stock locked"),
    Stage.ROUTED: N_("routed"),
    Stage.DISPATCHED: N_("dispatched"),
    Stage.CANCELLED: N_("cancelled"),
}
DOCUMENTS: Mapping[DocumentState, str] = {
    DocumentState.CREATED: N_("written"),
    DocumentState.ACCEPTED: N_("accepted by the warehouse"),
    DocumentState.QUEUED: N_("waits for a picker"),
    DocumentState.PICKING: N_("being picked"),
    DocumentState.PICKED: N_("picked"),
    DocumentState.PACKED: N_("packed"),
    DocumentState.PUT_BACK: N_("being put back"),
    DocumentState.PART_SHIPPED: N_("partly shipped"),
    DocumentState.SHIPPED: N_("shipped"),
    DocumentState.SHORT: N_("shipped short"),
    DocumentState.REJECTED: N_("refused by the warehouse"),
    DocumentState.CANCELLED: N_("cancelled"),
}
PARCELS: Mapping[ParcelStage, str] = {
    ParcelStage.LABEL_CREATED: N_("label made"),
    ParcelStage.COLLECTED: N_("collected"),
    ParcelStage.IN_TRANSIT: N_("in transit"),
    ParcelStage.OUT_FOR_DELIVERY: N_("out for delivery"),
    ParcelStage.AT_PICKUP_POINT: N_("at a pickup point"),
    ParcelStage.PROBLEM: N_("in trouble"),
    ParcelStage.RETURNING: N_("on its way back"),
    ParcelStage.DELIVERED: N_("delivered"),
    ParcelStage.RETURNED: N_("returned"),
    ParcelStage.CANCELLED: N_("cancelled"),
}
BLOCKS: Mapping[BlockReason, str] = {
    BlockReason.ADDRESS_CHANGED: N_("the address changed"),
    BlockReason.GOODS_CHANGED: N_("the goods changed"),
    BlockReason.REFUND: N_("a refund is under way"),
    BlockReason.CANCELLED: N_("the shop cancelled it"),
    BlockReason.NOT_READY: N_("the platform does not let it leave"),
    BlockReason.UNMERGE: N_("an order of it is to leave by itself"),
    BlockReason.REMARK: N_("a note asks to stop it"),
}
LOCKS: Mapping[LockState, str] = {
    LockState.OPEN: N_("locked"),
    LockState.CONSUMED: N_("shipped"),
    LockState.RELEASED: N_("given back"),
    LockState.MOVED: N_("moved to a warehouse"),
}
LINES: Mapping[LineState, str] = {
    LineState.OPEN: N_("as ordered"),
    LineState.REFUNDING: N_("refund under way"),
    LineState.CLOSED: N_("closed"),
}
PAYMENTS: Mapping[PayState, str] = {
    PayState.UNPAID: N_("not paid"),
    PayState.READY: N_("paid"),
    PayState.BLOCKED: N_("not free to leave"),
    PayState.PLATFORM_SHIPS: N_("the platform ships it"),
    PayState.SHIPPED: N_("shipped according to the shop"),
    PayState.FINISHED: N_("finished according to the shop"),
    PayState.CANCELLED: N_("cancelled by the shop"),
}
BATCHES: Mapping[BatchState, str] = {
    BatchState.OPEN: N_("open"),
    BatchState.CLOSED: N_("closed"),
    BatchState.ABANDONED: N_("given up"),
}
ACTIONS: Mapping[str, str] = {
    "approve": N_("Approve"),
    "reject": N_("Reject"),
    "hold": N_("Put on hold"),
    "release": N_("Release a hold"),
    "merge": N_("Merge"),
    "unmerge": N_("Un-merge"),
    "cancel": N_("Cancel"),
    "reroute_short": N_("Send what lacks from elsewhere"),
    "back_order_short": N_("Send what lacks when stock comes"),
    "refund_short": N_("Refund what lacks"),
    "intercept": N_("Have its parcels brought back"),
    "redo": N_("Redo a stage"),
    "skip": N_("Skip in its run"),
}
"""What people can decide about orders."""

RUN_STAGES: Mapping[str, str] = {
    "validate": N_("check"),
    "lock_stock": N_("lock stock"),
    "route": N_("choose a warehouse"),
    "dispatch": N_("hand over to the warehouse"),
}
"""The stages of a run that orders can be sent to again."""


def in_language(english: str, chinese: str) -> str:
    """Of a sentence in both languages the one of the request."""
    return chinese if language() == CHINESE else english


def hold_name(code: HoldCode) -> str:
    """What a hold is called."""
    return in_language(*NAMES[code])


def reason_name(reason: Reason) -> str:
    """Why an order stands, in a few words."""
    return hold_name(reason) if isinstance(reason, HoldCode) else in_language(*standstill_words(reason))


def names_of(words: Mapping[_Key, str]) -> dict[_Key, str]:
    """All names of a kind in the language of the request."""
    return {key: _(name) for key, name in words.items()}
