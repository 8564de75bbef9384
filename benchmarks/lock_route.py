"""What lock_stock and route cost per order, next to the same two stages as hand-written set-based SQL in the same run.

Run as `python -m benchmarks.lock_route [batches] [orders per batch]`. Both work on a PostgreSQL of their own with
production settings: 2,000 SKUs in 3 warehouses with stock enough, orders of 1.67 lines on average to counties all over
the country. Each stage has a transaction on a connection of its own, as workers open them. The floor knows no holds,
kits, prices, promises, reasons or exactly-once locks: it gives each order the warehouse of its province, keeps its
units there and writes an event per stage; what is left is the database's work.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from models.database import Connection, connect, copy_rows, transaction, upgrade
from models.order import LINE_COLUMNS, Cause
from models.rules.divisions import divisions, lineage
from models.settings import settings

SKUS = 2_000
WANTED_RATIO = 4
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
WAREHOUSES = (("WH-E", "330110", "yuantong"), ("WH-N", "131002", "yunda"), ("WH-S", "440111", "zhongtong"))
EAST = ("310000", "320000", "330000", "340000", "350000", "360000", "420000")
SOUTH = ("430000", "440000", "450000", "460000", "500000", "510000", "520000", "530000")

Order = tuple[str, list[tuple[int, int]]]
"""The county, and per line a SKU id and units."""


def make_orders(count: int, seed: int) -> list[Order]:
    """Orders to random counties; one to three lines of one to three units."""
    rnd = random.Random(seed)
    counties = [code for code, found in divisions().items() if found.level == "county"]
    return [
        (
            rnd.choice(counties),
            [(rnd.randint(1, SKUS), rnd.randint(1, 3)) for _ in range(rnd.choice((1, 1, 1, 2, 2, 3)))],
        )
        for _ in range(count)
    ]


def warehouse_of(county: str) -> int:
    """Which of the three warehouses serves a county, from 1."""
    province = lineage(county)[-1]
    return 1 if province in EAST else 3 if province in SOUTH else 2


def fill_pool(conn: Connection) -> None:
    """A shop, three warehouses with areas, prices and plenty of every SKU."""
    conn.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values ('bench', 'taobao', '', true, false, 15, '{}', %s)""",
        (NOON,),
    )
    for code, division, carrier in WAREHOUSES:
        conn.execute(
            """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier, kind,
                                      active, settings)
               values (%s, '', %s, '', '', '', 'webhook', %s, 'own', true, '{}')""",
            (code, division, carrier),
        )
    provinces = [code for code, found in divisions().items() if found.level == "province"]
    copy_rows(
        conn,
        "service_area",
        ("warehouse_id", "division_code", "priority"),
        ((warehouse_of(code), code, 1) for code in provinces),
    )
    copy_rows(
        conn,
        "carrier_rate",
        "warehouse_id carrier division_code first_g first_fen step_g step_fen transit_days".split(),
        (
            (number, carrier, code, 1000, 400 + 10 * (at % 30), 1000, 150, 2)
            for number, (_, _, carrier) in enumerate(WAREHOUSES, 1)
            for at, code in enumerate(provinces)
        ),
    )
    conn.execute(
        """insert into sku (code, name, barcode, weight_g)
           select 'S' || g, '', '', 300 from generate_series(1, %s) g""",
        (SKUS,),
    )
    conn.execute(
        """insert into stock (warehouse_id, sku_id, opening, on_hand, locked, safety, missing, version)
           select w.id, k.id, 1000000, 1000000, 0, 0, 0, 0 from warehouse w cross join sku k"""
    )
    conn.execute("insert into sku_pool (sku_id, on_hand, locked, safety, version) select id, 3000000, 0, 0, 0 from sku")


