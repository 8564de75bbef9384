"""Rows of e-waybills: how they move along their states, under which keys they are asked for, and their story."""

import secrets
from collections.abc import Collection
from typing import Final, LiteralString

from models.database import Connection
from models.order import Cause, write_own_events
from models.waybill import WAYBILL_STEPS, WaybillState

MISSING: Final = frozenset({WaybillState.WANTED, WaybillState.REFUSED})
"""States of what was asked for and has not come."""

_STAMPS: Final[dict[WaybillState, LiteralString]] = {
    WaybillState.GOT: ", got_at = %(at)s",
    WaybillState.USED: ", used_at = %(at)s",
    WaybillState.CANCELLED: ", cancelled_at = %(at)s",
}


def move_waybills(
    conn: Connection, waybill_ids: Collection[int], to: WaybillState, why: Cause, reason: str = ""
) -> list[int]:
    """Move these e-waybills to a state, with an event for each order of their documents; returns which moved.

    `reason` is for the event. Those whose state does not lead there stay as they are.
    """
    if not waybill_ids:
        return []
    stamp: LiteralString = _STAMPS.get(to, "")
    rows = conn.execute(
        "update waybill set state = %(to)s"
        + stamp
        + " where id = any(%(ids)s) and state = any(%(entry)s) returning id",
        {
            "to": to.value,
            "at": why.at,
            "ids": sorted(waybill_ids),
            "entry": [state.value for state, nexts in WAYBILL_STEPS.items() if to in nexts],
        },
    ).fetchall()
    moved = sorted(row[0] for row in rows)
    tell_of_waybills(conn, moved, to, why, reason)
    return moved


def tell_of_waybills(
    conn: Connection, waybill_ids: Collection[int], state: WaybillState, why: Cause, reason: str = ""
) -> None:
    """An event `waybill_got` and the like for the orders of these e-waybills' documents."""
    rows = conn.execute(
        """select distinct a.order_id, d.no, v.package_no, v.carrier, v.number from waybill v
           join outbound_document d on d.id = v.document_id join allocation a on a.document_id = d.id
           where v.id = any(%s) order by 1, 2, 3""",
        (list(waybill_ids),),
    ).fetchall()
    said = {"reason": reason} if reason else {}
    write_own_events(
        conn,
        (
            (
                order_id,
                f"waybill_{state}",
                {"document": no, "package": package, "carrier": carrier, "number": number, **said},
            )
            for order_id, no, package, carrier, number in rows
        ),
        why,
    )


def order_key(document_no: str, package_no: int) -> str:
    """A number to ask for an e-waybill under; it is drawn, so that no other installation asks under the same one."""
    return f"{document_no}-{package_no}-{secrets.token_hex(4)}"


def cancel_key(of_order_key: str) -> str:
    """The idempotency key of the wish that a service takes an e-waybill back."""
    return f"{of_order_key}-cancel"
