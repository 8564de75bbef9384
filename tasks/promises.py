"""Promises: units that orders wait for; what comes goes to them before any new order gets it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from models.database import Connection, copy_rows
from models.hold import Finding, HoldCode, release_holds
from models.order import Cause, write_own_events
from models.rules.promises import PromiseTerms, Waiting, hand_out
from models.settings import SHANGHAI
from models.stock import PromiseKind
from tasks.ledger import NewLock, open_locks, resize_locks, take_pools


class NewPromise(NamedTuple):
    """Units that are to come for an order line."""

    order_id: int
    line_no: int
    sku_id: int
    quantity: int
    priority: int
    paid_at: datetime


def take_terms(conn: Connection, sku_ids: Iterable[int]) -> dict[int, PromiseTerms]:
    """Lock the promise pools of these SKUs in key order, after their SKU pools, and read them; most SKUs have none."""
    rows = conn.execute(
        """select sku_id, kind, limit_units, promised, available_at, closes_at from promise_pool
           where sku_id = any(%s) order by sku_id for update""",
        (sorted(set(sku_ids)),),
    )
    return {row[0]: _terms(row[1:]) for row in rows}


def read_terms(conn: Connection, sku_ids: Iterable[int]) -> dict[int, PromiseTerms]:
    """The promise pools of these SKUs as they are now."""
    rows = conn.execute(
        """select sku_id, kind, limit_units, promised, available_at, closes_at from promise_pool
           where sku_id = any(%s)""",
        (list(set(sku_ids)),),
    )
    return {row[0]: _terms(row[1:]) for row in rows}


def _terms(row: Sequence[object]) -> PromiseTerms:
    kind, *rest = row
    return PromiseTerms(PromiseKind(str(kind)), *rest)  # type: ignore[arg-type]


def make_promises(
    conn: Connection, promises: Sequence[NewPromise], terms: Mapping[int, PromiseTerms], why: Cause
) -> None:
    """Promise units to order lines; what a line was promised already grows. The caller took the promise pools.

    The database refuses what goes beyond a pool's limit.
    """
    if not promises:
        return
    grown = conn.execute(
        """update promise p set quantity = p.quantity + n.q
           from unnest(%s::bigint[], %s::int[], %s::int[], %s::int[]) n(o, l, k, q)
           where p.order_id = n.o and p.line_no = n.l and p.sku_id = n.k and p.state = 'open'
           returning p.order_id, p.line_no, p.sku_id""",
        [[row[place] for row in promises] for place in range(4)],
    ).fetchall()
    known = {tuple(row) for row in grown}
    copy_rows(
        conn,
        "promise",
        ("order_id", "line_no", "sku_id", "quantity", "state", "priority", "paid_at", "made_at", "due_at"),
        (
            (*row[:4], "open", row.priority, row.paid_at, why.at, terms[row.sku_id].due_at(why.at))
            for row in promises
            if row[:3] not in known
        ),
    )
    units: Counter[int] = Counter()
    for promise in promises:
        units[promise.sku_id] += promise.quantity
    _count(conn, units)


def awaiting_finding(units: Mapping[int, int], codes: Mapping[int, str], due_at: datetime | None) -> Finding:
    """The hold of an order that waits for promised units."""
    parts = sorted(f"{number} of {codes[sku]}" for sku, number in units.items())
    until = f", announced for {due_at.astimezone(SHANGHAI):%Y-%m-%d}" if due_at else ""
    evidence = {codes[sku]: number for sku, number in units.items()}
    return Finding(HoldCode.AWAITING_STOCK, f"sold before it is there: waits for {', '.join(parts)}{until}", evidence)


def resize_promises(conn: Connection, quantities: Mapping[int, int], why: Cause) -> None:
    """Give open promises another quantity, by promise id; 0 releases one. The caller took the promise pools."""
    if not quantities:
        return
    rows = conn.execute(
        """update promise p set quantity = case when n.q > 0 then n.q else p.quantity end,
             state = case when n.q > 0 then 'open' else 'released' end,
             ended_at = case when n.q > 0 then null else %s::timestamptz end
           from unnest(%s::bigint[], %s::int[]) n(id, q) join promise old on old.id = n.id
           where p.id = n.id and p.state = 'open' returning p.sku_id, n.q - old.quantity""",
        (why.at, list(quantities), list(quantities.values())),
    )
    units: Counter[int] = Counter()
    for sku_id, change in rows:
        units[sku_id] += change
    _count(conn, units)


def release_promises(conn: Connection, order_ids: Collection[int], why: Cause) -> int:
    """End every open promise of these orders, each once; returns how many."""
    ids = list(order_ids)
    found = conn.execute(
        "select id, sku_id from promise where order_id = any(%s) and state = 'open' order by id", (ids,)
    ).fetchall()
    if found:
        skus = {row[1] for row in found}
        take_pools(conn, skus)
        take_terms(conn, skus)
        resize_promises(conn, {row[0]: 0 for row in found}, why)
    return len(found)


def keep_promises(conn: Connection, sku_ids: Iterable[int] | None, why: Cause) -> int:
    """Lock what is sellable of these SKUs (None: of all) for those it was promised to; returns how many orders go on.

    By priority, payment time and order id, in part if need be. Orders whose rows others hold at this moment are left
    to the next call, and so are their units: so it may be called whatever the caller holds. An order whose last
    promise is kept is taken up by `resume_orders`.
    """
    skus = _skus_awaited(conn, sku_ids)
    if not skus:
        return 0
    mine = _take_orders(conn, skus)
    if not mine:
        return 0
    pools = take_pools(conn, skus)
    take_terms(conn, skus)
    queue = _queue(conn, skus)
    given = hand_out(queue, {sku: pool.sellable for sku, pool in pools.items()})
    kept = [promise for promise in queue if promise.id in given and promise.order_id in mine]
    if not kept:
        return 0
    _lock(conn, kept, given, why)
    _end(conn, kept, given, why)
    return _let_go(conn, kept, given, why)


def _skus_awaited(conn: Connection, sku_ids: Iterable[int] | None) -> list[int]:
    rows = conn.execute(
        """select p.sku_id from promise_pool p join sku_pool k on k.sku_id = p.sku_id
           where p.promised > 0 and k.on_hand - k.locked - k.safety > 0 and (%s or p.sku_id = any(%s)) order by 1""",
        (sku_ids is None, list(sku_ids or ())),
    )
    return [row[0] for row in rows]


def _take_orders(conn: Connection, skus: list[int]) -> set[int]:
    rows = conn.execute(
        """select order_id from order_state
           where order_id in (select order_id from promise where state = 'open' and sku_id = any(%s))
           order by order_id for update skip locked""",
        (skus,),
    )
    return {row[0] for row in rows}


def _queue(conn: Connection, skus: list[int]) -> list[Waiting]:
    rows = conn.execute(
        """select id, sku_id, quantity, priority, paid_at, order_id, line_no from promise
           where state = 'open' and sku_id = any(%s)""",
        (skus,),
    )
    return [Waiting(*row) for row in rows]


def _lock(conn: Connection, kept: Sequence[Waiting], given: Mapping[int, int], why: Cause) -> None:
    rows = conn.execute(
        """select order_id, line_no, sku_id, id, quantity from lock
           where order_id = any(%s) and state = 'open' and warehouse_id is null""",
        (sorted({promise.order_id for promise in kept}),),
    )
    owned = {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
    grown: dict[int, int] = {}
    new: list[NewLock] = []
    for promise in kept:
        key = (promise.order_id, promise.line_no, promise.sku_id)
        if key in owned:
            lock_id, units = owned[key]
            grown[lock_id] = units + given[promise.id]
        else:
            new.append(NewLock(*key, None, given[promise.id]))
    resize_locks(conn, grown, why)
    open_locks(conn, new, why.at)


def _end(conn: Connection, kept: Sequence[Waiting], given: Mapping[int, int], why: Cause) -> None:
    whole = [promise.id for promise in kept if given[promise.id] == promise.quantity]
    conn.execute("update promise set state = 'kept', ended_at = %s where id = any(%s)", (why.at, whole))
    part = [promise for promise in kept if given[promise.id] < promise.quantity]
    conn.execute(
        "update promise p set quantity = n.q from unnest(%s::bigint[], %s::int[]) n(id, q) where p.id = n.id",
        ([promise.id for promise in part], [promise.quantity - given[promise.id] for promise in part]),
    )
    units: Counter[int] = Counter()
    for promise in kept:
        units[promise.sku_id] -= given[promise.id]
    _count(conn, units)


def _let_go(conn: Connection, kept: Sequence[Waiting], given: Mapping[int, int], why: Cause) -> int:
    got: dict[int, Counter[int]] = {}
    for promise in kept:
        got.setdefault(promise.order_id, Counter())[promise.sku_id] += given[promise.id]
    skus = list({promise.sku_id for promise in kept})
    codes: dict[int, str] = dict(conn.execute("select id, code from sku where id = any(%s)", (skus,)).fetchall())
    events = ((order_id, {codes[sku]: units for sku, units in of.items()}) for order_id, of in sorted(got.items()))
    write_own_events(conn, ((order_id, "stock_came", {"locked": of}) for order_id, of in events), why)
    still = conn.execute(
        "select distinct order_id from promise where order_id = any(%s) and state = 'open'", (sorted(got),)
    ).fetchall()
    done = sorted(got.keys() - {row[0] for row in still})
    return release_holds(conn, done, [HoldCode.AWAITING_STOCK], why, resume=True)


def _count(conn: Connection, units: Mapping[int, int]) -> None:
    """Add to what the promise pools count as promised."""
    rows = [(sku, change) for sku, change in sorted(units.items()) if change]
    conn.execute(
        """update promise_pool p set promised = p.promised + c.q from unnest(%s::int[], %s::int[]) c(k, q)
           where p.sku_id = c.k""",
        ([row[0] for row in rows], [row[1] for row in rows]),
    )
