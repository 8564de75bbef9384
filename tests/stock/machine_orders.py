"""The shop's side of the machine: orders, news of them, and the stages, in any order."""

from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from models.database import connect
from models.incoming import LineState, PayState
from models.settings import clock, set_clock
from tasks.promise_pools import set_promise_pools
from tasks.stock_feed import Feed, Told
from tests.fakes import FakePool
from tests.shared_pool import emptied
from tests.stock.model import Model, Shelf
from tests.stock.world import KITS, PLACES, SKUS, STAGES, Version, World

BASKETS = st.dictionaries(st.sampled_from([*SKUS, *KITS]), st.integers(1, 3), min_size=1, max_size=3)
ORDERS_AT_ONCE = 3
SCARCE = "POT"  # hardly there, and promised
WAY = st.sampled_from([5, 3, 2, 5, 3, 4, 1, 0])
"""How many stages a batch goes through at once."""

NEWS = ("cancel", "pay", "refund", "refunding", "quantity", "more", "address", "drop", "promise", "again")
LINE_STATES = st.sampled_from([LineState.OPEN] * 9 + [LineState.REFUNDING])
UNPAID_LINE_STATES = st.sampled_from([LineState.OPEN, LineState.OPEN, LineState.REFUNDING])


class Shopping(RuleBasedStateMachine):
    """A shop, two warehouses, a few scarce SKUs."""

    database: ClassVar[str]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(emptied(self.database))
        self.folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self.conn = self._stack.enter_context(connect(self.database, autocommit=True))
        pool = FakePool()
        pool.execute("update shop set lock_unpaid = true")
        self.world = World(self.conn)
        self.pool = pool
        before = clock()
        set_clock(self.world)
        self._stack.callback(set_clock, before)
        self.model = Model()
        self.batches: list[int] = []
        self.ended: dict[int, tuple[Any, ...]] = {}
        self.feeds: list[tuple[Feed, Told, str]] = []
        self.netted: set[Shelf] = set()  # shelves that were counted without what is kept for documents
        self.moves = 0

    def teardown(self) -> None:
        self._stack.close()

    @initialize(
        units=st.lists(st.integers(2, 12), min_size=6, max_size=6),
        baskets=st.lists(BASKETS, min_size=2, max_size=ORDERS_AT_ONCE),
        data=st.data(),
    )
    def open(self, units: list[int], baskets: list[dict[str, int]], data: st.DataObject) -> None:
        shelves = iter(units)
        for sku in SKUS:
            there = {place: next(shelves) // (4 if sku == SCARCE else 1) for place in PLACES}
            self.pool.stock(**{sku: there["A"], f"{sku}_B": there["B"]})
            for place, number in there.items():
                self.model.there[place, sku] = number
        self.world.make_kits()
        self.world.serve_everywhere()
        self.world.execute("update warehouse set daily_limit = 6")
        self.promise(SCARCE, 6)
        self._sell(baskets, data, len(STAGES))

    def promise(self, sku: str, limit: int) -> None:
        """So many units of a SKU may be sold before they are there."""
        set_promise_pools(self.file(f"sku,kind,limit\n{sku},backorder,{limit}\n"))
        self.model.limits[sku] = limit

    def file(self, text: str) -> Path:
        """A file to import."""
        path = self.folder / "import.csv"
        path.write_text(text, "utf-8")
        return path

    # -- what the shop says

    @rule(baskets=st.lists(BASKETS, min_size=1, max_size=ORDERS_AT_ONCE), data=st.data(), to=WAY)
    def new_orders(self, baskets: list[dict[str, int]], data: st.DataObject, to: int) -> None:
        self._sell(baskets, data, to)

    def _sell(self, baskets: list[dict[str, int]], data: st.DataObject, to: int) -> None:
        self.world.tick()
        first = len(self.model.orders) + 1
        promises = st.sampled_from([None, self.world.at + timedelta(hours=9), self.world.at + timedelta(hours=7)])
        versions = []
        for no, basket in enumerate(baskets, first):
            pay = data.draw(st.sampled_from([PayState.READY] * 3 + [PayState.UNPAID]))
            states = LINE_STATES if pay is PayState.READY else UNPAID_LINE_STATES
            lines = tuple((sku, units, data.draw(states)) for sku, units in basket.items())
            paid_at = self.world.at - timedelta(minutes=no % 3) if pay is PayState.READY else None
            versions.append(Version(no, lines, pay, paid_at, data.draw(promises)))
        self._through(self._read(*versions), to)

    @precondition(lambda self: self.model.orders)
    @rule(data=st.data(), changes=st.lists(st.sampled_from(NEWS), min_size=1, max_size=4), sending=st.booleans())
    def news_of_orders(self, data: st.DataObject, changes: list[str], sending: bool) -> None:
        for change in changes:
            self.world.tick()
            stage = data.draw(st.sampled_from(sorted({order.stage for order in self.model.orders.values()})))
            nos = sorted(no for no, order in self.model.orders.items() if order.stage == stage)
            order = self.model.orders[data.draw(st.sampled_from(nos))]
            batch = self._read(changed(order.version, change, self.world.at, data))
            if batch:
                self._through(batch, data.draw(WAY))
        if sending:
            self.send()

    def send(self) -> None:
        """Instructions leave, or are taken back."""
        self.world.tick()
        self.world.hand_over()
        self.adopt_batches()

    def _read(self, *versions: Version) -> int:
        batch = self.world.read(*versions, run=f"read-{self.world.at.timestamp()}")
        if batch:
            self.batches.append(batch)
        ids = dict(self.world.rows("select order_no, id from orders"))
        for version in versions:
            self.model.read(batch, version, ids[str(version.no)])
        return batch

    def adopt_batches(self) -> None:
        """Who went on or began again, and in which batch, is known from the pool; what that does to stock is not."""
        short = self.model.short_shelves()
        for no, batch, stage in self.world.rows(
            "select o.order_no::int, s.batch_id, s.stage from order_state s join orders o on o.id = s.order_id"
        ):
            order = self.model.orders[no]
            if order.stage == "dispatched" and stage == "ingested":
                self.model.begin_again(order, batch, short)
                self.batches.append(batch)
            elif order.stage == "dispatched" and stage == "cancelled":
                order.stage = stage
                order.lose()
            order.batch = batch

    # -- stages, once or again, of any batch

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), stage=st.sampled_from(["review", "lock", "route", "dispatch"]))
    def one_stage(self, data: st.DataObject, stage: str) -> None:
        batch = data.draw(st.sampled_from(self.batches))
        if self.world.rows("select state from batch where id = %s", batch) == [("closed",)]:
            self._through(batch, len(STAGES))  # a run that is through is only ever repeated as a whole
        else:
            self._stage(stage, batch)

    def _through(self, batch: int, to: int) -> None:
        for stage in list(STAGES)[:to]:
            self._stage(stage, batch)

    def _stage(self, stage: str, batch: int) -> None:
        self.world.tick()
        self.world.do(STAGES[stage], batch)
        match stage:
            case "review":
                self.model.review(batch)
            case "lock":
                self.model.lock(batch, self.world.at)
            case "route":
                self._adopt_routed(batch)
            case "dispatch":
                self.model.dispatch(batch)

    def _adopt_routed(self, batch: int) -> None:
        """Whom a warehouse can serve is for the rules of routing to prove; only held orders must not be served."""
        for no, stage, short in self.world.rows(
            """select o.order_no::int, s.stage, exists (
                 select 1 from hold h where h.order_id = o.id and h.code = 'SHORT_ROUTE' and h.released_at is null)
               from order_state s join orders o on o.id = s.order_id where s.batch_id = %s""",
            batch,
        ):
            order = self.model.orders[no]
            if order.stage != "locked":
                continue
            assert stage == "locked" or order.holds <= {"SHORT_ROUTE"}, f"order {no} was routed under {order.holds}"
            order.stage = stage
            order.holds = order.holds - {"SHORT_ROUTE"} | ({"SHORT_ROUTE"} if short else set())
        routed: dict[int, Counter[Shelf]] = {}
        for no, place, sku, units in self.world.rows(
            """select o.order_no::int, right(w.code, 1), k.code, a.quantity from allocation a
               join orders o on o.id = a.order_id join order_state s on s.order_id = o.id and s.batch_id = %s
               join warehouse w on w.id = a.warehouse_id join sku k on k.id = a.sku_id where s.stage = 'routed'""",
            batch,
        ):
            routed.setdefault(no, Counter())[place, sku] += units
        for no, places in routed.items():
            self.model.orders[no].at = places


def changed(version: Version, change: str, at: datetime, data: st.DataObject) -> Version:
    """What a shop may say next of an order."""
    lines = list(version.lines)
    place = data.draw(st.integers(0, len(lines) - 1), label="line") if lines else 0
    pay, paid_at, ship_by, moved = version.pay, version.paid_at, version.ship_by, version.moved
    match change:
        case "cancel":
            pay = PayState.CANCELLED
        case "pay":
            pay, paid_at = PayState.READY, paid_at or at
        case "refund":
            lines[place] = (*lines[place][:2], LineState.CLOSED)
        case "refunding":
            lines[place] = (*lines[place][:2], LineState.REFUNDING)
        case "quantity":
            lines[place] = (lines[place][0], data.draw(st.integers(1, 5), label="units"), lines[place][2])
        case "more":
            lines.append((data.draw(st.sampled_from([*SKUS, *KITS]), label="SKU"), 1, LineState.OPEN))
        case "drop" if len(lines) > 1:
            del lines[-1]
        case "address":
            moved = not moved
        case "promise":
            ship_by = at + timedelta(hours=data.draw(st.integers(1, 9), label="hours"))
    return Version(version.no, tuple(lines), pay, paid_at, ship_by, moved)
