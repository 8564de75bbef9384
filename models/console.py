"""Who may sign in to the console, their sessions, and what they looked at and changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ARRAY, BigInteger, Identity, Index, Text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, SEALED, check, one_of


class Role(StrEnum):
    """What a person may do: each role has its own rights, and only ADMIN has all of them."""

    VIEWER = "viewer"
    DESK = "desk"
    WAREHOUSE = "warehouse"
    ADMIN = "admin"


class ConsoleUser(SQLModel, table=True):
    """A person of the console. `failures` counts wrong passwords in a row; until `locked_until` none is tried."""

    __tablename__: ClassVar[str] = "console_user"
    __table_args__ = (one_of("role", Role), check("failures >= 0", "counts"))

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    active: bool = True
    failures: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=AT)
    made_at: datetime = Field(sa_type=AT)
    password_at: datetime = Field(sa_type=AT)


class ConsoleSession(SQLModel, table=True):
    """A signed-in browser. Only the digest of its cookie is kept; `csrf` is what its forms must bring."""

    __tablename__: ClassVar[str] = "console_session"
    __table_args__ = (Index("ix_console_session_user_id", "user_id"),)

    digest: bytes = Field(primary_key=True, sa_type=SEALED)
    user_id: int = Field(foreign_key="console_user.id")
    csrf: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=AT)
    seen_at: datetime = Field(sa_type=AT)
    ends_at: datetime = Field(sa_type=AT)


class Access(SQLModel, table=True):
    """What somebody did that concerns access: signed in or failed to, saw personal data, took an export. Append-only.

    `order_id` is the order whose receiver was shown; `detail` says why, and never holds what was shown. Where many
    were opened at once, `order_ids` are their orders. `purpose` says what personal data was opened for.
    """

    __tablename__: ClassVar[str] = "access_log"
    __table_args__ = (Index("ix_access_log_at", "at"), Index("ix_access_log_actor", "actor", "at"))

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    at: datetime = Field(sa_type=AT)
    actor: str = Field(sa_type=Text)
    what: str = Field(sa_type=Text)
    address: str = Field(default="", sa_type=Text)
    order_id: int | None = Field(default=None, sa_type=BigInteger)
    order_ids: list[int] | None = Field(default=None, sa_type=ARRAY(BigInteger))
    purpose: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    detail: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class SetupChange(SQLModel, table=True):
    """A change of the set-up by a person: of what, which one, and its values before and after. Append-only."""

    __tablename__: ClassVar[str] = "setup_change"
    __table_args__ = (Index("ix_setup_change_subject", "kind", "code"),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    at: datetime = Field(sa_type=AT)
    actor: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)
