"""How many orders per 100,000 are sold that nobody can ship, under several ways of telling shops what there is.

One hot SKU in several shops: buyers come by chance (Poisson), a shop sells while it shows a unit and counts its own
sales down, we learn of orders when they are read, and what we tell a shop replaces what it shows. An order that is
read when nothing is left is oversold. Every six hours stock for five comes. What listings show is worked out by the
code that works it out for real shops. The same seed gives the same figures.

Run as `python -m benchmarks.stock_push [buyers [shops]]`.
"""

import sys
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

from models.rules.stock_formula import Rule, parse_formula
from models.rules.stock_shown import Figures, Offer, Pace, cannot_wait, show
from tasks.stock_figures import PACE_HOURS, RUSH

BUYERS = 30_000
SHOPS = 4
SEED = 11
SWEEP_S = 300.0
BEAT_S = 5.0  # how long the live process takes to tell what cannot wait
RESTOCK_S = 6 * 3600.0
STOCK_FOR_H = 5

SKU = 1
AT = datetime(2026, 11, 11, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Way:
    """A way of telling shops: a rule of the formula (None: they are told when stock comes only), at once or not."""

    name: str
    rule: Rule | None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """How many buyers come an hour, to how many shops, and how long an order stays unread at most."""

    an_hour: int
    lag_s: float
    shops: int
    buyers: int


@dataclass(slots=True)
class Outcome:
    """Orders that were made, those of them that nobody can ship, and the units that lay there whenever stock came."""

    orders: int = 0
    oversold: int = 0
    left: list[int] = field(default_factory=list)

    @property
    def oversold_per_100_000(self) -> float:
        """Of 100,000 orders, so many are oversold."""
        return self.oversold / max(self.orders, 1) * 100_000

    @property
    def hidden(self) -> float:
        """The units that no shop showed in the end, on average: what a buffer costs."""
        return sum(self.left) / max(len(self.left), 1)


@dataclass(slots=True)
class World:
    """Shops, our knowledge of the stock, and what there really is."""

    scene: Scene
    way: Way
    chance: Random
    shown: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    sellable: int = 0
    locked_at: list[float] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    restock_at: float = 0.0

    def run(self) -> Outcome:
        """Let all buyers come."""
        scene = self.scene
        self.shown, self.told, self.unread = ([0] * scene.shops for _ in range(3))
        reads = [scene.lag_s * (number + 1) / scene.shops for number in range(scene.shops)]
        sweep_at, hurry_at, now = SWEEP_S, float("inf"), 0.0
        self._restock()
        self.outcome.left.clear()
        for _ in range(scene.buyers):
            now += self.chance.expovariate(scene.an_hour / 3600)
            while (event_at := min(*reads, sweep_at, hurry_at, self.restock_at)) <= now:
                if event_at == self.restock_at:
                    self._restock()
                    hurry_at = event_at + BEAT_S
                elif event_at in reads:
                    shop = reads.index(event_at)
                    reads[shop] += scene.lag_s
                    if self._read(shop, event_at) and hurry_at > event_at + BEAT_S:
                        hurry_at = event_at + BEAT_S
                elif event_at == sweep_at:
                    sweep_at += SWEEP_S
                    self._tell(event_at, everything=True)
                else:
                    hurry_at = float("inf")
                    if self.way.at_once:
                        self._tell(event_at, everything=False)
            self._buy(self.chance.randrange(scene.shops))
        return self.outcome

    def _buy(self, shop: int) -> None:
        if self.shown[shop] > 0:
            self.shown[shop] -= 1
            self.unread[shop] += 1
            self.outcome.orders += 1

    def _read(self, shop: int, at: float) -> bool:
        """Lock what a shop has sold since it was read last; whether that was anything."""
        orders, self.unread[shop] = self.unread[shop], 0
        served = min(orders, self.sellable)
        self.outcome.oversold += orders - served
        self.sellable -= served
        self.locked_at += [at] * served
        return orders > 0

    def _restock(self) -> None:
        self.outcome.left.append(max(0, self.sellable - sum(self.unread)))
        self.sellable += self.scene.an_hour * STOCK_FOR_H
        self.restock_at += RESTOCK_S
        if self.way.rule is None:  # somebody types in what came
            self.shown = [self.sellable] * self.scene.shops

    def _tell(self, at: float, *, everything: bool) -> None:
        rule = self.way.rule
        if rule is None:
            return
        offers = [Offer(shop, str(shop), rule, {SKU: 1}) for shop in range(self.scene.shops)]
        for shop, showing in show(offers, {SKU: self._figures(at)}, AT).items():
            told = self.told[shop]
            if (everything and told != showing.units) or cannot_wait(rule, told, showing):
                self.shown[shop] = self.told[shop] = showing.units

    def _figures(self, at: float) -> Figures:
        units = {"WH": self.sellable}
        return Figures(free=units, active=frozenset(units), pool_free=self.sellable, pace=self._pace(at))

    def _pace(self, at: float) -> Pace:
        ends = [bisect_right(self.locked_at, at - hours * 3600) for hours in range(PACE_HOURS + 1)]
        best = max(late - early for late, early in pairwise(ends)) / 3600
        rush_s = RUSH.total_seconds()
        units = max(best, (len(self.locked_at) - bisect_right(self.locked_at, at - rush_s)) / rush_s)
        return Pace(units, units)


def ways(lag_s: float) -> list[Way]:
    """The ways that are compared; the buffer covers the push interval and the time an order stays unread."""

    def rule(**words: Any) -> Rule:
        return parse_formula({"rules": [words]}, "benchmark").rules[0]

    seed = rule(steps=[{"below": 50, "show": 20}])
    swept, hurried = (
        rule(buffer={"quantile": 0.999, "interval_s": round(lag_s + wait_s)}) for wait_s in (SWEEP_S, BEAT_S)
    )
    return [
        Way("no push", None),
        Way("5-minute push", rule()),
        Way("seed rule (below 50 show 20)", seed),
        Way("seed rule, at once", seed, at_once=True),
        Way("rate-aware buffer", swept),
        Way("rate-aware buffer, at once", hurried, at_once=True),
    ]


def play(scene: Scene, way: Way) -> Outcome:
    """One scene under one way, with the same buyers for every way."""
    return World(scene, way, Random(SEED)).run()


def main(buyers: int = BUYERS, shops: int = SHOPS) -> None:
    """Print, per rate and lag, what each way oversells and how many units it keeps from being sold."""
    started = time.perf_counter()
    print(f"one SKU in {shops} shops, {buyers:,} buyers each; every 6 hours stock for {STOCK_FOR_H} comes")
    for an_hour in (60, 600):
        for lag_s in (60.0, 900.0):
            print(f"\n{an_hour} buyers an hour, orders are read every {lag_s / 60:.0f} min")
            print(f"  {'':<30}{'oversold per 100,000 orders':>28}{'units left when stock comes':>30}")
            for way in ways(lag_s):
                outcome = play(Scene(an_hour, lag_s, shops, buyers), way)
                print(f"  {way.name:<30}{outcome.oversold_per_100_000:>28,.0f}{outcome.hidden:>30,.0f}")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
