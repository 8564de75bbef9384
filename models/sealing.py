"""Personal data and credentials at rest: AES-256-GCM per value, and keyed hashes to find a phone or an address by.

Values are sealed under data keys, which the pool keeps sealed under the master key; the master key never enters the
database: it is `ORDERPOOL_KEY` (64 hex digits) or the file `var/secrets/key`. While the master key is changed the
former one is `ORDERPOOL_KEY_OLD`, or the file beside it ending in `.old`. A sealed value begins with the id of its key:
one byte 1 for the first, else a byte 2 and the id in two bytes. A pool without data keys uses the master key as the
first.
"""

import base64
import hashlib
import hmac
import os
import re
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.database import transaction
from models.errors import SetupError
from models.settings import Settings, settings

LOOKUP = 0
FIRST = 1
"""Ids of keys: the secret of hashes, which never changes, and the key that an installation began with."""

FRESH_S = 60.0
"""So long a process goes on with the keys that it knows before it asks for a newer one."""

_NONCE_BYTES = 12
_NOT_DIGITS = re.compile(r"\D+")


@dataclass(slots=True)
class _Ring:
    """The keys of one pool as this process knows them, opened; new values are sealed under `active`."""

    place: str
    keys: Mapping[int, bytes]
    active: int
    read_by: Settings
    until: float
    prefix: bytes
    sealer: AESGCM
    ciphers: dict[int, AESGCM] = field(default_factory=dict)
    digest_keys: dict[bytes, bytes] = field(default_factory=dict)


_held: _Ring | None = None
_loading = Lock()


def master_key() -> bytes:
    """The key that data keys are sealed under; made when there is none yet. Raises SetupError when it is none."""
    return _as_key(settings().key or _key_file_text(), "ORDERPOOL_KEY")


def former_master_key() -> bytes | None:
    """The one before it, while it is being changed."""
    text = settings().key_old
    if not text:
        with suppress(FileNotFoundError):
            text = former_key_file().read_text()
    return _as_key(text, "ORDERPOOL_KEY_OLD") if text else None


def former_key_file() -> Path:
    """Where the former master key lies while it is being changed."""
    return settings().key_file.with_suffix(".old")


