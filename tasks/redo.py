"""redo: orders do a stage again; what this and later stages did for them is undone first.

They go on in batches that no run owns, so the next `resume_orders` takes them up. A run that had them finds nothing
of them any more and completes. Safe at any time, also while their run is at work: a stage is waited for, and what it
did is undone with the rest.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from models.batch import BatchState
from models.database import Connection, in_transaction
from models.order import Cause, Stage, advance, write_events
from tasks.again import begin_again, go_on, route_again
from tasks.decided import Decided
from tasks.desk_orders import missing, said
from tasks.kept_stock import take_stock_of
from tasks.lock_stock import unlock_stock
from tasks.merges import join, leave, mates
from tasks.orders_under_way import UNDER_WAY, OrderUnderWay, entry_of, orders_of_batch, take_orders_under_way

_LIVE = tuple(stage for stage in Stage if stage is not Stage.CANCELLED)


@dataclass(slots=True)
class Redone(Decided):
    """What became of the wish to redo a stage.

    `stood`: those of the done orders that had not got to the stage's end, so nothing of theirs was undone, and where
    they stand.
    """

    stood: dict[int, Stage] = field(default_factory=dict)


def redo(stage: str, order_ids: Sequence[int], reason: str, why: Cause) -> Redone:
    """Have these orders do a stage again: `redo_orders` says how."""
    return in_transaction(lambda conn: redo_orders(conn, stage, order_ids, reason, why))


def redo_batch(stage: str, batch_id: int, reason: str, why: Cause) -> Redone:
    """Have all orders of a batch that are not cancelled do a stage again: `redo_orders` says how.

    Raises SetupError when there is no such batch or stage.
    """
    entry_of(stage)  # before the batch is waited for
    return in_transaction(
        lambda conn: redo_orders(conn, stage, orders_of_batch(conn, batch_id, _LIVE), reason, why),
    )


def redo_orders(conn: Connection, stage: str, order_ids: Sequence[int], reason: str, why: Cause) -> Redone:
    """Put orders back to where they wait for a stage, and let them go on from there.

    Before `validate` they are reviewed anew and keep the stock that they still want, before `lock_stock` they give all
    of it back, before `route` they give back their warehouse and keep their units; their decided holds stay decided.
    Orders that would have left in one parcel with one that is routed anew are routed anew with it, and what a person
    merged stays merged. Refused are orders that are dispatched, are cancelled or carry no goods. Safe to repeat: an
    order that waits for the stage already, in a batch that no run owns, stays as it is. Raises SetupError for a stage
    that there is not, and without a reason.
    """
    entry, reason = entry_of(stage), said(reason, "redone")
    taken = take_orders_under_way(conn, {*order_ids, *mates(conn, order_ids)})
    merged = mates(conn, taken)
    redone = Redone(refused=missing(order_ids, taken))
    back: list[OrderUnderWay] = []
    for order in (taken[order_id] for order_id in sorted(set(order_ids)) if order_id in taken):
        if obstacle := _obstacle(order):
            redone.refused[order.id] = f"order {order.no}: cannot redo {stage}; {obstacle}"
            continue
        redone.done.append(order.id)
        if UNDER_WAY.index(order.stage) > UNDER_WAY.index(entry):
            back.append(order)
        else:
            redone.stood[order.id] = order.stage
    along = _along(back, taken, merged)
    going_on = [order_id for order_id in redone.stood if taken[order_id].batch_state is not BatchState.ABANDONED]
    take_stock_of(conn, sorted(order.id for order in (*back, *along)))
    _undo(conn, stage, back, along, why)
    go_on(conn, going_on, why)
    _merge_again(conn, [taken[i] for i in _merged_by_people(conn, back, merged) if i in taken], merged, why)
    told = sorted([*(order.id for order in (*back, *along)), *going_on])
    write_events(conn, told, "redone", why, {"stage": stage, "reason": reason})
    return redone


def _obstacle(order: OrderUnderWay) -> str:
    """Why no stage of an order can be redone any more; "" when it can."""
    if order.stage is Stage.DISPATCHED:
        return f"it is dispatched: `orderpool order cancel {order.no}` calls it off while no warehouse has it"
    return order.over


def _along(
    back: Sequence[OrderUnderWay], taken: Mapping[int, OrderUnderWay], merged: Mapping[int, int]
) -> list[OrderUnderWay]:
    """The routed orders that leave in one parcel with one that gives up its route: one route serves them all."""
    groups = {merged[order.id] for order in back if order.stage is Stage.ROUTED and order.id in merged}
    known = {order.id for order in back}
    return [
        taken[order_id]
        for order_id, group in merged.items()
        if group in groups and order_id not in known and order_id in taken and taken[order_id].stage is Stage.ROUTED
    ]


def _undo(
    conn: Connection, stage: str, back: Sequence[OrderUnderWay], along: Sequence[OrderUnderWay], why: Cause
) -> None:
    """Undo what this stage and later ones did; `along` only lose their route. All their stock is taken."""
    because = f"{stage} is done again"
    ids = [order.id for order in back]
    if stage == "validate":
        begin_again(conn, ids, why, because)
        route_again(conn, [order.id for order in along], why, because)
        return
    route_again(conn, [order.id for order in (*back, *along) if order.stage is Stage.ROUTED], why, because)
    if stage == "lock_stock":
        unlock_stock(conn, ids, why)
        locked = [order.id for order in back if order.stage is Stage.LOCKED]
        advance(conn, locked, Stage.VALIDATED, why)
        go_on(conn, locked, why)


def _merged_by_people(conn: Connection, back: Sequence[OrderUnderWay], merged: Mapping[int, int]) -> list[int]:
    """All orders of the merges that a person made and that one of these has left."""
    left = {merged[order.id] for order in back if order.id in merged} - {*mates(conn, [o.id for o in back]).values()}
    rows = conn.execute(
        "select id from merge_group where id = any(%s) and made_by like 'person:%%'", (sorted(left),)
    ).fetchall()
    by_hand = {row[0] for row in rows}
    return [order_id for order_id, group in merged.items() if group in by_hand]


def _merge_again(conn: Connection, orders: Collection[OrderUnderWay], merged: Mapping[int, int], why: Cause) -> None:
    """Put orders into one merge again that were in one."""
    leave(conn, [order.id for order in orders], why, "it is merged as before")
    groups: dict[tuple[int, int], list[int]] = {}
    for order in orders:
        groups.setdefault((order.shop_id, merged[order.id]), []).append(order.id)
    for shop_id in sorted({shop_id for shop_id, _ in groups}):
        join(conn, shop_id, [of for (shop, _), of in groups.items() if shop == shop_id], why)
