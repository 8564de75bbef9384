"""What orders want of the stock, what they own of it already, and their place in the queue for more."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from models.rules.promises import PromiseTerms
from models.rules.stock import Demand, Place
from tasks.kept_stock import Owned, Wanted
from tasks.ledger import Pool

BUYERS = b"select o.id, o.ship_by, o.paid_at, o.created_at, o.pay_state <> 'unpaid' from orders o "
"""Reads buyers by order id; conditions on `o` follow."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """An order's place in queues, and whether it is paid."""

    ship_by: datetime | None
    paid_at: datetime | None
    created_at: datetime
    is_paid: bool


@dataclass(slots=True)
class Claims:
    """What orders want and own, and who wants it."""

    buyers: dict[int, Buyer]
    wants: dict[int, Wanted]
    owned: dict[int, Owned]

    def demands(self, order_ids: Collection[int]) -> list[Demand]:
        """One demand per order that wants something."""
        return [self._demand(order_id) for order_id in order_ids if order_id in self.wants]

    def _demand(self, order_id: int) -> Demand:
        buyer, owned = self.buyers[order_id], self.owned.get(order_id)
        return Demand(
            order_id,
            buyer.ship_by,
            buyer.paid_at,
            by_sku(self.wants[order_id].units),
            by_sku(owned.locks) if owned else {},
            by_sku(owned.promises) if owned else {},
            buyer.is_paid,
        )

    def skus(self) -> set[int]:
        """Every SKU that is wanted or owned."""
        places = [of.units for of in self.wants.values()]
        places += [units for of in self.owned.values() for units in (of.locks, of.promises)]
        return {sku for units in places for _, sku in units}


def units_left(pools: Mapping[int, Pool], terms: Mapping[int, PromiseTerms]) -> dict[int, int]:
    """What is sellable of each SKU without the units owed to open promises; below 0 where more are owed."""
    return {sku: pool.sellable - (terms[sku].promised if sku in terms else 0) for sku, pool in pools.items()}


def lacking(wanted: Wanted, owned: Owned) -> dict[Place, int]:
    """What an order has neither locked nor been promised, by line and SKU."""
    if not owned.locks and not owned.promises:
        return wanted.units
    more = {
        place: units - owned.locks.get(place, 0) - owned.promises.get(place, 0) for place, units in wanted.units.items()
    }
    return {place: units for place, units in more.items() if units > 0}


def by_sku(units: Mapping[Place, int]) -> dict[int, int]:
    """Units by SKU alone."""
    found: dict[int, int] = {}
    for (_, sku), number in units.items():
        found[sku] = found.get(sku, 0) + number
    return found
