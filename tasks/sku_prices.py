"""What SKUs usually cost: learnt every day from the lines that were accepted, or given by a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from connectors.converters import BadValue, yuan_to_fen
from models.database import Connection, in_transaction, transaction
from models.errors import SetupError
from models.settings import clock
from tasks.catalog import Imported
from tasks.rules_in_force import current_rules
from tasks.runs import in_plain_words
from tasks.sheets import Column, Sheet, as_code, read_sheet

MOST_FEN = 100_000_000_000


@dataclass(frozen=True, slots=True)
class LearntCount:
    """SKUs whose usual price is new, whose price or count of lines changed, and how many lines were looked at."""

    new: int
    changed: int
    lines: int


# in one round of the lines; an order that waits for a person may be held for its price
_LEARNT = """
  with sold as materialized (
    select l.sku_id, (l.paid_fen + l.quantity / 2) / l.quantity as unit_fen
    from orders o join order_state s on s.order_id = o.id join order_line l on l.order_id = o.id
    where o.kind = 'goods' and o.created_at >= %(since)s and o.created_at < %(until)s
      and s.stage in ('locked', 'routed', 'dispatched')
      and l.sku_id is not null and l.quantity > 0 and l.paid_fen > 0
      and not exists (select from hold h where h.order_id = o.id and h.released_at is null)),
  medians as (
    select sku_id, percentile_disc(0.5) within group (order by unit_fen) as fen, count(*)::int as lines
    from sold group by 1),
  kept as (
    insert into sku_price as p (sku_id, usual_fen, line_count, given, known_at)
    select sku_id, fen, lines, false, %(until)s from medians where fen > 0 order by sku_id
    on conflict (sku_id) do update
    set usual_fen = excluded.usual_fen, line_count = excluded.line_count, known_at = excluded.known_at
    where not p.given and (p.usual_fen, p.line_count) is distinct from (excluded.usual_fen, excluded.line_count)
    returning xmax = 0 as is_new)
  select count(*) filter (where is_new), count(*) filter (where not is_new), (select count(*) from sold) from kept"""


def learn_prices(conn: Connection, at: datetime) -> LearntCount:
    """Take the median price per unit of each SKU over the lines accepted in the days that the rules name.

    Accepted is a line of an order that took stock and that nothing holds. Gifts do not count. A price that a person
    gave stays, and so does one of a SKU that was not sold in these days. Safe to repeat.
    """
    days = current_rules(conn).price.learn_days
    row = conn.execute(_LEARNT.encode(), {"since": at - timedelta(days=days), "until": at}).fetchone()
    return LearntCount(*row) if row else LearntCount(0, 0, 0)


def _as_price(written: str) -> int:
    try:
        fen = yuan_to_fen(written)
    except BadValue as error:
        raise BadValue(f"{error.why}; want yuan such as 19.90, or 0 to go back to what is learnt") from error
    if not 0 <= fen <= MOST_FEN:
        raise BadValue(f"is not from 0 to {MOST_FEN // 100:,} yuan")
    return fen


PRICES = (
    Column("code", ("商家编码", "SKU编码", "货号", "sku"), as_code, required=True),
    Column("usual_yuan", ("常规价", "参考价", "日常价"), _as_price, required=True),
)


def import_prices(path: Path) -> Imported:
    """Set the usual prices that a file names; 0 goes back to what is learnt. Raises SetupError listing bad rows."""
    return import_price_sheet(read_sheet(path, PRICES))


def import_price_sheet(sheet: Sheet) -> Imported:
    """`import_prices` of a sheet that is read already."""
    sheet.refuse_repeats("code")
    with transaction() as conn:
        rows = conn.execute("select code, id from sku where code = any(%s)", ([row["code"] for row in sheet.rows],))
        skus: dict[str, int] = dict(rows.fetchall())
        for row in sheet.rows:
            if row["code"] and row["code"] not in skus:
                sheet.refuse(row, "code", "there is no such SKU; import SKUs first")
        sheet.require_clean()
        wanted = {skus[row["code"]]: row["usual_yuan"] or None for row in sheet.rows}
        added, changed, removed = give_prices(conn, wanted, clock().now())
    same = len(wanted) - added - changed - removed
    return Imported(added, changed, same, removed=removed, ignored=sheet.ignored)


def give_prices(conn: Connection, wanted: Mapping[int, int | None], at: datetime) -> tuple[int, int, int]:
    """Set a person's usual prices in fen by SKU id; None goes back to what is learnt.

    Returns how many SKUs got a price, how many another one, how many lost the one that was given.
    """
    given = {sku_id: fen for sku_id, fen in wanted.items() if fen is not None}
    if any(not 0 < fen <= MOST_FEN for fen in given.values()):
        raise SetupError(f"usual price: has to be above 0 and at most {MOST_FEN // 100:,} yuan")
    rows = conn.execute(
        """insert into sku_price as p (sku_id, usual_fen, line_count, given, known_at)
           select k, fen, 0, true, %s from unnest(%s::int[], %s::bigint[]) n(k, fen) order by k
           on conflict (sku_id) do update
           set usual_fen = excluded.usual_fen, line_count = 0, given = true, known_at = excluded.known_at
           where (p.usual_fen, p.given) is distinct from (excluded.usual_fen, true)
           returning xmax = 0""",
        (at, list(given), list(given.values())),
    ).fetchall()
    removed = conn.execute(
        "delete from sku_price where given and sku_id = any(%s)",
        ([sku_id for sku_id, fen in wanted.items() if fen is None],),
    ).rowcount
    added = sum(row[0] for row in rows)
    return added, len(rows) - added, removed


@task(task_run_name="learn prices", tags=["stage:learn_prices"], cache_policy=NO_CACHE)
def learn() -> LearntCount:
    """The one step of the daily run."""
    with in_plain_words("learn_prices", "prices"):
        return in_transaction(lambda conn: learn_prices(conn, clock().now()))
