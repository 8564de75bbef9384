"""Which orders of JD are the merchant's to ship, and which of those may leave.

Sources: the order API's field and state pages. The state alone says too little: JD's own warehouses ship some orders
of the same state, and exchanges and vouchers share the list.
"""

from typing import Any, Final

from connectors.base import NotReady
from models.incoming import PayState

MERCHANT_SHIPS: Final = "22"  # SOP
VOUCHER: Final = "75"  # LOC: a service, there is no parcel
ON_DELIVERY: Final = "1"  # payType is `1-货到付款`
UNSET_YEAR: Final = "0001-"


def not_ready(payload: dict[str, Any]) -> NotReady | None:
    """Why a paid order must not be shipped by us; None when nothing of it says so."""
    return _shipped_by_jd(payload) or _to_be_looked_at(payload) or _unpaid(payload)


def _shipped_by_jd(payload: dict[str, Any]) -> NotReady | None:
    if _written(payload, "storeOrder") not in ("", "0"):
        return NotReady(PayState.PLATFORM_SHIPS, "it leaves from a warehouse of JD")
    kind = _written(payload, "orderType")
    if kind == VOUCHER:
        return NotReady(PayState.PLATFORM_SHIPS, "it is a voucher or a service: there is no parcel")
    if kind not in ("", MERCHANT_SHIPS):
        return NotReady(PayState.PLATFORM_SHIPS, f"its orderType {kind[:20]} is not one that merchants ship")
    return None


def _to_be_looked_at(payload: dict[str, Any]) -> NotReady | None:
    # which of 1 and 2 is an exchange and which a re-shipment is unconfirmed, so a person looks
    if _written(payload, "returnOrder") not in ("", "0"):
        return NotReady(PayState.BLOCKED, "it is an exchange or a re-shipment, which a person has to look at")
    if not _written(payload, "orderType"):
        return NotReady(PayState.BLOCKED, "it does not say its orderType, so not who ships it")
    return None


def _unpaid(payload: dict[str, Any]) -> NotReady | None:
    """A time of payment that is there and unset counts; one that is left out does not.

    The state says that an order is paid, and JD leaves out fields that have no value.
    """
    if "paymentConfirmTime" not in payload or _written(payload, "payType").partition("-")[0] == ON_DELIVERY:
        return None
    paid_at = _written(payload, "paymentConfirmTime")
    if not paid_at or paid_at.startswith(UNSET_YEAR):
        return NotReady(PayState.UNPAID, "its payment is not confirmed")
    return None


def _written(payload: dict[str, Any], key: str) -> str:
    """A field as text, whether it came as a number or as text; "" when it is unset."""
    value = payload.get(key)
    if value is None or isinstance(value, bool | dict | list):
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
