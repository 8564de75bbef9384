"""A web shop without a network, and a pool that tests fill by hand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.registry import own_mapping
from models.batch import BatchOrigin
from models.database import transaction
from models.order import Cause
from models.sealing import unseal
from tasks.counterparts import mapping_version_id, shop_mapping
from tasks.dispatch import dispatch_batch
from tasks.ingest import Reader
from tasks.ledger import Movement, book
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tasks.store import StoreCount
from tasks.track import track_batch
from tasks.validate import validate_batch
from tasks.windows import find_shop

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Noon in China on a day without a sale."""

WOO = own_mapping("woocommerce")


def why(run: str = "run-1", at: datetime = NOON) -> Cause:
    """The cause of a test's moves."""
    return Cause("test", at, run, 1)


def payload(
    no: int, minute: int = 0, status: str = "processing", units: Mapping[str, int] | None = None, **changes: Any
) -> dict[str, Any]:
    """A web shop's order as its API answers it, changed `minute` minutes before noon or after (negative before)."""
    basket = {"TEA": 1} if units is None else units
    modified = NOON - timedelta(hours=1) + timedelta(minutes=minute)
    paid = None if status == "pending" else _gmt(NOON - timedelta(hours=2) + timedelta(seconds=no))
    total = sum(quantity * 20 for quantity in basket.values())
    return {
        "id": no,
        "number": str(no),
        "status": status,
        "currency": "CNY",
        "date_created_gmt": _gmt(NOON - timedelta(hours=3) + timedelta(seconds=no)),
        "date_modified_gmt": _gmt(modified),
        "date_paid_gmt": paid,
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "total": f"{total}.00",
        "customer_id": no,
        "customer_note": "",
        "billing": {},
        "shipping": {
            "first_name": "修远",
            "last_name": "欧阳",
            "address_1": f"西湖区梧桐里弄{no}号",
            "address_2": "",
            "city": "杭州市",
            "state": "CN12",
            "country": "CN",
            "phone": f"139{no:08d}",
        },
        "payment_method": "alipay",
        "line_items": [
            {
                "id": no * 10 + position,
                "name": sku,
                "quantity": quantity,
                "subtotal": f"{quantity * 20}.00",
                "subtotal_tax": "0.00",
                "total": f"{quantity * 20}.00",
                "total_tax": "0.00",
                "meta_data": [],
                "sku": sku,
                "price": 20,
            }
            for position, (sku, quantity) in enumerate(basket.items())
        ],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [],
    } | changes


