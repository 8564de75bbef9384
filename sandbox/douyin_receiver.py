"""The receiver of a Douyin order as the gateway shows it: masks and ciphertexts, never the plain text."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from sandbox.orders import Order, stable_id
from sandbox.world import Shop


def _digest(*parts: str, size: int = 16) -> str:
    return base64.b64encode(hashlib.sha256("|".join(parts).encode()).digest()[:size]).decode()


def cipher_name(order: Order) -> str:
    """Return the ciphertext of the receiver's name, the same whenever the order is shown."""
    return _cipher("name", order.no, order.receiver.name)


def cipher_address(order: Order) -> str:
    """Return the ciphertext of the detailed address."""
    return _cipher("address", order.no, order.receiver.address)


def _cipher(kind: str, no: str, plain: str) -> str:
    return f"##{_digest(kind, no, plain)}##{_digest(plain, no, kind, size=6)}*2*1##" if plain else ""


def cipher_phone(order: Order) -> str:
    """Return the ciphertext of the receiver's phone."""
    phone = order.receiver.phone
    return f"$${_digest('phone', order.no, phone)}${_digest(phone, order.no, size=3)}$2$1$$" if phone else ""


def virtual_phone(order: Order) -> str:
    """Return the number with extension that decryption gives instead of the real one."""
    return f"184{stable_id('virtual', order.no, digits=8)}-{stable_id('extension', order.no, digits=4)}"


def open_address_id(order: Order, shop: Shop) -> str:
    """Return the token that orders of one shop to the same receiver share."""
    receiver = order.receiver
    parts = (receiver.name, receiver.phone, receiver.province, receiver.city, receiver.district, receiver.address)
    return _digest("place", shop.code, *parts)


def receiver_fields(order: Order, shop: Shop) -> dict[str, Any]:
    """Return every field of an order that is about its receiver."""
    receiver = order.receiver
    area = {
        "province": _place(receiver.province),
        "city": _place(receiver.city),
        "town": _place(receiver.district),
        "street": _place(receiver.town),
    }
    return {
        "post_receiver": "",
        "post_tel": "",
        "encrypt_post_receiver": cipher_name(order),
        "encrypt_post_tel": cipher_phone(order),
        "post_addr": {**area, "detail": "", "encrypt_detail": cipher_address(order)},
        "mask_post_receiver": f"{receiver.name[:1]}*" if receiver.name else "",
        "mask_post_tel": f"1********{receiver.phone[-2:]}" if receiver.phone else "",
        "mask_post_addr": {**area, "detail": "****" if receiver.address else ""},
        "open_address_id": open_address_id(order, shop),
    }


def _place(name: str) -> dict[str, str]:
    return {"name": name, "id": str(stable_id("place", name, digits=6)) if name else ""}
