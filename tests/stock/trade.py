"""A seller's business at random, for many processes at once: orders, news, stages, reports, feeds."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from models.feeds import Counts
from models.incoming import LineState, PayState
from tasks.shortfalls import StillLocking
from tasks.stock_feed import Feed, Told
from tests.stock.world import KITS, PLACES, STAGES, Version, World

SKUS = ("TEA", "CUP", "POT")


class Trader:
    """One worker of many; its orders have numbers of their own, stock and warehouses are everybody's."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draw = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._first = seed * 1_000_000
        self._orders: list[Version] = []
        self._batches: list[int] = []

    def do_something(self) -> None:
        """Orders and stages often, the rest now and then."""
        works = [
            self.sell,
            self.work,
            self.work,
            self.report,
            self.report,
            self.change,
            self.count,
            self.arrive,
            self.go_on,
        ]
        work = self.draw.choice(works)
        self.world.at = max(datetime.now(UTC), self.world.at + timedelta(microseconds=1))
        try:
            work()
        except StillLocking:
            # whoever reported it reports it again
            self.done["put_off"] += 1
        else:
            self.done[work.__name__] += 1

    def sell(self) -> None:
        """A few orders come in and go through some of the stages."""
        first = self._first + len(self._orders) + 1
        new = [self._order(first + place) for place in range(self.draw.randint(1, 8))]
        self._orders += new
        self._batches.append(self.world.read(*new, run=f"sold-{first}"))
        self._through(self._batches[-1], self.draw.randint(1, len(STAGES)))

    def _order(self, no: int) -> Version:
        skus = self.draw.sample([*SKUS, *KITS], self.draw.randint(1, 3))
        lines = tuple((sku, self.draw.randint(1, 3), LineState.OPEN) for sku in skus)
        unpaid = self.draw.random() < 0.1
        return Version(no, lines, PayState.UNPAID if unpaid else PayState.READY, None if unpaid else self.world.at)

    def work(self) -> None:
        """A batch goes on, one's own or another's."""
        others = self.world.rows("select id from batch where state = 'open' order by random() limit 1")
        for (batch_id,) in others:
            self._through(batch_id, self.draw.randint(1, len(STAGES)))

    def _through(self, batch_id: int, stages: int) -> None:
        for stage in list(STAGES)[:stages]:
            self.world.do(STAGES[stage], batch_id)

    def change(self) -> None:
        """The shop has news of orders: cancelled, paid, more or fewer units."""
        news = []
        for order in self.draw.sample(self._orders, min(3, len(self._orders))):
            pay = self.draw.choice([order.pay, PayState.READY, PayState.CANCELLED])
            sku, _, state = order.lines[0]
            lines = ((sku, self.draw.randint(1, 4), state), *order.lines[1:])
            news.append(Version(order.no, lines, pay, order.paid_at or self.world.at, None, self.draw.random() < 0.2))
        if news:
            known = {version.no: version for version in news}
            self._orders = [known.get(order.no, order) for order in self._orders]
            self._through(self.world.read(*news, run=f"news-{self.world.at}"), 2)

    def report(self) -> None:
        """A warehouse ships a document, whole, in part or short, or says something else of it."""
        found = self.world.rows(
            """select d.no, w.code, array_agg(a.quantity - a.shipped order by a.order_id, a.line_no, a.sku_id)
               from outbound_document d join warehouse w on w.id = d.warehouse_id
               join allocation a on a.document_id = d.id
               where d.state not in ('shipped', 'short') group by d.id, w.code order by random() limit 1"""
        )
        for no, warehouse, units in found:
            word = self.draw.choice(["accepted", "packed", "shipped", "shipped", "shipped"])
            self.world.report(word, no, warehouse, **(self._boxes(units) if word == "shipped" else {}))

    def _boxes(self, units: list[int]) -> dict[str, Any]:
        whole = self.draw.random() < 0.6
        box = [
            {"line_no": str(number), "qty": gone}
            for number, there in enumerate(units, 1)
            if (gone := there if whole else self.draw.randint(0, there))
        ]
        number = f"YT{self._first + self.done['report']}"
        return {"packages": [{"tracking_no": number, "carrier_code": "yuantong", "lines": box}]}

    def count(self) -> None:
        """A shelf is counted, sometimes with fewer units than are locked."""
        self._feed(Counts.PHYSICAL, self.draw.randint(0, 60))

    def arrive(self) -> None:
        """Units come."""
        self._feed(Counts.CHANGE, self.draw.randint(1, 30))

    def _feed(self, counts: Counts, units: int) -> None:
        shelf = self.world.shelf(self.draw.choice(PLACES), self.draw.choice(SKUS))
        name = f"{self._first}-{self.world.at}"
        self.world.feed(Feed("WMS", name, counts, self.world.at), Told(shelf, units, self.world.at, name))

    def go_on(self) -> None:
        """What the resume run and the outbox do."""
        if self.draw.random() < 0.5:
            self._batches += self.world.resume().batch_ids
        else:
            self.world.hand_over()
