"""Stock feeds: what a report says lies in warehouses is taken over once, whenever it comes and whatever it counts.

What is on hand now is what was there at the moment the last count speaks of, and what moved since. So a count compares
itself with what we believed of its own moment; a movement that the last count has seen changes nothing any more.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import Connection
from models.errors import SetupError
from models.feeds import Counts
from models.order import Cause
from models.rules.stock_feed import (
    ADJUSTING,
    CHANGE,
    Moved,
    Standing,
    after_count,
    after_moves,
    after_recount,
    is_late,
    units_now,
)
from models.settings import SHANGHAI
from tasks.ledger import Movement, Pool, Shelf, ShelfRow, book, open_shelves, take_pools, take_shelves
from tasks.promises import keep_promises
from tasks.shortfalls import OpenShortfall, note_shortfalls, take_back, with_orders
from tasks.stock_counters import columns
from tasks.stock_kept import kept_at, later_moves

AHEAD = timedelta(minutes=5)
"""How far a sender's clock may go before ours."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A report as a whole. `reference` is the sender's name of it: one of a source counts once."""

    source: str
    reference: str
    counts: Counts
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of one shelf as of a moment; of a change, units in (+) or out (-) and its name.

    `arrival` is the reference of the expected arrival that it is part of.
    """

    shelf: Shelf
    units: int
    as_of: datetime
    reference: str = ""
    reason: str = CHANGE
    arrival: str = ""


@dataclass(frozen=True, slots=True)
class FeedCount:
    """What a feed did, in shelves: those it opened, corrected, found as they were, and those it came too late for.

    `again`: it was applied before, so nothing happened. `gave_back` are orders that lost units they had locked, `taken`
    the changes that the ledger did not know.
    """

    again: bool = False
    opened: int = 0
    changed: int = 0
    same: int = 0
    late: int = 0
    gave_back: int = 0
    shortfalls: tuple[OpenShortfall, ...] = ()
    taken: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a shelf stands before and after, and the movements to book.

    `opened`: nothing was known of it. `late`: all that was told of it had been counted already.
    """

    before: Standing
    after: Standing
    moves: Sequence[Moved] = ()
    opened: bool = False
    late: bool = False

    @property
    def more(self) -> int:
        return self.after.on_hand - self.before.on_hand

    @property
    def changed(self) -> bool:
        return not self.opened and self.after.there != self.before.there


Report = tuple[Feed, Sequence[Told]]
"""A feed, and what it says."""


def apply_feed(conn: Connection, feed: Feed, told: Sequence[Told], why: Cause) -> FeedCount:
    """Take over a report: a count of each shelf, or changes; applied again, or late, it changes nothing more.

    To be called before the transaction took orders or stock. What is locked and not there is missing, never sold:
    orders that are not routed yet give back what no warehouse has. Raises SetupError when it speaks of the future.
    """
    return apply_feeds(conn, [(feed, told)], why)


def apply_feeds(conn: Connection, reports: Sequence[Report], why: Cause) -> FeedCount:
    """Take over several reports of changes, or one of any kind, as `apply_feed` does."""
    for feed, told in reports:
        latest = max((one.as_of for one in told), default=feed.as_of)
        if is_ahead(latest, why.at):
            raise SetupError(f"stock as of {_minute(latest)}: cannot be taken over; it is only {_minute(why.at)}")
    done = with_orders(conn, lambda held: _apply(conn, reports, held, why))
    keep_promises(conn, {one.shelf[1] for _, told in reports for one in told}, why)
    return done


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a report speaks of a moment that has not come, however a sender's clock may go."""
    return moment > now + AHEAD


