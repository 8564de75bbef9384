"""Orders that change while they are being listed, as buyers do all day."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.errors import NotPossible
from sandbox.orders import Order, apply_event

EVENTS = {"change_note": 12, "change_address": 4, "refund_request": 2, "refund_cancel": 2, "close": 1}
"""What happens to a listed order, and how often."""


class Churn:
    """Changes listed orders: the first one on every k-th list call, or a few of the window at random."""

    def __init__(self) -> None:
        self.set({})

    def set(self, body: Mapping[str, Any]) -> None:
        """Take `every_calls` (the first listed order on every k-th call) or `moves` per call, drawn from `seed`.

        `times` bounds the random changes, so that reading comes to an end.
        """
        self.every_calls = int(body.get("every_calls") or 0)
        self.moves = int(body.get("moves") or 0)
        self.left = int(body.get("times") or 0)
        self._draw = random.Random(str(body.get("seed") or ""))
        self._calls = 0

    def stir(self, window: list[Order], now: datetime, changed: Callable[[Order, datetime], None]) -> bool:
        """Change orders of a listed window; True when one moved. `changed` stamps and books an order."""
        self._calls += 1
        if self.every_calls and self._calls % self.every_calls == 0 and window:
            changed(window[0], now)
            return True
        chosen = self._draw.sample(window, min(self.moves, self.left, len(window)))
        for order in chosen:
            self._let_something_happen(order, now)
            changed(order, now)
        self.left -= len(chosen)
        return bool(chosen)

    def _let_something_happen(self, order: Order, now: datetime) -> None:
        event = self._draw.choices(list(EVENTS), list(EVENTS.values()))[0]
        try:
            apply_event(order, {"event": event, "note": f"请尽快 {self._draw.randrange(10**6)}"}, now)
        except NotPossible:
            apply_event(order, {"event": "change_note", "note": "请尽快"}, now)
