"""How quick the console's pages of orders are on a big pool, through the real application, signed in.

Run as `python -m benchmarks.console [--orders N] [--rounds N]`. On a PostgreSQL of its own with production settings a
pool of 50 days of orders is written set-wise, nearly all of them finished. Then every common filter, pairs of them,
second pages, searches and the page of one order are asked for again and again, one request at a time. The floor, in the
same run, is a bare read of 50 orders by primary key on a connection that is open already. Last comes what the indexes
of the list cost an ingest: the same orders are written with and without them.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx
import psutil

from benchmarks._console_pool import BATCH, fill, phone_of
from models.database import connect, transaction, upgrade
from models.settings import SHANGHAI, clock, settings

WANTED_MS = 100.0
ORDERS = "/console/orders"
LIST_INDEXES = {
    "orders": ("ix_orders_shop_created",),
    "order_line": ("ix_order_line_sku",),
    "receiver": ("ix_receiver_division",),
}
"""The indexes that only the list needs and that every order pays for."""


def pages(orders: int) -> list[tuple[str, str]]:
    """What is asked for: a name and an address."""
    today = clock().now().astimezone(SHANGHAI).date()
    week, day = today - timedelta(days=7), today - timedelta(days=20)
    number, someone = 260_000_000_000 + orders // 2 * 37, phone_of(1 + orders // 2 * 7477 % 100_000)
    lists = {
        "all orders": "",
        "waiting for payment": "status=waiting_payment",
        "held": "status=held",
        "short of stock": "status=short",
        "in process": "status=in_process",
        "at the warehouse": "status=at_warehouse",
        "partly shipped": "status=partly_shipped",
        "shipped": "status=shipped",
        "problem": "status=problem",
        "delivered": "status=delivered",
        "returned": "status=returned",
        "cancelled": "status=cancelled",
        "hold REMARK": "hold=REMARK",
        "big shop": "shop=tmall-1",
        "small shop": "shop=web-2",
        "one day": f"since={day}&until={day}",
        "province": "region=浙江",
        "city": "region=杭州",
        "county": "region=杭州 西湖区",
        "SKU": "sku=S77",
        "late": "overdue=1",
        "batch": f"batch={orders // BATCH // 2}",
        "stage": "stage=locked",
        "document": "document=picking",
        "held, big shop": "status=held&shop=tmall-1",
        "held, small shop": "status=held&shop=web-2",
        "late, one shop": "overdue=1&shop=jd-1",
        "at the warehouse, small shop": "status=at_warehouse&shop=web-2",
        "at the warehouse, province": "status=at_warehouse&region=广东",
        "delivered, one day": f"status=delivered&since={day}&until={day}",
        "delivered, small shop": "status=delivered&shop=web-2",
        "delivered, county": "status=delivered&region=杭州 西湖区",
        "returned, big shop": "status=returned&shop=tmall-1",
        "shipped, week": f"status=shipped&since={week}",
        "SKU, small shop": "sku=S77&shop=web-2",
        "SKU, held": "sku=S77&status=held",
        "province, week": f"region=四川&since={week}",
    }
    searches = {
        "order number": str(number),
        "beginning of a number": str(number)[:8],
        "phone": someone,
        "waybill": f"YT{8_800_000_000_000 + orders // 2 * 13}",
        "document": f"OB{orders // 2}",
        "nothing like it": "no such order",
    }
    return [
        ("first page of the console", "/console/"),
        *((name, f"{ORDERS}?{query}") for name, query in lists.items()),
        *((f"search: {name}", f"{ORDERS}?q={text}") for name, text in searches.items()),
        ("one order", f"{ORDERS}/{orders // 2}"),
        ("one order under way", f"{ORDERS}/{orders - orders // 100}"),
        ("one batch", f"/console/batches/{orders // BATCH // 2}"),
        ("not moving (reads all states)", "/console/waiting"),
    ]


def sign_in() -> str:
    """The cookie of a session of an admin made for the run."""
    from tasks.sessions import open_session

    now = clock().now()
    with transaction() as conn:
        row = conn.execute(
            """insert into console_user (name, password_hash, role, active, failures, made_at, password_at)
               values ('bench', '', 'admin', true, 0, %s, %s) returning id""",
            (now, now),
        ).fetchone()
        assert row is not None
        return open_session(conn, row[0], now)


async def measure(orders: int, rounds: int) -> list[tuple[str, list[float], int]]:
    """Per page: its name, the milliseconds of each request after the first, how many orders it shows."""
    from web.app import create_app
    from web.console.session import COOKIE

    transport = httpx.ASGITransport(create_app())
    found: list[tuple[str, list[float], int]] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", cookies={COOKIE: sign_in()}) as browser:
        for name, address in pages(orders):
            text, spent = await _ask(browser, address, rounds)
            found.append((name, spent, text.count('href="/console/orders/') - text.count("/export/")))
            following = re.search(r'rel="next" href="([^"]+)"', text)
            if following and name in ("all orders", "held", "delivered", "late", "province", "small shop", "SKU"):
                text, spent = await _ask(browser, following[1].replace("&amp;", "&"), rounds)
                found.append((f"{name}, page 2", spent, text.count('href="/console/orders/') - text.count("/export/")))
    return found


async def _ask(browser: httpx.AsyncClient, address: str, rounds: int) -> tuple[str, list[float]]:
    spent = []
    text = ""
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        answer = await browser.get(address)
        spent.append((time.perf_counter() - begin) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address}: HTTP {answer.status_code}")
        text = answer.text
    return text, spent[1:]


def floor_ms(orders: int, rounds: int) -> float:
    """Milliseconds that a bare read of 50 orders by primary key takes."""
    spent = []
    with connect(autocommit=True) as conn:
        for number in range(rounds + 1):
            begin = time.perf_counter()
            conn.execute(
                "select * from orders where id <= %s order by id desc limit 50", (orders - number * 997 % orders,)
            ).fetchall()
            spent.append((time.perf_counter() - begin) * 1000)
    return statistics.median(spent[1:])


def report(found: Sequence[tuple[str, list[float], int]], floor: float) -> int:
    """Print a line per page; returns how many medians are above what is wanted."""
    print(f"floor (50 orders by primary key): {floor:.2f} ms")
    print(f"{'page':38} {'p50 ms':>8} {'p95 ms':>8} {'x floor':>8} {'orders':>7}")
    for name, spent, shown in found:
        p95 = statistics.quantiles(spent, n=20)[-1] if len(spent) > 1 else spent[0]
        p50 = statistics.median(spent)
        print(f"{name:38} {p50:8.1f} {p95:8.1f} {p50 / floor:8.1f} {shown:7}")
    return sum(1 for name, spent, _ in found if statistics.median(spent) >= WANTED_MS and "all states" not in name)


def insert_cost(orders: int) -> tuple[float, float]:
    """Microseconds of processor to write an order, its lines and receiver: with the list's indexes, and without.

    The newest orders are written again, and nothing of it stays. Both are the median of five.
    """
    return _timed(orders, lambda conn: None), _timed(orders, _drop_list_indexes)


def _drop_list_indexes(conn: Any) -> None:
    for names in LIST_INDEXES.values():
        for name in names:
            conn.execute(f"drop index {name}")


def _timed(orders: int, prepare: Callable[[Any], None]) -> float:
    count, spent = min(10_000, orders // 2), []
    with connect() as conn:
        backend = psutil.Process(conn.info.backend_pid)
        for _ in range(5):
            prepare(conn)
            for table in LIST_INDEXES:
                key = "id" if table == "orders" else "order_id"
                conn.execute(
                    f"create temporary table copy_{table} on commit drop as "
                    f"select * from {table} where {key} > {orders - count} order by {key}".encode()
                )
                conn.execute(f"update copy_{table} set {key} = {key} + {10 * orders}".encode())
            conn.execute("update copy_orders set external_id = external_id || 'x'")
            begin = _cpu_s(backend)
            for table in LIST_INDEXES:
                conn.execute(f"insert into {table} select * from copy_{table}".encode())
            spent.append((_cpu_s(backend) - begin) * 1e6 / count)
            conn.rollback()
    return statistics.median(spent)


def _cpu_s(process: psutil.Process) -> float:
    """Seconds of processor that a process has had, which neighbours do not lengthen."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def main() -> None:
    """Measure on a PostgreSQL of its own and take it down again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description="How quick the console is")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
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
        print(f"{wish.orders:,} orders written in {time.perf_counter() - begin:.0f} s")
        floor = floor_ms(wish.orders, wish.rounds)
        slow = report(asyncio.run(measure(wish.orders, wish.rounds)), floor)
        print(f"pages with a median of {WANTED_MS:.0f} ms or more: {slow}; wanted: none")
        with_them, without = insert_cost(wish.orders)
        print(
            f"writing an order with lines and receiver: {with_them:.1f} us, {without:.1f} us without the list's indexes"
        )
    finally:
        embedded_postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


if __name__ == "__main__":
    main()
