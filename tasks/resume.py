"""resume: find orders whose wait has ended and give them a batch of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from prefect import task

from models.batch import BatchOrigin
from models.database import Connection, in_transaction
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from models.order import Cause, write_events
from models.settings import settings
from tasks.batches import by_promise, open_batch
from tasks.expire_locks import expire_locks
from tasks.left_over import left_over
from tasks.lock_stock import could_be_served
from tasks.place_again import place_remainders
from tasks.promises import keep_promises
from tasks.promo import batch_limit
from tasks.release_room import TAKEN_UP, could_go
from tasks.replacements import note_taken_up, waiting_replacements
from tasks.review_again import finish_review
from tasks.routing_again import could_be_routed
from tasks.runs import cause, in_plain_words
from tasks.siblings import waits_over
from tasks.withdraw import lift_blocks

GIVEN_UP_AFTER = timedelta(hours=24)
"""How long a failed run keeps its batch before its orders are taken up by others."""

BATCHES_AT_ONCE = 5
"""How many batches' worth of orders that waited for room one run takes up: other waits must not wait for them."""


@dataclass(frozen=True, slots=True)
class ResumeCount:
    """Orders that go on, in which new batches."""

    orders: int
    batch_ids: tuple[int, ...]


def end_waits(why: Cause) -> ResumeCount:
    """End what is over by now - blocks, locks of unpaid orders, waits for stock - and gather the orders that go on.

    What documents lacked is sent before new orders get the stock: its promises are older.
    Each in a transaction of its own, since each takes its orders in order of their ids. First a review of the open
    orders by new rules is finished that was interrupted.
    """
    finish_review(why.at, why.flow_run_id)
    in_transaction(lambda conn: lift_blocks(conn, why.at))
    in_transaction(lambda conn: expire_locks(conn, why))
    in_transaction(lambda conn: keep_promises(conn, None, why))
    in_transaction(lambda conn: place_remainders(conn, why))
    return in_transaction(lambda conn: resume_waiting(conn, why))


def resume_waiting(conn: Connection, why: Cause) -> ResumeCount:
    """End waits whose reason is gone and move these orders into new batches, one or more per shop.

    Orders of a batch that still belongs to a run are left to it, but for those that wait for room: its dispatch is
    done with them. One transaction; the orders are locked by id before their holds are touched, as every stage does.
    """
    give_up_old_batches(conn, why)
    close_finished_batches(conn, why)
    timed, known, alone = _timed(conn, why), _skus_known(conn), waits_over(conn)
    waiting = {*timed, *known, *alone, *_released(conn), *_stock_came(conn, why), *waiting_replacements(conn)}
    room = could_go(conn, why.at, BATCHES_AT_ONCE * batch_limit(conn, why.at))
    due = sorted({*room, *waiting, *_given_up(conn), *left_over(conn, why.at)})
    rows = conn.execute(
        """select s.order_id, o.shop_id, coalesce(o.ship_by, coalesce(o.paid_at, %s) + %s) from order_state s
           join orders o on o.id = s.order_id join batch b on b.id = s.batch_id
           where s.order_id = any(%s) and s.stage in ('ingested', 'validated', 'locked', 'routed')
             and (b.state <> 'open' or b.id = any(%s) and s.order_id = any(%s))
           order by s.order_id for update of s""",
        (why.at, timedelta(hours=settings().promise_hours), due, _undelivered_batches(conn, room, why), room),
    ).fetchall()
    free = {row[0] for row in rows}
    _end_timed_holds(conn, sorted(free.intersection(timed)), why)
    _end_unknown_skus(conn, sorted(free.intersection(known)), why)
    release_holds(conn, sorted(free.intersection(alone)), [HoldCode.SIBLING], why)
    held = _held(conn, sorted(free))
    # those with the nearest promise share the first batches
    ranked = sorted(rows, key=lambda row: (row[2], row[0]))
    going = [(order_id, shop_id) for order_id, shop_id, _ in ranked if order_id not in held]
    batch_ids = _new_batches(conn, going, why)
    note_taken_up(conn, [order_id for order_id, _ in going])
    # the end of a wait that fell into a run which is past it is looked at again when that run's batch is closed
    conn.execute(
        """update hold h set resume_due = false where order_id = any(%s) and resume_due and not exists (
             select 1 from order_state s join batch b on b.id = s.batch_id
             where s.order_id = h.order_id and b.state = 'open'
               and s.stage in ('ingested', 'validated', 'locked', 'routed') and b.id <> all(%s))""",
        (due, batch_ids),
    )
    # a run that died after this very step finds its batches again
    mine = conn.execute(
        "select id from batch where origin = 'resume' and state = 'open' and flow_run_id = %s and id <> all(%s)",
        (str(why.flow_run_id), batch_ids),
    ).fetchall()
    return ResumeCount(len(going), by_promise(conn, [*batch_ids, *(row[0] for row in mine)], why.at))


