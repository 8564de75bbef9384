"""The buyers' progress page: codes sent to phones, what was opened with them, and the tries that limits count.

Nothing here names anybody: phones, addresses, browsers and order numbers are keyed digests. `sealed_enc` alone holds a
phone and a code, until the message has left or its five minutes are over.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import ARRAY, BigInteger, Identity, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of


class Entrance(StrEnum):
    """How a buyer comes to an order."""

    PHONE = "phone"  # a code sent to the phone
    NUMBER = "number"  # the order's number and the end of the phone
    LINK = "link"  # a link that somebody gave to the buyer


class CodeState(StrEnum):
    """What became of the message that carries a code."""

    WAITING = "waiting"
    SENDING = "sending"  # a process has it; when it does not come back, nobody knows whether it left
    SENT = "sent"
    NO_ORDERS = "no_orders"  # nobody to send it to: the phone has no order
    LATE = "late"  # not sent within its time, or another one took its place
    IN_DOUBT = "in_doubt"  # may have been sent, and is not sent again
    REFUSED = "refused"  # the service will not send it


class Attempt(StrEnum):
    """What limits count."""

    CODE_WANTED = "code_wanted"
    CODE_WRONG = "code_wrong"
    NUMBER_WRONG = "number_wrong"
    LINK_WRONG = "link_wrong"


class ProgressCode(SQLModel, table=True):
    """A code that somebody asked for, whether or not there is an order for the phone. Of one browser the last counts.

    `browser_hash` is the digest of the browser's cookie, `code_hash` that of code, phone and browser together.
    """

    __tablename__: ClassVar[str] = "progress_code"
    __table_args__ = (
        one_of("state", CodeState),
        check("tries >= 0", "tries_counted"),
        Index("ix_progress_code_browser", "browser_hash", "id"),
        Index("ix_progress_code_open", "next_at", postgresql_where=text("state in ('waiting', 'sending')")),
        Index("ix_progress_code_kept", "made_at", postgresql_where=text("code_hash is not null")),
        Index("ix_progress_code_made_at", "made_at"),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    browser_hash: bytes = Field(sa_type=SEALED)
    phone_hash: bytes = Field(sa_type=SEALED)
    code_hash: bytes | None = Field(default=None, sa_type=SEALED)
    sealed_enc: bytes | None = Field(default=None, sa_type=SEALED)
    state: str = Field(sa_type=Text)
    tries: int = 0
    made_at: datetime = Field(sa_type=AT)
    ends_at: datetime = Field(sa_type=AT)
    next_at: datetime = Field(sa_type=AT)
    sent_at: datetime | None = Field(default=None, sa_type=AT)
    used_at: datetime | None = Field(default=None, sa_type=AT)
    last_error: str = Field(default="", sa_type=Text)


class ProgressSession(SQLModel, table=True):
    """A browser that may see the orders of a phone, or these orders. Only the digest of its cookie is kept."""

    __tablename__: ClassVar[str] = "progress_session"
    __table_args__ = (
        one_of("entrance", Entrance),
        check("(entrance = 'phone') = (phone_hash is not null)", "phone_of_entrance"),
        Index("ix_progress_session_ends_at", "ends_at"),
    )

    digest: bytes = Field(primary_key=True, sa_type=SEALED)
    entrance: str = Field(sa_type=Text)
    phone_hash: bytes | None = Field(default=None, sa_type=SEALED)
    order_ids: list[int] = Field(default_factory=list, sa_type=ARRAY(BigInteger))
    ends_at: datetime = Field(sa_type=AT)


class ProgressAttempt(SQLModel, table=True):
    """One try as one limit counts it: `key_hash` is the digest of a phone, an address, a browser or an order number."""

    __tablename__: ClassVar[str] = "progress_attempt"
    __table_args__ = (
        one_of("what", Attempt),
        Index("ix_progress_attempt_key", "what", "key_hash", "at"),
        Index("ix_progress_attempt_at", "at"),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    what: str = Field(sa_type=Text)
    key_hash: bytes = Field(sa_type=SEALED)
    at: datetime = Field(sa_type=AT)


class ProgressLookup(SQLModel, table=True):
    """A buyer looked something up, through which entrance, and whether there was anything to see. Append-only."""

    __tablename__: ClassVar[str] = "progress_lookup"
    __table_args__ = (one_of("entrance", Entrance), Index("ix_progress_lookup_at", "at"))

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    at: datetime = Field(sa_type=AT)
    entrance: str = Field(sa_type=Text)
    found: bool
