"""lock_stock: keep units of the SKU pool for every order that may be shipped, also for those under review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prefect import task

from models.database import Connection, copy_rows, transaction
from models.order import GIVES_UP_STOCK, Cause, Finding, HoldCode, Stage, advance, place_holds, release_holds
from models.rules.stock import Demand, Shortage, share_out
from tasks.batches import orders_in, take_batch, title
from tasks.runs import cause, held_rows, leave_table, stage_of


@dataclass(frozen=True, slots=True)
class LockCount:
    """Orders locked, orders short of stock, orders with nothing to ship, orders that take no stock while they wait."""

    locked: int
    short: int
    empty: int
    waiting: int


def lock_batch(conn: Connection, batch_id: int, why: Cause) -> LockCount:
    """Lock stock for the batch's validated orders, all lines of an order or none.

    Safe to repeat: orders already locked are not looked at. One transaction; pool rows are taken in
    key order, so two batches never wait for each other in a circle. Orders with nothing left to ship
    become cancelled; those short of stock are held and stay validated.
    """
    batch = take_batch(conn, batch_id)
    ids = orders_in(conn, batch_id, Stage.VALIDATED)
    taking = _taking_stock(conn, ids, batch.lock_unpaid)
    demands = _demands(conn, taking)
    wanting = [demand for demand in demands if demand.units]
    empty = [demand.order_id for demand in demands if not demand.units]
    sellable = _lock_pool(conn, sorted({sku for demand in wanting for sku in demand.units}))
    served, short = share_out(wanting, sellable)
    _save_locks(conn, served, why.at)
    release_holds(conn, served, [HoldCode.SHORT_STOCK], why)
    place_holds(conn, _short_findings(conn, short), why)
    advance(conn, served, Stage.LOCKED, why)
    advance(conn, empty, Stage.CANCELLED, why)
    return LockCount(len(served), len(short), len(empty), len(ids) - len(taking))


def unlock_stock(conn: Connection, order_ids: Sequence[int], why: Cause) -> int:
    """Give back every open lock of these orders, each once; returns how many locks ended.

    The undo of `lock_batch` and of `route_batch`.
    """
    ids = list(order_ids)
    conn.execute(
        """select 1 from sku_pool where sku_id in
             (select sku_id from lock where order_id = any(%s) and state = 'open') order by sku_id for update""",
        (ids,),
    )
    conn.execute(
        """select 1 from stock where (warehouse_id, sku_id) in
             (select warehouse_id, sku_id from lock
              where order_id = any(%s) and state = 'open' and warehouse_id is not null)
           order by warehouse_id, sku_id for update""",
        (ids,),
    )
    rows = conn.execute(
        """with ended as (
             update lock set state = 'released', ended_at = %(at)s
             where order_id = any(%(ids)s) and state = 'open' returning sku_id, warehouse_id, quantity),
           pool as (
             update sku_pool p set locked = p.locked - e.q
             from (select sku_id, sum(quantity) q from ended group by 1) e where p.sku_id = e.sku_id),
           shelf as (
             update stock s set locked = s.locked - e.q
             from (select warehouse_id, sku_id, sum(quantity) q from ended
                   where warehouse_id is not null group by 1, 2) e
             where s.warehouse_id = e.warehouse_id and s.sku_id = e.sku_id)
           select count(*) from ended""",
        {"ids": ids, "at": why.at},
    ).fetchone()
    return int(rows[0]) if rows else 0


def _taking_stock(conn: Connection, order_ids: Sequence[int], lock_unpaid: bool) -> list[int]:
    giving_up = [code.value for code in GIVES_UP_STOCK if not (lock_unpaid and code is HoldCode.UNPAID)]
    rows = conn.execute(
        """select o.id from orders o where o.id = any(%s) and o.kind = 'goods' and not exists (
             select 1 from hold h where h.order_id = o.id and h.released_at is null and h.code = any(%s))
           and not exists (
             select 1 from order_line l where l.order_id = o.id and l.state <> 'closed'
             and (l.sku_id is null or l.quantity <= 0))
           order by o.id""",
        (list(order_ids), giving_up),
    ).fetchall()
    return [row[0] for row in rows]


def _demands(conn: Connection, order_ids: Sequence[int]) -> list[Demand]:
    rows = conn.execute(
        """select o.id, o.ship_by, o.paid_at, l.sku_id, sum(l.quantity)
           from orders o left join order_line l on l.order_id = o.id and l.state <> 'closed'
           where o.id = any(%s) group by 1, 2, 3, 4 order by 1""",
        (list(order_ids),),
    ).fetchall()
    units: dict[int, dict[int, int]] = {}
    queue: dict[int, tuple[datetime | None, datetime | None]] = {}
    for order_id, ship_by, paid_at, sku_id, quantity in rows:
        queue[order_id] = (ship_by, paid_at)
        basket = units.setdefault(order_id, {})
        if sku_id is not None:
            basket[sku_id] = int(quantity)
    return [Demand(order_id, *queue[order_id], basket) for order_id, basket in units.items()]


def _lock_pool(conn: Connection, sku_ids: Sequence[int]) -> dict[int, int]:
    rows = conn.execute(
        "select sku_id, on_hand - locked from sku_pool where sku_id = any(%s) order by sku_id for update",
        (list(sku_ids),),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def _save_locks(conn: Connection, order_ids: Sequence[int], at: datetime) -> None:
    lines = conn.execute(
        """select order_id, line_no, sku_id, quantity from order_line
           where order_id = any(%s) and state <> 'closed' order by order_id, line_no""",
        (list(order_ids),),
    ).fetchall()
    copy_rows(
        conn,
        "lock",
        ("order_id", "line_no", "sku_id", "quantity", "state", "locked_at"),
        ((*line, "open", at) for line in lines),
    )
    units: dict[int, int] = {}
    for _, _, sku_id, quantity in lines:
        units[sku_id] = units.get(sku_id, 0) + quantity
    conn.execute(
        """update sku_pool p set locked = p.locked + u.q
           from unnest(%s::int[], %s::int[]) u(sku_id, q) where p.sku_id = u.sku_id""",
        (list(units), list(units.values())),
    )


def _short_findings(conn: Connection, short: Sequence[Shortage]) -> list[tuple[int, Finding]]:
    codes = sku_codes(conn, {sku for shortage in short for sku in shortage.missing})
    return [(shortage.order_id, short_finding(HoldCode.SHORT_STOCK, shortage.missing, codes)) for shortage in short]


def short_finding(
    code: HoldCode,
    missing: Mapping[int, tuple[int, int]],
    codes: Mapping[int, str],
    opening: str = "not enough stock: ",
) -> Finding:
    """The hold of an order that lacks stock: which SKUs are short by what."""
    parts = sorted(f"{wanted} of {codes[sku]} wanted, {there} there" for sku, (wanted, there) in missing.items())
    evidence = {codes[sku]: {"wanted": wanted, "there": there} for sku, (wanted, there) in missing.items()}
    return Finding(code, opening + "; ".join(parts), evidence)


def sku_codes(conn: Connection, sku_ids: set[int]) -> dict[int, str]:
    """The merchant codes of SKU ids."""
    rows = conn.execute("select id, code from sku where id = any(%s)", (list(sku_ids),)).fetchall()
    return {row[0]: row[1] for row in rows}


@task(persist_result=True, task_run_name=title("lock_stock"), tags=["stage:lock_stock"])
def lock_stock(batch_id: int) -> LockCount:
    """The lock_stock stage of a run."""
    with stage_of("lock_stock", batch_id), transaction() as conn:
        count = lock_batch(conn, batch_id, cause("lock_stock"))
    leave_table(
        "lock_stock",
        batch_id,
        held_rows(batch_id),
        f"{count.locked} locked, {count.short} short, {count.waiting} take no stock while they wait, "
        f"{count.empty} had nothing to ship",
    )
    return count