def _new_batches(conn: Connection, going: Sequence[tuple[int, int]], why: Cause) -> list[int]:
    by_shop: dict[int, list[int]] = {}
    for order_id, shop_id in going:
        by_shop.setdefault(shop_id, []).append(order_id)
    size = batch_limit(conn, why.at)
    return [
        _new_batch(conn, shop_id, ids[i : i + size], why)
        for shop_id, ids in by_shop.items()
        for i in range(0, len(ids), size)
    ]


def _new_batch(conn: Connection, shop_id: int, order_ids: list[int], why: Cause) -> int:
    batch_id = open_batch(conn, shop_id, BatchOrigin.RESUME, str(why.flow_run_id), why.at)
    conn.execute("update batch set joined = %s where id = %s", (len(order_ids), batch_id))
    conn.execute("update order_state set batch_id = %s where order_id = any(%s)", (batch_id, order_ids))
    write_events(conn, order_ids, "resumed", why, {"batch": batch_id})
    return batch_id


def abandon_batch(conn: Connection, batch_id: int, why: Cause, reason: str) -> int:
    """Give a failed run's batch up, so that `resume_orders` takes its orders; returns how many are under way.

    Raises SetupError when the batch is not open.
    """
    row = conn.execute("select state from batch where id = %s for update", (batch_id,)).fetchone()
    if row is None or row[0] != "open":
        raise SetupError(f"batch {batch_id}: cannot be abandoned; it is {row[0] if row else 'not in the pool'}")
    conn.execute("update batch set state = 'abandoned', closed_at = %s where id = %s", (why.at, batch_id))
    ids = [
        order[0]
        for order in conn.execute(
            """select order_id from order_state
               where batch_id = %s and stage in ('ingested', 'validated', 'locked', 'routed')""",
            (batch_id,),
        )
    ]
    write_events(conn, ids, "abandoned", why, {"batch": batch_id, "reason": reason})
    return len(ids)


def give_up_old_batches(conn: Connection, why: Cause) -> None:
    """Abandon batches that have been open for longer than a failed run may keep them."""
    rows = conn.execute(
        "select id from batch where state = 'open' and created_at < %s order by id for update skip locked",
        (why.at - GIVEN_UP_AFTER,),
    ).fetchall()
    for (batch_id,) in rows:
        abandon_batch(conn, batch_id, why, f"not finished for {GIVEN_UP_AFTER.total_seconds() / 3600:.0f} h")


def close_finished_batches(conn: Connection, why: Cause) -> None:
    """Close open batches that dispatched something, of which nothing can move and nothing is undelivered.

    A run that failed at dispatch leaves such a batch when the outbox delivered the rest and nobody pressed Retry.
    """
    conn.execute(
        """update batch b set state = 'closed', closed_at = %s where b.id in (
             select id from batch n where n.state = 'open'
               and exists (select 1 from outbound_document d where d.batch_id = n.id)
               and not exists (select 1 from outbox x where x.batch_id = n.id and x.kind = 'outbound.created'
                               and x.state in ('pending', 'refused'))
               and not exists (select 1 from order_state s where s.batch_id = n.id and (s.stage = 'ingested' or (
                 s.stage in ('validated', 'locked', 'routed') and not exists (
                   select 1 from hold h where h.order_id = s.order_id and h.released_at is null)
                 and not exists (select 1 from release_wait w where w.order_id = s.order_id))))
             order by id for update skip locked)""",
        (why.at,),
    )


