"""How quick the buyers' page is on a big pool, and whether its answers take longer for who has bought something.

Run as `python -m benchmarks.progress [--orders N] [--rounds N]`. On a PostgreSQL of its own with production settings a
pool of 50 days of orders is written set-wise, with four scans of every parcel. Then look-ups go through the real
application, one request at a time: the list of a phone's orders, one order with its parcels and scans, an order number
with the end of its phone. Last, phones and numbers that are known and unknown are asked for in turn, and the times of
both are held against each other: a ratio near 1 tells nobody anything.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx
import psutil

from benchmarks._console_pool import fill, phone_of
from benchmarks.console import floor_ms
from models.database import connect, transaction, upgrade
from models.progress import Entrance
from models.sealing import phone_hash
from models.settings import clock, settings

WANTED_MS = 20.0
WARM = 5
LIKE = (0.8, 1.25)
"""Between these the times of known and unknown are alike: the spread of two equal series on a busy machine."""

_SCANS = """
  insert into parcel_event (parcel_id, digest, at, stage, text, place)
  select id, md5(id || '-' || n), shipped_at + interval '5 hours' * n, stage,
         '【杭州转运中心】已发出，下一站【深圳转运中心】', '浙江省杭州市'
  from parcel cross join generate_series(1, 4) n order by id, n"""


def add_scans() -> None:
    """Four scans for every parcel."""
    with transaction() as conn:
        conn.execute(_SCANS)
        conn.execute("analyze parcel_event")


def session_of(person: int) -> str:
    """The cookie of a session that a phone's code opened."""
    from tasks.progress_sessions import open_session

    with transaction() as conn:
        return open_session(conn, Entrance.PHONE, clock().now(), phone=phone_hash(phone_of(person)))


def browser_at(app: object, number: int) -> httpx.AsyncClient:
    """A browser with an address of its own, so that no limit is reached."""
    address = f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"
    transport = httpx.ASGITransport(app, client=(address, 1))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://bench")


async def timed(call: Callable[[], Awaitable[httpx.Response]], status: int) -> tuple[float, str]:
    """The milliseconds of one request, and its text."""
    begin = time.perf_counter()
    answer = await call()
    spent = (time.perf_counter() - begin) * 1000
    if answer.status_code != status:
        raise SystemExit(f"{answer.request.url.path}: HTTP {answer.status_code}, not {status}")
    return spent, answer.text


async def token_of(browser: httpx.AsyncClient) -> str:
    """What the forms of this browser bring."""
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/progress/number")).text)
    assert found is not None
    return found[1]


@dataclass(slots=True)
class Series:
    """Requests of one kind: the milliseconds of each, and of the processor for all, our own and the database's."""

    name: str
    spent: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0