def recount(conn: Connection, more: Mapping[Shelf, int], held: frozenset[int], reference: str, why: Cause) -> None:
    """Add units that the last count of shelves had seen, by what became known since, or take away those it had not.

    For changes that run under `with_orders`, with the orders it gave. The caller took these shelves with `take_stock`,
    and read what it knew of them only then: else another count may come between.
    """
    if not more:
        return
    pools, rows = take_stock(conn, more, held)
    outcomes = {
        shelf: _Outcome(before, *after_recount(before, more[shelf], reference, row.counted_at))
        for shelf, row in rows.items()
        for before in (_standing(row),)
        if row.counted_at
    }
    _make_room(conn, pools, outcomes, held, why)
    _save(conn, outcomes, None, None, why)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _apply(conn: Connection, reports: Sequence[Report], held: frozenset[int], why: Cause) -> FeedCount:
    entered = _enter(conn, [feed for feed, _ in reports], why)
    left = dict(entered)
    new = [(feed, told) for feed, told in reports if left.pop(feed, None)]
    if not new:
        return FeedCount(again=True)
    conn.execute("select 1 from order_state where order_id = any(%s) order by order_id for update", (sorted(held),))
    everything = [one for _, told in new for one in told]
    pools, rows = take_stock(conn, {one.shelf for one in everything}, held)
    first = new[0][0]
    changes = first.counts is Counts.CHANGE
    taken = _unknown(conn, everything) if changes else ()
    outcomes = _moved(taken, rows) if changes else _counted(conn, first, everything, rows)
    open_shelves(conn, {shelf: done.after.on_hand for shelf, done in outcomes.items() if done.opened})
    gave_back = _make_room(conn, pools, outcomes, held, why)
    shortfalls = _save(conn, outcomes, None if changes else first.counts, entered[new[-1][0]], why)
    _note_done(conn, new, entered, outcomes)
    return FeedCount(
        opened=sum(done.opened for done in outcomes.values()),
        changed=sum(done.changed for done in outcomes.values()),
        same=sum(not (done.opened or done.changed or done.late) for done in outcomes.values()),
        late=sum(done.late for done in outcomes.values()),
        gave_back=gave_back,
        shortfalls=tuple(shortfalls),
        taken=tuple(taken),
    )


def _enter(conn: Connection, feeds: Sequence[Feed], why: Cause) -> dict[Feed, int]:
    """Write down the feeds; gives those that were not there, each once, with their ids."""
    rows = conn.execute(
        """insert into stock_feed (source, reference, counts, as_of, shelves, changed, late, applied_at)
           select n.*, 0, 0, 0, %s
           from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) n(source, reference, counts, as_of)
           order by source, reference on conflict (source, reference) do nothing returning source, reference, id""",
        (why.at, *columns([(feed.source, feed.reference, feed.counts.value, feed.as_of) for feed in feeds], 4)),
    ).fetchall()
    ids = {(source, reference): feed_id for source, reference, feed_id in rows}
    return {feed: ids.pop(key) for feed in feeds if (key := (feed.source, feed.reference)) in ids}


def _note_done(
    conn: Connection, reports: Sequence[Report], entered: Mapping[Feed, int], outcomes: Mapping[Shelf, _Outcome]
) -> None:
    """Write to each feed how many shelves it spoke of, changed, and had come too late for."""
    rows = []
    for feed, told in reports:
        of = {one.shelf: outcomes[one.shelf] for one in told if one.shelf in outcomes}
        changed = sum(done.changed or done.opened for done in of.values())
        rows.append((entered[feed], len(of), changed, sum(done.late for done in of.values())))
    conn.execute(
        """update stock_feed f set shelves = n.shelves, changed = n.changed, late = n.late
           from unnest(%s::bigint[], %s::int[], %s::int[], %s::int[]) n(id, shelves, changed, late)
           where f.id = n.id""",
        columns(rows, 4),
    )


def take_stock(
    conn: Connection, shelves: Collection[Shelf], held: frozenset[int]
) -> tuple[dict[int, Pool], dict[Shelf, ShelfRow]]:
    """Take these shelves after their pools and those of all that the held orders lock or are promised, in one order."""
    theirs = conn.execute(
        """select sku_id from lock where order_id = any(%(held)s) and state = 'open'
           union select sku_id from promise where order_id = any(%(held)s) and state = 'open'""",
        {"held": list(held)},
    )
    pools = take_pools(conn, {sku_id for _, sku_id in shelves} | {row[0] for row in theirs})
    return pools, take_shelves(conn, shelves)


def _standing(row: ShelfRow) -> Standing:
    return Standing(row.on_hand, row.locked, row.missing, row.counted_at)


