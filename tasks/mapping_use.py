"""Which mapping a shop is read with, since when and by whose wish; putting another one to use."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from connectors.mapping import Mapping
from models.database import Connection, one, transaction
from models.errors import SetupError
from models.order import Cause
from tasks.counterparts import mapping_version_id, read_mapping, shop_mapping
from tasks.mapping_trial import check_fits
from tasks.windows import find_shop


@dataclass(frozen=True, slots=True)
class Use:
    """A mapping in use: its name, version, the file it came from ("": the channel's own), since when, by whom.

    `at` and `by` are unknown for one that the shop was added with.
    """

    name: str
    version: str
    source: str
    at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Activation:
    """What `use_mapping` did: the mapping in use now, and whether it is another than before."""

    name: str
    version: int
    is_new: bool


def load_for(shop_code: str, path: Path) -> Mapping:
    """The mapping in a file, checked for this shop; raises SetupError naming the file, key and obstacle."""
    channel = channel_of(shop_code)
    mapping = read_mapping(path)
    check_fits(mapping, channel)
    return mapping


def channel_of(shop_code: str) -> str:
    """The channel of a shop; raises SetupError when there is no such shop."""
    with transaction() as conn:
        return find_shop(conn, shop_code).channel


def use_mapping(shop_code: str, mapping: Mapping | None, source: str, why: Cause) -> Activation:
    """Read the shop's payloads with this mapping from the next run on; None goes back to the channel's own.

    Stored orders stay as they were read until they are replayed. `mapping` must come from `load_for`, `source` names
    its file. Who did it when is kept with the shop. Raises SetupError when the shop is unknown, or has a channel
    that comes without a mapping.
    """
    with transaction() as conn:
        before = _settings(conn, shop_code)
        if mapping is None:
            own: dict[str, Any] = {}
            conn.execute("update shop set settings = settings - 'mapping' where code = %s", (shop_code,))
            mapping = shop_mapping(conn, shop_code)
            mapping_version_id(conn, mapping)
        else:
            version_id = mapping_version_id(conn, mapping)
            body = one(conn.execute("select body from mapping_version where id = %s", (version_id,)).fetchone())
            own = {"source": source, "body": body, "at": why.at.isoformat(), "by": why.actor}
        if own.get("body", "") == (before.get("mapping") or {}).get("body", ""):
            conn.rollback()
            return Activation(mapping.name, mapping.version, is_new=False)
        entry = {"name": mapping.name, "version": str(mapping.version), "digest": mapping.digest, "source": source}
        changes = {"mapping": own} if own else {}
        log = [*before.get("mapping_log", ()), {**entry, "at": why.at.isoformat(), "by": why.actor}]
        conn.execute(
            "update shop set settings = settings || %s where code = %s",
            (Jsonb({**changes, "mapping_log": log}), shop_code),
        )
    return Activation(mapping.name, mapping.version, is_new=True)


def uses(shop_code: str) -> tuple[Use | None, list[Use]]:
    """The mapping in use, None where a shop of files has none; and every activation, the latest first."""
    with transaction() as conn:
        stored = _settings(conn, shop_code)
        try:
            mapping = shop_mapping(conn, shop_code)
        except SetupError:
            mapping = None
    log = [
        Use(entry["name"], entry["version"], entry["source"], datetime.fromisoformat(entry["at"]), entry["by"])
        for entry in reversed(stored.get("mapping_log", []))
    ]
    if mapping is None:
        return None, log
    own: dict[str, Any] = stored.get("mapping") or {}
    since = datetime.fromisoformat(own["at"]) if "at" in own else None
    if not own and log and not log[0].source:
        return log[0], log
    return Use(mapping.name, str(mapping.version), own.get("source", ""), since, own.get("by", "")), log


def _settings(conn: Connection, shop_code: str) -> dict[str, Any]:
    find_shop(conn, shop_code)
    settings: dict[str, Any] = one(
        conn.execute("select settings from shop where code = %s for update", (shop_code,)).fetchone()
    )
    return settings
