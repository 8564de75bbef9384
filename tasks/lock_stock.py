"""lock_stock: keep units of the SKU pool for every order that may be shipped, also for those under review."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect import task

from models.database import Connection, in_transaction, one
from models.hold import GIVES_UP_STOCK, Finding, HoldCode, place_holds, release_holds
from models.order import Cause, Stage, advance
from models.rules.faults import Fault
from models.rules.promises import PromiseTerms
from models.rules.stock import Place, Sharing, share_out, split_by_place
from models.stock import LockState
from tasks.batches import BatchRow, keep_in_sight, orders_in, take_batch, title
from tasks.claims import BUYERS, Buyer, Claims, by_sku, lacking, units_left
from tasks.kept_stock import Owned, keep_wanted, load_owned, load_wanted, note_kits
from tasks.ledger import NewLock, Pool, end_locks, open_locks, resize_locks, take_known_pools, take_pools
from tasks.promises import (
    NewPromise,
    awaiting_finding,
    make_promises,
    read_terms,
    release_promises,
    take_terms,
)
from tasks.runs import cause, held_rows, leave_table, stage_of, with_runbook
from tasks.shop_settings import number_of

TRIED_AGAIN_AFTER = timedelta(hours=24)
"""When an order that is short is tried again although nothing that comes was seen to help it."""


@dataclass(frozen=True, slots=True)
class LockCount:
    """What became of a batch's orders.

    Locked, short of stock, with nothing to ship, taking no stock while they wait, waiting for what they were promised.
    """

    locked: int
    short: int
    empty: int
    waiting: int
    promised: int


def lock_batch(conn: Connection, batch_id: int, why: Cause) -> LockCount:
    """Lock stock for the batch's validated orders, all lines of an order or none.

    Safe to repeat: what an order has locked already is not locked again, only the difference is. One transaction;
    pool rows are taken in key order, so two batches never wait for each other in a circle. Units owed to open promises
    are not there for others. Orders with nothing left to ship become cancelled; of those short of stock, the ones that
    may be promised the rest lock what is there and wait, the others give up what they had; both stay validated.
    """
    batch = take_batch(conn, batch_id)
    ids = orders_in(conn, batch_id, Stage.VALIDATED)
    buyers = _taking_stock(conn, ids, batch.lock_unpaid)
    taking = list(buyers)
    claims = Claims(buyers, load_wanted(conn, taking), load_owned(conn, ids))
    skus = claims.skus()
    pools, terms = take_known_pools(conn, skus), take_terms(conn, skus)
    if claims.owned:
        _settle_owned(conn, claims, taking, why)
        pools, terms = take_known_pools(conn, skus), take_terms(conn, skus)
    room = {sku: of.room(why.at) for sku, of in terms.items()}
    sharing = share_out(claims.demands(taking), units_left(pools, terms), room)
    unlock_stock(conn, [short.order_id for short in sharing.short if short.order_id in claims.owned], why)
    _save(conn, batch, claims, sharing, terms, why)
    _hold(conn, claims, sharing, terms, why)
    empty = [order_id for order_id in taking if order_id not in claims.wants]
    advance(conn, sharing.served, Stage.LOCKED, why)
    if sharing.served:
        keep_in_sight(conn, batch, why.at)
    if empty:
        release_holds(conn, empty, list(HoldCode), why)
    advance(conn, empty, Stage.CANCELLED, why)
    waiting = len(ids) - len(taking)
    return LockCount(len(sharing.served), len(sharing.short), len(empty), waiting, len(sharing.waiting))


def unlock_stock(conn: Connection, order_ids: Collection[int], why: Cause) -> int:
    """Give back every open lock and promise of these orders, each once; returns how many locks ended.

    The undo of `lock_batch` and of what `route_batch` locked.
    """
    ids = list(order_ids)
    if not ids:
        return 0
    rows = conn.execute(
        """select id, sku_id from lock where order_id = any(%(ids)s) and state = 'open'
           union all select null, sku_id from promise where order_id = any(%(ids)s) and state = 'open'""",
        {"ids": ids},
    ).fetchall()
    skus = {row[1] for row in rows}
    take_pools(conn, skus)
    take_terms(conn, skus)
    release_promises(conn, ids, why)
    return len(end_locks(conn, [row[0] for row in rows if row[0] is not None], LockState.RELEASED, why))


def could_be_served(conn: Connection, order_ids: Collection[int], at: datetime) -> list[int]:
    """Those of these short orders that what there is now can serve, or promise, one after the other."""
    buyers = conn.execute(BUYERS + b"where o.id = any(%s)", (list(order_ids),)).fetchall()
    claims = Claims(
        {row[0]: Buyer(*row[1:]) for row in buyers}, load_wanted(conn, order_ids), load_owned(conn, order_ids)
    )
    skus = claims.skus()
    terms = read_terms(conn, skus)
    rows = conn.execute(
        "select sku_id, on_hand, locked, safety from sku_pool where sku_id = any(%s)", (list(skus),)
    ).fetchall()
    pools = {row[0]: Pool(*row[1:]) for row in rows}
    room = {sku: of.room(at) for sku, of in terms.items()}
    sharing = share_out(claims.demands(order_ids), units_left(pools, terms), room)
    return [*sharing.served, *sharing.waiting]


def _taking_stock(conn: Connection, order_ids: Sequence[int], lock_unpaid: bool) -> dict[int, Buyer]:
    giving_up = [code.value for code in GIVES_UP_STOCK if not (lock_unpaid and code is HoldCode.UNPAID)]
    rows = conn.execute(
        BUYERS
        + b"""where o.id = any(%s) and o.kind = 'goods' and not exists (
             select 1 from hold h where h.order_id = o.id and h.released_at is null and h.code = any(%s)
             -- one that a person rejected ends here as well when all of it was called off
             and (h.code <> 'REJECTED' or exists (
               select 1 from order_line l where l.order_id = o.id and l.state <> 'closed')))
           and not exists (
             select 1 from order_line l where l.order_id = o.id and l.state <> 'closed'
             and (l.sku_id is null or l.quantity <= 0))
           order by o.id""",
        (list(order_ids), giving_up),
    )
    return {row[0]: Buyer(*row[1:]) for row in rows}


def _settle_owned(conn: Connection, claims: Claims, taking: Sequence[int], why: Cause) -> None:
    """Before more is taken: what is owned by orders that take no stock, or that none of their lines wants, goes back.

    An order that is not paid waits for nothing that was promised.
    """
    stays = set(taking)
    unlock_stock(conn, [order_id for order_id in claims.owned if order_id not in stays], why)
    owners = [order_id for order_id in claims.owned if order_id in stays]
    release_promises(conn, [order_id for order_id in owners if not claims.buyers[order_id].is_paid], why)
    keep_wanted(conn, owners, why)
    claims.owned = load_owned(conn, owners)


def _save(
    conn: Connection, batch: BatchRow, claims: Claims, sharing: Sharing, terms: Mapping[int, PromiseTerms], why: Cause
) -> None:
    """Write the locks and promises of orders that are served or wait, and what their kits are made of."""
    going = sorted([*sharing.served, *sharing.waiting])
    unpaid = [order_id for order_id in going if not claims.buyers[order_id].is_paid]
    expires_at = why.at + timedelta(minutes=_setting(conn, batch, "unpaid_lock_minutes")) if unpaid else None
    new: list[NewLock] = []
    sizes: dict[int, int] = {}
    promised: dict[tuple[int, Place], int] = {}
    nothing = Owned()
    for order_id in going:
        owned = claims.owned.get(order_id, nothing)
        locks, waits = split_by_place(lacking(claims.wants[order_id], owned), sharing.waiting.get(order_id, {}))
        until = None if claims.buyers[order_id].is_paid else expires_at
        for place, units in locks.items():
            if place in owned.locks:
                sizes[owned.lock_ids[place]] = owned.locks[place] + units
            else:
                new.append(NewLock(order_id, *place, None, units, until))
        promised |= {(order_id, place): units for place, units in waits.items()}
    resize_locks(conn, sizes, why)
    open_locks(conn, new, why.at)
    _promise(conn, batch, claims, promised, terms, why)
    note_kits(conn, [(order_id, claims.wants[order_id]) for order_id in going if claims.wants[order_id].kits])
    _let_expire(conn, [order_id for order_id in unpaid if order_id in claims.owned], expires_at)


def _promise(
    conn: Connection,
    batch: BatchRow,
    claims: Claims,
    promised: Mapping[tuple[int, Place], int],
    terms: Mapping[int, PromiseTerms],
    why: Cause,
) -> None:
    if not promised:
        return
    priority = int(_setting(conn, batch, "promise_priority"))
    rows = [
        NewPromise(order_id, *place, units, priority, _queued_since(claims.buyers[order_id]))
        for (order_id, place), units in promised.items()
    ]
    make_promises(conn, rows, terms, why)


def _queued_since(buyer: Buyer) -> datetime:
    # cash on delivery is never paid before it comes
    return buyer.paid_at or buyer.created_at


def _let_expire(conn: Connection, order_ids: Sequence[int], at: datetime | None) -> None:
    if order_ids:
        conn.execute(
            "update lock set expires_at = %s where order_id = any(%s) and state = 'open' and expires_at is null",
            (at, list(order_ids)),
        )


def _setting(conn: Connection, batch: BatchRow, name: str) -> float:
    stored = one(conn.execute("select settings from shop where id = %s", (batch.shop_id,)).fetchone())
    return number_of(stored, name)


def _hold(conn: Connection, claims: Claims, sharing: Sharing, terms: Mapping[int, PromiseTerms], why: Cause) -> None:
    release_holds(conn, sharing.served, [HoldCode.SHORT_STOCK, HoldCode.AWAITING_STOCK], why)
    if sharing.waiting:
        release_holds(conn, list(sharing.waiting), [HoldCode.SHORT_STOCK], why)
    waits = {order_id: _awaited(claims, order_id, rest) for order_id, rest in sharing.waiting.items()}
    skus = {sku for shortage in sharing.short for sku in shortage.missing} | {
        sku for of in waits.values() for sku in of
    }
    codes = sku_codes(conn, skus) if skus else {}
    again_at = why.at + TRIED_AGAIN_AFTER
    place_holds(
        conn,
        [
            *((o, awaiting_finding(of, codes, _latest(terms, of, why.at))) for o, of in waits.items()),
            *(
                (s.order_id, short_finding(HoldCode.SHORT_STOCK, s.missing, codes, again_at=again_at))
                for s in sharing.short
            ),
        ],
        why,
    )


def _awaited(claims: Claims, order_id: int, rest: Mapping[int, int]) -> dict[int, int]:
    owned = claims.owned.get(order_id, Owned())
    return dict(Counter(rest) + Counter(by_sku(owned.promises)))


def _latest(terms: Mapping[int, PromiseTerms], sku_ids: Collection[int], at: datetime) -> datetime | None:
    """When all of these SKUs are announced for; None when nobody can say of one."""
    days = [terms[sku].due_at(at) if sku in terms else None for sku in sku_ids]
    return None if None in days else max(day for day in days if day)


def short_finding(
    code: HoldCode,
    missing: Mapping[int, tuple[int, int]],
    codes: Mapping[int, str],
    opening: str = "not enough stock: ",
    *,
    again_at: datetime | None = None,
) -> Finding:
    """The hold of an order that lacks stock: which SKUs are short by what."""
    parts = sorted(f"{wanted} of {codes[sku]} wanted, {there} there" for sku, (wanted, there) in missing.items())
    evidence = {codes[sku]: {"wanted": wanted, "there": there} for sku, (wanted, there) in missing.items()}
    return Finding(code, opening + "; ".join(parts), evidence, again_at)


def sku_codes(conn: Connection, sku_ids: set[int]) -> dict[int, str]:
    """The merchant codes of SKU ids."""
    rows = conn.execute("select id, code from sku where id = any(%s)", (list(sku_ids),)).fetchall()
    return {row[0]: row[1] for row in rows}


@task(persist_result=True, task_run_name=title("lock_stock"), tags=["stage:lock_stock"])
def lock_stock(batch_id: int) -> LockCount:
    """The lock_stock stage of a run."""
    why = cause("lock_stock")
    with stage_of("lock_stock", batch_id):
        count = in_transaction(lambda conn: lock_batch(conn, batch_id, why))
        leave_table(
            "lock_stock",
            batch_id,
            held_rows(batch_id),
            with_runbook(
                f"{count.locked} locked, {count.short} short, {count.promised} wait for what they were promised, "
                f"{count.waiting} take no stock while they wait, {count.empty} had nothing to ship",
                [Fault.STOCK_SHORT] if count.short else [],
            ),
        )
    return count
