"""Units that a warehouse keeps for instructions it has: there, but not in the numbers of every kind of count."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from models.database import Connection
from models.feeds import Counts
from tasks.stock_counters import Shelf, columns

TIME_MARKS = {Counts.NET_OF_SHIPPED: "packed_at", Counts.AVAILABLE: "accepted_at"}
"""From when on the open units of a document are missing in the numbers of such a count."""

# what had not left of the documents at the moment that a shelf's count speaks of
_OPEN_THEN = """
  select s.w, s.k, sum(a.quantity - coalesce((
    select sum(l.quantity) from parcel p join parcel_line l on l.parcel_id = p.id
    where p.document_id = d.id and p.shipped_at <= s.at
      and l.order_id = a.order_id and l.line_no = a.line_no and l.sku_id = a.sku_id), 0))
  from document d join allocation a on a.document_id = d.id
  join shelf s on s.w = d.warehouse_id and s.k = a.sku_id
  where case s.counts when 'available' then d.accepted_at else d.packed_at end <= s.at
    and (d.ended_at is null or d.ended_at > s.at)
  group by 1, 2"""


def kept_at(conn: Connection, moments: Mapping[Shelf, datetime], counts: Counts) -> dict[Shelf, int]:
    """Units per shelf that such a count lacks though they were there at its moment; none of a physical count."""
    if counts not in TIME_MARKS or not moments:
        return {}
    rows = conn.execute(
        f"""with shelf as materialized (
              select w, k, at, %(counts)s as counts
              from unnest(%(w)s::int[], %(k)s::int[], %(at)s::timestamptz[]) n(w, k, at)),
            document as materialized (
              select * from outbound_document where warehouse_id = any(%(w)s) and accepted_at <= %(latest)s
                and (ended_at is null or ended_at > %(earliest)s))
            {_OPEN_THEN}""".encode(),
        {
            "counts": counts.value,
            "w": [shelf[0] for shelf in moments],
            "k": [shelf[1] for shelf in moments],
            "at": list(moments.values()),
            "earliest": min(moments.values()),
            "latest": max(moments.values()),
        },
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def kept_of(conn: Connection, document_ids: Sequence[int]) -> dict[Shelf, int]:
    """Units per shelf of these documents that the last count lacked though they were there, as far as is known now."""
    rows = conn.execute(
        f"""with document as materialized (select * from outbound_document where id = any(%s)),
            shelf as materialized (
              select distinct t.warehouse_id as w, t.sku_id as k, t.counted_at as at, t.counted_as as counts
              from document d join allocation a on a.document_id = d.id
              join stock t on t.warehouse_id = d.warehouse_id and t.sku_id = a.sku_id
              where t.counted_as = any(%s))
            {_OPEN_THEN}""".encode(),
        (list(document_ids), [counts.value for counts in TIME_MARKS]),
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def differences(before: Mapping[Shelf, int], after: Mapping[Shelf, int]) -> dict[Shelf, int]:
    """By how many units each shelf is kept more now than before; those that did not change are left out."""
    found = {shelf: after.get(shelf, 0) - before.get(shelf, 0) for shelf in {*before, *after}}
    return {shelf: units for shelf, units in found.items() if units}


def later_moves(
    conn: Connection, moments: Mapping[Shelf, datetime], adjusting: Sequence[str]
) -> dict[Shelf, list[int]]:
    """What really moved in each shelf since its moment, in the order in which it happened."""
    rows = conn.execute(
        """select s.w, s.k, array_agg(m.quantity order by m.occurred_at, m.id)
           from unnest(%s::int[], %s::int[], %s::timestamptz[]) s(w, k, at)
           join stock_movement m on m.warehouse_id = s.w and m.sku_id = s.k and m.occurred_at > s.at
           where m.reason <> all(%s) group by 1, 2""",
        (*columns([(*shelf, at) for shelf, at in moments.items()], 3), list(adjusting)),
    )
    return {(row[0], row[1]): row[2] for row in rows}
