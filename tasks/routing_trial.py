"""Other routing rules tried on past orders: the same orders, replayed under the rules in force and under a file's.

Nothing is written: the replay reads one snapshot in a read-only transaction and decides in memory.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.converters import BadValue
from models.database import Connection, transaction
from models.errors import SetupError
from models.rules.routing import route_orders
from models.rules.routing_plan import Decision, Plan
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Price, Wish
from models.rules.routing_world import World
from tasks.areas import AREAS, areas_of, warehouse_ids
from tasks.carrier_files import RATES, rates_of
from tasks.cells import as_time, as_yes_no
from tasks.routing_history import Routed, Routing, StockEvent, days_used, free_at, routings, stock_events
from tasks.routing_rules import current_rules, read_routing_file, rules_in
from tasks.routing_world import Setup, days_from, load_setup
from tasks.sheets import as_count, read_sheet

ASSUMPTIONS = (
    "stock is what lay free in each warehouse at the start, as movements and locks tell it, and every count and "
    "arrival since at its time; what an order took it keeps, unless its locks ended unshipped",
    "safety stock, warehouses, carriers, prices, carrier rules, receivers and promises are those of today, where the "
    "file does not say otherwise",
    "an order that cannot be routed in the replay is not tried again; orders that were never routed are not in it",
)

Free = dict[tuple[int, int], int]
_WAREHOUSE_SETTINGS = ("active", "cutoff", "daily_limit")


@dataclass(slots=True)
class Tally:
    """What one side came to. Money in fen, distance in metres; documents per warehouse and day of shipping."""

    name: str
    routed: int = 0
    unroutable: int = 0
    parcels: int = 0
    cost_fen: int = 0
    metres: int = 0
    promised: int = 0
    kept: int = 0
    split: int = 0
    documents: Counter[tuple[str, date]] = field(default_factory=Counter)
    limits: dict[str, int | None] = field(default_factory=dict)

    def add(self, wish: Wish, decision: Decision, world: World) -> None:
        """Count one order."""
        if not isinstance(decision, Plan):
            self.unroutable += 1
            return
        sites = {site.id: site for site in world.sites}
        self.routed += 1
        self.parcels += len(decision.parts)
        self.split += len(decision.parts) > 1
        self.cost_fen += decision.cost_fen
        self.promised += wish.ship_by is not None
        self.kept += wish.ship_by is not None and decision.kept
        for part in decision.parts:
            self.metres += world.metres(sites[part.warehouse_id], wish.point)
            self.documents[part.warehouse, part.ship_day] += 1

    def load(self, warehouse: str) -> int:
        """Documents of a warehouse over all days."""
        return sum(number for (code, _), number in self.documents.items() if code == warehouse)

    def busiest(self, warehouse: str) -> tuple[date, int] | None:
        """The day on which a warehouse has most documents, and how many."""
        days = [(number, day) for (code, day), number in self.documents.items() if code == warehouse]
        return max(days)[::-1] if days else None


@dataclass(frozen=True, slots=True)
class Trial:
    """Both sides over the same orders, and how many of these they serve from other warehouses or in other parts."""

    since: datetime
    until: datetime
    orders: int
    changed: int
    now: Tally
    tried: Tally


@dataclass(slots=True)
class _Side:
    """One side of the replay: its rules and set-up, and what its plans have left of stock and days so far."""

    setup: Setup
    rules: RoutingRules
    free: Free
    used: Counter[tuple[int, date]]
    tally: Tally
    returns: list[tuple[datetime, int, Plan]] = field(default_factory=list)

    def decide(self, routing: Routing) -> dict[int, Decision]:
        """Route orders as they come, and take what their plans take."""
        self._give_back(routing.at)
        skus = {item.sku_id for order in routing.orders for item in order.wish.items}
        free = {(at, sku): self.free.get((at, sku), 0) for at in self.setup.warehouses for sku in skus}
        world = self.setup.world(routing.at, self.rules, free, self._rooms(routing.at))
        decisions = route_orders([order.wish for order in routing.orders], world)
        for order in routing.orders:
            decision = decisions[order.wish.order_id]
            if isinstance(decision, Plan):
                self._take(decision, 1)
                if order.given_back_at is not None:
                    heapq.heappush(self.returns, (order.given_back_at, decision.order_id, decision))
            if order.given_back_at is None:
                self.tally.add(order.wish, decision, world)
        return decisions

    def _give_back(self, until: datetime) -> None:
        while self.returns and self.returns[0][0] <= until:
            self._take(heapq.heappop(self.returns)[2], -1)

    def _take(self, plan: Plan, sign: int) -> None:
        for part in plan.parts:
            self.used[part.warehouse_id, part.ship_day] += sign
            for (_, sku_id), units in part.units.items():
                key = (part.warehouse_id, sku_id)
                self.free[key] = self.free.get(key, 0) - sign * units

    def _rooms(self, now: datetime) -> dict[int, tuple[int, ...]]:
        days = days_from(now, self.rules.horizon_days)
        return {
            row.id: tuple(max(0, row.daily_limit - self.used[row.id, day]) for day in days)
            for row in self.setup.warehouses.values()
            if row.daily_limit is not None
        }


def try_rules(path: Path, days: int, until: datetime) -> Trial:
    """Replay the orders routed in so many days until a time. Raises SetupError for what the file says wrongly."""
    content = read_routing_file(path)
    since = until - timedelta(days=days)
    with transaction() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        rules = current_rules(conn)
        setup = load_setup(conn, take=False)
        tried = tried_setup(conn, path, content)
        free, used = free_at(conn, since), Counter(days_used(conn, since))
        sides = (
            _Side(setup, rules, dict(free), used.copy(), _tally(f"version {rules.version}", setup)),
            _Side(tried, rules_in(path, content) or rules, free, used, _tally(path.name, tried)),
        )
        orders, changed = _replay(conn, sides, since, until)
    return Trial(since, until, orders, changed, sides[0].tally, sides[1].tally)


def _tally(name: str, setup: Setup) -> Tally:
    return Tally(name, limits={row.code: row.daily_limit for row in setup.warehouses.values()})


def _replay(conn: Connection, sides: tuple[_Side, _Side], since: datetime, until: datetime) -> tuple[int, int]:
    """Returns how many orders were replayed that kept what they took, and how many of them the sides serve unlike."""
    events = stock_events(conn, since)
    waiting: StockEvent | None = next(events, None)
    orders = changed = 0
    for routing in routings(conn, since, until):
        waiting = _apply(sides, waiting, events, routing.at)
        first, second = (side.decide(routing) for side in sides)
        kept = [order for order in routing.orders if order.given_back_at is None]
        orders += len(kept)
        changed += sum(_unlike(first, second, order) for order in kept)
    return orders, changed


def _apply(
    sides: Sequence[_Side], waiting: StockEvent | None, events: Iterator[StockEvent], until: datetime
) -> StockEvent | None:
    """Let stock become what it was at a time; returns the first event after it."""
    while waiting is not None and waiting.at <= until:
        for side in sides:
            key = (waiting.warehouse_id, waiting.sku_id)
            side.free[key] = side.free.get(key, 0) + waiting.units
        waiting = next(events, None)
    return waiting


def _unlike(first: Mapping[int, Decision], second: Mapping[int, Decision], order: Routed) -> bool:
    return _served(first[order.wish.order_id]) != _served(second[order.wish.order_id])


def _served(decision: Decision) -> dict[str, tuple[str, dict[tuple[int, int], int]]] | None:
    if not isinstance(decision, Plan):
        return None
    return {part.warehouse: (part.carrier, dict(part.units)) for part in decision.parts}


def tried_setup(conn: Connection, path: Path, content: Mapping[str, Any]) -> Setup:
    """The set-up with what a routing file says of areas, rates and warehouses.

    An areas or rates file counts as its import would: it is the whole of those it names. Raises SetupError.
    """
    wishes = _warehouse_wishes(path, content.get("warehouses") or {})
    setup = load_setup(conn, [code for code, wish in wishes.items() if wish.get("active")], take=False)
    known = {row[0] for row in conn.execute("select code from warehouse")}
    for code in wishes:
        if code not in known:
            raise SetupError(f"{path}: warehouses: {code}: there is no such warehouse")
    rows = {
        row.id: row._replace(**{name: value for name, value in wish.items() if name != "active"})
        for row in setup.warehouses.values()
        for wish in (wishes.get(row.code, {}),)
        if wish.get("active", True)
    }
    setup = replace(setup, warehouses=rows)
    if "areas" in content:
        setup = replace(setup, areas=_areas(conn, _file(path, content, "areas"), setup.areas))
    if "rates" in content:
        setup = replace(setup, prices=_prices(conn, _file(path, content, "rates"), setup.prices))
    return setup


def _warehouse_wishes(path: Path, section: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(section, dict) or not all(isinstance(own, dict) for own in section.values()):
        raise SetupError(f"{path}: warehouses: want, per code of a warehouse, some of {', '.join(_WAREHOUSE_SETTINGS)}")
    return {code: _warehouse_wish(path, code, own) for code, own in section.items()}


def _warehouse_wish(path: Path, code: str, own: Mapping[str, Any]) -> dict[str, Any]:
    read = {"active": as_yes_no, "cutoff": as_time, "daily_limit": as_count}
    wish: dict[str, Any] = {}
    for name, written in own.items():
        if name not in read or not isinstance(written, str):
            settings = ", ".join(_WAREHOUSE_SETTINGS)
            raise SetupError(f"{path}: warehouses: {code}: {name}: is none of the settings {settings}")
        try:
            # written empty, or as none: without a cut-off or a limit
            wish[name] = None if written in ("", "none") and name != "active" else read[name](written)
        except BadValue as error:
            raise SetupError(f"{path}: warehouses: {code}: {name} {written!r}: {error.why}") from error
    return wish


def _file(path: Path, content: Mapping[str, Any], section: str) -> Path:
    named = content[section]
    if not isinstance(named, str) or not named:
        raise SetupError(f"{path}: {section}: want the name of a CSV file, seen from this one")
    return path.parent / named


def _areas(conn: Connection, path: Path, present: Sequence[Area]) -> list[Area]:
    sheet = read_sheet(path, AREAS)
    warehouses = warehouse_ids(conn, sheet, take=False)
    sheet.refuse_repeats("warehouse", "division")
    sheet.require_clean()
    wanted = areas_of(sheet, warehouses)
    named = {warehouse_id for warehouse_id, _ in wanted}
    return [
        *(area for area in present if area.warehouse_id not in named),
        *(Area(warehouse_id, division, priority) for (warehouse_id, division), priority in wanted.items()),
    ]


def _prices(conn: Connection, path: Path, present: Sequence[Price]) -> list[Price]:
    sheet = read_sheet(path, RATES)
    wanted = rates_of(sheet, warehouse_ids(conn, sheet, take=False))
    named = {key[:2] for key in wanted}
    return [
        *(price for price in present if (price.warehouse_id, price.carrier) not in named),
        *(Price(*key, *values) for key, values in wanted.items()),
    ]
