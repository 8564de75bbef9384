"""Holds that a person ends: what may be decided by hand, and for the others what ends them instead."""

from typing import Final

from models.database import Connection
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from models.order import Cause

_ENDS_OTHERWISE: Final = {
    HoldCode.UNPAID: "it ends when the shop says that the order is paid",
    HoldCode.BLOCKED: "it ends when the platform lets the order leave",
    HoldCode.REFUNDING: "it ends when the shop says that the refund is withdrawn or done",
    HoldCode.SHIPPED_ELSEWHERE: "it ends when the platform says that the order is not shipped",
    HoldCode.BAD_QUANTITY: "it ends when the shop sends a quantity that can be shipped",
    HoldCode.BAD_ADDRESS: "it ends when the shop sends an address that a route can be found to",
    HoldCode.UNKNOWN_SKU: "it ends when the SKU is imported",
    HoldCode.SHORT_STOCK: "it ends when stock comes",
    HoldCode.SHORT_ROUTE: "it ends when a warehouse can serve the order",
    HoldCode.AWAITING_STOCK: "it ends when the stock that was promised comes",
    HoldCode.LOCK_EXPIRED: "it ends when the shop says that the order is paid",
}
"""Holds that state a fact nobody can decide away: what has to happen instead."""


def release_by_hand(conn: Connection, order_no: str, code: str, reason: str, why: Cause, *, shop: str = "") -> str:
    """End an order's open hold for a person, with the reason in its story; returns the shop's code.

    The order goes on with the next resume run, and a document that CHANGED_LATE stopped goes as it is. `shop` tells
    apart orders of several shops with one number. Raises SetupError naming the order, the wish and the obstacle: no
    such order, code or hold, a hold that no person may end, a missing reason.
    """
    wish = f"order {order_no}: cannot release {code}"
    hold = _releasable(code, wish)
    if not reason:
        raise SetupError(f"{wish}; say why with --reason")
    order_id, shop_code = _find(conn, order_no, shop, wish)
    # whoever amends the order holds this row: its news is in the hold before we end it, or opens another
    conn.execute("select 1 from order_state where order_id = %s for update", (order_id,))
    _check_parent(conn, order_id, hold, wish)
    if not release_holds(conn, [order_id], [hold], why, resume=True, reason=reason):
        raise SetupError(f"{wish}; it is not held for that")
    return shop_code


def _releasable(code: str, wish: str) -> HoldCode:
    try:
        hold = HoldCode(code)
    except ValueError as error:
        codes = ", ".join(one for one in HoldCode if one not in _ENDS_OTHERWISE)
        raise SetupError(f"{wish}; the codes are {codes}") from error
    if hold in _ENDS_OTHERWISE:
        raise SetupError(f"{wish} by hand; {_ENDS_OTHERWISE[hold]}")
    return hold


def _find(conn: Connection, order_no: str, shop: str, wish: str) -> tuple[int, str]:
    rows = conn.execute(
        """select o.id, s.code from orders o join shop s on s.id = o.shop_id
           where o.order_no = %s and (%s = '' or s.code = %s) order by s.code, o.id""",
        (order_no, shop, shop),
    ).fetchall()
    if not rows:
        raise SetupError(f"{wish}; it is not in the pool" + (f" as an order of {shop}" if shop else ""))
    if len(rows) > 1:
        shops = sorted({row[1] for row in rows})
        way_out = ": name one with --shop" if len(shops) > 1 else ""
        raise SetupError(f"{wish}; {len(rows)} orders of {', '.join(shops)} have this number{way_out}")
    return rows[0][0], rows[0][1]


def _check_parent(conn: Connection, order_id: int, hold: HoldCode, wish: str) -> None:
    """A part of a split order whose whole is on its way would leave a second time."""
    if hold is not HoldCode.DUPLICATE:
        return
    row = conn.execute(
        """select evidence->>'split_from' from hold
           where order_id = %s and code = 'DUPLICATE' and released_at is null""",
        (order_id,),
    ).fetchone()
    if row and row[0]:
        raise SetupError(
            f"{wish} by hand; it ends when order {row[0]}, which it was split from, turns out not to leave"
        )
