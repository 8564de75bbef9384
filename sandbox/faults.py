"""Faults on demand: which counterpart misbehaves, how, and how often."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.errors import ControlError

ANSWER_KINDS = frozenset(
    {"http_503", "timeout_after", "timeout_before", "rate_limit", "bad_signature", "slow", "expired_token", "html"}
)
CALLBACK_KINDS = frozenset({"bad_signature", "duplicate", "out_of_order"})
RANDOM = "random"
"""Now and then one of the ways in which platforms fail under load."""
RANDOM_KINDS = ("http_503", "rate_limit", "timeout_before", "timeout_after")
KINDS = ANSWER_KINDS | CALLBACK_KINDS | {RANDOM}
DEFAULT_SECONDS = {"slow": 2.0, "timeout_after": 20.0, "timeout_before": 20.0}


@dataclass(slots=True)
class Fault:
    """One misbehaviour; `left` counts down, None lasts until it is cleared."""

    target: str
    kind: str
    left: int | None
    seconds: float
    match: str
    status: int
    share: float = 1.0
    draw: random.Random = field(default_factory=random.Random)

    def as_json(self) -> dict[str, Any]:
        """Return what the control API shows."""
        return {
            "target": self.target,
            "kind": self.kind,
            "left": self.left,
            "seconds": self.seconds,
            "match": self.match,
            "status": self.status,
        }


class FaultBoard:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, body: dict[str, Any]) -> Fault:
        """Put up the fault that the control body describes."""
        kind, target = str(body.get("kind", "")), str(body.get("target", ""))
        if kind not in KINDS:
            raise ControlError(f"fault kind {kind!r} is not one of {', '.join(sorted(KINDS))}")
        if target.partition(":")[0] not in {"shop", "wms", "carrier", "robot", "sms"}:
            raise ControlError(f"fault target {target!r} must start with shop:, wms:, carrier:, robot: or sms:")
        times = body.get("times")
        fault = Fault(
            target=target,
            kind=kind,
            left=None if times is None else int(times),
            seconds=float(body.get("seconds") or DEFAULT_SECONDS.get(kind, 0.0)),
            match=str(body.get("match") or ""),
            status=int(body.get("status") or 200),
            share=float(body.get("share") or (0.05 if kind == RANDOM else 1.0)),
            draw=random.Random(str(body.get("seed") or "")),
        )
        self._faults.append(fault)
        return fault

    def clear(self, target: str | None = None, kind: str | None = None) -> int:
        """Take down the faults of a target (and kind); everything when neither is given."""
        before = len(self._faults)
        self._faults = [
            fault
            for fault in self._faults
            if (target is not None and fault.target != target) or (kind is not None and fault.kind != kind)
        ]
        return before - len(self._faults)

    def take(self, target: str, kinds: Collection[str], operation: str) -> Fault | None:
        """Use up one turn of the first fault that fits, or return None."""
        for fault in self._faults:
            is_random = fault.kind == RANDOM
            if fault.target == target and (is_random or fault.kind in kinds) and fault.match in operation:
                if fault.draw.random() >= fault.share:
                    continue
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left <= 0:
                        self._faults.remove(fault)
                return replace(fault, kind=fault.draw.choice(RANDOM_KINDS)) if is_random else fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """Return all faults in force."""
        return [fault.as_json() for fault in self._faults]