def _as_key(text: str, name: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise SetupError(f"{name}: want 64 hex digits; it holds something else") from error
    if len(key) != 32:
        raise SetupError(f"{name}: want 64 hex digits (32 bytes); it holds {len(key)} bytes")
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


def wrap_key(key_id: int, key: bytes, master: bytes) -> bytes:
    """A data key sealed under a master key, and bound to its id."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(master).encrypt(nonce, key, _bound(key_id))


def unwrap_key(key_id: int, sealed: bytes, master: bytes) -> bytes | None:
    """The data key; None when it was sealed under another master key."""
    try:
        return AESGCM(master).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(key_id))
    except InvalidTag:
        return None


def _bound(key_id: int) -> bytes:
    return b"orderpool data key %d" % key_id


def _ring() -> _Ring:
    ring = _held
    if ring is not None and ring.read_by is settings() and time.monotonic() < ring.until:
        return ring
    with _loading:
        return _current()


def _current() -> _Ring:
    """The ring of the pool that the settings lead to: as it is known when that is fresh enough, else read."""
    global _held
    place, now = settings().pool_url(), time.monotonic()
    if _held is None or _held.place != place or now >= _held.until:
        known = _held.keys if _held is not None and _held.place == place else {}
        keys, active = _read_keys(known)
        _held = _Ring(place, keys, active, settings(), now + FRESH_S, key_prefix(active), AESGCM(keys[active]))
    _held.read_by = settings()
    return _held


def _read_keys(known: Mapping[int, bytes]) -> tuple[dict[int, bytes], int]:
    """Every key of the pool that is not destroyed, by id, and which seals new values.

    A key that is known already is not opened again, so that a process goes on when the master key is changed.
    """
    try:
        with transaction() as conn:
            rows = conn.execute(
                "select id, key_enc, retired_at is null from data_key where key_enc is not null order by id"
            ).fetchall()
    except psycopg.errors.UndefinedTable:  # a pool of a former version
        rows = []
    if not rows:
        first = former_master_key() or master_key()
        return {LOOKUP: first, FIRST: first}, FIRST
    keys = {row[0]: known[row[0]] if row[0] in known else open_key(row[0], row[1]) for row in rows}
    return keys, max((row[0] for row in rows if row[2] and row[0] != LOOKUP), default=FIRST)


def open_key(key_id: int, sealed: bytes) -> bytes:
    """A data key, opened with the master key or the former one; SetupError when it was sealed under neither."""
    former = former_master_key()
    for master in (master_key(), *([former] if former else ())):
        if (key := unwrap_key(key_id, sealed, master)) is not None:
            return key
    raise SetupError(f"data key {key_id} cannot be opened: it was written under another ORDERPOOL_KEY")


def _cipher(ring: _Ring, key_id: int) -> AESGCM:
    cipher = ring.ciphers.get(key_id)
    if cipher is None:
        if key_id not in ring.keys or key_id == LOOKUP:
            raise SetupError(f"a sealed value cannot be opened: its key {key_id} is not in this pool")
        cipher = ring.ciphers.setdefault(key_id, AESGCM(ring.keys[key_id]))
    return cipher


def key_prefix(key_id: int) -> bytes:
    """What values begin with that are sealed under a key."""
    return b"\x01" if key_id == FIRST else b"\x02" + key_id.to_bytes(2, "big")


def seal(text: str) -> bytes:
    """The text encrypted under the newest data key: key id, nonce, ciphertext with tag."""
    ring = _ring()
    nonce = os.urandom(_NONCE_BYTES)
    return ring.prefix + nonce + ring.sealer.encrypt(nonce, text.encode(), None)


def unseal(sealed: bytes) -> str:
    """The text that was sealed.

    Raises SetupError when it was sealed under a key that is not in this pool.
    """
    ring = _ring()
    if sealed.startswith(ring.prefix):
        cipher, start = ring.sealer, len(ring.prefix)
    else:
        key_id, start = (int.from_bytes(sealed[1:3], "big"), 3) if sealed[:1] == b"\x02" else (FIRST, 1)
        if key_id not in ring.keys:  # another process may have made it a moment ago
            reread_keys()
            ring = _ring()
        cipher = _cipher(ring, key_id)
    nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, body, None).decode()
    except InvalidTag as error:
        raise SetupError("a sealed value cannot be opened: it was written under another ORDERPOOL_KEY") from error


def opens_alone(sealed: bytes, key: bytes) -> bool:
    """Whether a value of a pool without data keys was sealed under this key."""
    start = len(key_prefix(FIRST))
    try:
        AESGCM(key).decrypt(sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :], None)
    except InvalidTag:
        return False
    return sealed.startswith(key_prefix(FIRST))


def reread_keys() -> None:
    """Ask the pool for its keys when one is next wanted."""
    if _held is not None:
        _held.until = 0.0


def active_key() -> int:
    """The id of the key that this process seals new values under."""
    return _ring().active


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
    return hmac.digest(_derived(b"orderpool phone hash"), digits.encode(), hashlib.sha256) if digits else None


def keyed_digest(purpose: str, text: str) -> bytes:
    """16 bytes by which equal texts of one purpose are found, and from which the text cannot be guessed."""
    return hmac.digest(_derived(b"orderpool digest " + purpose.encode()), text.encode(), hashlib.sha256)[:16]


def master_check() -> bytes:
    """16 bytes that tell this master key from others, and give nothing of it away."""
    key = hmac.digest(master_key(), b"orderpool digest backup", hashlib.sha256)
    return hmac.digest(key, b"which key", hashlib.sha256)[:16]


def _derived(purpose: bytes) -> bytes:
    """The key of one kind of hash, from the pool's secret that never changes."""
    ring = _ring()
    key = ring.digest_keys.get(purpose)
    if key is None:
        key = ring.digest_keys.setdefault(purpose, hmac.digest(ring.keys[LOOKUP], purpose, hashlib.sha256))
    return key


def forget_key() -> None:
    """Read the keys anew when it is next wanted: the settings of this process lead to another installation now."""
    global _held
    _held = None


def link_code(text: str) -> str:
    """A code of 128 bits that only this installation can give to a text: it makes a link that nobody can guess."""
    digest = hmac.digest(_derived(b"orderpool link"), text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


_LINK = struct.Struct(">QI")  # an order's id, and the hour since 1970 at which the link ends
_HOUR_S = 3600


def _link_cipher() -> AESGCM:
    return AESGCM(_derived(b"orderpool progress link"))


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