def _undelivered_batches(conn: Connection, order_ids: Sequence[int], why: Cause) -> list[int]:
    """The batches of these orders that have been open for long, locked; not those that a stage is at work on."""
    rows = conn.execute(
        """select id from batch where state = 'open' and created_at <= %s
             and id in (select batch_id from order_state where order_id = any(%s))
           order by id for update skip locked""",
        (why.at - TAKEN_UP, list(order_ids)),
    ).fetchall()
    return [row[0] for row in rows]


def _timed(conn: Connection, why: Cause) -> list[int]:
    rows = conn.execute("select order_id from hold where released_at is null and release_at <= %s", (why.at,))
    return [row[0] for row in rows]


def _end_timed_holds(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    rows = conn.execute(
        "select order_id, code from hold where order_id = any(%s) and released_at is null and release_at <= %s",
        (list(order_ids), why.at),
    ).fetchall()
    for code in sorted({row[1] for row in rows}):
        release_holds(conn, [row[0] for row in rows if row[1] == code], [HoldCode(code)], why)


def _skus_known(conn: Connection) -> list[int]:
    rows = conn.execute(
        """select h.order_id from hold h where h.code = 'UNKNOWN_SKU' and h.released_at is null and not exists (
             select 1 from order_line l left join sku k on k.code = l.sku_code
             where l.order_id = h.order_id and l.state <> 'closed' and k.id is null)"""
    )
    return [row[0] for row in rows]


def _end_unknown_skus(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    conn.execute(
        """update order_line l set sku_id = k.id from sku k
           where l.order_id = any(%s) and l.sku_id is null and k.code = l.sku_code""",
        (list(order_ids),),
    )
    release_holds(conn, order_ids, [HoldCode.UNKNOWN_SKU], why)


def _held(conn: Connection, order_ids: Sequence[int]) -> set[int]:
    """Those that another hold still stops; shortages are judged anew by the stages."""
    rows = conn.execute(
        """select distinct order_id from hold where order_id = any(%s) and released_at is null
           and code not in ('SHORT_STOCK', 'SHORT_ROUTE')
           and exists (select 1 from order_state s join batch b on b.id = s.batch_id
                       where s.order_id = hold.order_id and b.state <> 'abandoned')""",
        (list(order_ids),),
    )
    return {row[0] for row in rows}


def _released(conn: Connection) -> list[int]:
    rows = conn.execute("select distinct order_id from hold where resume_due")
    return [row[0] for row in rows]


def _stock_came(conn: Connection, why: Cause) -> list[int]:
    """Short orders that the stock there is now may serve: shared out from the pool, or found in warehouses.

    Those that could not go on anyway, held for another reason or left to a run, keep nothing from the others.
    """
    rows = conn.execute(
        """select h.order_id from hold h join order_state s on s.order_id = h.order_id
           join batch b on b.id = s.batch_id
           where h.released_at is null and h.code = 'SHORT_STOCK' and b.state <> 'open'"""
    ).fetchall()
    short = sorted({row[0] for row in rows} - _held(conn, [row[0] for row in rows]))
    return [*(could_be_served(conn, short, why.at) if short else ()), *could_be_routed(conn)]


def _given_up(conn: Connection) -> list[int]:
    rows = conn.execute(
        """select s.order_id from order_state s join batch b on b.id = s.batch_id
           where b.state = 'abandoned' and s.stage in ('ingested', 'validated', 'locked', 'routed')"""
    )
    return [row[0] for row in rows]


@task(persist_result=True, task_run_name="find orders that go on", tags=["stage:resume"])
def resume() -> ResumeCount:
    """The first step of a resume run."""
    with in_plain_words("resume", "orders"):
        return end_waits(cause("resume"))
