"""The outside parties as the pool knows them: connectors made from shops, warehouses and their credentials."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

import httpx

from connectors import registry
from connectors.base import Carrier, Channel, Wms
from connectors.mapping import Mapping, parse_mapping
from models.database import Connection, one
from models.errors import SetupError
from models.settings import clock, settings
from tasks.credentials import Owner, secrets_of

KUAIDI100 = "kuaidi100"

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)
# a proxy of the environment must not stand between a machine and itself
_DIRECT = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}

_mapping_texts: dict[str, str] = {}


def open_channel(conn: Connection, shop_code: str) -> Channel:
    """The connector of a shop; raises SetupError naming the shop and what it lacks."""
    channel, _ = _shop(conn, shop_code)
    if channel not in registry.CHANNELS:
        raise SetupError(f"shop {shop_code}: no connector is called {channel}")
    made: Channel = registry.CHANNELS[channel](
        _client(Owner.SHOP, shop_code),
        shop_code,
        secrets_of(conn, Owner.SHOP, shop_code),
        shop_mapping(conn, shop_code),
        _now,
    )
    return made


def open_wms(conn: Connection, warehouse_code: str) -> Wms:
    """The connector of a warehouse; raises SetupError naming the warehouse and what it lacks."""
    row = conn.execute("select wms from warehouse where code = %s", (warehouse_code,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {warehouse_code}: is not in the pool")
    if row[0] not in registry.WMS:
        raise SetupError(f"warehouse {warehouse_code}: no connector is called {row[0]}")
    credentials = secrets_of(conn, Owner.WAREHOUSE, warehouse_code)
    credentials["allow_http"] = "1" if settings().allow_http else "0"
    made: Wms = registry.WMS[row[0]](_client(Owner.WAREHOUSE, warehouse_code), warehouse_code, credentials, _now)
    return made


def open_carrier(conn: Connection) -> Carrier:
    """The source of tracking; raises SetupError naming what it lacks."""
    credentials = secrets_of(conn, Owner.CARRIER, KUAIDI100)
    made: Carrier = registry.CARRIERS[KUAIDI100](_client(Owner.CARRIER, KUAIDI100), KUAIDI100, credentials, _now)
    return made


def shop_mapping(conn: Connection, shop_code: str) -> Mapping:
    """The mapping that a shop's payloads are read with: its own, or its channel's."""
    channel, own = _shop(conn, shop_code)
    return _parsed(own, f"of shop {shop_code}") if own else read_mapping(registry.mapping_for(channel))


def read_mapping(path: Path) -> Mapping:
    """The mapping in a file, parsed once per text; raises SetupError."""
    try:
        return _parsed(path.read_text("utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"mapping {path}: cannot be read: {error}") from error


def mapping_version_id(conn: Connection, mapping: Mapping) -> int:
    """The row that keeps this very text of a mapping, written at its first use.

    The mapping must come from `shop_mapping` or `read_mapping`.
    """
    found = conn.execute(
        "select id from mapping_version where name = %s and digest = %s", (mapping.name, mapping.digest)
    ).fetchone()
    if found is None:
        conn.execute(
            """insert into mapping_version (name, version, digest, body, created_at) values (%s, %s, %s, %s, %s)
               on conflict (name, digest) do nothing""",
            (mapping.name, str(mapping.version), mapping.digest, _mapping_texts[mapping.digest], clock().now()),
        )
        found = conn.execute(
            "select id from mapping_version where name = %s and digest = %s", (mapping.name, mapping.digest)
        ).fetchone()
    return int(one(found))


def _shop(conn: Connection, code: str) -> tuple[str, str]:
    row = conn.execute("select channel, settings #>> '{mapping,body}' from shop where code = %s", (code,)).fetchone()
    if row is None:
        raise SetupError(f"shop {code}: is not in the pool; `orderpool shop list` shows those that are")
    return row[0], row[1] or ""


@lru_cache(maxsize=64)
def _parsed(text: str, source: str) -> Mapping:
    mapping = parse_mapping(text, source)
    _mapping_texts[mapping.digest] = text
    return mapping


@lru_cache(maxsize=256)
def _client(owner: Owner, code: str) -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT, limits=_LIMITS, mounts=_DIRECT)


def _now() -> datetime:
    return clock().now()
