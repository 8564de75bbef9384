"""Shops, what they need to be called, and the mappings their orders are read with."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, SEALED


class Shop(SQLModel, table=True):
    """Our store on a channel. `watermark` is the end of the last window whose rows are all stored."""

    __tablename__: ClassVar[str] = "shop"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, sa_type=Text)
    channel: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    active: bool = True
    lock_unpaid: bool = False
    poll_minutes: int = 15
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    watermark: datetime | None = Field(default=None, sa_type=AT)
    created_at: datetime = Field(sa_type=AT)


class Credential(SQLModel, table=True):
    """One secret of a shop, warehouse or carrier, sealed; `expires_at` when it ends by itself."""

    __tablename__: ClassVar[str] = "credential"
    __table_args__ = (UniqueConstraint("owner_kind", "owner_code", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    owner_kind: str = Field(sa_type=Text)
    owner_code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    value_enc: bytes = Field(sa_type=SEALED)
    expires_at: datetime | None = Field(default=None, sa_type=AT)


class MappingVersion(SQLModel, table=True):
    """A field mapping as it was when orders were read with it."""

    __tablename__: ClassVar[str] = "mapping_version"
    __table_args__ = (UniqueConstraint("name", "digest"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=Text)
    version: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=AT)


class ShopCarrier(SQLModel, table=True):
    """A carrier's code on the platform of one shop, as the platform listed it; goes before the mapping's."""

    __tablename__: ClassVar[str] = "shop_carrier"

    shop_id: int = Field(primary_key=True, foreign_key="shop.id")
    carrier: str = Field(primary_key=True, sa_type=Text)
    code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    pattern: str = Field(default="", sa_type=Text)
    loaded_at: datetime = Field(sa_type=AT)


class CallBudget(SQLModel, table=True):
    """When the next call in a shop's name, or to a robot, may be made, shared by all workers (a virtual schedule)."""

    __tablename__: ClassVar[str] = "call_budget"

    shop_code: str = Field(primary_key=True, sa_type=Text)
    next_at: datetime = Field(sa_type=AT)
