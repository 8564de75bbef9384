"""The figures that the stock formula works on, of many SKUs, from one snapshot of the pool."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection
from models.rules.stock_shown import Figures, Incoming, Pace

PACE_HOURS = 6
RUSH = timedelta(minutes=15)
"""The pace of a SKU is that of its best of the last hours, or of the last quarter where that is faster.

An hour in which nothing could be sold says nothing about how many want it, and a rush must be seen within minutes.
"""

# one statement, so one snapshot: a version and figures that do not belong together would be told as the truth
_FIGURES = """
    select p.sku_id, p.version + coalesce(s.version, 0), p.on_hand - p.locked - p.safety,
           p.locked - coalesce(s.locked, 0), s.places, s.free, coalesce(k.kept, 0), coalesce(o.owed, 0),
           coalesce(r.room, 0), a.places, a.days, a.units
    from sku_pool p
    left join (
      select sku_id, sum(version)::bigint as version, sum(locked)::int as locked,
             array_agg(warehouse_id) as places, array_agg(on_hand - locked - safety) as free
      from stock where %(skus)s::int[] is null or sku_id = any(%(skus)s) group by 1) s on s.sku_id = p.sku_id
    left join (
      select sku_id, sum(quantity)::int as kept from lock
      where state = 'open' and expires_at is not null group by 1) k on k.sku_id = p.sku_id
    left join (
      select sku_id, sum(quantity)::int as owed from promise
      where state = 'open' group by 1) o on o.sku_id = p.sku_id
    left join (
      select sku_id, limit_units - promised as room from promise_pool
      where (closes_at is null or closes_at > %(at)s)
        and (kind <> 'presale' or available_at is null or available_at > %(at)s)) r on r.sku_id = p.sku_id
    left join (
      select sku_id, array_agg(warehouse_id) as places, array_agg(expected_at) as days,
             array_agg(greatest(expected - received, 0)) as units
      from arrival  -- a transfer between warehouses brings nothing new
      where closed_at is null and reference not like 'transfer-%%' group by 1) a on a.sku_id = p.sku_id
    where %(skus)s::int[] is null or p.sku_id = any(%(skus)s)
"""


def load_figures(
    conn: Connection, at: datetime, sku_ids: Sequence[int] | None = None, *, paced: bool = False
) -> dict[int, Figures]:
    """Figures by SKU id, of every SKU that has a pool or of these; `paced` with how fast they are sold."""
    given = {"skus": None if sku_ids is None else list(sku_ids), "at": at}
    rows = conn.execute(_FIGURES, given).fetchall()
    codes = {row[0]: (row[1], row[2]) for row in conn.execute("select id, code, active from warehouse")}
    active = frozenset(code for code, is_active in codes.values() if is_active)
    paces = _paces(conn, at, sku_ids) if paced else {}
    return {row[0]: _figures(row, codes, active, paces.get(row[0], Pace())) for row in rows}


def _figures(row: tuple[Any, ...], codes: dict[int, tuple[str, bool]], active: frozenset[str], pace: Pace) -> Figures:
    _, version, pool_free, unrouted, places, free, kept, owed, room, coming_to, coming_at, coming = row
    return Figures(
        version=version,
        free={codes[place][0]: units for place, units in zip(places or (), free or (), strict=True)},
        active=active,
        pool_free=pool_free,
        unrouted=unrouted,
        kept=kept,
        owed=owed,
        room=room,
        incoming=[
            Incoming(codes[place][0], due, units)
            for place, due, units in zip(coming_to or (), coming_at or (), coming or (), strict=True)
        ],
        pace=pace,
    )


def _paces(conn: Connection, at: datetime, sku_ids: Sequence[int] | None) -> dict[int, Pace]:
    """How fast each SKU was sold lately: by the locks that were made, whatever became of them."""
    rows = conn.execute(
        """with sold as (
             select sku_id, quantity, quantity::bigint * quantity as square, locked_at,
                    floor(extract(epoch from %(at)s - locked_at) / 3600) as hours_ago
             from lock where locked_at > %(since)s and locked_at <= %(at)s and warehouse_id is null
               and (%(skus)s::int[] is null or sku_id = any(%(skus)s)))
           (select sku_id, sum(quantity) / 3600.0, sum(square) / 3600.0 from sold group by sku_id, hours_ago)
           union all
           (select sku_id, sum(quantity) / %(rush_s)s::float, sum(square) / %(rush_s)s::float
            from sold where locked_at > %(rush)s group by sku_id)""",
        {
            "at": at,
            "since": at - timedelta(hours=PACE_HOURS),
            "rush": at - RUSH,
            "rush_s": RUSH.total_seconds(),
            "skus": None if sku_ids is None else list(sku_ids),
        },
    ).fetchall()
    found: dict[int, Pace] = {}
    for sku_id, units, squares in rows:
        found[sku_id] = max(found.get(sku_id, Pace()), Pace(float(units), float(squares)), key=lambda pace: pace.units)
    return found