def store_batch(conn: Connection, batch_id: int, first_id: int, orders: Sequence[Order]) -> None:
    """Write orders as ingest and validate leave them."""
    conn.execute(
        """insert into batch (id, shop_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
           values (%s, 1, 'window', 'open', %s, 0, 0, 'bench', %s)""",
        (batch_id, len(orders), NOON),
    )
    numbered = list(enumerate(orders, first_id))
    zeros = (0, 0, 0, 1000, 1000, 0, 0)
    copy_rows(
        conn,
        "orders",
        (
            "id shop_id external_id order_no kind pay_state platform_status buyer_key created_at paid_at modified_at"
            " ship_by not_ready split_from goods_fen discount_fen freight_fen total_fen paid_fen refunded_fen cod_fen"
            " stored_at"
        ).split(),
        (
            (i, 1, str(i), str(i), "goods", "ready", "", "", NOON, NOON + timedelta(seconds=i % 3600), NOON,
             NOON + timedelta(hours=48), "", "", *zeros, NOON)
            for i, _ in numbered
        ),
    )  # fmt: skip
    copy_rows(
        conn,
        "receiver",
        "order_id phone_last4 province city district town division_code oaid masked merge_key".split(),
        ((i, "", "", "", "", "", county, "", False, "") for i, (county, _) in numbered),
    )
    copy_rows(
        conn,
        "order_line",
        LINE_COLUMNS,
        (
            (i, number, str(number), f"S{sku}", sku, "", units, 500, 500 * units, "open")
            for i, (_, lines) in numbered
            for number, (sku, units) in enumerate(lines, 1)
        ),
    )
    copy_rows(
        conn,
        "order_state",
        ("order_id", "batch_id", "stage", "rule_version"),
        ((i, batch_id, "validated", 1) for i, _ in numbered),
    )


FLOOR = """
  create schema floor;
  create table floor.ord (id bigint primary key, prov text, city text, dist text, paid_at timestamptz);
  create table floor.line (order_id bigint, n int, sku text, qty int, primary key (order_id, n));
  create table floor.st (order_id bigint primary key, status smallint not null, wh text) with (fillfactor = 40);
  create table floor.alloc (order_id bigint, n int, wh text, sku text, qty int, primary key (order_id, n));
  create table floor.ev (order_id bigint, stage smallint, at timestamptz default now(), last_id bigint);
  create index on floor.ev (order_id);
  create table floor.stock (wh text, sku text, on_hand int not null, locked int not null default 0,
    primary key (wh, sku), check (on_hand >= locked)) with (fillfactor = 50)
"""


def fill_floor(conn: Connection) -> None:
    """The floor's tables with the same stock."""
    for statement in FLOOR.split(";"):
        conn.execute(statement.encode())
    conn.execute(
        """insert into floor.stock (wh, sku, on_hand)
           select w, 'S' || g, 1000000 from unnest(array['1', '2', '3']) w, generate_series(1, %s) g""",
        (SKUS,),
    )


def store_floor(conn: Connection, first_id: int, orders: Sequence[Order]) -> None:
    """The same orders as the floor keeps them."""
    numbered = list(enumerate(orders, first_id))
    with conn.cursor() as cur:
        with cur.copy("copy floor.ord (id, prov, city, dist, paid_at) from stdin") as copy:
            for i, (county, _) in numbered:
                copy.write_row((i, lineage(county)[-1], "", county, NOON))
        with cur.copy("copy floor.line (order_id, n, sku, qty) from stdin") as copy:
            for i, (_, lines) in numbered:
                for number, (sku, units) in enumerate(lines, 1):
                    copy.write_row((i, number, f"S{sku}", units))
        with cur.copy("copy floor.st (order_id, status) from stdin") as copy:
            for i, _ in numbered:
                copy.write_row((i, 1))


def run_floor(first: int, last: int) -> None:
    """Route and lock a batch: two steps of set-based SQL, each a transaction on a connection of its own."""
    at = f"order_id between {first} and {last}"
    east, south = ("'" + "','".join(codes) + "'" for codes in (EAST, SOUTH))
    steps = (
        f"""update floor.st set status = 2,
              wh = case when o.prov in ({east}) then '1' when o.prov in ({south}) then '3' else '2' end
            from floor.ord o where o.id = st.order_id and st.{at} and o.id between {first} and {last} and status = 1;
            insert into floor.ev (order_id, stage) select g, 2 from generate_series({first}, {last}) g""",
        f"""select 1 from floor.stock where (wh, sku) in (
              select w.wh, l.sku from floor.line l join floor.st w on l.order_id = w.order_id
              where l.{at} and w.{at}) order by wh, sku for update;
            with a as (
              insert into floor.alloc select l.order_id, l.n, w.wh, l.sku, l.qty
              from floor.line l join floor.st w on l.order_id = w.order_id
              where l.{at} and w.{at} and w.status = 2 returning wh, sku, qty)
            update floor.stock set locked = locked + x.q from (select wh, sku, sum(qty) q from a group by 1, 2) x
            where stock.wh = x.wh and stock.sku = x.sku;
            update floor.st set status = 3 where {at} and status = 2;
            insert into floor.ev (order_id, stage) select g, 3 from generate_series({first}, {last}) g""",
    )
    for step in steps:
        with transaction() as conn:
            for statement in step.split(";"):
                conn.execute(statement.encode())


