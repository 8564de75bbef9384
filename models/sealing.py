"""Personal data and credentials at rest: AES-256-GCM per value, and a keyed hash to find a phone by.

The key never enters the database: it is `ORDERPOOL_KEY` (64 hex digits) or the file `var/secrets/key`.
"""

import base64
import hashlib
import hmac
import os
import re
import struct
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import SetupError
from models.settings import settings

_KEY_ID = b"\x01"
_NONCE_BYTES = 12
_NOT_DIGITS = re.compile(r"\D+")


@lru_cache(maxsize=1)
def _key() -> bytes:
    text = settings().key or _key_file_text()
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise SetupError("ORDERPOOL_KEY: want 64 hex digits; it holds something else") from error
    if len(key) != 32:
        raise SetupError(f"ORDERPOOL_KEY: want 64 hex digits (32 bytes); it holds {len(key)} bytes")
    return key


def _key_file_text() -> str:
    path = settings().key_file
    with suppress(FileNotFoundError):
        return path.read_text()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # whole or not at all: another process or thread must never read a half-written key
    with NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as draft:
        draft.write(os.urandom(32).hex())
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)
    return path.read_text()


@lru_cache(maxsize=1)
def _cipher() -> AESGCM:
    return AESGCM(_key())


@lru_cache(maxsize=1)
def _pepper() -> bytes:
    return hmac.digest(_key(), b"orderpool phone hash", hashlib.sha256)


def seal(text: str) -> bytes:
    """The text encrypted under the installation's key: key id, nonce, ciphertext with tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return _KEY_ID + nonce + _cipher().encrypt(nonce, text.encode(), None)


def unseal(sealed: bytes) -> str:
    """The text that was sealed.

    Raises SetupError when it was sealed under another key.
    """
    nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return _cipher().decrypt(nonce, body, None).decode()
    except InvalidTag as error:
        raise SetupError("a sealed value cannot be opened: it was written under another ORDERPOOL_KEY") from error


def phone_digits(phone: str) -> str:
    """The digits of a plain mainland phone without the country code; "" when it is masked or not one."""
    if "*" in phone:
        return ""
    digits = _NOT_DIGITS.sub("", phone)
    if digits.startswith("86") and len(digits) == 13:
        digits = digits[2:]
    return digits if 7 <= len(digits) <= 16 else ""


def phone_hash(phone: str) -> bytes | None:
    """A keyed hash to find orders of a phone by; None when the phone is masked or not one."""
    digits = phone_digits(phone)
    return hmac.digest(_pepper(), digits.encode(), hashlib.sha256) if digits else None


def keyed_digest(purpose: str, text: str) -> bytes:
    """16 bytes by which equal texts of one purpose are found, and from which the text cannot be guessed."""
    return hmac.digest(_digest_key(purpose), text.encode(), hashlib.sha256)[:16]


@lru_cache(maxsize=16)
def _digest_key(purpose: str) -> bytes:
    return hmac.digest(_key(), b"orderpool digest " + purpose.encode(), hashlib.sha256)


def forget_key() -> None:
    """Read the key anew when it is next wanted: the settings of this process lead to another installation now."""
    for read_once in (_key, _cipher, _pepper, _digest_key, _link_cipher):
        read_once.cache_clear()


def link_code(text: str) -> str:
    """A code of 128 bits that only this installation can give to a text: it makes a link that nobody can guess."""
    key = hmac.digest(_key(), b"orderpool link", hashlib.sha256)
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)[:16]).decode().rstrip("=")


_LINK = struct.Struct(">QI")  # an order's id, and the hour since 1970 at which the link ends
_HOUR_S = 3600


@lru_cache(maxsize=1)
def _link_cipher() -> AESGCM:
    return AESGCM(hmac.digest(_key(), b"orderpool progress link", hashlib.sha256))


def order_link(order_id: int, ends_at: datetime) -> str:
    """A token for a link to one order: it tells nobody which, and its seal of 128 bits nobody can guess.

    It holds until the hour of `ends_at` begins.
    """
    nonce = os.urandom(_NONCE_BYTES)
    body = _link_cipher().encrypt(nonce, _LINK.pack(order_id, int(ends_at.timestamp()) // _HOUR_S), None)
    return base64.urlsafe_b64encode(nonce + body).decode().rstrip("=")


def read_order_link(token: str) -> tuple[int, datetime] | None:
    """The order's id in a token of ours and when the link ends; None when we did not make it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        order_id, hour = _LINK.unpack(_link_cipher().decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None))
    except (ValueError, InvalidTag, struct.error):
        return None
    return order_id, datetime.fromtimestamp(hour * _HOUR_S, UTC)
