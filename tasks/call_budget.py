"""The calls that all workers together make in a shop's name, kept to what its platform allows.

The pool keeps one row per shop, or robot that is told of alerts: when the next call may be made (a virtual schedule,
as in the generic cell rate algorithm). A worker takes several turns at once, so most calls cost no round trip to the
database.
"""

import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import cast

from models.database import one, transaction
from models.errors import RateLimited
from models.settings import clock, settings

LEASE_S = 1.0
"""Turns are taken for at most so much time ahead, and are good for so long after; others hear of a pause within it."""

PATIENCE_S = 30.0
LONGEST_PAUSE_S = 24 * 3600.0  # a daily quota that is used up


@dataclass(slots=True)
class Lease:
    """Turns that this process may use: `left` of them, the first at `next_at`, one every `interval`."""

    next_at: datetime
    interval: timedelta
    left: int

    def drop_stale(self, now: datetime) -> bool:
        """Forget turns that are over for more than LEASE_S; says whether there were any.

        Else a worker that woke up late would use up all of them in one burst.
        """
        late_s = (now - self.next_at).total_seconds() - LEASE_S
        stale = min(math.ceil(late_s / self.interval.total_seconds()), self.left) if late_s > 0 else 0
        self._pass_over(stale)
        return stale > 0

    def take(self) -> datetime:
        """The next turn's time."""
        at = self.next_at
        self._pass_over(1)
        return at

    def _pass_over(self, turns: int) -> None:
        self.next_at += turns * self.interval
        self.left -= turns


class PoolBudget:
    """One shop's calls. Safe for threads; uses short connections of its own, never the caller's transaction.

    In any span of t seconds all workers together make at most `calls_per_s` * (t + LEASE_S) + 1 calls. A worker that
    is killed takes with it only the turns it had leased.
    """

    def __init__(self, shop_code: str, calls_per_s: float) -> None:
        self._shop = shop_code
        self._interval = timedelta(seconds=max(1 / calls_per_s, 1e-6))
        self._most = max(1, math.floor(LEASE_S * calls_per_s))
        self._ask_for = 1
        self._lock = Lock()
        self._present = Present()
        self._lease = Lease(self._present.now(), self._interval, 0)
        self._paused_until = self._present.now()

    def take(self) -> None:
        """Wait for the turn of one call; raises RateLimited when that takes longer than PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self._lock:
                at, free = self._next_turn()
            ahead_s = (at - self._present.now()).total_seconds()
            if not free:
                self._check_patience(ahead_s, deadline)
                time.sleep(max(ahead_s - LEASE_S / 2, 0.01))
                continue
            time.sleep(max(ahead_s, 0))
            # while it waited another thread may have been told to pause
            if at >= self._paused_until:
                return

    def _check_patience(self, ahead_s: float, deadline: float) -> None:
        if time.monotonic() + ahead_s > deadline:
            obstacle = f"its calls are used up for the next {ahead_s:.0f} s"
            raise RateLimited(self._shop, "take a turn", obstacle, max(ahead_s, 1.0))

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long; the threads of this process stop at once, other workers within LEASE_S."""
        now = self._present.now()
        until = now + timedelta(seconds=min(max(seconds, 0), LONGEST_PAUSE_S))
        with self._lock:
            self._lease.left = 0
            self._paused_until = max(self._paused_until, until)
        with transaction() as conn:
            conn.execute(
                """insert into call_budget (shop_code, next_at) values (%(shop)s, %(until)s)
                   on conflict (shop_code) do update set next_at = greatest(call_budget.next_at, excluded.next_at)""",
                {"shop": self._shop, "until": until},
            )

    def _next_turn(self) -> tuple[datetime, bool]:
        """The time of the next turn, and whether it is ours; if not, nobody may take one yet."""
        late = self._lease.drop_stale(self._present.now())
        if not self._lease.left:
            # a busy worker takes more at a time, one that calls now and then leaves the turns to others
            self._ask_for = 1 if late else min(self._ask_for * 2, self._most)
            next_at = self._lease_turns()
            if next_at is not None:
                return next_at, False
        return self._lease.take(), True

    def _lease_turns(self) -> datetime | None:
        """Take the next turns if they begin within LEASE_S, else say when they do.

        Turns further ahead would not hear of a pause.
        """
        now = self._present.now()
        span = self._ask_for * self._interval
        with transaction() as conn:
            # a time that no pause explains was written by a clock that went wrong
            row = conn.execute(
                """insert into call_budget as b (shop_code, next_at) values (%(shop)s, %(now)s + %(span)s)
                   on conflict (shop_code) do update
                   set next_at = %(span)s + case when b.next_at > %(senseless)s then %(now)s
                                                 else greatest(b.next_at, %(now)s) end
                   where b.next_at <= %(soon)s or b.next_at > %(senseless)s
                   returning next_at""",
                {
                    "shop": self._shop,
                    "now": now,
                    "span": span,
                    "soon": now + timedelta(seconds=LEASE_S),
                    "senseless": now + timedelta(seconds=LONGEST_PAUSE_S + PATIENCE_S),
                },
            ).fetchone()
            if row is None:
                query = "select next_at from call_budget where shop_code = %s"
                return cast(datetime, one(conn.execute(query, (self._shop,)).fetchone()))
        self._lease = Lease(row[0] - span, self._interval, self._ask_for)
        return None


class Present:
    """Business time that goes on at least as fast as the machine's, so that waiting ends under any Clock."""

    def __init__(self) -> None:
        self._at = clock().now()
        self._since = time.monotonic()

    def now(self) -> datetime:
        """The Clock's time, or that of the first look plus what has passed since, whichever is later."""
        return max(clock().now(), self._at + timedelta(seconds=time.monotonic() - self._since))


def budget_of(shop_code: str, calls_per_s: float) -> PoolBudget:
    """This process's share in a shop's calls, the same for every connector of the shop."""
    return _budget(settings().pool_url(), shop_code, calls_per_s)


@lru_cache(maxsize=256)
def _budget(pool_url: str, shop_code: str, calls_per_s: float) -> PoolBudget:
    return PoolBudget(shop_code, calls_per_s)
