"""A running day: orders come all the time, some change or are cancelled, parcels travel."""

import random
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.chaos.site import SHOPS, SKUS, Site

PAUSE_S = 0.7
ORDERS_A_ROUND = 120
"""After so many only what there is goes on changing and travelling."""
EVENTS = {"change_note": 4, "change_address": 3, "refund_request": 1, "close": 2}
STOPS = ("collected", "in_transit", "delivered")
CROWD_RUN = 7


class Load:
    """What happens outside, in a thread of its own; it waits while the sandbox is away and then goes on."""

    def __init__(self, site: Site, draw: random.Random) -> None:
        self._site = site
        self._draw = draw
        self._known: dict[str, list[str]] = {shop: [] for shop in SHOPS}
        self._made = dict.fromkeys(SHOPS, 0)
        self._until = 0
        self._goes = threading.Event()
        self._ended = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.trouble: Exception | None = None

    def start(self) -> None:
        """Let it begin, or go on after a pause."""
        self._until = self.made + ORDERS_A_ROUND
        self._goes.set()
        if not self._thread.is_alive():
            self._thread.start()

    def pause(self) -> None:
        """Return once nothing more comes."""
        self._goes.clear()
        assert self._idle.wait(120), "the load does not come to rest"
        if self.trouble:
            raise self.trouble

    def end(self) -> None:
        """End the thread."""
        self._ended.set()
        self._goes.set()
        self._thread.join(30)

    @property
    def made(self) -> int:
        """How many orders there are."""
        return sum(self._made.values())

    def _run(self) -> None:
        while not self._ended.is_set():
            if not self._goes.is_set():
                self._idle.set()
                self._goes.wait()
                continue
            self._idle.clear()
            try:
                self._something_happens()
            except Exception as error:  # noqa: BLE001  told by `pause`
                self.trouble = error
                self._goes.clear()
            time.sleep(PAUSE_S)

    def _something_happens(self) -> None:
        if self.made < self._until:
            self._orders_come(self._draw.choice(SHOPS), self._draw.randint(1, 5))
        if self._draw.random() < 0.5:
            self._an_order_changes()
        if self._draw.random() < 0.3:
            body = {"to": self._draw.choice(STOPS), "limit": self._draw.randint(1, 10)}
            self._surely("POST", "carriers/kuaidi100/advance", body)

    def _orders_come(self, shop: str, count: int) -> None:
        now = datetime.now(UTC).isoformat()
        body = {"count": count, "since": now, "until": now, "skus": list(SKUS), "run": CROWD_RUN, "notify": True}
        listed = self._numbers(shop)
        # an answer that was lost must not place the orders anew: they may have gone on since
        while len(listed) < self._made[shop] + count:
            self._try("POST", f"shops/{shop}/crowd", body | {"first": self._made[shop]})
            listed = self._numbers(shop)
        self._made[shop] += count
        self._known[shop] = listed

    def _an_order_changes(self) -> None:
        shop = self._draw.choice(SHOPS)
        if self._known[shop]:
            event = self._draw.choices(list(EVENTS), list(EVENTS.values()))[0]
            # mostly a young one, on its way through the stages
            no = self._known[shop][-min(len(self._known[shop]), self._draw.randint(1, 12))]
            self._surely("POST", f"shops/{shop}/orders/{no}", {"event": event})

    def _numbers(self, shop: str) -> list[str]:
        return [row["no"] for row in self._surely("GET", f"shops/{shop}/orders")["orders"]]

    def _surely(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask until there is an answer."""
        while (answer := self._try(method, path, body)) is None:
            time.sleep(0.2)
        return answer

    def _try(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer; {} when what is asked for is not possible now, None when nobody answers."""
        try:
            return self._site.outside.do(method, path, body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 409:
                raise
            return {}
        except httpx.TransportError:
            return None
