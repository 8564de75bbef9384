"""A load test in an installation of its own: a day's orders in minutes, to the warehouses and back."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psutil

from deployments import processes, supervisor
from deployments.demo_baskets import FILE_SHOP, SHOP_SHARES
from deployments.demo_sandbox import Outside
from deployments.loadtest_books import compare, read_pool
from deployments.loadtest_meter import Meter
from deployments.loadtest_shape import per_second, turns
from deployments.loadtest_verdict import Outcome
from deployments.parts import NAMES
from deployments.scratch import Scratch, scratch_installation
from deployments.simulation import SITES, UNHURRIED
from models.database import transaction
from models.errors import SetupError
from models.settings import clock, settings
from tasks.reconcile import reconcile
from tasks.shop_settings import set_shop

SKUS: Mapping[str, str] = {f"LT-{number:03d}": f"压测商品 {number}" for number in range(200)}
UNITS = 10_000_000
RUN = 900
SHARES: Mapping[str, int] = {shop: share for shop, share in SHOP_SHARES if shop != FILE_SHOP}
SHIP_EVERY_S = 5.0
MOST_A_SHIPMENT = 1000
PATIENCE_S = 900.0
LOOK_EVERY_S = 3.0

AT_ONCE: Mapping[str, object] = {
    "capabilities": {**dict(UNHURRIED["capabilities"]), "lag_s": 2, "overlap_s": 4},
}
"""The simulated platforms list an order the moment it is paid, in whole seconds: so close to the present their lists
are complete. A real platform's lag, a minute or more, comes on top of what is measured here."""

LISTED_LATE: Mapping[str, int] = {"pdd-1": 190}
"""Shops whose platform refuses to list the last minutes, and how many seconds late: their orders come with a payment
that is nearly so old, and their wait begins when they are listed."""

AHEAD_S = 20
"""So long before it is listed such an order is in the shop, for a sandbox that is busy."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in: `orders` in `seconds`, by the hours of `shape`."""

    orders: int
    seconds: int
    shape: list[int]

    def __post_init__(self) -> None:
        if not 1 <= self.orders <= 2_000_000 or not 10 <= self.seconds <= 24 * 3600:
            raise SetupError(
                f"load test: {self.orders:,} orders in {self.seconds:,} s cannot be replayed; "
                "1 to 2,000,000 orders in 10 seconds to a day can"
            )


@dataclass(slots=True)
class Feed:
    """Puts orders into the simulated shops second by second; `given` counts them per shop."""

    outside: Outside
    load: Load
    given: Counter[str] = field(default_factory=Counter)

    def run(self, tell: Tell) -> None:
        """Take the whole span; a second that cannot be kept is made up for as soon as possible."""
        wheel, total, began = turns(SHARES), 0, time.monotonic()
        for second, count in enumerate(per_second(self.load.shape, self.load.orders, self.load.seconds)):
            time.sleep(max(began + second - time.monotonic(), 0))
            due = Counter(wheel[number % len(wheel)] for number in range(total, total + count))
            for shop, orders in due.items():
                self._put(shop, orders)
            total += count
            if (second + 1) % 60 == 0:
                tell(f"minute {(second + 1) // 60}: {total:,} orders in")

    def _put(self, shop: str, orders: int) -> None:
        wish: dict[str, object] = {"count": orders, "skus": list(SKUS), "run": RUN, "first": self.given[shop]}
        if shop in LISTED_LATE:
            paid = clock().now() - timedelta(seconds=LISTED_LATE[shop] - AHEAD_S)
            wish |= {"since": paid.isoformat(), "until": paid.isoformat()}
        self.outside.do("POST", f"shops/{shop}/crowd", wish)
        self.given[shop] += orders


def run_load(folder: Path, load: Load, profile: str, tell: Tell = print) -> Outcome:
    """Bring an installation up in `folder`, let the load come, wait until all of it went through, and measure.

    What still waits `PATIENCE_S` after the last order came is part of what is measured. Raises SetupError when the
    installation does not come up.
    """
    with scratch_installation(folder) as scratch:
        shops = scratch.connect(SKUS, UNITS, AT_ONCE, batches=True)
        if missing := set(SHARES) - set(shops):
            raise SetupError(f"load test: the simulated world has no shop {', '.join(sorted(missing))}")
        for shop, lag_s in LISTED_LATE.items():
            set_shop(shop, {"lag_s": str(lag_s)})
        _switch_on(profile, timedelta(seconds=load.seconds + PATIENCE_S))
        tell(f"{load.orders:,} orders in {load.seconds / 60:g} minutes, promo profile {profile}")
        feed, began_at, began = Feed(scratch.outside, load), clock().now(), time.monotonic()
        with Meter(_groups(scratch)) as meter, _shipping(scratch.outside):
            feed.run(tell)
            unfinished = _await_all(sum(feed.given.values()), tell)
            seconds = time.monotonic() - began
            if not unfinished:
                unfinished = _await_effects(tell)
        tell("reading the books")
        return _outcome(scratch.outside, feed, meter, seconds, began_at, unfinished)


