"""A receiver as Pinduoduo shows it: ciphertexts that only its decryption opens, and masks."""

from __future__ import annotations

import base64
import hashlib

from sandbox.orders import Order, Receiver, stable_id

DATA_TYPES = {"receiver_name": 5, "receiver_phone": 6, "receiver_address": 7, "address": 8}
"""The fields that come as ciphertext, with the number that decryption gives each."""


def plain_values(receiver: Receiver) -> dict[str, str]:
    """Return what the ciphertexts of a receiver hold, by field."""
    street = receiver.town + receiver.address
    return {
        "receiver_name": receiver.name,
        "receiver_phone": receiver.phone,
        "receiver_address": street,
        "address": receiver.province + receiver.city + receiver.district + street,
    }


def ciphertexts(order: Order) -> dict[str, str]:
    """Return a receiver's ciphertexts by field: the same for an order as long as the value is, else another."""
    return {
        field: _ciphertext(order.no, field, value) if value else ""
        for field, value in plain_values(order.receiver).items()
    }


def masks(receiver: Receiver) -> dict[str, str]:
    """Return what may be shown of a receiver."""
    region = receiver.province + receiver.city + receiver.district
    return {
        "receiver_name_mask": masked_name(receiver.name),
        "receiver_phone_mask": masked_phone(receiver.phone),
        "receiver_address_mask": f"{region}******",
        "address_mask": "******",
    }


def masked(field: str, receiver: Receiver) -> str:
    """Return the mask of a ciphertext's field."""
    return masks(receiver)[f"{field}_mask"]


def masked_name(name: str) -> str:
    """Keep the first character of a name."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else ""


def masked_phone(phone: str) -> str:
    """Keep the first and the last two digits."""
    return f"{phone[:1]}********{phone[-2:]}" if phone else ""


def open_address_id(receiver: Receiver, shop_code: str) -> str:
    """Return the token of an address: equal tokens of one shop, same receiver."""
    parts = (shop_code, receiver.name, receiver.phone, *plain_values(receiver).values())
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:14]


def virtual_phone(order: Order) -> str:
    """Return the number that stands for the buyer's; it leads to the buyer by its extension."""
    return f"170{stable_id('virtual phone', order.no, digits=8)}-{stable_id('extension', order.no, digits=4)}"


def _ciphertext(order_no: str, field: str, value: str) -> str:
    digest = hashlib.sha256(f"{order_no}/{field}/{value}".encode()).digest()
    sealed = "AgAAAAHk3z" + base64.b64encode(digest[:18]).decode()
    index = base64.b64encode(digest[18:24]).decode()
    return f"${index}${sealed}$1$$" if field == "receiver_phone" else f"~{sealed}~{index}~1~~"
