"""Metered release: during a promo a warehouse gets no more documents than it has room for, earliest promises first.

An order that waits for room stays routed, with its stock, and has a row in `release_wait` from the dispatch that let
it wait until it is dispatched or leaves its route. Rows of the table belong to whoever has locked their orders.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import Connection, transaction
from models.order import Cause, write_own_events
from models.rules.release import Unit, release_by_room
from models.settings import SHANGHAI, clock, settings
from tasks.merges import DOCUMENT_UNIT, mates
from tasks.promo import promo_in_force

HAND_OUT = "select pg_advisory_xact_lock(7006)"
"""Room is handed out by one transaction at a time: what the one gave away, the next one counts.

It is taken after the orders and before any stock; see docs/adr/0013-metered-release.md.
"""

TAKEN_UP = timedelta(minutes=10)
"""So long room is kept for orders that a run has taken up; a run that takes longer has stopped."""

PAST_DISPATCH = "(select d.id from outbound_document d where d.batch_id = b.id limit 1) is not null"
"""Of batch `b`: its dispatch has written what there was room for."""

# Of the orders that wait: those that nothing else stops, of a merge the first, with all their warehouses. `free`: no
# run has them, or theirs is past dispatch and stays open for what it could not deliver.
_IN_LINE = f"""
  select r.order_id, r.due_at, r.paid_at,
         array(select distinct a.warehouse_id from allocation a where a.order_id = r.order_id) as warehouses,
         b.state <> 'open' or b.created_at <= %(taken_up)s as free
  from release_wait r join order_state s on s.order_id = r.order_id and s.stage = 'routed'
  join batch b on b.id = s.batch_id and (b.state <> 'open' or b.created_at > %(taken_up)s
    or {PAST_DISPATCH})
  where r.order_id <> all(%(own)s::bigint[])
    and not exists (select from hold h where h.order_id = r.order_id and h.released_at is null
                    and h.code <> 'SHORT_ROUTE')
    and not exists (
      select from merge_member m join merge_member o on o.group_id = m.group_id and o.left_at is null
      where m.order_id = r.order_id and m.left_at is null and o.order_id < r.order_id and not exists (
        select from hold h where h.order_id = o.order_id and h.released_at is null and h.code <> 'SHORT_ROUTE'))"""

# Of a warehouse with room those are passed over that another one has no room for: in front they would hide the others.
# Asked so, and not with `exists`, which the planner would answer by reading every allocation there is.
_LINE_OF_EACH = f"""
  select l.* from unnest(%(warehouses)s::int[], %(rooms)s::int[]) n(id, room) cross join lateral (
    {_IN_LINE} and r.warehouse_id = n.id and (n.room <= 0 or not %(full)s::int[] && array(
      select a.warehouse_id from allocation a where a.order_id = r.order_id))
    order by r.due_at, r.paid_at, r.order_id limit greatest(n.room, 0) + 1) l"""

_LINE_OF_OTHERS = f"""
  {_IN_LINE} and r.warehouse_id <> all(%(warehouses)s::int[])
  order by r.due_at, r.paid_at, r.order_id limit %(most)s"""


@dataclass(frozen=True, slots=True)
class RoomWait:
    """Orders that wait for room in a warehouse: how many, and until when the first of them should leave."""

    warehouse: str
    orders: int
    first_due: datetime

    def row(self) -> dict[str, str | int]:
        """As a row of a table of a run."""
        due = f"{self.first_due.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        return {"warehouse": self.warehouse, "orders that wait for room": self.orders, "first due (China)": due}


@dataclass(frozen=True, slots=True)
class Room:
    """How many documents a metered warehouse may have in progress, and how many it has."""

    warehouse: str
    limit: int
    in_progress: int


def let_go(conn: Connection, order_ids: Sequence[int], why: Cause) -> list[int]:
    """Those of these routed orders that may be handed over now, ascending; the others wait for room from now on.

    The orders are locked and nothing holds them; of a merge all are there. Orders that wait longer and are due
    earlier come first: room that they need is not given away, until the next run takes them up.
    """
    limits = _limits(conn, why.at)
    units = _units(conn, order_ids) if limits else {}
    if not any(unit.warehouses & limits.keys() for unit in units.values()):
        end_room_waits(conn, order_ids)
        return list(order_ids)
    conn.execute(HAND_OUT)
    rooms = _rooms(conn, limits)
    first = {unit.key: unit for unit in units.values()}
    in_line = _line(conn, _LINE_OF_EACH, rooms, why.at, order_ids)
    release = release_by_room([*first.values(), *(unit for unit, _ in in_line)], rooms)
    waiting = {order_id: release.waiting[unit.key] for order_id, unit in units.items() if unit.key in release.waiting}
    _wait(conn, waiting, units, why)
    going = [order_id for order_id in order_ids if order_id not in waiting]
    end_room_waits(conn, going)
    return going


def could_go(conn: Connection, now: datetime, most: int) -> list[int]:
    """Waiting orders, of no run or of one that is past dispatch, that their warehouses have room for by now, as far as
    that can be said before dispatch; the earliest `most` documents, with all orders that are merged with them.
    """
    if conn.execute("select from release_wait limit 1").fetchone() is None:
        return []
    limits = _limits(conn, now)
    rooms = _rooms(conn, limits) if limits else {}
    line = _line(conn, _LINE_OF_EACH, rooms, now) if rooms else []
    line += _line(conn, _LINE_OF_OTHERS, rooms, now, most=most)
    free = {unit.key for unit, is_free in line if is_free}
    going = [key for key in release_by_room((unit for unit, _ in line), rooms).going if key in free][:most]
    return sorted({*going, *mates(conn, going)})


def room_came() -> bool:
    """Whether an order that waits for room could go now."""
    with transaction() as conn:
        return bool(could_go(conn, clock().now(), 1))


def end_room_waits(conn: Connection, order_ids: Collection[int]) -> None:
    """Forget that these orders wait: they are dispatched, or leave the route that led to a full warehouse."""
    conn.execute("delete from release_wait where order_id = any(%s)", (list(order_ids),))


def renew_room_waits(conn: Connection, order_ids: Collection[int]) -> None:
    """Give those of these orders that wait for room the places in line that their promises ask for now."""
    known = conn.execute("select order_id from release_wait where order_id = any(%s)", (list(order_ids),)).fetchall()
    ids = [row[0] for row in known]
    units = _units(conn, sorted({*ids, *mates(conn, ids)})) if ids else {}
    conn.execute(
        """update release_wait r set due_at = n.due, paid_at = n.paid
           from unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) n(id, due, paid) where r.order_id = n.id""",
        (list(units), [unit.due for unit in units.values()], [unit.paid_at for unit in units.values()]),
    )


def room_waits(conn: Connection, batch_ids: Sequence[int] | None = None) -> list[RoomWait]:
    """Orders that wait for room, of these batches or all, per warehouse."""
    rows = conn.execute(
        """select w.code, count(*), min(r.due_at) from release_wait r join warehouse w on w.id = r.warehouse_id
           where %(batches)s::bigint[] is null or r.order_id in (
             select order_id from order_state where batch_id = any(%(batches)s)) group by 1 order by 1""",
        {"batches": None if batch_ids is None else list(batch_ids)},
    )
    return [RoomWait(*row) for row in rows]


def rooms_of(conn: Connection, now: datetime) -> list[Room]:
    """The warehouses that are metered now, with what they have in progress."""
    limits = _limits(conn, now)
    rooms = _rooms(conn, limits) if limits else {}
    rows = conn.execute("select id, code from warehouse where id = any(%s)", (list(limits),)).fetchall()
    codes: dict[int, str] = dict(rows)
    return sorted((Room(codes[i], limits[i], limits[i] - room) for i, room in rooms.items()), key=lambda r: r.warehouse)


def said_waits(batch_ids: Sequence[int], of: int) -> str:
    """`; 312 of 2,000 wait for room in WH-S` for the message of a run, "" when none of its batches' orders waits."""
    with transaction() as conn:
        waits = room_waits(conn, batch_ids) if batch_ids else []
    if not waits:
        return ""
    places = ", ".join(wait.warehouse for wait in waits)
    return f"; {sum(wait.orders for wait in waits):,} of {of:,} wait for room in {places}"