async def look_up(orders: int, rounds: int) -> list[Series]:
    """Each kind of look-up by itself, one request after the other, each in a browser that looks up something else."""
    from web.app import create_app
    from web.progress.frame import SESSION

    app = create_app()
    people = min(100_000, max(1, orders // 10))
    links: list[tuple[httpx.AsyncClient, str]] = []

    async def details(n: int) -> float:
        browser, link = links[n % len(links)]
        return (await timed(lambda: browser.get(link), 200))[0]

    async def bare(n: int) -> float:
        return (await timed(lambda: browsers[n].get("/progress/notice"), 200))[0]

    async def lists(n: int) -> float:
        spent, text = await timed(lambda: browsers[n].get("/progress/orders"), 200)
        links.extend((browsers[n], link) for link in re.findall(r'href="(/progress/orders/[0-9a-f]{32})"', text)[:1])
        return spent

    async def numbers(n: int) -> float:
        wish = {"csrf": forms[n], "agreed": "1", **number_of(1 + n * 104_729 % orders, people)}
        return (await timed(lambda: browsers[n].post("/progress/number", data=wish), 303))[0]

    browsers = [browser_at(app, n * 256) for n in range(rounds + WARM)]
    forms = [await token_of(browser) for browser in browsers]
    for n, browser in enumerate(browsers):
        browser.cookies.set(SESSION, session_of(1 + n * 7919 % people))
    kinds: tuple[tuple[str, Callable[[int], Awaitable[float]]], ...] = (
        ("a page that asks the pool nothing", bare),
        ("a phone's orders (list)", lists),
        ("one order with parcels and scans", details),
        ("order number and end of phone", numbers),
    )
    found = []
    for name, ask in kinds:
        series = Series(name)
        for n in range(rounds + WARM):
            if n == WARM:
                begin = cpu_s()
            spent = await ask(n)
            series.spent += [spent] if n >= WARM else []
        series.cpu_ms = (cpu_s() - begin) * 1000 / rounds
        found.append(series)
    for browser in browsers:
        await browser.aclose()
    return found


def cpu_s() -> float:
    """Seconds of processor that this process and its database have had, which neighbours do not lengthen."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *backends())]
    return float(sum(each.user + each.system for each in times))


def backends() -> list[psutil.Process]:
    """The processes of the database that serve this one."""
    with connect(autocommit=True) as conn:
        rows = conn.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> %s",
            (conn.info.backend_pid,),
        )
        return [psutil.Process(row[0]) for row in rows]


def number_of(order_id: int, people: int) -> dict[str, str]:
    """What a buyer types for an order of the benchmark's pool."""
    return {"order_no": str(260_000_000_000 + order_id * 37), "last4": phone_of(1 + order_id * 7477 % people)[-4:]}


async def known_and_unknown(orders: int, rounds: int) -> list[tuple[str, float, float]]:
    """Per entrance its name and the median milliseconds for what is known and for what is not, asked for in turn."""
    from web.app import create_app

    app = create_app()
    people = min(100_000, max(1, orders // 10))
    codes: tuple[list[float], list[float]] = ([], [])
    numbers: tuple[list[float], list[float]] = ([], [])
    for n in range(2 * rounds + 6):
        unknown = n % 2
        async with browser_at(app, 1_000_000 + n * 256) as browser:
            form = {"csrf": await token_of(browser), "agreed": "1"}
            phone = f"138{n:08d}" if unknown else phone_of(1 + n * 613 % people)
            wish = {**form, "phone": phone}
            spent, _ = await timed(lambda b=browser, w=wish: b.post("/progress/code", data=w), 303)  # type: ignore[misc]
            codes[unknown].append(spent)
            typed = number_of(1 + n * 104_729 % orders, people)
            # an order that is there, with the wrong end of the phone, against an order that is not
            wrong_end = f"{(int(typed['last4']) + 1) % 10**4:04d}"
            typed |= {"order_no": f"9{typed['order_no']}"} if unknown else {"last4": wrong_end}
            wish = {**form, **typed}
            spent, _ = await timed(lambda b=browser, w=wish: b.post("/progress/number", data=w), 404)  # type: ignore[misc]
            numbers[unknown].append(spent)
    return [
        (name, statistics.median(known[3:]), statistics.median(unknown[3:]))
        for name, (known, unknown) in (("asking for a code", codes), ("a number with a wrong end, or none", numbers))
    ]


def report(floor: float, found: Sequence[Series], pairs: Sequence[tuple[str, float, float]]) -> bool:
    """Print a line per measure; whether all of it is as wanted."""
    print(f"floor (50 orders by primary key): {floor:.2f} ms")
    print(f"{'look-up':38} {'p50 ms':>8} {'p95 ms':>8} {'x floor':>8} {'cpu ms':>8}")
    good = True
    for series in found:
        p50, p95 = statistics.median(series.spent), statistics.quantiles(series.spent, n=20)[-1]
        good = good and p50 < WANTED_MS
        print(f"{series.name:38} {p50:8.1f} {p95:8.1f} {p50 / floor:8.1f} {series.cpu_ms:8.1f}")
    print(f"{'answers':38} {'known ms':>8} {'not ms':>8} {'ratio':>8}")
    for name, known, unknown in pairs:
        good = good and LIKE[0] < known / unknown < LIKE[1]
        print(f"{name:38} {known:8.2f} {unknown:8.2f} {known / unknown:8.2f}")
    print(
        f"wanted: medians below {WANTED_MS:.0f} ms, ratios between {LIKE[0]} and {LIKE[1]}: {'yes' if good else 'no'}"
    )
    return good


def main() -> None:
    """Measure on a PostgreSQL of its own and take it down again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.progress", description="How quick the buyers' page is")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
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
        add_scans()
        print(f"{wish.orders:,} orders written in {time.perf_counter() - begin:.0f} s")
        floor = floor_ms(wish.orders, 20)
        found = asyncio.run(look_up(wish.orders, wish.rounds))
        report(floor, found, asyncio.run(known_and_unknown(wish.orders, wish.rounds)))
    finally:
        embedded_postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


if __name__ == "__main__":
    main()