def _counted(
    conn: Connection, feed: Feed, told: Sequence[Told], rows: Mapping[Shelf, ShelfRow]
) -> dict[Shelf, _Outcome]:
    moments = {one.shelf: one.as_of for one in told}
    kept, later = kept_at(conn, moments, feed.counts), later_moves(conn, moments, ADJUSTING)
    outcomes = {}
    for one in told:
        there = units_now(one.units + kept.get(one.shelf, 0), later.get(one.shelf, ()))
        row = rows.get(one.shelf)
        if row is None:
            outcomes[one.shelf] = _Outcome(Standing(0, 0), Standing(there, 0, 0, one.as_of), opened=True)
        elif is_late(row.counted_at, one.as_of):
            outcomes[one.shelf] = _Outcome(_standing(row), _standing(row), late=True)
        else:
            reference = f"{feed.source}:{feed.reference}"
            before = _standing(row)
            outcomes[one.shelf] = _Outcome(before, *after_count(before, there, reference, one.as_of))
    return outcomes


def _moved(told: Sequence[Told], rows: Mapping[Shelf, ShelfRow]) -> dict[Shelf, _Outcome]:
    moves: dict[Shelf, list[Moved]] = defaultdict(list)
    for one in told:
        moves[one.shelf].append(Moved(one.units, one.reason, one.reference, one.as_of))
    outcomes = {}
    for shelf, its in moves.items():
        before = _standing(rows[shelf]) if shelf in rows else Standing(0, 0)
        after, booked, late = after_moves(before, its)
        outcomes[shelf] = _Outcome(before, after, booked, late=late == len(its))
    return outcomes


def _unknown(conn: Connection, told: Sequence[Told]) -> list[Told]:
    """Those of the changes that are not in the ledger, each once: their shelf, reason and reference know them."""
    rows = conn.execute(
        """select distinct m.warehouse_id, m.sku_id, m.reason, m.reference
           from unnest(%s::int[], %s::int[], %s::text[], %s::text[]) n(w, k, reason, reference)
           join stock_movement m on m.warehouse_id = n.w and m.sku_id = n.k
             and m.reason = n.reason and m.reference = n.reference""",
        columns([(*one.shelf, one.reason, one.reference) for one in told], 4),
    )
    known = set(rows)
    first = {(*one.shelf, one.reason, one.reference): one for one in reversed(told)}
    return [one for one in told if (key := (*one.shelf, one.reason, one.reference)) not in known and first[key] is one]


def _make_room(
    conn: Connection, pools: Mapping[int, Pool], outcomes: Mapping[Shelf, _Outcome], held: frozenset[int], why: Cause
) -> int:
    """Have orders give back what no warehouse has any more, before it leaves the pools; returns how many."""
    more: Counter[int] = Counter()
    for (_, sku_id), done in outcomes.items():
        more[sku_id] += done.more
    lacking = {sku_id: pools[sku_id].locked - pools[sku_id].on_hand - units for sku_id, units in more.items()}
    return take_back(conn, lacking, held, why)


def _save(
    conn: Connection, outcomes: Mapping[Shelf, _Outcome], counted_as: Counts | None, feed_id: int | None, why: Cause
) -> list[OpenShortfall]:
    book(
        conn,
        [
            Movement(*shelf, move.quantity, move.reason, move.reference, move.occurred_at)
            for shelf, done in outcomes.items()
            for move in done.moves
        ],
        why.at,
    )
    new = {shelf: done.after for shelf, done in outcomes.items() if done.after != done.before}
    conn.execute(
        """update stock s set missing = n.missing, counted_at = n.at, counted_as = coalesce(%s, s.counted_as)
           from unnest(%s::int[], %s::int[], %s::int[], %s::timestamptz[]) n(w, k, missing, at)
           where s.warehouse_id = n.w and s.sku_id = n.k""",
        (counted_as, *columns([(*shelf, after.missing, after.counted_at) for shelf, after in new.items()], 4)),
    )
    touched = {shelf: done.after for shelf, done in outcomes.items() if done.before.missing or done.after.missing}
    return note_shortfalls(conn, touched, feed_id, why) if touched else []
