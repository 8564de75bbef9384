"""Orders that a person stops: for a while, against their leaving at all, or for good."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from models.database import Connection
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, Stage, advance, write_events
from models.rules.amendment import Standing
from models.rules.waiting import latest_end
from models.settings import SHANGHAI
from tasks.again import route_again
from tasks.decided import Decided
from tasks.desk_orders import OUT, DeskOrder, Taken, ask_warehouses, missing, restart, said, take_back, take_orders
from tasks.lock_stock import unlock_stock
from tasks.split_orders import free_children
from tasks.withdraw import cancel_orders

CALLS_OFF = "calls_off"
"""In the evidence of REJECTED: the order is cancelled as soon as its warehouse gives it back."""

_OVER = frozenset({Standing.EMPTY, Standing.CLOSED})
_Wish = tuple[str, str, datetime | None, bool]
"""Of a person: the reason, the name, until when, and whether the order is to end."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom a person stops, and what has become of the wish so far."""

    taken: Taken
    going: list[DeskOrder]
    decided: Decided


def hold_orders(
    conn: Connection, order_ids: Sequence[int], reason: str, why: Cause, until: datetime | None = None
) -> Decided:
    """Stop orders until a person releases them, or until a time, under MANUAL; their stock stays theirs.

    The time is moved forward to the promise to ship less the shop's handling time. An order dispatched whose warehouse
    has nothing of it yet is taken back and begins again; a warehouse that has it is asked to give it back, and then it
    begins again. Refused are orders that a warehouse cannot be asked for, that have left or are cancelled, and those
    that may not wait at all any more. Raises SetupError without a reason, or for a time that is over.
    """
    reason = said(reason, "held")
    if until is not None and until <= why.at:
        raise SetupError(f"orders cannot be held until {_china(until)}: that is over")
    asked = _ask(conn, order_ids, "hold")
    ends = {order.id: latest_end(until, order.ship_by, order.handling) for order in asked.going}
    waiting = [order for order in asked.going if _may_wait(asked, order, ends[order.id], why)]
    fresh = _fresh(conn, HoldCode.MANUAL, {order: (reason, _person(why), ends[order.id], False) for order in waiting})
    with_them = take_back(conn, asked.taken, fresh, why)
    place_holds(
        conn,
        [
            (order.id, _finding(asked.taken, HoldCode.MANUAL, "stopped", order, reason, why, ends[order.id]))
            for order in fresh
        ],
        why,
        renew=True,
    )
    ask_warehouses(conn, asked.taken, fresh, why)
    restart(conn, with_them, why)
    return asked.decided


def reject_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Keep orders from leaving under REJECTED: stock and route are free at once, or when the warehouse gives them back.

    They stay until a person releases them, and then start over with what stock there is, or until the shop cancels
    them. Refused and taken back as by `hold_orders`. Raises SetupError without a reason.
    """
    reason = said(reason, "rejected")
    asked = _ask(conn, order_ids, "reject")
    fresh = _fresh(conn, HoldCode.REJECTED, dict.fromkeys(asked.going, (reason, _person(why), None, False)))
    with_them = take_back(conn, asked.taken, fresh, why)
    place_holds(
        conn,
        [(order.id, _finding(asked.taken, HoldCode.REJECTED, "rejected", order, reason, why)) for order in fresh],
        why,
        renew=True,
    )
    ask_warehouses(conn, asked.taken, fresh, why)
    restart(conn, with_them, why)
    route_again(conn, [order.id for order in fresh if order.stage is Stage.ROUTED], why, "it is rejected")
    unlock_stock(conn, [order.id for order in fresh if order.standing not in OUT], why)
    advance(conn, [order.id for order in fresh if order.stage is Stage.LOCKED], Stage.VALIDATED, why)
    return asked.decided


def cancel_desk_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Cancel orders: all they have is given back and their holds are closed.

    One that a warehouse has is held under REJECTED until it gives it back, and then cancelled. When its shop changes a
    cancelled order later, it comes back under REJECTED. Other orders in a document that is taken back begin again. An
    order that is cancelled already counts as done. Refused and raised as by `hold_orders`.
    """
    reason = said(reason, "cancelled")
    asked = _ask(conn, order_ids, "cancel", fine=_OVER)
    there = [order for order in asked.going if order.standing in OUT]
    fresh = _fresh(conn, HoldCode.REJECTED, dict.fromkeys(there, (reason, _person(why), None, True)))
    wish = {CALLS_OFF: True}
    place_holds(
        conn,
        [
            (order.id, _finding(asked.taken, HoldCode.REJECTED, "cancelled", order, reason, why, more=wish))
            for order in fresh
        ],
        why,
        renew=True,
    )
    ask_warehouses(conn, asked.taken, fresh, why)
    going = [order for order in asked.going if order.standing not in _OVER | OUT]
    ids = [order.id for order in going]
    with_them = take_back(conn, asked.taken, going, why)
    if ids:
        write_events(conn, ids, "called_off", why, {"reason": reason})
        cancel_orders(conn, ids, why)
        free_children(conn, ids, why)
    restart(conn, set(with_them) - set(ids), why)
    return asked.decided


