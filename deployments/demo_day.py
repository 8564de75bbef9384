"""The demo's day, compressed: orders in, a warehouse away, a retry, two truckloads out, parcels delivered, refunds."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from deployments.demo_baskets import FILE_SHOP, Basket, Invoice, baskets_of, file_rows, refused_phones
from deployments.demo_dirt import Dirt, dirt_of
from deployments.demo_house import HOUSE, House
from deployments.demo_refunds import refunds_of
from deployments.demo_runs import Runs
from deployments.demo_sandbox import Outside
from deployments.demo_screen import Screen
from deployments.demo_stock import Assortment, stock_up
from deployments.simulation import SITES, fill_stock, write_csv
from deployments.simulation_listings import list_products, shown
from models.database import one, transaction
from models.errors import PipelineError
from models.order import Cause
from models.review import BlacklistKind
from models.settings import clock
from tasks.blacklist import add_entry, person_of
from tasks.import_file import import_file
from tasks.shop_settings import set_shop

ORDERS = "process_orders/orders"
STOCK = "push_stock/every-five-minutes"
OUTBOX = "deliver_outbox/every-minute"
OFFERED = 40
"""So many SKUs are listed in each shop: those of which there is least, and those that sell most often."""
BROKEN = "WH-S"
STILL_ON_THE_ROAD_OF = 10
SETTLED_WITHIN_S = 300.0
DUPLICATES = 40
PINDUODUO_LAG_S = 180
SHOWN_AFTER_S = 4.0
OUT_OF_ORDER = 20


@dataclass(slots=True)
class Day:
    """One demo. `baskets` are the API shops' orders, `file_orders` the numbers in the file shop's export.

    `dirt` are the orders among both that must not get through.
    """

    outside: Outside
    house: House
    runs: Runs
    screen: Screen
    invoices: Sequence[Invoice]
    folder: Path
    api_shops: Sequence[str]
    baskets: dict[str, list[Basket]] = field(default_factory=dict)
    file_orders: list[str] = field(default_factory=list)
    offered: dict[str, str] = field(default_factory=dict)
    dirt: tuple[Dirt, ...] = ()

    def fill(self) -> None:
        """Put stock into the warehouses and orders into the shops."""
        self.house.open(self.folder)
        goods = stock_up(self.invoices, [*SITES, HOUSE])
        fill_stock(self.folder, goods.skus, goods.units)
        self.house.shelve(self.folder, list(goods.skus))
        self.screen.note(
            f"{len(goods.skus):,} SKUs in {len(SITES) + 1} warehouses; {len(goods.scarce)} of them scarce, "
            f"{len(goods.unknown)} sold ones missing from the list"
        )
        self.offered = {code: goods.skus[code] for code in _offered(goods, self.invoices)}
        for shop in self.api_shops:
            self.baskets[shop] = baskets_of(self.invoices, shop)
            self.outside.load_orders(shop, [basket.as_order() for basket in self.baskets[shop]])
            self.screen.note(f"{shop}: {len(self.baskets[shop]):,} orders wait behind its API")
        self.dirt = dirt_of(self.baskets, self.invoices, goods.skus)
        self.screen.note("dirty orders: " + ", ".join(f"{len(one.orders)} with {one.kind}" for one in self.dirt))

    def blacklist(self) -> None:
        """Put some buyers on the blacklist, as `orderpool blacklist add` does."""
        why = Cause("person:demo", clock().now())
        phones = refused_phones(self.invoices)
        for phone in phones:
            add_entry(person_of(BlacklistKind.PHONE, phone), "three parcels refused", why)
        self.screen.note(f"{len(phones)} phones are on the blacklist")

    def offer(self) -> None:
        """List products in every shop, and tell each what there is to sell."""
        listed = list_products(self.outside, self.folder, self.api_shops, self.offered)
        self.screen.note(f"{sum(listed.values())} listings in {len(listed)} shops sell {len(self.offered)} of the SKUs")
        self.tell_stock()

    def tell_stock(self) -> None:
        """Run push_stock, and look in every shop whether it shows no more than there is."""
        (run,) = self.runs.wait([self.runs.start(STOCK, {})])
        self.screen.note(f"{run.name}: {run.state_name}: {run.state.message if run.state else ''}")
        self._retry(_not_completed([run]))
        sold_out = {
            shop: sum(code in self.offered and not units for code, units in shown(self.outside, shop).items())
            for shop in self.api_shops
        }
        self.screen.note(f"sold out: {', '.join(f'{number} in {shop}' for shop, number in sold_out.items())}")

    def shown_too_much(self) -> int:
        """How many listings of the offered SKUs show more than can still be sold."""
        with transaction() as conn:
            rows = conn.execute(
                "select k.code, p.on_hand - p.locked - p.safety from sku_pool p join sku k on k.id = p.sku_id"
            ).fetchall()
        sellable: dict[str, int] = dict(rows)
        return sum(
            units > max(sellable[code], 0)
            for shop in self.api_shops
            for code, units in shown(self.outside, shop).items()
            if code in self.offered
        )

    def import_export(self) -> None:
        """Import the file shop's export, as `orderpool import` does."""
        rows = file_rows(self.invoices)
        self.file_orders = list(dict.fromkeys(row["InvoiceNo"] for row in rows))
        path = write_csv(self.folder / "file-1.csv", rows)
        count = import_file(FILE_SHOP, path, None, "person:demo", self.folder / "file-1.rejected.csv")
        self.screen.note(f"{FILE_SHOP}: {count.stored:,} orders from {len(rows):,} rows of {path.name}")

    def take_orders(self) -> list[UUID]:
        """Run process_orders for every shop while one warehouse's system is away; returns the runs that failed."""
        self.outside.break_warehouse(BROKEN)
        self.screen.note(f"{BROKEN}'s WMS answers 503 from now on")
        ended = self.runs.wait([self.runs.start(ORDERS, {"shop": shop}) for shop in (*self.api_shops, FILE_SHOP)])
        for run in ended:
            self.screen.note(f"{run.name}: {run.state_name}: {run.state.message if run.state else ''}")
        return _not_completed(ended)

    def go_on_call(self, failed: Sequence[UUID]) -> None:
        """Mend the warehouse and press Retry on every failed run."""
        self.outside.mend_warehouse(BROKEN)
        self.screen.note(f"{BROKEN}'s WMS answers again; {len(failed)} runs are retried")
        self._retry(failed)

    def ship(self) -> None:
        """Two truckloads leave; the reports come in, some of them twice or late, and shops and carrier are told.

        From the own warehouse all leaves, scan by scan on its handheld.
        """
        self.outside.garble("wms:WH-E", "duplicate", DUPLICATES)
        self.outside.garble("wms:WH-N", "out_of_order", OUT_OF_ORDER)
        for load in ("first", "second"):
            left = {
                code: self.outside.ship(code, self.outside.waiting_in(code) // 2 if load == "first" else None)
                for code in SITES
            }
            self.screen.note(f"{load} load: " + ", ".join(f"{number} from {code}" for code, number in left.items()))
        self.screen.note(f"scanned out on a handheld: {self.house.ship()} from {HOUSE}")
        self.settle()

    def refund(self) -> None:
        """Let the data's cancellations happen as refunds and closes of orders."""
        events = 0
        for shop in self.api_shops:
            cancelled = [invoice for invoice in self.invoices if invoice.is_cancellation and invoice.shop == shop]
            refunds = refunds_of(cancelled, self.baskets[shop])
            for refund in refunds:
                for event in refund.events:
                    self.outside.do("POST", f"shops/{shop}/orders/{refund.order_no}", event)
                    events += 1
            self.screen.note(f"{shop}: {len(refunds)} orders refunded or closed by their buyers")

    def deliver(self) -> None:
        """Carriers take everything along and deliver most of it."""
        self.outside.garble("carrier:kuaidi100", "duplicate", DUPLICATES)
        waybills = _waybills()
        moving = self.outside.advance_parcels("in_transit", waybills)
        arriving = [waybill for place, waybill in enumerate(waybills) if place % STILL_ON_THE_ROAD_OF]
        there = self.outside.advance_parcels("delivered", arriving)
        self.screen.note(f"{moving:,} parcels on the road, {there:,} delivered")
        self.settle()

    def read_again(self) -> None:
        """Read the API shops once more and ship what became free by it."""
        # Pinduoduo lists a change only when it is three minutes old; nobody has to sit and wait for that
        self.outside.put_clock_forward(PINDUODUO_LAG_S)
        for shop in self.api_shops:
            set_shop(shop, {"lag_s": "2"})
        self.screen.note(f"the platforms' clock goes {PINDUODUO_LAG_S} s forward: only then Pinduoduo lists changes")
        time.sleep(SHOWN_AFTER_S)
        ended = self.runs.wait([self.runs.start(ORDERS, {"shop": shop}) for shop in self.api_shops])
        for run in ended:
            self.screen.note(f"{run.name}: {run.state_name}: {run.state.message if run.state else ''}")
        self._retry(_not_completed(ended))
        late = {code: number for code in SITES if (number := self.outside.ship(code))}
        if number := self.house.ship():
            late[HOUSE] = number
        if late:
            self.screen.note("late: " + ", ".join(f"{number} from {code}" for code, number in late.items()))
        self.settle()

    def settle(self) -> None:
        """Wait until every report is applied and every message delivered; a run that fails meanwhile is retried.

        Raises PipelineError when that takes long or a counterpart refuses a message for good.
        """
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while True:
            under_way, failed = self.runs.under_way(), self.runs.failed()
            waiting, pending, refused = _unfinished()
            if refused:
                raise PipelineError(f"demo: {refused} messages were refused for good; `orderpool psql` shows outbox")
            if not (under_way or failed or waiting or pending):
                return
            if time.monotonic() > deadline:
                raise PipelineError(
                    f"demo: after {SETTLED_WITHIN_S:.0f} s {waiting} reports wait, {pending} messages are not "
                    f"delivered and {under_way} runs are under way"
                )
            if pending and not (under_way or failed or waiting):
                # what handhelds shipped; the minute's run of it is switched off here like all schedules
                self.runs.wait([self.runs.start(OUTBOX, {})])
            if failed and not under_way:
                for run_id in failed:  # of this deployment one runs at a time
                    self._retry([run_id])
            time.sleep(1)

    def _retry(self, failed: Sequence[UUID]) -> None:
        for run_id in failed:
            self.runs.retry(run_id)
        ended = self.runs.wait(failed)
        if _not_completed(ended):
            words = "; ".join(f"{run.name}: {run.state.message if run.state else ''}" for run in ended)
            raise PipelineError(f"demo: not every run completes after Retry: {words}")


def _offered(goods: Assortment, invoices: Sequence[Invoice]) -> list[str]:
    sold = Counter(line.code for invoice in invoices for line in invoice.lines if line.code in goods.skus)
    often = [code for code, _ in sold.most_common(OFFERED)]
    return list(dict.fromkeys([*sorted(goods.scarce - goods.unknown), *often]))[:OFFERED]


def _not_completed(ended: Sequence[FlowRun]) -> list[UUID]:
    return [run.id for run in ended if run.state is None or not run.state.is_completed()]


def _waybills() -> list[str]:
    with transaction() as conn:
        return [row[0] for row in conn.execute("select waybill from parcel order by id").fetchall()]


def _unfinished() -> tuple[int, int, int]:
    """Reports not applied, messages not delivered, messages refused for good."""
    with transaction() as conn:
        waiting = one(conn.execute("select count(*) from inbox where state = 'new'").fetchone())
        pending = one(conn.execute("select count(*) from outbox where state = 'pending'").fetchone())
        refused = one(conn.execute("select count(*) from outbox where state = 'refused'").fetchone())
    return waiting, pending, refused
