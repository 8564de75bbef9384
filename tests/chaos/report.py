"""The table of the faults that were caused, and what became of them."""

import time
from collections import Counter
from dataclasses import dataclass, field

SURVIVED = "survived"


@dataclass(slots=True)
class Fault:
    """One fault: its kind, what it hit, when, and how it ended."""

    kind: str
    what: str
    at_s: float
    round: int
    verdict: str = "?"


@dataclass(slots=True)
class Report:
    """All faults of a session; `seed` makes the same ones again."""

    seed: int
    began: float = field(default_factory=time.monotonic)
    faults: list[Fault] = field(default_factory=list)
    orders: int = 0

    def add(self, kind: str, what: str, round_: int) -> Fault:
        """Note a fault that was caused now."""
        fault = Fault(kind, what, time.monotonic() - self.began, round_)
        self.faults.append(fault)
        return fault

    def table(self) -> str:
        """Every fault in a line, then every kind with its counts."""
        if not self.faults:
            return "no fault was caused"
        width = max(len(fault.kind) for fault in self.faults)
        lines = [f"faults caused with CHAOS_SEED={self.seed}", ""]
        for number, fault in enumerate(self.faults, 1):
            when = f"{number:3}  {fault.at_s:6.0f} s  round {fault.round:2}"
            lines.append(f"{when}  {fault.kind:<{width}}  {fault.verdict:<8}  {fault.what}")
        caused = Counter(fault.kind for fault in self.faults)
        survived = Counter(fault.kind for fault in self.faults if fault.verdict == SURVIVED)
        lines += ["", f"{'kind':<{width}}  caused  survived"]
        lines += [f"{kind:<{width}}  {number:6}  {survived[kind]:8}" for kind, number in caused.items()]
        lines.append(
            f"{len(self.faults)} faults of {len(caused)} kinds, {sum(survived.values())} survived; "
            f"{self.orders} orders, in {time.monotonic() - self.began:.0f} s"
        )
        return "\n".join(lines)
