"""What is wrong with the values that routing is given, all of it at once."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime

from models.errors import SetupError
from models.rules.routing_values import CarrierRule, Price, Site
from models.warehouse import CarrierEffect, WarehouseKind


def check_world(
    now: datetime, sites: Sequence[Site], prices: Sequence[Price], carrier_rules: Sequence[CarrierRule]
) -> None:
    """Raise SetupError that names every value routing cannot work with."""
    faults = [] if now.tzinfo else [f"the time {now.isoformat()} has no zone"]
    faults += _twice("warehouse id", (site.id for site in sites))
    faults += _twice("warehouse", (site.code for site in sites))
    faults += _twice("price", ((price.warehouse_id, price.carrier, price.division) for price in prices))
    faults += [fault for site in sites for fault in _site_faults(site)]
    faults += [fault for price in prices for fault in _price_faults(price)]
    faults += [fault for rule in carrier_rules for fault in _rule_faults(rule)]
    if faults:
        raise SetupError(f"routing: {'; '.join(faults)}")


def _twice(what: str, names: Iterable[Hashable]) -> Iterator[str]:
    return (f"{what} {name} is there {times} times" for name, times in Counter(names).items() if times > 1)


def _site_faults(site: Site) -> Iterator[str]:
    name = f"warehouse {site.code}"
    yield from _twice(f"{name}: carrier", (carrier.code for carrier in site.carriers))
    if site.kind not in set(WarehouseKind):
        yield f"{name}: kind {site.kind!r} is none of {', '.join(WarehouseKind)}"
    if site.room and min(site.room) < 0:
        yield f"{name}: room for {min(site.room)} parcels on a day"
    for carrier in site.carriers:
        if carrier.max_weight_g is not None and carrier.max_weight_g < carrier.min_weight_g:
            yield f"{name}: carrier {carrier.code} takes {carrier.min_weight_g} to {carrier.max_weight_g} g"


def _price_faults(price: Price) -> Iterator[str]:
    name = f"price of {price.carrier} from warehouse {price.warehouse_id} to {price.division or 'anywhere'}"
    if price.first_g < 0 or price.step_g <= 0:
        yield f"{name}: {price.first_g} g first, then {price.step_g} g; steps have to be above 0 g"
    if price.first_fen < 0 or price.step_fen < 0:
        yield f"{name}: {price.first_fen} fen first, then {price.step_fen} fen; neither can be negative"
    if price.transit_days is not None and price.transit_days < 0:
        yield f"{name}: {price.transit_days} days on the way"


def _rule_faults(rule: CarrierRule) -> Iterator[str]:
    if rule.effect not in set(CarrierEffect):
        yield f"carrier rule for {rule.carrier}: {rule.effect!r} is none of {', '.join(CarrierEffect)}"
    if rule.max_weight_g is not None and rule.max_weight_g < rule.min_weight_g:
        yield f"carrier rule for {rule.carrier}: from {rule.min_weight_g} to {rule.max_weight_g} g is no range"