def _limits(conn: Connection, now: datetime) -> dict[int, int]:
    """How many documents each metered warehouse may have in progress; empty while nothing is metered."""
    promo = promo_in_force(conn, now)
    if promo is None or not promo.settings.meter_release:
        return {}
    rows = conn.execute(
        """select id, most from (
             select id, coalesce(in_progress_limit, ceil(daily_limit * %s::float8)::int) as most from warehouse) w
           where most is not null""",
        (promo.settings.in_progress_share,),
    ).fetchall()
    return dict(rows)


def _rooms(conn: Connection, limits: Mapping[int, int]) -> dict[int, int]:
    """How many documents more each of these warehouses may have; below 0 where it has too many."""
    rows = conn.execute(
        """select n.id, n.most - count(d.id)
           from unnest(%s::int[], %s::int[]) n(id, most) left join outbound_document d
             on d.warehouse_id = n.id and d.state not in ('shipped', 'short', 'rejected', 'cancelled')
           group by n.id, n.most""",
        (list(limits), list(limits.values())),
    ).fetchall()
    return dict(rows)


def _units(conn: Connection, order_ids: Sequence[int]) -> dict[int, Unit]:
    """What each of these orders is released with, by order id."""
    rows = conn.execute(
        f"""select min(x.order_id), min(x.ship_by), min(x.paid_at), array_agg(distinct x.warehouse_id),
                   array_agg(distinct x.order_id)
            from (select a.order_id, a.warehouse_id, coalesce(o.paid_at, o.created_at) as paid_at,
                         {DOCUMENT_UNIT.format(member="m", order="a")} as unit,
                         coalesce(o.ship_by, coalesce(o.paid_at, o.created_at) + %s) as ship_by
                  from allocation a join orders o on o.id = a.order_id
                  left join merge_member m on m.order_id = a.order_id and m.left_at is null
                  where a.order_id = any(%s)) x group by x.unit""".encode(),
        (timedelta(hours=settings().promise_hours), list(order_ids)),
    ).fetchall()
    return {
        order_id: unit
        for key, due, paid_at, warehouses, members in rows
        for unit in (Unit(key, due, paid_at, frozenset(warehouses)),)
        for order_id in members
    }