def _switch_on(profile: str, span: timedelta) -> None:
    from deployments.person import by_hand
    from tasks.promo import promo_on

    promo_on(profile, clock().now() + span, "load test", by_hand())


def _groups(scratch: Scratch) -> dict[str, Callable[[], psutil.Process | None]]:
    def part(name: str) -> Callable[[], psutil.Process | None]:
        return lambda: supervisor.running(name)

    found = {name: part(name) for name in NAMES}
    found["sandbox"] = lambda: processes.recall(settings().run_dir / "sandbox.json")
    found["load test"] = lambda: _alone
    return found


_alone = psutil.Process()


@contextmanager
def _shipping(outside: Outside) -> Iterator[None]:
    """Let every warehouse ship what came to it, a little later."""
    over = threading.Event()
    threads = [threading.Thread(target=_ship, args=(outside, code, over), name=code, daemon=True) for code in SITES]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def _ship(outside: Outside, code: str, over: threading.Event) -> None:
    while not over.wait(SHIP_EVERY_S):
        try:
            outside.ship(code, MOST_A_SHIPMENT, repeats=True)
        except httpx.HTTPError:
            continue  # it is asked again


def _await_all(orders: int, tell: Tell) -> list[str]:
    """Wait until every order is with its warehouse or held for people; says what is left."""
    return _await("orders", lambda: orders - _through(), tell)


def _await_effects(tell: Tell) -> list[str]:
    """Wait until warehouses have shipped everything and everybody who is to know of it was told; says what is left."""
    return _await("documents, reports and messages", _untold, tell)


def _await(what: str, left: Callable[[], int], tell: Tell) -> list[str]:
    """Wait until nothing is left, `PATIENCE_S` at most; then a sentence on what is."""
    deadline, told = time.monotonic() + PATIENCE_S, time.monotonic()
    while waiting := left():
        if time.monotonic() > deadline:
            return [f"{waiting:,} {what} still wait {PATIENCE_S:.0f} s later"]
        if time.monotonic() > told + 30:
            tell(f"{waiting:,} {what} still wait")
            told = time.monotonic()
        time.sleep(LOOK_EVERY_S)
    return []


def _through() -> int:
    with transaction() as conn:
        row = conn.execute(
            """select count(*) from order_state s
               where s.stage = 'dispatched' and not exists (
                   select 1 from allocation a join outbox x on x.subject_id = a.document_id
                   where a.order_id = s.order_id and x.kind = 'outbound.created' and x.state = 'pending')
                 or s.stage <> 'dispatched' and exists (
                   select 1 from hold h where h.order_id = s.order_id and h.released_at is null)"""
        ).fetchone()
    return int(row[0]) if row else 0


def _untold() -> int:
    with transaction() as conn:
        row = conn.execute(
            """select (select count(*) from outbound_document where state not in ('shipped', 'short'))
                    + (select count(*) from outbox where state = 'pending')
                    + (select count(*) from inbox where state = 'new')"""
        ).fetchone()
    return int(row[0]) if row else 0


def _outcome(
    outside: Outside, feed: Feed, meter: Meter, seconds: float, began_at: datetime, unfinished: Sequence[str]
) -> Outcome:
    pool, books = read_pool(began_at, LISTED_LATE), outside.books()
    found = compare(pool, books, feed.given)
    return Outcome(
        orders=sum(feed.given.values()),
        seconds=seconds,
        waits_s=pool.waits_s,
        best_minute=pool.best_minute,
        lost=found.lost,
        doubled=found.doubled,
        untied=[mismatch.sentence for mismatch in reconcile()],
        unfinished=unfinished,
        held=pool.held,
        shipped_back=found.shipped_back,
        cpu_s=meter.cpu_s(),
        cores=meter.busiest(),
        machine_cores=psutil.cpu_count() or 1,
        peaks={name: (peak.waiting, peak.age_s) for name, peak in meter.peaks.items()},
    )