def timed(work: Callable[..., object], *arguments: object) -> float:
    """Seconds that a piece of work takes."""
    begin = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begin


def run_stage(stage: Callable[[Connection, int, Cause], Any], batch_id: int) -> None:
    """A stage's transaction, on a connection of its own."""
    with transaction() as conn:
        stage(conn, batch_id, Cause("benchmark", NOON, "bench", 1))


def measure(batches: int, size: int) -> Iterator[tuple[float, float, float]]:
    """Seconds of floor, lock_stock and route, batch by batch."""
    from tasks.lock_stock import lock_batch
    from tasks.route import route_batch

    for number in range(1, batches + 1):
        first = 1 + (number - 1) * size
        orders = make_orders(size, number)
        with transaction() as conn:
            store_batch(conn, number, first, orders)
            store_floor(conn, first, orders)
        if number == 1:
            with connect(autocommit=True) as conn:
                conn.execute("analyze")
        yield (
            timed(run_floor, first, first + size - 1),
            timed(run_stage, lock_batch, number),
            timed(run_stage, route_batch, number),
        )


def prove(batches: int, size: int) -> None:
    """Fail unless all orders are routed and both sides locked the same units."""
    with transaction() as conn:
        (routed,) = conn.execute("select count(*) from order_state where stage = 'routed'").fetchone() or (0,)
        ours = conn.execute("select warehouse_id::text, sum(locked) from stock group by 1 order by 1").fetchall()
        theirs = conn.execute("select wh, sum(locked) from floor.stock group by 1 order by 1").fetchall()
    if routed != batches * size or ours != theirs:
        raise SystemExit(f"{routed} of {batches * size} orders routed; units locked {ours}, by the floor {theirs}")


def report(rows: Sequence[tuple[float, float, float]], size: int) -> float:
    """Print what each batch and all together took; returns the ratio of the medians to the floor."""
    print(f"{'batch':>6} {'floor':>8} {'lock':>8} {'route':>8} {'both':>8} {'ratio':>6}   (us per order)")
    for number, (floor, lock, route) in enumerate(rows, 1):
        print(_line(str(number), floor, lock, route, size))
    floor, lock, route = (sorted(row[place] for row in rows)[len(rows) // 2] for place in range(3))
    print(_line("median", floor, lock, route, size))
    return (lock + route) / floor


def _line(name: str, floor: float, lock: float, route: float, size: int) -> str:
    figures = " ".join(f"{1e6 * part / size:8.1f}" for part in (floor, lock, route, lock + route))
    return f"{name:>6} {figures} {(lock + route) / floor:6.2f}"


def main() -> None:
    """Measure on a PostgreSQL of its own and take it down again."""
    numbers = [int(text) for text in sys.argv[1:]]
    batches, size = (*numbers, *(10, 2_000)[len(numbers) :])[:2]
    var = tempfile.mkdtemp(prefix="orderpool-bench-")
    os.environ["ORDERPOOL_VAR"] = var
    from deployments import embedded_postgres
    from tasks.runs import spare_what_is_loaded

    settings.cache_clear()
    server = embedded_postgres.start(["pool"])
    try:
        os.environ["ORDERPOOL_DATABASE_URL"] = server.url("pool")
        settings.cache_clear()
        upgrade()
        with transaction() as conn:
            fill_pool(conn)
            fill_floor(conn)
        spare_what_is_loaded()
        rows = list(measure(batches, size))
        prove(batches, size)
        ratio = report(rows, size)
        print(f"lock_stock and route together: {ratio:.2f} times the floor; wanted: at most {WANTED_RATIO}")
    finally:
        embedded_postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


if __name__ == "__main__":
    main()
