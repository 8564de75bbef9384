"""Stock that runs low, and warehouses whose counts stopped coming."""

import math
from datetime import datetime, timedelta
from typing import Final

from models.alert import AlertRule
from models.database import Connection
from models.rules.stock_feed import SHIPPED
from tasks.alert_groups import Thing, china, told
from tasks.alerts import Found
from tasks.limits import limits_in_force

DEMAND_DAYS: Final = 14
"""Over so many days the demand of a SKU is taken."""

CLEAR: Final = 0.1
"""Stock is low until so much more than the safety stock can be sold: else each sale and return would tell of it."""

LEARNT_DAYS: Final = 14
LEAST_FEEDS: Final = 8
"""Over so many days before the last one, so many counts make a feed regular."""

USUAL: Final = 0.85
"""Of the longest silences of each day, that of the share above which days are odd: nights and weekends are usual."""

PATIENCE: Final = 1.5
SHORTEST: Final = timedelta(hours=2)
"""A feed is silent after so many times its usual silence, and not before this time is over."""

GIVEN_UP: Final = timedelta(days=30)
"""A feed that is silent for longer is one that there is no more."""

# sellable leaves the safety stock aside already
_LOW: Final = """
  select k.code, p.on_hand - p.locked - p.safety as sellable, p.safety, p.sku_id
  from sku_pool p join sku k on k.id = p.sku_id
  where p.safety > 0 and (p.on_hand - p.locked - p.safety < p.safety or (
    p.on_hand - p.locked - p.safety < p.safety + greatest(1, p.safety * %(clear)s)
    and (%(together)s or 'sku:' || k.code = any(%(open)s))))
  order by p.on_hand - p.locked - p.safety - p.safety, k.code"""

_DEMAND: Final = """
  select k.sku_id, sum(-m.quantity) from unnest(%(skus)s::int[]) k(sku_id)
  join stock s on s.sku_id = k.sku_id
  join stock_movement m on m.warehouse_id = s.warehouse_id and m.sku_id = s.sku_id
    and m.occurred_at > %(since)s and m.occurred_at <= %(now)s
  where m.reason = %(shipped)s group by 1"""

# the day of a silence is the one in which it ended
_SILENT: Final = """
  with recursive sources as (
    (select source from stock_feed where counts <> 'change' order by source limit 1)
    union all
    select (select f.source from stock_feed f where f.counts <> 'change' and f.source > s.source
            order by f.source limit 1)
    from sources s where s.source is not null),
  newest as (
    select s.source, n.at from sources s cross join lateral (
      select max(applied_at) as at from stock_feed where counts <> 'change' and source = s.source) n
    where n.at > %(given_up)s and n.at < %(now)s::timestamptz - %(shortest)s::interval
      and (s.source = 'file' or exists (
        select 1 from warehouse w where w.active and 'wms:' || w.code = s.source))),
  gaps as (
    select n.source, n.at, f.applied_at,
           f.applied_at - lag(f.applied_at) over (partition by n.source order by f.applied_at) as gap
    from newest n join stock_feed f on f.counts <> 'change' and f.source = n.source
      and f.applied_at > n.at - 2 * %(learnt)s::interval and f.applied_at <= n.at),
  days as (
    select source, at, date_trunc('day', applied_at, 'Asia/Shanghai') as day, max(gap) as longest, count(*) as feeds
    from gaps where applied_at > at - %(learnt)s::interval group by 1, 2, 3),
  usual as (
    select source, at, percentile_disc(%(usual)s) within group (order by longest) as gap, sum(feeds) as feeds
    from days group by 1, 2)
  select source, at, gap from usual
  where feeds >= %(least)s and at + gap * %(patience)s <= %(now)s order by source"""


def below_safety(conn: Connection, now: datetime) -> dict[str, Found]:
    """SKUs of which fewer units can be sold than are kept safe, with how many days these last."""
    rule = AlertRule.BELOW_SAFETY
    known = conn.execute("select subject from alert where rule = %s and closed_at is null", (rule.value,)).fetchall()
    open_now = [row[0] for row in known]
    rows = conn.execute(_LOW.encode(), {"clear": CLEAR, "open": open_now, "together": _ALL in open_now}).fetchall()
    most = limits_in_force().groups["skus"]
    shown = rows[:most]
    sold = _demand(conn, [row[3] for row in shown], now)
    things = [
        Thing(
            f"sku:{code}",
            _ALL,
            len(rows),
            now,
            None,
            {"code": code, "sellable": sellable, "safety": safety, "days": _cover(sellable, rate)},
        )
        for code, sellable, safety, sku_id in shown
        for rate in (sold.get(sku_id, 0) / DEMAND_DAYS,)
    ]
    return told(conn, rule, things, most, _low, _low_ones)


_ALL: Final = "skus:below_safety"


def _demand(conn: Connection, sku_ids: list[int], now: datetime) -> dict[int, int]:
    """Units of each SKU that left within the days that count."""
    values = {"skus": sku_ids, "since": now - timedelta(days=DEMAND_DAYS), "now": now, "shipped": SHIPPED}
    return {sku_id: int(units) for sku_id, units in conn.execute(_DEMAND.encode(), values)}


def _cover(sellable: int, per_day: float) -> str:
    if sellable <= 0:
        return "nothing is left"
    if per_day <= 0:
        return f"how long they last is unknown, none left in {DEMAND_DAYS} days"
    days = sellable / per_day
    return f"they last {math.floor(days * 10) / 10:g} days" if days < 10 else f"they last {math.floor(days)} days"


def _low(thing: Thing) -> str:
    of = thing.facts
    return f"SKU {of['code']}: {of['sellable']} units can be sold, {of['safety']} are kept safe; {of['days']}"


def _low_ones(thing: Thing) -> str:
    return f"{thing.total} SKUs are below their safety stock; the lowest: {_low(thing)}"


def silent_feeds(conn: Connection, now: datetime) -> dict[str, Found]:
    """Warehouses whose counts of stock came regularly and stopped; `file` stands for those that people bring."""
    rows = conn.execute(
        _SILENT.encode(),
        {
            "now": now,
            "given_up": now - GIVEN_UP,
            "shortest": SHORTEST,
            "learnt": timedelta(days=LEARNT_DAYS),
            "usual": USUAL,
            "least": LEAST_FEEDS,
            "patience": PATIENCE,
        },
    ).fetchall()
    return {f"feed:{source}": Found(_silence(source, at, gap)) for source, at, gap in rows}


def _silence(source: str, at: datetime, gap: timedelta) -> str:
    warehouse, last = source.removeprefix("wms:"), china(at)
    usual = max(1, round(gap / timedelta(hours=1)))
    if warehouse == source:
        return f"stock files: no count of stock since {last}; usually one comes within {usual} h"
    return f"warehouse {warehouse}: no count of stock since {last}; usually one comes within {usual} h"
