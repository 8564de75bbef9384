"""The outside parties as the pool knows them: connectors made from shops, warehouses and their credentials."""

from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from connectors import registry
from connectors.base import Carrier, Channel, Terms, TrackingSource, Unlimited, Wms
from connectors.carriers.kuaidi100_label import Kuaidi100Label
from connectors.mapping import Mapping, parse_mapping
from models.database import Connection, one
from models.errors import SetupError
from models.settings import clock, settings
from tasks.call_budget import budget_of
from tasks.clients import client_of
from tasks.credentials import Owner, secrets_of
from tasks.shop_settings import capabilities_of
from tasks.tokens import renew_token

KUAIDI100 = "kuaidi100"
ALIYUN = "aliyun"

_mapping_texts: dict[str, str] = {}


def open_channel(conn: Connection, shop_code: str) -> Channel:
    """The connector of a shop; raises SetupError naming the shop and what it lacks."""
    channel, stored = _shop(conn, shop_code)
    made: Channel = registry.CHANNELS[channel](
        client_of(Owner.SHOP, shop_code),
        shop_code,
        secrets_of(conn, Owner.SHOP, shop_code),
        _mapping(shop_code, channel, stored),
        _now,
        _terms(conn, shop_code, channel, stored),
    )
    return made


def _terms(conn: Connection, shop_code: str, channel: str, stored: dict[str, Any]) -> Terms:
    capabilities = capabilities_of(shop_code, channel, stored.get("capabilities") or {})
    carriers = conn.execute(
        "select c.carrier, c.code from shop_carrier c join shop s on s.id = c.shop_id where s.code = %s", (shop_code,)
    ).fetchall()
    renewable = registry.CHANNELS[channel].authoriser is not None
    return Terms(
        capabilities,
        budget_of(shop_code, capabilities.calls_per_s) if capabilities.pulls else Unlimited(),
        partial(renew_token, shop_code) if renewable else None,
        dict(carriers),
    )


def open_wms(conn: Connection, warehouse_code: str) -> Wms:
    """The connector of a warehouse; raises SetupError naming the warehouse and what it lacks."""
    row = conn.execute("select wms from warehouse where code = %s", (warehouse_code,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {warehouse_code}: is not in the pool")
    if row[0] not in registry.WMS:
        raise SetupError(f"warehouse {warehouse_code}: no connector is called {row[0]}")
    credentials = secrets_of(conn, Owner.WAREHOUSE, warehouse_code)
    credentials["allow_http"] = "1" if settings().allow_http else "0"
    made: Wms = registry.WMS[row[0]](client_of(Owner.WAREHOUSE, warehouse_code), warehouse_code, credentials, _now)
    return made


def open_carrier(conn: Connection) -> Carrier:
    """The source of tracking; raises SetupError naming what it lacks."""
    credentials = secrets_of(conn, Owner.CARRIER, KUAIDI100)
    made: Carrier = registry.CARRIERS[KUAIDI100](client_of(Owner.CARRIER, KUAIDI100), KUAIDI100, credentials, _now)
    return made


def open_second_source(conn: Connection) -> TrackingSource | None:
    """Whom to ask where the source of tracking cannot say; None where no credentials of one are stored."""
    credentials = secrets_of(conn, Owner.CARRIER, ALIYUN)
    if not credentials:
        return None
    made: TrackingSource = registry.SECOND_SOURCES[ALIYUN](client_of(Owner.CARRIER, ALIYUN), ALIYUN, credentials, _now)
    return made


def open_label_service(conn: Connection) -> Kuaidi100Label:
    """The service that carriers are asked through for parcels back; raises SetupError naming what it lacks."""
    credentials = secrets_of(conn, Owner.CARRIER, KUAIDI100)
    return Kuaidi100Label(client_of(Owner.CARRIER, KUAIDI100), KUAIDI100, credentials, _now)


def shop_mapping(conn: Connection, shop_code: str) -> Mapping:
    """The mapping that a shop's payloads are read with: its own, or its channel's."""
    return _mapping(shop_code, *_shop(conn, shop_code))


def _mapping(shop_code: str, channel: str, stored: dict[str, Any]) -> Mapping:
    own = (stored.get("mapping") or {}).get("body")
    mapping = _parsed(own, f"of shop {shop_code}") if own else read_mapping(registry.mapping_for(channel))
    return mapping.gated(registry.CHANNELS[channel].ready_to_ship)


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


def _shop(conn: Connection, code: str) -> tuple[str, dict[str, Any]]:
    """A shop's channel and settings."""
    row = conn.execute("select channel, settings from shop where code = %s", (code,)).fetchone()
    if row is None:
        raise SetupError(f"shop {code}: is not in the pool; `orderpool shop list` shows those that are")
    if row[0] not in registry.CHANNELS:
        raise SetupError(f"shop {code}: no connector is called {row[0]}")
    return row[0], row[1]


@lru_cache(maxsize=64)
def _parsed(text: str, source: str) -> Mapping:
    mapping = parse_mapping(text, source)
    _mapping_texts[mapping.digest] = text
    return mapping


def _now() -> datetime:
    return clock().now()
