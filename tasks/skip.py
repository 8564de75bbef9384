"""skip: orders are parked under SKIPPED where they stand, so that the run that has them can finish without them.

Every stage leaves them alone; what stock they have stays theirs. Releasing SKIPPED lets them go on from there.
"""

from collections.abc import Mapping, Sequence

from models.database import Connection, in_transaction
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, Stage
from tasks.decided import Decided
from tasks.desk_orders import missing, said
from tasks.orders_under_way import UNDER_WAY, OrderUnderWay, entry_of, orders_of_batch, take_orders_under_way


def skip(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Park these orders: `skip_orders` says how."""
    return in_transaction(lambda conn: skip_orders(conn, order_ids, reason, why))


def skip_batch(batch_id: int, reason: str, why: Cause, stage: str = "") -> Decided:
    """Park the orders of a batch that are not dispatched, or only those of them that wait for a stage of its run.

    Raises SetupError when there is no such batch or stage, and without a reason.
    """
    stages = [entry_of(stage)] if stage else UNDER_WAY
    return in_transaction(
        lambda conn: skip_orders(conn, orders_of_batch(conn, batch_id, stages), reason, why),
    )


def skip_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Park orders under SKIPPED until a person releases them; a stage that is at work on them is waited for.

    Refused are orders that are dispatched, are cancelled or carry no goods. Safe to repeat: an order that is parked
    stays so, and takes another person's reason. Raises SetupError without a reason.
    """
    reason = said(reason, "skipped")
    taken = take_orders_under_way(conn, order_ids)
    decided = Decided(refused=missing(order_ids, taken))
    for order in taken.values():
        if obstacle := _obstacle(order):
            decided.refused[order.id] = f"order {order.no}: cannot skip; {obstacle}"
        else:
            decided.done.append(order.id)
    by = why.actor.removeprefix("person:")
    finding = Finding(HoldCode.SKIPPED, f"skipped by {by}: {reason}", {"reason": reason, "by": by})
    parked = _parked(conn, decided.done)
    fresh = [(order_id, finding) for order_id in decided.done if parked.get(order_id) != finding.sentence]
    place_holds(conn, fresh, why, renew=True)
    return decided


def _obstacle(order: OrderUnderWay) -> str:
    """Why an order cannot be parked any more; "" when it can."""
    if order.stage is Stage.DISPATCHED:
        return f"it is dispatched: `orderpool order hold {order.no}` stops it while no warehouse has it"
    return order.over


def _parked(conn: Connection, order_ids: Sequence[int]) -> Mapping[int, str]:
    """Which of these orders are parked, and what is said of each."""
    rows = conn.execute(
        "select order_id, sentence from hold where order_id = any(%s) and code = 'SKIPPED' and released_at is null",
        (list(order_ids),),
    ).fetchall()
    return dict(rows)
