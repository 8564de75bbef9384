"""Listings: which of a shop's products sell which SKU, and what stock they were told."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check


class Listing(SQLModel, table=True):
    """A product (or a variant of it) of a shop that sells a SKU.

    `item_id` and `sku_ref` are the platform's ids ("" where it has none). `shown` is what the platform was last told
    and took, at stock version `shown_version` under formula version `shown_formula`.
    """

    __tablename__: ClassVar[str] = "listing"
    __table_args__ = (
        Index("ix_listing_item", "shop_id", "item_id", "sku_ref", unique=True),
        Index("ix_listing_sku_id", "sku_id"),
        check("shown is null or shown >= 0", "shown_known"),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop_id: int = Field(foreign_key="shop.id")
    sku_id: int = Field(foreign_key="sku.id")
    item_id: str = Field(sa_type=Text)
    sku_ref: str = Field(default="", sa_type=Text)
    active: bool = True
    shown: int | None = None
    shown_version: int = Field(default=0, sa_type=BigInteger)
    shown_formula: int = 0
    shown_at: datetime | None = Field(default=None, sa_type=AT)
    obstacle: str = Field(default="", sa_type=Text)


class StockFormula(SQLModel, table=True):
    """A version of the formulas that say what stock is shown where; the highest version is in force.

    Version 0, which comes with us, has no row.
    """

    __tablename__: ClassVar[str] = "stock_formula"
    __table_args__ = (check("version > 0", "version_positive"),)

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: dict[str, Any] = Field(sa_type=JSON)
    note: str = Field(default="", sa_type=Text)
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)


class StockPush(SQLModel, table=True):
    """What a listing is to be told, at which stock version: one row per listing, the newest wins.

    Its outbox message is keyed by shop, listing, stock version and formula version, never by quantity. `decided_at` is
    since when the listing waits to show something: a newer decision that overtakes an unsent one leaves it as it is.
    """

    __tablename__: ClassVar[str] = "stock_push"
    __table_args__ = (
        check("units >= 0", "units_known"),
        Index("ix_stock_push_unsent", "listing_id", postgresql_where=text("not sent")),
    )

    listing_id: int = Field(primary_key=True, foreign_key="listing.id")
    units: int
    version: int = Field(sa_type=BigInteger)
    formula: int
    sent: bool = False
    decided_at: datetime = Field(sa_type=AT)