def _line(
    conn: Connection,
    statement: str,
    rooms: Mapping[int, int],
    now: datetime,
    own: Iterable[int] = (),
    most: int = 0,
) -> list[tuple[Unit, bool]]:
    """Orders that wait, as units, each with whether no run has it; those that a run took up lately among them."""
    rows = conn.execute(
        statement.encode(),
        {
            "warehouses": list(rooms),
            "rooms": list(rooms.values()),
            "full": [warehouse for warehouse, room in rooms.items() if room <= 0],
            "own": list(own),
            "taken_up": now - TAKEN_UP,
            "most": most,
        },
    ).fetchall()
    return [(Unit(key, due, paid, frozenset(places)), free) for key, due, paid, places, free in rows]


def _wait(conn: Connection, waiting: Mapping[int, int], units: Mapping[int, Unit], why: Cause) -> None:
    """Keep at which warehouse orders wait; the story of one that begins to wait says so."""
    if not waiting:
        return
    begun = conn.execute(
        """with known as materialized (select order_id from release_wait where order_id = any(%(ids)s)),
             kept as (
               insert into release_wait (order_id, warehouse_id, due_at, paid_at, since)
               select n.*, %(at)s from unnest(%(ids)s::bigint[], %(warehouses)s::int[], %(due)s::timestamptz[],
                                              %(paid)s::timestamptz[]) n
               on conflict (order_id) do update set warehouse_id = excluded.warehouse_id, due_at = excluded.due_at,
                 paid_at = excluded.paid_at
               returning order_id, warehouse_id)
           select k.order_id, w.code from kept k join warehouse w on w.id = k.warehouse_id
           where k.order_id not in (select order_id from known) order by 1""",
        {
            "ids": list(waiting),
            "warehouses": list(waiting.values()),
            "due": [units[order_id].due for order_id in waiting],
            "paid": [units[order_id].paid_at for order_id in waiting],
            "at": why.at,
        },
    ).fetchall()
    write_own_events(conn, ((order_id, "waits_for_room", {"warehouse": code}) for order_id, code in begun), why)
