"""The one room of personal data: who gets a parcel."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED

RECEIVER_COLUMNS = (
    "order_id name_enc phone_enc address_enc notes_enc cut_enc phone_hash phone_last4 province city district town "
    "division_code oaid masked cipher_enc merge_key invoice_enc"
).split()
"""The columns of `receiver` that an arriving order fills, in the order in which rows are written."""


class Receiver(SQLModel, table=True):
    """The receiver of one order. Name, phone, address and notes are sealed; region is plain, routing needs it.

    `phone_hash` is keyed, so it finds a phone but cannot be turned back. `cut_enc` holds what was cut out of the
    raw payload, so that a replay can join it again. `cipher_enc` holds the platform's ciphertexts of name, phone and
    address as sent (JSON), which its waybill and decryption calls take; equal `merge_key`s of a shop, same receiver.
    `address_hash` and `receiver_hash` are keyed hashes of the plain address, and of name, phone and address together,
    normalised; validate fills them, and a masked receiver has none. `invoice_enc`: the invoice the buyer wants (JSON).
    From `erase_after` on it may be erased; None while its order is not at its end, or something keeps it. One with
    `restricted_at` was asked to be erased and could not be yet: nobody is shown it meanwhile.
    """

    __tablename__: ClassVar[str] = "receiver"
    __table_args__ = (
        Index("ix_receiver_phone_hash", "phone_hash", postgresql_where=text("phone_hash is not null")),
        Index("ix_receiver_division", "division_code", "order_id", postgresql_where=text("division_code <> ''")),
        Index("ix_receiver_erase_after", "erase_after", postgresql_where=text("erased_at is null")),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    name_enc: bytes | None = Field(default=None, sa_type=SEALED)
    phone_enc: bytes | None = Field(default=None, sa_type=SEALED)
    address_enc: bytes | None = Field(default=None, sa_type=SEALED)
    notes_enc: bytes | None = Field(default=None, sa_type=SEALED)
    cut_enc: bytes | None = Field(default=None, sa_type=SEALED)
    phone_hash: bytes | None = Field(default=None, sa_type=SEALED)
    phone_last4: str = Field(default="", sa_type=Text)
    province: str = Field(default="", sa_type=Text)
    city: str = Field(default="", sa_type=Text)
    district: str = Field(default="", sa_type=Text)
    town: str = Field(default="", sa_type=Text)
    division_code: str = Field(default="", sa_type=Text)
    oaid: str = Field(default="", sa_type=Text)
    masked: bool = False
    cipher_enc: bytes | None = Field(default=None, sa_type=SEALED)
    merge_key: str = Field(default="", sa_type=Text)
    address_hash: bytes | None = Field(default=None, sa_type=SEALED)
    receiver_hash: bytes | None = Field(default=None, sa_type=SEALED)
    invoice_enc: bytes | None = Field(default=None, sa_type=SEALED)
    erase_after: datetime | None = Field(default=None, sa_type=AT)
    restricted_at: datetime | None = Field(default=None, sa_type=AT)
    erased_at: datetime | None = Field(default=None, sa_type=AT)
