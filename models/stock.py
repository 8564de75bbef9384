"""Stock: what lies where, what is locked for whom, and every movement."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check, one_of


class Sku(SQLModel, table=True):
    """A thing that is sold, under the merchant's code."""

    __tablename__: ClassVar[str] = "sku"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    barcode: str = Field(default="", sa_type=Text)
    weight_g: int = 0


class Warehouse(SQLModel, table=True):
    """A place that ships. `sender` (name, phone, address) is our own, not a buyer's."""

    __tablename__: ClassVar[str] = "warehouse"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    division_code: str = Field(sa_type=Text)
    address: str = Field(default="", sa_type=Text)
    sender_name: str = Field(default="", sa_type=Text)
    sender_phone: str = Field(default="", sa_type=Text)
    wms: str = Field(default="webhook", sa_type=Text)
    carrier: str = Field(default="yuantong", sa_type=Text)
    active: bool = True
    stopped_at: datetime | None = Field(default=None, sa_type=AT)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class ServiceArea(SQLModel, table=True):
    """A division (province, prefecture or county code) that a warehouse serves; lower priority goes first."""

    __tablename__: ClassVar[str] = "service_area"

    division_code: str = Field(primary_key=True, sa_type=Text)
    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    priority: int = 1


class SkuPool(SQLModel, table=True):
    """A SKU over all warehouses; `locked` counts every open lock, sellable is `on_hand - locked`."""

    __tablename__: ClassVar[str] = "sku_pool"
    __table_args__ = (check("0 <= locked and locked <= on_hand", "never_sold_twice"),)

    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    on_hand: int
    locked: int = 0


class Stock(SQLModel, table=True):
    """A SKU in one warehouse; `opening` is what it began with, movements explain the rest of `on_hand`."""

    __tablename__: ClassVar[str] = "stock"
    __table_args__ = (
        check("0 <= locked and locked <= on_hand", "never_sold_twice"),
        check("opening >= 0", "opening_known"),
    )

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    opening: int
    on_hand: int
    locked: int = 0


class StockMovement(SQLModel, table=True):
    """A change of what lies in a warehouse: units in (+) or out (-), why, and what caused it. Append-only."""

    __tablename__: ClassVar[str] = "stock_movement"
    __table_args__ = (
        Index("ix_stock_movement_stock", "warehouse_id", "sku_id"),
        check("quantity <> 0", "moves"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    warehouse_id: int
    sku_id: int
    quantity: int
    reason: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=AT)


class LockState(StrEnum):
    """OPEN ends exactly once: CONSUMED by shipping, RELEASED, or MOVED from the pool to a warehouse."""

    OPEN = "open"
    CONSUMED = "consumed"
    RELEASED = "released"
    MOVED = "moved"


class Lock(SQLModel, table=True):
    """Units of a SKU kept for an order line: of the SKU pool (no warehouse), or of one warehouse once routed."""

    __tablename__: ClassVar[str] = "lock"
    __table_args__ = (
        Index(
            "ix_lock_open",
            "order_id",
            "line_no",
            "warehouse_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_lock_order_id", "order_id"),
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


class Allocation(SQLModel, table=True):
    """Which warehouse serves an order line, in which outbound document, and why."""

    __tablename__: ClassVar[str] = "allocation"
    __table_args__ = (
        check("quantity > 0", "quantity_positive"),
        check("shipped between 0 and quantity", "shipped_bounded"),
        Index("ix_allocation_document_id", "document_id", postgresql_where=text("document_id is not null")),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    warehouse_id: int = Field(primary_key=True)
    quantity: int
    shipped: int = 0
    reason: str = Field(sa_type=Text)
    document_id: int | None = Field(default=None, sa_type=BigInteger)
