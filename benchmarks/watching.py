"""What a scan of `watch_deadlines` costs on a big pool, rule by rule, and whether any reads a big table whole.

Run as `python -m benchmarks.watching [--orders N] [--rounds N]`. On a PostgreSQL of its own with production settings a
pool of 50 days of orders is written, nearly all of them finished. Each rule is evaluated again and again; for each the
median and the sequential scans of tables that grow with history are printed. A scan may cost what is open, never what
is over: the numbers of a pool twice as large differ by what it has open.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping

from benchmarks._console_pool import fill
from models.alert import AlertRule
from models.database import connect, transaction, upgrade
from models.settings import clock, settings

BIG = (
    "orders order_line order_state hold allocation outbound_document document_block parcel parcel_line parcel_event "
    "lock event outbox inbox stock_movement"
).split()
WANTED_MS = 500.0

BATCH_TIMES = """
  update batch b set created_at = o.created_at, closed_at = case when b.closed_at is not null then o.created_at end
  from orders o where o.id = greatest(1, (b.id - 1) * 2000)"""
"""Batches are as old as their orders."""

TOLD = """
  insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at, last_error,
                      fault, created_at, delivered_at)
  select k.kind, k.to_whom, p.id, 1, k.kind || p.id, 'delivered', 1, false, p.shipped_at, '', '', p.shipped_at,
         p.shipped_at
  from parcel p
  cross join (values ('ship_back', 'shop:tmall-1'), ('outbound.created', 'warehouse:WH-E')) k(kind, to_whom)
  order by p.id"""
"""Every parcel was ordered from its warehouse and told to its shop."""


def big_scans() -> Mapping[str, int]:
    """How often each table that grows with history was read whole."""
    with connect(autocommit=True) as conn:
        rows = conn.execute(
            "select relname, seq_scan from pg_stat_user_tables where relname = any(%s) and n_live_tup > 10000", (BIG,)
        )
        return dict(rows.fetchall())


def measure(rule: AlertRule, rounds: int) -> tuple[list[float], int, list[str]]:
    """Milliseconds of each evaluation after the first, what it finds, and the big tables that it read whole."""
    from tasks.watch import RULES

    spent: list[float] = []
    found = 0
    before = big_scans()
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        with transaction() as conn:
            found = len(RULES[rule](conn, clock().now()))
            spent.append((time.perf_counter() - begin) * 1000)
            conn.execute("select pg_stat_force_next_flush()")
    after = big_scans()
    return spent[1:], found, sorted(table for table in after if after[table] > before.get(table, 0))


def main() -> None:
    """Measure on a PostgreSQL of its own and take it down again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description="What a scan for alerts costs")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    wish = parser.parse_args()
    var = tempfile.mkdtemp(prefix="orderpool-bench-")
    os.environ["ORDERPOOL_VAR"] = var
    from deployments import embedded_postgres

    settings.cache_clear()
    server = embedded_postgres.start(["pool"])
    try:
        os.environ["ORDERPOOL_DATABASE_URL"] = server.url("pool")
        settings.cache_clear()
        upgrade()
        begin = time.perf_counter()
        fill(wish.orders, clock().now())
        with transaction() as conn:
            conn.execute(BATCH_TIMES)
            conn.execute(TOLD)
        with connect(autocommit=True) as conn:
            conn.execute("vacuum analyze batch, outbox")
        print(f"{wish.orders:,} orders written in {time.perf_counter() - begin:.0f} s")
        report(wish.rounds)
    finally:
        embedded_postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


def report(rounds: int) -> None:
    """Print a line per rule and the sum."""
    from tasks.watch import RULES

    print(f"{'rule':26} {'p50 ms':>8} {'alerts':>7}  read whole")
    total = 0.0
    for rule in RULES:
        spent, found, whole = measure(rule, rounds)
        total += statistics.median(spent)
        print(f"{rule.value:26} {statistics.median(spent):8.1f} {found:7}  {', '.join(whole)}")
    print(f"a whole scan: {total:.0f} ms; wanted: below {WANTED_MS:.0f} ms")


if __name__ == "__main__":
    main()
