"""A seller with two warehouses, kits and a web shop, driven through the real stages, reports and feeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.mapping import Mapping as FieldMapping
from models.batch import BatchOrigin
from models.database import Connection, transaction
from models.hold import Finding, place_holds
from models.incoming import IncomingLine, IncomingOrder, IncomingReceiver, LineState, OrderKind, PayState
from models.messages import OutboxKind
from models.order import Cause, Stage, advance
from models.rules.review import payment_finding, refund_finding
from tasks.batches import orders_in, take_batch
from tasks.confirm import apply_confirmations
from tasks.counterparts import mapping_version_id, shop_mapping
from tasks.dispatch import dispatch_batch
from tasks.ingest import Reader
from tasks.ledger import Shelf
from tasks.lock_stock import lock_batch
from tasks.order_numbers import by_numbers
from tasks.outbox import Pending, deliver_due
from tasks.redo import redo_orders
from tasks.release import release_orders
from tasks.resume import ResumeCount, end_waits
from tasks.route import route_batch
from tasks.skip import skip_orders
from tasks.split_orders import settle_splits
from tasks.stock_feed import Feed, FeedCount, Told, apply_feed
from tasks.store import Arrival
from tasks.track import track_batch
from tasks.windows import ShopRow, find_shop
from tests.fakes import NOON

KITS = {"SET": {"TEA": 1, "CUP": 2}}
"""What one unit of a kit is made of."""

SKUS = ("TEA", "CUP", "POT")
PLACES = ("A", "B")

RECEIVER = IncomingReceiver(
    name="欧阳修远",
    phone="13900000001",
    province="浙江省",
    city="杭州市",
    district="西湖区",
    town="",
    address="梧桐里弄1号",
    oaid="",
    masked=False,
)
ELSEWHERE = IncomingReceiver(**{name: getattr(RECEIVER, name) for name in RECEIVER.__slots__} | {"district": "滨江区"})


@dataclass(frozen=True, slots=True)
class Version:
    """What the shop says of an order: per line its SKU, units and state."""

    no: int
    lines: tuple[tuple[str, int, LineState], ...]
    pay: PayState
    paid_at: datetime | None
    ship_by: datetime | None = None
    moved: bool = False

    def incoming(self, at: datetime) -> IncomingOrder:
        """The order as a channel reports it at a time."""
        goods = sum(2000 * units for _, units, _ in self.lines)
        return IncomingOrder(
            external_id=str(self.no),
            order_no=str(self.no),
            kind=OrderKind.GOODS,
            pay_state=self.pay,
            platform_status=self.pay.value,
            buyer_key=str(self.no),
            created_at=NOON - timedelta(hours=3),
            paid_at=self.paid_at,
            modified_at=at,
            ship_by=self.ship_by,
            goods_fen=goods,
            discount_fen=0,
            freight_fen=0,
            total_fen=goods,
            paid_fen=goods if self.paid_at else 0,
            refunded_fen=0,
            buyer_note="",
            seller_note="",
            receiver=ELSEWHERE if self.moved else RECEIVER,
            lines=tuple(
                IncomingLine(f"{self.no}-{place}", sku, sku, units, 2000, 2000 * units, state)
                for place, (sku, units, state) in enumerate(self.lines, 1)
            ),
        )


@dataclass(slots=True)
class World:
    """The pool, a clock of its own that goes on with every step, and the ways in which things happen to stock.

    The connection commits every statement that is in no transaction.
    """

    conn: Connection
    at: datetime = NOON
    shop: ShopRow = field(init=False)
    mapping: FieldMapping = field(init=False)
    mapping_version: int = field(init=False)

    def __post_init__(self) -> None:
        with transaction() as conn:
            self.shop = find_shop(conn, "WOO")
            self.mapping = shop_mapping(conn, "WOO")
            self.mapping_version = mapping_version_id(conn, self.mapping)

    def now(self) -> datetime:
        """Business time: the world is its own Clock."""
        return self.at

    def tick(self, **more: float) -> None:
        """Let time go on, by a second unless said otherwise."""
        self.at += timedelta(**(more or {"seconds": 1}))

    def why(self, run: str = "run-1") -> Cause:
        """The cause of what happens now."""
        return Cause("test", self.at, run, 1)

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        return self.conn.execute(query.encode(), arguments or None).fetchall()

    def execute(self, statement: str, *arguments: object) -> None:
        """Change the pool as another part of the system would."""
        self.conn.execute(statement.encode(), arguments or None)

    def serve_everywhere(self) -> None:
        """The first place serves the whole country, the second is its backup."""
        self.execute(
            """insert into service_area (division_code, warehouse_id, priority)
               select '', id, row_number() over (order by code) from warehouse"""
        )

    def make_kits(self) -> None:
        """The kits, which have no stock of their own."""
        with self.conn.transaction():
            self.conn.execute(
                "insert into sku (code, name, barcode, weight_g) select unnest(%s::text[]), '', '', 0", (list(KITS),)
            )
            self.conn.cursor().executemany(
                """insert into kit_component (kit_id, component_id, quantity)
                   select k.id, c.id, %s from sku k, sku c where k.code = %s and c.code = %s""",
                [(units, kit, code) for kit, parts in KITS.items() for code, units in parts.items()],
            )

    def read(self, *versions: Version, run: str) -> int:
        """Take these versions of orders into the pool; gives the batch they are in."""
        reader = Reader(self.shop, self.mapping, self.mapping_version, BatchOrigin.WINDOW, None, self.why(run))
        reader.add([Arrival(version.incoming(self.at), {"id": version.no}) for version in versions], [])
        reader.finish()
        return reader.batch_ids[-1] if reader.batch_ids else 0

    def do(self, stage: Callable[[Connection, int, Cause], Any], batch_id: int) -> Any:
        """One stage on a batch, in a transaction of its own."""
        with self.conn.transaction():
            return stage(self.conn, batch_id, self.why())

    def resume(self) -> ResumeCount:
        """What the resume run does first."""
        return end_waits(self.why())

    def release(self, order_no: str, code: str) -> None:
        """A person ends a hold."""
        with self.conn.transaction():
            found = by_numbers(self.conn, [order_no]).orders
            refused = release_orders(self.conn, list(found), code, "looked at it", self.why()).refused
            assert refused == {}

    def redo(self, stage: str, order_id: int) -> None:
        """On-call has an order do a stage again."""
        with self.conn.transaction():
            assert redo_orders(self.conn, stage, [order_id], "mended", self.why()).done == [order_id]

    def skip(self, order_id: int) -> None:
        """On-call parks an order."""
        with self.conn.transaction():
            assert skip_orders(self.conn, [order_id], "poison", self.why()).done == [order_id]

    def report(self, kind: str, no: str, warehouse: str, **data: Any) -> str:
        """A warehouse's report on a document; gives why it was ignored, "" when it was not."""
        envelope = {
            "type": f"outbound.{kind}",
            "occurred_at": self.at.isoformat(),
            "data": {"outbound_no": no, "occurred_at": self.at.isoformat(), **data},
        }
        with self.conn.transaction():
            return apply_confirmations(self.conn, [(1, warehouse, envelope)], self.why())[1].ignored

    def shelf(self, place: str, sku: str) -> Shelf:
        """The key of a stock row."""
        rows = self.rows(
            "select w.id, k.id from warehouse w, sku k where w.code = %s and k.code = %s", f"WH-{place}", sku
        )
        return rows[0][0], rows[0][1]

    def feed(self, feed: Feed, *told: Told) -> FeedCount:
        """A report on stock is taken over."""
        with self.conn.transaction():
            return apply_feed(self.conn, feed, told, self.why())

    def hand_over(self) -> None:
        """Deliver instructions that are due, or take back those that must not go."""
        deliver_due(self._send, (OutboxKind.OUTBOUND_CREATED,), self.why())

    def _send(self, _counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        return {message.id: lambda: None for message in pending}


def review_batch(conn: Connection, batch_id: int, why: Cause) -> None:
    """What validate does with good data: the payment and refund rules, without looking for faults of the feed."""
    take_batch(conn, batch_id)
    settle_splits(conn, batch_id, why)
    ids = orders_in(conn, batch_id, Stage.INGESTED)
    rows = conn.execute(
        """select o.id, o.pay_state,
             array_agg((l.line_no, l.state) order by l.line_no) filter (where l.state <> 'closed')
           from orders o left join order_line l on l.order_id = o.id where o.id = any(%s) group by 1, 2 order by 1""",
        (ids,),
    ).fetchall()
    findings: list[tuple[int, Finding | None]] = []
    for order_id, pay_state, lines in rows:
        states = [(int(number), LineState(state)) for number, state in lines or ()]
        findings += [
            (order_id, payment_finding(PayState(pay_state), pay_state, "")),
            (order_id, refund_finding(states)),
        ]
    closed = [order_id for order_id, pay_state, _ in rows if pay_state == "cancelled"]
    conn.execute("update receiver set division_code = '330106' where order_id = any(%s)", (ids,))
    place_holds(conn, [(i, finding) for i, finding in findings if finding and i not in closed], why)
    advance(conn, closed, Stage.CANCELLED, why)
    advance(conn, [order_id for order_id in ids if order_id not in closed], Stage.VALIDATED, why)


STAGES: dict[str, Callable[[Connection, int, Cause], Any]] = {
    "review": review_batch,
    "lock": lock_batch,
    "route": route_batch,
    "dispatch": dispatch_batch,
    "track": track_batch,
}
