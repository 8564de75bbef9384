"""The verdict on a load test: its figures, whether it was passed, and what gave way first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

NEARLY_ALL = 0.9
"""From this share on, a processor counts as used up."""


@dataclass(frozen=True, slots=True)
class Held:
    """Orders that a rule stopped for people, which is no loss: the reason and how many."""

    why: str
    orders: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load test measured.

    `waits_s`: per order, from its payment in the shop until its warehouse had every instruction. `lost` are orders
    that no warehouse heard of and nobody holds, `doubled` what reached the outside more than once. `unfinished` says
    what had not come to its end when nobody waited any longer. `cores` per group of processes are those of the busiest
    minute, `cpu_s` the CPU seconds in all. `peaks` per queue: the most that waited, and the longest wait in seconds.
    """

    orders: int
    seconds: float
    waits_s: Sequence[float]
    best_minute: int
    lost: int
    doubled: int
    untied: Sequence[str]
    unfinished: Sequence[str] = ()
    held: Sequence[Held] = ()
    shipped_back: int = 0
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    cores: Mapping[str, float] = field(default_factory=dict)
    machine_cores: int = 1
    peaks: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def obstacles(self, p99_s: float) -> list[str]:
        """Why the test is not passed; empty when it is."""
        found = list(self.unfinished)
        if self.lost:
            found.append(f"{self.lost:,} orders are lost")
        if self.doubled:
            found.append(f"{self.doubled:,} are doubled")
        if self.untied:
            found.append(f"{len(self.untied):,} facts do not tie out, first: {self.untied[0]}")
        if not self.waits_s:
            found.append("no order reached a warehouse")
        elif percentile(self.waits_s, 99) > p99_s:
            found.append(f"p99 is {percentile(self.waits_s, 99):.1f} s, wanted at most {p99_s:g} s")
        return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all values do not exceed (nearest rank); 0 of none."""
    ranked = sorted(values)
    return ranked[max(ceil(len(ranked) * percent / 100), 1) - 1] if ranked else 0.0


def saturated(outcome: Outcome) -> str:
    """What gave way first: the machine's processors, one process on its one core, or nothing."""
    ranked = sorted(outcome.cores.items(), key=lambda used: -used[1])
    if not ranked:
        return "not known: the test was too short to measure"
    busy, parts = sum(outcome.cores.values()), ", ".join(f"{name} {cores:.2f}" for name, cores in ranked[:4])
    if busy >= NEARLY_ALL * outcome.machine_cores:
        return f"the processor: {busy:.2f} of {outcome.machine_cores} cores busy in the fullest minute ({parts})"
    name, most = ranked[0]
    if most >= NEARLY_ALL:
        return f"{name}, which keeps one core busy by itself ({parts} of {outcome.machine_cores} cores)"
    return f"nothing: {busy:.2f} of {outcome.machine_cores} cores busy in the fullest minute ({parts})"


def verdict(outcome: Outcome, p99_s: float) -> list[str]:
    """The verdict in lines for people; the last one says passed, or what is in the way."""
    waits, reached = outcome.waits_s, len(outcome.waits_s)
    per_order = {name: seconds * 1000 / max(outcome.orders, 1) for name, seconds in outcome.cpu_s.items()}
    obstacles = outcome.obstacles(p99_s)
    return [
        f"orders in: {outcome.orders:,}; at their warehouse: {reached:,}; held for people: "
        + (", ".join(f"{held.orders:,} {held.why}" for held in outcome.held) or "none"),
        f"throughput: {reached / max(outcome.seconds, 1e-9):.1f} orders/s mean, "
        f"{outcome.best_minute / 60:.1f} orders/s in the best minute",
        f"order to warehouse: p50 {percentile(waits, 50):.1f} s, p99 {percentile(waits, 99):.1f} s, "
        f"longest {max(waits, default=0):.1f} s",
        f"lost: {outcome.lost:,}; doubled: {outcome.doubled:,}; shops told of {outcome.shipped_back:,} parcels",
        "queues at their fullest: "
        + (
            "; ".join(f"{name} {most:,}, oldest {age_s:.0f} s" for name, (most, age_s) in outcome.peaks.items() if most)
            or "nothing waited"
        ),
        "CPU: "
        + ", ".join(
            f"{name} {seconds:.0f} s ({per_order[name]:.2f} ms an order)" for name, seconds in outcome.cpu_s.items()
        ),
        f"what gives way first: {saturated(outcome)}",
        "PASSED" if not obstacles else f"NOT PASSED: {'; '.join(obstacles)}",
    ]