def _gmt(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


class FakePool:
    """A pool with one web shop `WOO` and the warehouses `WH-A` (Hangzhou) and `WH-B` (Guangzhou)."""

    def __init__(self) -> None:
        with transaction() as conn:
            conn.execute(
                "insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)"
                " values ('WOO', 'woocommerce', '', true, false, 15, '{}', %s)",
                (NOON,),
            )
            conn.execute(
                """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier,
                     active, settings)
                   values ('WH-A', '', '330106', '', '', '', 'webhook', 'yuantong', true, '{}'),
                          ('WH-B', '', '440106', '', '', '', 'webhook', 'yunda', true, '{}')"""
            )

    def stock(self, **units: int) -> None:
        """Open SKUs with so many units in WH-A; `TEA_B` means TEA in WH-B."""
        with transaction() as conn:
            for name, number in units.items():
                code, _, place = name.partition("_")
                conn.execute(
                    "insert into sku (code, name, barcode, weight_g) values (%s, '', '', 0) on conflict do nothing",
                    (code,),
                )
                conn.execute(
                    """insert into stock (warehouse_id, sku_id, opening, on_hand, locked)
                       select w.id, k.id, %s, %s, 0 from warehouse w, sku k where w.code = %s and k.code = %s""",
                    (number, number, f"WH-{place or 'A'}", code),
                )
                conn.execute(
                    """insert into sku_pool (sku_id, on_hand, locked) select id, %s, 0 from sku where code = %s
                       on conflict (sku_id) do update set on_hand = sku_pool.on_hand + excluded.on_hand""",
                    (number, code),
                )

    def deliver_more(self, sku: str, units: int, warehouse: str = "WH-A") -> None:
        """Units of a SKU arrive."""
        (shelf,) = self.rows(
            "select w.id, k.id from warehouse w, sku k where w.code = %s and k.code = %s", warehouse, sku
        )
        with transaction() as conn:
            book(conn, [Movement(shelf[0], shelf[1], units, "arrival", "test", NOON)], NOON)

    def kit(self, code: str, **components: int) -> None:
        """Make a kit of so many units of other SKUs."""
        self.execute("insert into sku (code, name, barcode, weight_g) values (%s, '', '', 0)", code)
        for component, units in components.items():
            self.execute(
                """insert into kit_component (kit_id, component_id, quantity)
                   select t.id, c.id, %s from sku t, sku c where t.code = %s and c.code = %s""",
                units,
                code,
                component,
            )

    def keep_safe(self, warehouse: str = "WH-A", **units: int) -> None:
        """Set the safety stock of SKUs in a warehouse."""
        for code, number in units.items():
            self.execute(
                """with shelf as (
                     update stock s set safety = %s from sku k, warehouse w
                     where k.id = s.sku_id and w.id = s.warehouse_id and k.code = %s and w.code = %s
                     returning s.warehouse_id, s.sku_id, s.safety)
                   update sku_pool p set safety = shelf.safety + (
                     select coalesce(sum(o.safety), 0) from stock o
                     where o.sku_id = p.sku_id and o.warehouse_id <> shelf.warehouse_id)
                   from shelf where p.sku_id = shelf.sku_id""",
                number,
                code,
                warehouse,
            )

    def take(self, *pages: Sequence[dict[str, Any]], run: str = "run-1") -> StoreCount:
        """Read pages of the web shop into the pool, as one window of one run."""
        reader = self.reader(run)
        for page in pages:
            reader.take(page)
        reader.finish()
        return reader.count

    def reader(self, run: str) -> Reader:
        """What one run reads the web shop with."""
        with transaction() as conn:
            shop = find_shop(conn, "WOO")
            mapping = shop_mapping(conn, "WOO")
            version = mapping_version_id(conn, mapping)
        return Reader(shop, mapping, version, BatchOrigin.WINDOW, None, why(run))

    def open_batches(self) -> list[int]:
        """The batches that are under way."""
        return [row[0] for row in self.rows("select id from batch where state = 'open' order by id")]

    def through_the_stages(self, to: str = "track", batches: Iterable[int] | None = None) -> None:
        """Take open batches through the stages after ingest up to and including `to`."""
        names = ("validate", "lock_stock", "route", "dispatch", "track")
        stages = (validate_batch, lock_batch, route_batch, dispatch_batch, track_batch)
        for batch_id in self.open_batches() if batches is None else batches:
            for stage in stages[: names.index(to) + 1]:
                with transaction() as conn:
                    stage(conn, batch_id, why())

    def batch_of(self, demands: Sequence[Mapping[str, int]], run: str = "by hand") -> int:
        """A batch of paid orders that count as validated, one per demand (units per SKU), numbered on from 1."""
        first = self.rows("select count(*) from orders")[0][0] + 1
        self.take([payload(first + n, units=demand) for n, demand in enumerate(demands)], run=run)
        batch_id = int(self.rows("select max(id) from batch")[0][0])
        self.execute("update receiver set division_code = '330106' where division_code = ''")
        self.execute("update order_state set stage = 'validated' where batch_id = %s", batch_id)
        return batch_id

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        with transaction() as conn:
            return conn.execute(query.encode(), arguments or None).fetchall()

    def execute(self, statement: str, *arguments: object) -> None:
        """Change the pool as another part of the system would."""
        with transaction() as conn:
            conn.execute(statement.encode(), arguments or None)

    def stages(self) -> dict[str, str]:
        """The stage of every order by its number."""
        return dict(
            self.rows("select o.order_no, s.stage from order_state s join orders o on o.id = s.order_id order by 1")
        )

    def holds(self) -> dict[str, list[str]]:
        """The open holds of every held order by its number."""
        return dict(
            self.rows(
                """select o.order_no, array_agg(h.code order by h.code) from hold h join orders o on o.id = h.order_id
                   where h.released_at is null group by 1 order by 1"""
            )
        )

    def locked(self, sku: str = "TEA") -> int:
        """How many units of a SKU are locked."""
        return int(
            self.rows("select p.locked from sku_pool p join sku k on k.id = p.sku_id where k.code = %s", sku)[0][0]
        )

    def orders(self) -> list[tuple[Any, ...]]:
        """Every order with its facts, lines and receiver in clear; without ids and times of ours."""
        found = self.rows(
            """select o.external_id, o.pay_state, o.platform_status, o.modified_at, o.total_fen, s.stage, r.name_enc,
                 r.phone_enc, r.address_enc, r.phone_last4,
                 (select array_agg((l.line_no, l.sku_code, l.quantity, l.state)::text order by l.line_no)
                  from order_line l where l.order_id = o.id)
               from orders o join order_state s on s.order_id = o.id join receiver r on r.order_id = o.id order by 1"""
        )
        return [(*row[:6], *(unseal(value) for value in row[6:9]), *row[9:]) for row in found]

    def untrue(self) -> list[tuple[Any, ...]]:
        """Counters that are not what locks, movements, shelves, promises and allocations add up to."""
        return self.rows(
            """with open_lock as (  -- what a part shipment took out is not locked any more
                 select k.sku_id, k.warehouse_id, k.quantity - coalesce(a.shipped, 0) as open_units from lock k
                 left join allocation a on a.order_id = k.order_id and a.line_no = k.line_no
                   and a.sku_id = k.sku_id and a.warehouse_id = k.warehouse_id and a.turn = k.turn
                 where k.state = 'open')
               select 'pool', p.sku_id, p.on_hand, p.locked from sku_pool p
               where p.locked <> (select coalesce(sum(open_units), 0) from open_lock k where k.sku_id = p.sku_id)
                  or (p.on_hand, p.safety) <> (select coalesce(sum(on_hand), 0), coalesce(sum(safety), 0)
                                               from stock s where s.sku_id = p.sku_id)
                  or p.locked not between 0 and p.on_hand
               union all
               select 'shelf', s.sku_id, s.on_hand, s.locked from stock s
               where s.locked <> (select coalesce(sum(open_units), 0) from open_lock k
                                  where k.sku_id = s.sku_id and k.warehouse_id = s.warehouse_id)
                  or s.on_hand <> s.opening + (select coalesce(sum(quantity), 0) from stock_movement m
                                               where m.sku_id = s.sku_id and m.warehouse_id = s.warehouse_id)
                  or s.locked not between 0 and s.on_hand or s.missing not between 0 and s.locked
               union all
               select 'promise', p.sku_id, p.limit_units, p.promised from promise_pool p
               where p.promised <> (select coalesce(sum(quantity), 0) from promise o
                                    where o.sku_id = p.sku_id and o.state = 'open')
               union all
               select 'day', d.warehouse_id, d.limit_documents, d.used from warehouse_day d
               where d.used <> (select count(distinct coalesce(-m.group_id, a.order_id)) from allocation a
                                left join merge_member m on m.order_id = a.order_id and m.left_at is null
                                where a.warehouse_id = d.warehouse_id and a.ship_day = d.day)"""
        )
