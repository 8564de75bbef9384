"""Stock: what lies where, what is locked for whom, what is promised, and every movement."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, SmallInteger, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, OneByte, check, one_of
from models.feeds import Counts


class Sku(SQLModel, table=True):
    """A thing that is sold, under the merchant's code."""

    __tablename__: ClassVar[str] = "sku"
    __table_args__ = (Index("ix_sku_barcode", "barcode", postgresql_where=text("barcode <> ''")),)

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    barcode: str = Field(default="", sa_type=Text)
    weight_g: int = 0


class KitComponent(SQLModel, table=True):
    """So many units of a SKU in one unit of a kit. A kit lies nowhere: its components do. No kit is in a kit."""

    __tablename__: ClassVar[str] = "kit_component"
    __table_args__ = (check("quantity > 0", "quantity_positive"), check("kit_id <> component_id", "not_in_itself"))

    kit_id: int = Field(primary_key=True, foreign_key="sku.id")
    component_id: int = Field(primary_key=True, foreign_key="sku.id", index=True)
    quantity: int


class LineComponent(SQLModel, table=True):
    """What one unit of an order line's kit is made of, as it was when the line was first locked.

    A kit that changes later leaves what was locked as it is. The view `line_unit` (order_id, line_no, sku_id, quantity,
    per_unit) has the physical units of every line that is not closed: of its components, else of its SKU.
    """

    __tablename__: ClassVar[str] = "line_component"
    __table_args__ = (check("per_unit > 0", "per_unit_positive"),)

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    sku_id: int = Field(primary_key=True)
    per_unit: int


class SkuPool(SQLModel, table=True):
    """A SKU over all warehouses: `on_hand` and `safety` are the sums of its shelves, `locked` counts every open lock.

    Sellable is `on_hand - locked - safety`. `version` grows with every change (a trigger sees to it); the stock version
    of a SKU is the sum of the versions of its pool and shelves.
    """

    __tablename__: ClassVar[str] = "sku_pool"
    __table_args__ = (
        check("0 <= locked and locked <= on_hand", "never_sold_twice"),
        check("safety >= 0", "safety_known"),
    )

    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    on_hand: int
    locked: int = 0
    safety: int = 0
    version: int = Field(default=0, sa_type=BigInteger)


class Stock(SQLModel, table=True):
    """A SKU in one warehouse (a shelf); `opening` is what it began with, movements explain the rest of `on_hand`.

    `safety` units are never sold. `missing` are units that a count did not find although they are locked: they leave
    `on_hand` as soon as their locks end unshipped. `counted_at` is the moment the last count speaks of, `counted_as`
    what it counted.
    """

    __tablename__: ClassVar[str] = "stock"
    __table_args__ = (
        check("0 <= locked and locked <= on_hand", "never_sold_twice"),
        check("opening >= 0", "opening_known"),
        check("safety >= 0", "safety_known"),
        check("missing between 0 and locked", "missing_bounded"),
        one_of("counted_as", Counts),
        Index("ix_stock_missing", "warehouse_id", "sku_id", postgresql_where=text("missing > 0")),
        Index("ix_stock_sku_id", "sku_id"),
    )

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    opening: int
    on_hand: int
    locked: int = 0
    safety: int = 0
    missing: int = 0
    counted_at: datetime | None = Field(default=None, sa_type=AT)
    counted_as: str | None = Field(default=None, sa_type=Text)
    version: int = Field(default=0, sa_type=BigInteger)


