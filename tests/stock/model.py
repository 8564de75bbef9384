"""What stock must look like, worked out a second time without the pool: plain Python over what happened.

It shares no code with what it predicts. What it cannot know (which warehouse a plan chose, whom the resume run took
up) it is told; what follows from that it works out itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from models.incoming import LineState, PayState
from tests.stock.world import KITS, Version

Units = Counter[str]
"""Units per SKU."""

Shelf = tuple[str, str]
"""A place and a SKU."""


@dataclass(slots=True)
class ModelOrder:
    """An order with what is kept, owed and shipped of each SKU.

    `at`: what of the kept units lies ready for it in which place, once it is routed.
    """

    id: int
    version: Version
    batch: int
    stage: str = "ingested"
    kept: Units = field(default_factory=Counter)
    owed: Units = field(default_factory=Counter)
    at: Counter[Shelf] = field(default_factory=Counter)
    owed_since: dict[str, datetime] = field(default_factory=dict)
    kits: dict[int, Mapping[str, int]] = field(default_factory=dict)  # per line, as when it was first locked
    holds: set[str] = field(default_factory=set)
    expires_at: datetime | None = None

    @property
    def wanted(self) -> Units:
        """The physical units of its open lines, as its shop wants them."""
        found: Units = Counter()
        if self.version.pay is PayState.CANCELLED:
            return found
        for number, (sku, units, state) in enumerate(self.version.lines, 1):
            if state is not LineState.CLOSED:
                for part, per_unit in self.parts(number, sku).items():
                    found[part] += units * per_unit
        return found

    def parts(self, number: int, sku: str) -> Mapping[str, int]:
        """What one unit of a line is made of."""
        return self.kits.get(number) or KITS.get(sku) or {sku: 1}

    @property
    def is_paid(self) -> bool:
        """Whether its buyer paid."""
        return self.version.pay is not PayState.UNPAID

    def queue(self) -> tuple[float, float, int]:
        """Where it stands in the queue: by promise, payment, then age; without a time last."""
        return (_moment(self.version.ship_by), _moment(self.version.paid_at), self.id)

    def lose(self) -> None:
        """It gives up all it has."""
        self.kept, self.owed, self.at = Counter(), Counter(), Counter()
        self.expires_at = None


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else float("inf")


@dataclass(slots=True)
class Model:
    """All orders and shelves. `there` is what lies in a shelf as far as anybody can know."""

    there: Counter[Shelf] = field(default_factory=Counter)
    safety: Counter[Shelf] = field(default_factory=Counter)
    counted_at: dict[Shelf, datetime] = field(default_factory=dict)
    orders: dict[int, ModelOrder] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)  # how many units of a SKU may be promised

    def shelf_locked(self) -> Counter[Shelf]:
        """Units per shelf that lie ready for orders."""
        return sum((order.at for order in self.orders.values()), Counter())

    def on_hand(self) -> dict[Shelf, int]:
        """Units on hand per shelf: what is there, and what is locked although nobody finds it."""
        locked = self.shelf_locked()
        return {shelf: max(units, locked[shelf]) for shelf, units in self.there.items()}

    def locked(self) -> Units:
        """Units locked per SKU."""
        return sum((order.kept for order in self.orders.values()), Counter())

    def promised(self) -> Units:
        """Units owed per SKU."""
        return sum((order.owed for order in self.orders.values()), Counter())

    def unlocked(self) -> Units:
        """Units per SKU that are neither locked nor safety stock."""
        free: Units = Counter()
        for (_, sku), units in self.on_hand().items():
            free[sku] += units
        for (_, sku), units in self.safety.items():
            free[sku] -= units
        free.subtract(self.locked())
        return free

    def read(self, batch: int, version: Version, order_id: int) -> None:
        """The shop's news of an order reaches the pool."""
        order = self.orders.get(version.no)
        if order is None:
            self.orders[version.no] = ModelOrder(order_id, version, batch)
            return
        before, order.version = order.version, version
        if order.stage != "dispatched" and _matters(order.stage, before, version):
            self.begin_again(order, batch)

    def short_shelves(self) -> set[Shelf]:
        """Shelves where more is locked than anybody can find."""
        return {shelf for shelf, units in self.shelf_locked().items() if units > self.there[shelf]}

    def begin_again(self, order: ModelOrder, batch: int, short: Set[Shelf] | None = None) -> None:
        """An order goes back to the start and keeps of what it has only what it still wants, and what can be found.

        `short`: the shelves that lacked units when it began.
        """
        short = self.short_shelves() if short is None else short
        lost = _lost(order, short)
        order.stage, order.batch = "ingested", batch
        order.kits = {
            number: parts
            for number, parts in order.kits.items()
            if number <= len(order.version.lines)
            and set(parts) == set(KITS.get(order.version.lines[number - 1][0], ()))
        }
        order.at = Counter()
        order.holds &= {"SKIPPED"} if order.is_paid else {"SKIPPED", "LOCK_EXPIRED"}
        order.kept = (order.kept - lost) & order.wanted
        order.owed &= order.wanted - order.kept

    def redo(self, order: ModelOrder, stage: str) -> None:
        """What a stage and later ones did for an order is undone, as far as it has come."""
        if stage == "validate" and order.stage != "ingested":
            self.begin_again(order, order.batch)
        elif stage == "lock_stock" and order.stage in ("locked", "routed"):
            order.lose()
            order.stage = "validated"
        elif stage == "route" and order.stage == "routed":
            order.kept -= _lost(order, self.short_shelves())
            order.at = Counter()
            order.stage = "validated"

    def review(self, batch: int) -> None:
        """Orders of a batch are looked at: cancelled ones end, doubtful ones are held."""
        for order in self._in(batch, "ingested"):
            if order.version.pay is PayState.CANCELLED:
                self._end(order)
                continue
            order.stage = "validated"
            if not order.is_paid:
                order.holds.add("UNPAID")
            if any(state is LineState.REFUNDING for _, _, state in order.version.lines):
                order.holds.add("REFUNDING")

    def lock(self, batch: int, now: datetime) -> None:
        """Orders of a batch get all their units or none, in the order of the queue; some are promised the rest."""
        for order in self._in(batch, "validated"):
            if "LOCK_EXPIRED" in order.holds:
                order.lose()
            elif not order.is_paid:
                order.owed = Counter()
                order.holds.discard("AWAITING_STOCK")
        for order in sorted(self._in(batch, "validated"), key=ModelOrder.queue):
            if "LOCK_EXPIRED" in order.holds:
                continue
            if not order.wanted:
                self._end(order)
                continue
            self._serve(order, now)

    def _serve(self, order: ModelOrder, now: datetime) -> None:
        free, promised = self.unlocked(), self.promised()
        lacking = order.wanted - order.kept - order.owed
        left = {sku: max(free[sku] - promised[sku], 0) for sku in lacking}
        rest = Counter({sku: units - left[sku] for sku, units in lacking.items() if units > left[sku]})
        room = {sku: self.limits.get(sku, 0) - promised[sku] for sku in rest}
        if rest and not (order.is_paid and all(room[sku] >= units for sku, units in rest.items())):
            order.lose()
            order.holds.add("SHORT_STOCK")
            return
        order.kept += lacking - rest
        order.owed += rest
        order.owed_since |= {sku: order.version.paid_at or now for sku in rest if sku not in order.owed_since}
        for number, (sku, _, state) in enumerate(order.version.lines, 1):
            if sku in KITS and state is not LineState.CLOSED:
                order.kits.setdefault(number, KITS[sku])
        order.holds.discard("SHORT_STOCK")
        if +order.owed:
            order.holds.add("AWAITING_STOCK")
        else:
            order.holds.discard("AWAITING_STOCK")
            order.stage = "locked"

    def keep_promises(self, skus: Iterable[str]) -> None:
        """What is free goes to those it was promised to, by payment and age."""
        for sku in skus:
            waiting = [order for order in self.orders.values() if order.owed[sku]]
            for order in sorted(waiting, key=lambda one: (one.owed_since[sku], one.id)):
                given = min(order.owed[sku], max(self.unlocked()[sku], 0))
                if given:
                    order.kept[sku] += given
                    order.owed[sku] -= given
                if given and not +order.owed:
                    order.holds.discard("AWAITING_STOCK")
        for order in self.orders.values():
            order.owed = +order.owed

    def dispatch(self, batch: int) -> None:
        """Routed orders that nothing holds go to their warehouses."""
        for order in self._in(batch, "routed"):
            if order.holds <= {"SHORT_ROUTE"}:
                order.stage = "dispatched"

    def ship(self, place: str, no: int, units: Units, closed: Units, occurred_at: datetime) -> None:
        """Units of an order left a place, and the closed ones never will: they are free again."""
        order = self.orders[no]
        for sku, gone in (units + closed).items():
            order.kept[sku] -= gone
            order.at[place, sku] -= gone
        for sku, gone in units.items():
            self.move(place, sku, -gone, occurred_at)
        order.kept, order.at = +order.kept, +order.at

    def move(self, place: str, sku: str, units: int, occurred_at: datetime) -> None:
        """Units came or left; what the last count had seen changes nothing any more."""
        counted = self.counted_at.get((place, sku))
        if counted is None or occurred_at > counted:
            self.there[place, sku] = max(self.there[place, sku] + units, 0)

    def count(self, place: str, sku: str, units: int, now: datetime) -> None:
        """A count finds so many units; orders that are not routed give back what no place has any more."""
        self.there[place, sku] = units
        self.counted_at[place, sku] = now

    def make_room(self, skus: Iterable[str]) -> list[ModelOrder]:
        """Who gives back all that he has in no place yet, the last in the queue first; these begin again."""
        chosen: list[ModelOrder] = []
        on_hand, locked = self.on_hand(), self.locked()
        lacking = {sku: locked[sku] - sum(n for (_, of), n in on_hand.items() if of == sku) for sku in skus}
        for order in sorted(self.orders.values(), key=ModelOrder.queue, reverse=True):
            pooled = Counter[str]() if order.at else order.kept
            if any(lacking.get(sku, 0) > 0 for sku in pooled):
                chosen.append(order)
                for sku, units in pooled.items():
                    lacking[sku] = lacking.get(sku, 0) - units
                order.kept = Counter()
        return chosen

    def expire(self, now: datetime) -> None:
        """Who did not pay in time gives back all he has, unless something else keeps his order."""
        for order in self.orders.values():
            waits = order.stage in ("ingested", "validated", "locked") and order.holds <= {"UNPAID"}
            if waits and not order.is_paid and order.expires_at and order.expires_at <= now:
                order.lose()
                order.stage = "validated" if order.stage == "locked" else order.stage
                order.holds.add("LOCK_EXPIRED")

    def _end(self, order: ModelOrder) -> None:
        order.stage = "cancelled"
        order.lose()
        order.holds.clear()

    def _in(self, batch: int, stage: str) -> list[ModelOrder]:
        """Those of a batch that wait for what comes after a stage; who is parked waits for nothing."""
        return [
            order
            for order in self.orders.values()
            if (order.batch, order.stage) == (batch, stage) and "SKIPPED" not in order.holds
        ]


def _lost(order: ModelOrder, short: Set[Shelf]) -> Units:
    """What lies ready for an order in shelves that lack units: what is not there cannot be kept."""
    lost: Units = Counter()
    for (place, sku), units in order.at.items():
        if (place, sku) in short:
            lost[sku] += units
    return lost


def _matters(stage: str, before: Version, after: Version) -> bool:
    """Whether news makes an order that is not dispatched begin again: all but its remark, money and promise do."""
    if stage == "cancelled" and before.pay is after.pay is PayState.CANCELLED:
        return False
    return (before.lines, before.pay, before.moved) != (after.lines, after.pay, after.moved)
