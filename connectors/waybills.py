"""What the pipeline asks of a service that gives e-waybills: a carrier's number and label before the parcel leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Protocol

import httpx

from connectors.base import Credentials, Now, RepeatClass


@dataclass(frozen=True, slots=True)
class Contact:
    """Who sends or gets a parcel. Of a masked receiver these are the mask or the platform's ciphertexts."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    address: str = field(repr=False)


Account = Mapping[str, str]
"""What a carrier's branch, or a platform, gave the sender: its fields are the service's own (`fields`)."""


@dataclass(frozen=True, slots=True)
class WaybillWish:
    """An e-waybill to be made for one package. Asked again under the same `order_key` it is the same waybill.

    `handle` stands for a receiver whose data the platform keeps to itself, who is known to it by `platform_order`.
    """

    order_key: str
    carrier: str
    account: Account = field(repr=False)
    sender: Contact
    receiver: Contact
    handle: str = ""
    platform_order: str = ""
    cod_fen: int = 0


@dataclass(frozen=True, slots=True)
class MadeWaybill:
    """An e-waybill as the service gave it: `number` for the label and the parcel, its own numbers of it, the label.

    `label_url` is "" where no image was asked for.
    """

    number: str
    task_id: str
    service_no: str
    label_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Label:
    """A label as the carrier wants it on the box."""

    content: bytes = field(repr=False)
    media_type: str


class WaybillService(Protocol):
    """A source of e-waybills. Made from a client, the counterpart's name, its credentials and a clock."""

    repeat_class: RepeatClass
    fields: ClassVar[tuple[str, ...]]  # of an account
    secret_fields: ClassVar[frozenset[str]]  # those of them that open it

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None: ...

    @staticmethod
    def repeat_class_after(age: timedelta) -> RepeatClass:
        """What to do with a call whose outcome is unknown, so long after it was made."""

    def make(self, wish: WaybillWish) -> MadeWaybill:
        """The waybill of this wish: a new one, or within the service's time the one made before under its key.

        Raises ChannelRejected, with nothing of the receiver in it, when it cannot be made as it is wished.
        """

    def cancel(self, account: Account, carrier: str, waybill: MadeWaybill) -> None:
        """Give back a waybill that nothing left under; one that is cancelled already is success."""

    def print_again(self, account: Account, task_id: str) -> str:
        """Have a label printed again; the address of its image, "" where a printer of the service prints it."""

    @staticmethod
    def media_type(content: bytes) -> str:
        """What a label is an image of (`image/png`), "" when it is none."""

    def fetch_label(self, url: str) -> Label:
        """The label behind an address that the service gave; ChannelRejected for an address of anybody else."""