class StockMovement(SQLModel, table=True):
    """A change of what lies in a warehouse: units in (+) or out (-), why, and what caused it.

    Append-only, which a trigger holds. `occurred_at` is when it happened there, `at` when we learnt of it.
    """

    __tablename__: ClassVar[str] = "stock_movement"
    __table_args__ = (
        Index("ix_stock_movement_stock", "warehouse_id", "sku_id", "occurred_at"),
        check("quantity <> 0", "moves"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    warehouse_id: int
    sku_id: int
    quantity: int
    reason: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=AT)
    at: datetime = Field(sa_type=AT)


class LockState(StrEnum):
    """OPEN ends exactly once: CONSUMED by shipping, RELEASED, or MOVED from the pool to a warehouse."""

    OPEN = "open"
    CONSUMED = "consumed"
    RELEASED = "released"
    MOVED = "moved"


class Lock(SQLModel, table=True):
    """Units of a SKU kept for an order line: of the SKU pool (no warehouse), or of one warehouse once routed.

    A line of a kit has one per component. `expires_at`: when the lock of an order that is not paid may end. `turn` is
    that of its allocation. An ended lock never changes, which a trigger holds.
    """

    __tablename__: ClassVar[str] = "lock"
    __table_args__ = (
        Index(
            "ix_lock_open",
            "order_id",
            "line_no",
            "sku_id",
            "warehouse_id",
            "turn",
            unique=True,
            postgresql_where=text("state = 'open'"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_lock_order_id", "order_id"),
        Index(
            "ix_lock_expires_at",
            "expires_at",
            postgresql_where=text("state = 'open' and expires_at is not null"),
        ),
        Index("ix_lock_locked_at", "locked_at", postgresql_using="brin"),
        check("quantity > 0", "quantity_positive"),
        check("(state = 'open') = (ended_at is null)", "ends_once"),
        one_of("state", LockState),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    line_no: int
    sku_id: int
    warehouse_id: int | None = None
    quantity: int
    state: str = Field(default="open", sa_type=Text)
    locked_at: datetime = Field(sa_type=AT)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
    expires_at: datetime | None = Field(default=None, sa_type=AT)
    turn: int = Field(default=1, sa_type=SmallInteger, sa_column_kwargs={"server_default": "1"})


class Basis(StrEnum):
    """Why an order was routed as it was: its area's warehouse has all of it, or a stored plan says why."""

    AREA = "a"
    PLAN = "p"


class Allocation(SQLModel, table=True):
    """Units of a SKU that one warehouse ships for an order line, in which outbound document, and on what basis.

    `carrier` is empty where it is the warehouse's usual one; `ship_day` is set where the warehouse has a daily limit.
    `turn` is 1 as the order was routed, and higher for what earlier documents of it lacked and was placed again.
    """

    __tablename__: ClassVar[str] = "allocation"
    __table_args__ = (
        check("quantity > 0", "quantity_positive"),
        check("shipped between 0 and quantity", "shipped_bounded"),
        Index("ix_allocation_document_id", "document_id", postgresql_where=text("document_id is not null")),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    sku_id: int = Field(primary_key=True)
    warehouse_id: int = Field(primary_key=True)
    turn: int = Field(default=1, primary_key=True, sa_type=SmallInteger, sa_column_kwargs={"server_default": "1"})
    quantity: int
    shipped: int = 0
    basis: str = Field(sa_type=OneByte)
    carrier: str | None = Field(default=None, sa_type=Text)
    ship_day: date | None = None
    document_id: int | None = Field(default=None, sa_type=BigInteger)


class PromiseKind(StrEnum):
    """Why units are sold before they are there."""

    BACKORDER = "backorder"
    PRESALE = "presale"


class PromisePool(SQLModel, table=True):
    """How many units of a SKU may be promised beyond what there is; `promised` are those of the open promises.

    Physical stock knows nothing of it. Orders are promised units until `closes_at`, for `available_at`.
    """

    __tablename__: ClassVar[str] = "promise_pool"
    __table_args__ = (
        one_of("kind", PromiseKind),
        check("0 <= promised and promised <= limit_units", "never_promised_twice"),
    )

    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    kind: str = Field(sa_type=Text)
    limit_units: int
    promised: int = 0
    available_at: datetime | None = Field(default=None, sa_type=AT)
    closes_at: datetime | None = Field(default=None, sa_type=AT)


class PromiseState(StrEnum):
    """OPEN ends exactly once: KEPT when all its units became locked, or RELEASED."""

    OPEN = "open"
    KEPT = "kept"
    RELEASED = "released"


class Promise(SQLModel, table=True):
    """Units of a SKU that an order line waits for. Arrivals go to open promises by (priority, paid_at, order_id)."""

    __tablename__: ClassVar[str] = "promise"
    __table_args__ = (
        one_of("state", PromiseState),
        check("quantity > 0", "quantity_positive"),
        check("(state = 'open') = (ended_at is null)", "ends_once"),
        Index("ix_promise_open", "order_id", "line_no", "sku_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_promise_queue", "sku_id", "priority", "paid_at", "order_id", postgresql_where=text("state = 'open'")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    line_no: int
    sku_id: int
    quantity: int
    state: str = Field(default="open", sa_type=Text)
    priority: int
    paid_at: datetime = Field(sa_type=AT)
    made_at: datetime = Field(sa_type=AT)
    due_at: datetime | None = Field(default=None, sa_type=AT)
    ended_at: datetime | None = Field(default=None, sa_type=AT)


class Arrival(SQLModel, table=True):
    """Units that are on their way to a warehouse: what was ordered, when it should come, and what came."""

    __tablename__: ClassVar[str] = "arrival"
    __table_args__ = (
        check("expected > 0", "expected_positive"),
        check("received >= 0", "received_known"),
        Index("ix_arrival_key", "warehouse_id", "sku_id", "reference", unique=True),
        Index("ix_arrival_open", "sku_id", "expected_at", postgresql_where=text("closed_at is null")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    sku_id: int = Field(foreign_key="sku.id")
    reference: str = Field(sa_type=Text)
    expected: int
    received: int = 0
    expected_at: datetime = Field(sa_type=AT)
    closed_at: datetime | None = Field(default=None, sa_type=AT)


class StockFeed(SQLModel, table=True):
    """A report on stock that was applied: who said it, what it counts, of which moment, and what it did.

    `reference` is the sender's name of the report (a file's digest, a message id): one of a source counts once.
    """

    __tablename__: ClassVar[str] = "stock_feed"
    __table_args__ = (
        one_of("counts", Counts),
        Index("ix_stock_feed_reference", "source", "reference", unique=True),
        Index("ix_stock_feed_counted", "source", "applied_at", postgresql_where=text("counts <> 'change'")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    source: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    counts: str = Field(sa_type=Text)
    as_of: datetime = Field(sa_type=AT)
    shelves: int  # those it speaks of
    changed: int  # whose on hand it changed
    late: int  # those a later count had spoken of already
    applied_at: datetime = Field(sa_type=AT)


class StockFeedPage(SQLModel, table=True):
    """A page of a snapshot that does not count yet: others of it have not come. `items` are the sender's, as sent."""

    __tablename__: ClassVar[str] = "stock_feed_page"
    __table_args__ = (check("page between 1 and pages", "page_known"),)

    source: str = Field(primary_key=True, sa_type=Text)
    reference: str = Field(primary_key=True, sa_type=Text)
    page: int = Field(primary_key=True)
    pages: int
    items: list[dict[str, Any]] = Field(sa_type=JSON)
    received_at: datetime = Field(sa_type=AT)


class Shortfall(SQLModel, table=True):
    """Fewer units were found than are locked: `missing` of `locked`. Closed when no lock lacks a unit any more.

    `feed_id` is the feed that said so; None where reports on documents showed that the last count had meant fewer.
    """

    __tablename__: ClassVar[str] = "shortfall"
    __table_args__ = (
        check("missing > 0", "missing_positive"),
        Index("ix_shortfall_open", "warehouse_id", "sku_id", unique=True, postgresql_where=text("closed_at is null")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    sku_id: int = Field(foreign_key="sku.id")
    feed_id: int | None = Field(default=None, sa_type=BigInteger)
    counted: int
    locked: int
    missing: int
    opened_at: datetime = Field(sa_type=AT)
    closed_at: datetime | None = Field(default=None, sa_type=AT)


class ShortfallOrder(SQLModel, table=True):
    """An order that a shortfall threatens: the last in the queue first, so many of its locked units are not there."""

    __tablename__: ClassVar[str] = "shortfall_order"
    __table_args__ = (check("units > 0", "units_positive"),)

    shortfall_id: int = Field(primary_key=True, sa_type=BigInteger)
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    units: int
