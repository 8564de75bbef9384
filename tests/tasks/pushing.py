"""What the tests of telling stock share: a platform, its listings, and what happens to stock."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from connectors.base import StockLevel, StockOutcome, StockVerdict
from models.database import transaction
from models.errors import PipelineError
from models.messages import OutboxKind
from models.settings import clock
from tasks.outbox import Pending, Shared, deliver
from tasks.stock_formula import use_formula
from tasks.stock_messages import stock_calls
from tasks.stock_push import PushCount, decide_all, decide_crossed
from tests.fakes import FakePool, why

STOCK = (OutboxKind.STOCK,)
PLAIN: dict[str, Any] = {"rules": [{}]}


class Platform:
    """Shops that show what they are told, one call per `size` listings; `before` runs ahead of each call."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.shows: dict[str, int] = {}
        self.calls: list[list[StockLevel]] = []
        self.against: dict[str, tuple[StockVerdict, str]] = {}
        self.broken: PipelineError | None = None
        self.before: Callable[[], None] = lambda: None

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        for first in range(0, len(levels), self.size):
            batch = list(levels[first : first + self.size])
            self.before()
            self.calls.append(batch)
            if self.broken:
                raise self.broken
            yield [self._take(level) for level in batch]

    def _take(self, level: StockLevel) -> StockOutcome:
        if level.item_id in self.against:
            return StockOutcome(level, *self.against[level.item_id])
        self.shows[level.item_id] = level.units
        return StockOutcome(level, StockVerdict.ACCEPTED)

    def send(self, counterpart: str, pending: Sequence[Pending]) -> dict[int, Shared]:
        with transaction() as conn:
            return stock_calls(conn, self, counterpart.partition(":")[2], pending)


def listing(pool: FakePool, item: str, sku: str = "TEA", shop: str = "WOO") -> None:
    pool.execute(
        """insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
           select s.id, k.id, %s, '', true, 0, 0, '' from shop s, sku k where s.code = %s and k.code = %s""",
        item,
        shop,
        sku,
    )


def listed(pool: FakePool, size: int = 100, **units: int) -> Platform:
    """The platform that shows a listing of each of these SKUs, numbered from 1, with so many units in stock."""
    pool.stock(**units)
    for number, sku in enumerate(units, 1):
        listing(pool, str(number), sku)
    return Platform(size)


def another_shop(pool: FakePool, code: str) -> None:
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           select %s, channel, name, active, lock_unpaid, poll_minutes, settings, created_at
           from shop where code = 'WOO'""",
        code,
    )


def use(folder: Path, body: dict[str, Any]) -> None:
    file = folder / "formula.yaml"
    file.write_text(yaml.safe_dump(body))
    use_formula(file, "", why())


def decide(*, everything: bool = False, shop: str | None = None) -> PushCount:
    with transaction() as conn:
        return decide_all(conn, why(at=clock().now()), shop, everything=everything)


def decide_at_once() -> PushCount:
    with transaction() as conn:
        return decide_crossed(conn, why(at=clock().now()))


def tell(platform: Platform, shop: str = "WOO", *, forced: bool = False) -> int:
    return deliver(f"shop:{shop}", platform.send, STOCK, why(at=clock().now()), forced=forced).delivered


def sell(pool: FakePool, units: int, sku: str = "TEA") -> None:
    pool.execute(
        "update sku_pool set locked = locked + %s where sku_id = (select id from sku where code = %s)", units, sku
    )


def states(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from outbox order by id")]
