"""Orders that a person stops: for a while, against their leaving at all, or for good."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from tasks.desk_orders import DeskOrder, Taken, missing, restart, said, take_back, take_orders
from tasks.lock_stock import unlock_stock
from tasks.split_orders import free_children
from tasks.withdraw import cancel_orders

_OVER = frozenset({Standing.EMPTY, Standing.CLOSED})


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
    has nothing of it yet is taken back and begins again. Refused are orders that are at a warehouse, have left or are
    cancelled, and those that may not wait at all any more. Raises SetupError without a reason, or for a time that is
    over.
    """
    reason = said(reason, "held")
    if until is not None and until <= why.at:
        raise SetupError(f"orders cannot be held until {_china(until)}: that is over")
    asked = _ask(conn, order_ids, "hold")
    ends = {order.id: latest_end(until, order.ship_by, order.handling) for order in asked.going}
    waiting = [order for order in asked.going if _may_wait(asked, order, ends[order.id], why)]
    held = _open(conn, HoldCode.MANUAL, waiting)
    fresh = [
        order for order in waiting if held.get(order.id) != (reason, _person(why), ends[order.id]) or order.documents
    ]
    with_them = take_back(conn, asked.taken, fresh, why)
    place_holds(
        conn,
        [(order.id, _finding(HoldCode.MANUAL, "stopped", order, reason, why, ends[order.id])) for order in fresh],
        why,
        renew=True,
    )
    restart(conn, with_them, why)
    return asked.decided


def reject_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Keep orders from leaving under REJECTED: their stock and their route are free at once.

    They stay until a person releases them, and then start over with what stock there is, or until the shop cancels
    them. Refused and taken back as by `hold_orders`. Raises SetupError without a reason.
    """
    reason = said(reason, "rejected")
    asked = _ask(conn, order_ids, "reject")
    held = _open(conn, HoldCode.REJECTED, asked.going)
    fresh = [order for order in asked.going if held.get(order.id) != (reason, _person(why), None) or order.documents]
    with_them = take_back(conn, asked.taken, fresh, why)
    place_holds(
        conn,
        [(order.id, _finding(HoldCode.REJECTED, "rejected", order, reason, why)) for order in fresh],
        why,
        renew=True,
    )
    restart(conn, with_them, why)
    route_again(conn, [order.id for order in fresh if order.stage is Stage.ROUTED], why, "it is rejected")
    unlock_stock(conn, [order.id for order in fresh], why)
    advance(conn, [order.id for order in fresh if order.stage is Stage.LOCKED], Stage.VALIDATED, why)
    return asked.decided


def cancel_desk_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Cancel orders that no warehouse has yet: all they have is given back and their holds are closed.

    When its shop changes such an order later, it comes back under REJECTED. Other orders in a document that is taken
    back begin again. An order that is cancelled already counts as done. Refused and raised as by `hold_orders`.
    """
    reason = said(reason, "cancelled")
    asked = _ask(conn, order_ids, "cancel", fine=_OVER)
    going = [order for order in asked.going if order.standing not in _OVER]
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
    return _Asked(taken, going, decided)


def _may_wait(asked: _Asked, order: DeskOrder, ends: datetime | None, why: Cause) -> bool:
    if ends is None or ends > why.at:
        return True
    asked.decided.done.remove(order.id)
    asked.decided.refused[order.id] = (
        f"order {order.no}: cannot hold for a time; to keep its promise it had to be with its warehouse "
        f"by {_china(ends)}"
    )
    return False


def _open(
    conn: Connection, code: HoldCode, orders: Iterable[DeskOrder]
) -> Mapping[int, tuple[str | None, str | None, datetime | None]]:
    """Whose hold of this code is open: the reason, who placed it, and until when."""
    rows = conn.execute(
        """select order_id, evidence->>'reason', evidence->>'by', release_at from hold
           where order_id = any(%s) and code = %s and released_at is null""",
        ([order.id for order in orders], code.value),
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _finding(
    code: HoldCode, done: str, order: DeskOrder, reason: str, why: Cause, ends: datetime | None = None
) -> Finding:
    by = _person(why)
    evidence: dict[str, Any] = {"reason": reason, "by": by}
    sentence = f"{done} by {by}: {reason}"
    if ends is not None:
        evidence["until"] = _china(ends)
        sentence += f"; until {_china(ends)} (China) at the latest"
    if order.documents:
        evidence["taken_back"] = order.nos
        sentence += f"; {', '.join(order.nos)} was not sent yet and is taken back"
    return Finding(code, sentence, evidence, ends)


def _person(why: Cause) -> str:
    return why.actor.removeprefix("person:")


def _china(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