def _ask(conn: Connection, order_ids: Sequence[int], wish: str, fine: Collection[Standing] = frozenset()) -> _Asked:
    """Take the orders and sort out those that cannot be stopped; the others count as done."""
    taken = take_orders(conn, order_ids)
    decided = Decided(refused=missing(order_ids, taken.orders))
    going = []
    for order in taken.orders.values():
        if order.standing not in fine and (obstacle := taken.obstacle(order)):
            decided.refused[order.id] = f"order {order.no}: cannot {wish}; {obstacle}"
        else:
            going.append(order)
            decided.done.append(order.id)
            if order.standing in OUT:
                decided.asked.append(order.id)
    return _Asked(taken, going, decided)


def _may_wait(asked: _Asked, order: DeskOrder, ends: datetime | None, why: Cause) -> bool:
    if ends is None or ends > why.at:
        return True
    asked.decided.done.remove(order.id)
    asked.decided.asked = [order_id for order_id in asked.decided.asked if order_id != order.id]
    asked.decided.refused[order.id] = (
        f"order {order.no}: cannot hold for a time; to keep its promise it had to be with its warehouse "
        f"by {_china(ends)}"
    )
    return False


def _fresh(conn: Connection, code: HoldCode, wishes: Mapping[DeskOrder, _Wish]) -> list[DeskOrder]:
    """The orders whose wish is not an open hold of this code yet, and those with a document that can be taken back."""
    rows = conn.execute(
        """select order_id, evidence->>'reason', evidence->>'by', release_at, evidence ? %s from hold
           where order_id = any(%s) and code = %s and released_at is null""",
        (CALLS_OFF, [order.id for order in wishes], code.value),
    ).fetchall()
    held = {order_id: tuple(wish) for order_id, *wish in rows}
    return [order for order, wish in wishes.items() if held.get(order.id) != wish or order.standing is Standing.UNSENT]


def _finding(
    taken: Taken,
    code: HoldCode,
    done: str,
    order: DeskOrder,
    reason: str,
    why: Cause,
    ends: datetime | None = None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Finding:
    by = _person(why)
    evidence: dict[str, Any] = {"reason": reason, "by": by, **more}
    sentence = f"{done} by {by}: {reason}"
    if ends is not None:
        evidence["until"] = _china(ends)
        sentence += f"; until {_china(ends)} (China) at the latest"
    if order.standing is Standing.UNSENT:
        evidence["taken_back"] = order.nos
        sentence += f"; {', '.join(order.nos)} was not sent yet and is taken back"
    if order.standing in OUT:
        back = [document.no for document in taken.going(order)]
        evidence["asked_back"] = back
        sentence += f"; its warehouse is asked to give {', '.join(back)} back"
    return Finding(code, sentence, evidence, ends)


def _person(why: Cause) -> str:
    return why.actor.removeprefix("person:")


def _china(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
