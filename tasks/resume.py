"""resume: find orders whose wait has ended and give them a batch of their own."""

from dataclasses import dataclass
from datetime import timedelta

from prefect import task

from models.batch import BatchOrigin
from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause, HoldCode, release_holds, write_events
from models.settings import settings
from tasks.batches import open_batch
from tasks.runs import cause

GIVEN_UP_AFTER = timedelta(hours=24)
"""How long a failed run keeps its batch before its orders are taken up by others."""


@dataclass(frozen=True, slots=True)
class ResumeCount:
    """Orders that go on, in which new batches."""

    orders: int
    batch_ids: tuple[int, ...]


def resume_waiting(conn: Connection, why: Cause) -> ResumeCount:
    """End waits whose reason is gone and move these orders into new batches, one or more per shop.

    Orders of a batch that still belongs to a run are left to it. One transaction; two runs at once follow
    each other by the rows they lock.
    """
    give_up_old_batches(conn, why)
    end_timed_holds(conn, why)
    end_unknown_skus(conn, why)
    due = sorted({*_released(conn), *_stock_came(conn), *_given_up(conn)})
    rows = conn.execute(
        """select s.order_id, o.shop_id from order_state s
           join orders o on o.id = s.order_id join batch b on b.id = s.batch_id
           where s.order_id = any(%s) and s.stage in ('ingested', 'validated', 'locked', 'routed')
             and b.state <> 'open' order by s.order_id for update of s""",
        (due,),
    ).fetchall()
    by_shop: dict[int, list[int]] = {}
    for order_id, shop_id in rows:
        by_shop.setdefault(shop_id, []).append(order_id)
    batch_ids = [
        _new_batch(conn, shop_id, ids[i : i + settings().batch_size], why)
        for shop_id, ids in by_shop.items()
        for i in range(0, len(ids), settings().batch_size)
    ]
    taken = [row[0] for row in rows]
    conn.execute("update hold set resume_due = false where order_id = any(%s) and resume_due", (taken,))
    # a run that died after this very step finds its batches again
    mine = conn.execute(
        "select id from batch where origin = 'resume' and state = 'open' and flow_run_id = %s and id <> all(%s)",
        (str(why.flow_run_id), batch_ids),
    ).fetchall()
    return ResumeCount(len(taken), tuple(sorted([*batch_ids, *(row[0] for row in mine)])))


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
        "select id from batch where state = 'open' and created_at < %s order by id", (why.at - GIVEN_UP_AFTER,)
    ).fetchall()
    for (batch_id,) in rows:
        abandon_batch(conn, batch_id, why, f"not finished for {GIVEN_UP_AFTER.total_seconds() / 3600:.0f} h")


def end_timed_holds(conn: Connection, why: Cause) -> None:
    """Release holds whose time is over."""
    rows = conn.execute(
        "select order_id, code from hold where released_at is null and release_at <= %s", (why.at,)
    ).fetchall()
    for code in sorted({row[1] for row in rows}):
        ids = [row[0] for row in rows if row[1] == code]
        release_holds(conn, ids, [HoldCode(code)], why, resume=True)


def end_unknown_skus(conn: Connection, why: Cause) -> None:
    """Release orders all of whose codes have become known, and note their SKUs."""
    rows = conn.execute(
        """select h.order_id from hold h where h.code = 'UNKNOWN_SKU' and h.released_at is null and not exists (
             select 1 from order_line l left join sku k on k.code = l.sku_code
             where l.order_id = h.order_id and l.state <> 'closed' and k.id is null)"""
    ).fetchall()
    ids = [row[0] for row in rows]
    conn.execute(
        """update order_line l set sku_id = k.id from sku k
           where l.order_id = any(%s) and l.sku_id is null and k.code = l.sku_code""",
        (ids,),
    )
    release_holds(conn, ids, [HoldCode.UNKNOWN_SKU], why, resume=True)


def _released(conn: Connection) -> list[int]:
    rows = conn.execute(
        """select distinct d.order_id from hold d where d.resume_due and not exists (
             select 1 from hold h where h.order_id = d.order_id and h.released_at is null)"""
    ).fetchall()
    return [row[0] for row in rows]


def _stock_came(conn: Connection) -> list[int]:
    """Short orders for which the missing units are there now, in the pool or whole in one warehouse."""
    rows = conn.execute(
        """with want as (
             select h.order_id, h.code, l.sku_id, sum(l.quantity) units
             from hold h join order_line l on l.order_id = h.order_id and l.state <> 'closed'
             where h.released_at is null and h.code in ('SHORT_STOCK', 'SHORT_ROUTE')
               and not exists (select 1 from hold x where x.order_id = h.order_id and x.released_at is null
                               and x.code not in ('SHORT_STOCK', 'SHORT_ROUTE'))
             group by 1, 2, 3)
           select order_id from want w where code = 'SHORT_STOCK' group by order_id
           having bool_and(exists (select 1 from sku_pool p
                                   where p.sku_id = w.sku_id and p.on_hand - p.locked >= w.units))
           union
           select order_id from (
             select w.order_id, h.id from want w cross join warehouse h
             left join stock s on s.warehouse_id = h.id and s.sku_id = w.sku_id
             where w.code = 'SHORT_ROUTE' and h.active group by 1, 2
             having bool_and(coalesce(s.on_hand - s.locked, 0) >= w.units)) whole"""
    ).fetchall()
    return [row[0] for row in rows]


def _given_up(conn: Connection) -> list[int]:
    rows = conn.execute(
        """select s.order_id from order_state s join batch b on b.id = s.batch_id
           where b.state = 'abandoned' and s.stage in ('ingested', 'validated', 'locked', 'routed')"""
    ).fetchall()
    return [row[0] for row in rows]


@task(persist_result=True, task_run_name="find orders that go on", tags=["stage:resume"])
def resume() -> ResumeCount:
    """The first step of a resume run."""
    with transaction() as conn:
        return resume_waiting(conn, cause("resume"))
