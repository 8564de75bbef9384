"""Warehouses, SKUs and service areas from the CSV files that a seller keeps; a file counts fully or not at all."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from connectors.carriers.codes import carrier_codes
from connectors.converters import BadValue, whole
from connectors.registry import WMS
from models.database import Connection, transaction
from models.rules.address import resolve_text
from models.rules.divisions import division, divisions
from models.settings import settings
from tasks.credentials import Owner, keep_secrets, new_token, new_webhook_secret, secrets_of
from tasks.sheets import Column, Row, Sheet, as_code, as_count, as_text, read_sheet

COUNTRY = frozenset({"全国", "中国", "*"})
MADE_UP = {"secret": new_webhook_secret, "inbound_secret": new_webhook_secret, "pull_token": new_token}
"""Warehouse credentials that are ours to choose: made at the first import when the file has none."""

_WAREHOUSE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_SECRET_BYTES = range(24, 65)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `ignored` are columns that mean nothing here, `secrets` were made up, by owner and name."""

    added: int
    changed: int
    same: int
    removed: int = 0
    ignored: tuple[str, ...] = ()
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)


def division_code(written: str) -> str:
    """The code of a division given by code or by name at any level; raises BadValue when the text does not decide."""
    if written.isascii() and written.isdigit():
        if division(written) is None:
            raise BadValue("is no current division code (six digits of GB/T 2260)")
        return written
    found = resolve_text(written)
    if found is None:
        raise BadValue("names no division, or more than one; write province, city and district, or its code")
    return found.code


def _area(written: str) -> str:
    return "" if written in COUNTRY else division_code(written)


def _warehouse_code(written: str) -> str:
    if not _WAREHOUSE_CODE.fullmatch(written):
        raise BadValue("is not a warehouse code: up to 32 letters, digits and dashes")
    return written


def _wms(written: str) -> str:
    if written not in WMS:
        raise BadValue(f"is not a kind of WMS we know: {', '.join(sorted(WMS))}")
    return written


def _carrier(written: str) -> str:
    by_name = {known.name: code for code, known in carrier_codes().items()}
    code = by_name.get(written, written)
    if code not in carrier_codes():
        raise BadValue("is not a carrier we know; use Kuaidi100's code, such as yuantong")
    return code


def _endpoint(written: str) -> str:
    try:
        parts = urlsplit(written)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise BadValue("is not an http or https address")
    if parts.scheme == "http" and not settings().allow_http:
        raise BadValue("is plain http, which ORDERPOOL_ALLOW_HTTP forbids")
    return written


def _webhook_secret(written: str) -> str:
    for secret in written.split():  # two while one is changed for the other
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith("whsec_") or len(key) not in _SECRET_BYTES:
            raise BadValue("is not `whsec_` followed by 24 to 64 bytes in padded base64")
    return written


def _pull_token(written: str) -> str:
    if len(written) < 16 or not written.isascii():
        raise BadValue("is shorter than 16 characters, or not plain ASCII")
    return written


def _priority(written: str) -> int:
    number = whole(written)
    if not 1 <= number <= 1000:
        raise BadValue("is not a whole number from 1 to 1000")
    return number


WAREHOUSES = (
    Column("code", ("仓库编码", "仓库代码", "warehouse"), _warehouse_code, required=True),
    Column("name", ("仓库名称", "名称"), as_text, required=True),
    Column("division", ("所在地区", "行政区划", "地区", "省市区"), division_code, required=True),
    Column("address", ("详细地址", "地址"), as_text),
    Column("sender_name", ("发件人", "寄件人"), as_text),
    Column("sender_phone", ("发件电话", "寄件电话", "电话"), as_text),
    Column("wms", ("对接方式", "WMS"), _wms, default="webhook"),
    Column("endpoint", ("接口地址", "推送地址"), _endpoint),
    Column("secret", ("推送密钥", "密钥"), _webhook_secret, secret=True),
    Column("inbound_secret", ("回传密钥",), _webhook_secret, secret=True),
    Column("pull_token", ("取数令牌",), _pull_token, secret=True),
    Column("carrier", ("默认快递", "快递公司", "快递"), _carrier, default="yuantong"),
)
SKUS = (
    Column("code", ("商家编码", "SKU编码", "货号", "sku"), as_code, required=True),
    Column("name", ("商品名称", "名称", "品名"), as_text),
    Column("barcode", ("条形码", "条码"), as_code),
    Column("weight_g", ("重量(克)", "重量克", "克重", "重量"), as_count, default=0),
)
AREAS = (
    Column("warehouse", ("仓库编码", "仓库代码", "仓库"), as_code, required=True),
    Column("division", ("地区", "行政区划", "省市区", "服务地区"), _area, required=True),
    Column("priority", ("优先级",), _priority, default=1),
)

_WAREHOUSE_FIELDS = ("name", "division", "address", "sender_name", "sender_phone", "wms", "carrier")
_CREDENTIALS = ("endpoint", *MADE_UP)
_WAREHOUSES_NOW = """select code, name, division_code, address, sender_name, sender_phone, wms, carrier
    from warehouse where code = any(%s) for update"""
_SKUS_NOW = "select code, name, barcode, weight_g from sku where code = any(%s)"


def import_warehouses(path: Path) -> Imported:
    """Add or change the warehouses of a file; others stay.

    An empty credential keeps the one there is; secrets of our own choosing that are nowhere are made up and
    returned once. Raises SetupError listing the bad rows.
    """
    sheet = read_sheet(path, WAREHOUSES)
    sheet.refuse_repeats("code")
    made: dict[str, dict[str, str]] = {}
    with transaction() as conn:
        _require_endpoints(conn, sheet)
        sheet.require_clean()
        present = _present(conn, _WAREHOUSES_NOW, sheet)
        added, changed = _split(sheet, present, _WAREHOUSE_FIELDS)
        _save_warehouses(conn, [*added, *changed])
        # a person has looked at an endpoint that was gone
        codes = [row["code"] for row in sheet.rows]
        conn.execute("update warehouse set stopped_at = null where code = any(%s)", (codes,))
        for row in sheet.rows:
            fresh = _keep_credentials(conn, row)
            if fresh:
                made[row["code"]] = fresh
    return Imported(
        len(added), len(changed), len(sheet.rows) - len(added) - len(changed), ignored=sheet.ignored, secrets=made
    )


def _require_endpoints(conn: Connection, sheet: Sheet) -> None:
    rows = conn.execute("select owner_code from credential where owner_kind = 'warehouse' and name = 'endpoint'")
    known = {row[0] for row in rows.fetchall()}
    for row in sheet.rows:
        if not row["endpoint"] and row["code"] not in known:
            sheet.refuse(
                row, "endpoint", "is empty, and none is known yet; where does this warehouse take messages?", ""
            )


def _keep_credentials(conn: Connection, row: Row) -> dict[str, str]:
    given = {name: row[name] for name in _CREDENTIALS if row[name]}
    there = secrets_of(conn, Owner.WAREHOUSE, row["code"])
    fresh = {name: make() for name, make in MADE_UP.items() if name not in given and name not in there}
    keep_secrets(conn, Owner.WAREHOUSE, row["code"], {**given, **fresh})
    return fresh


def _save_warehouses(conn: Connection, rows: Sequence[Row]) -> None:
    with conn.cursor() as cur:
        cur.executemany(
            """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier,
                                      active, settings)
               values (%s, %s, %s, %s, %s, %s, %s, %s, true, %s)
               on conflict (code) do update set name = excluded.name, division_code = excluded.division_code,
                 address = excluded.address, sender_name = excluded.sender_name, wms = excluded.wms,
                 sender_phone = excluded.sender_phone, carrier = excluded.carrier""",
            [(row["code"], *(row[name] for name in _WAREHOUSE_FIELDS), Jsonb({})) for row in rows],
        )


def import_skus(path: Path) -> Imported:
    """Add or change the SKUs of a file; others stay. Raises SetupError listing the bad rows."""
    sheet = read_sheet(path, SKUS)
    sheet.refuse_repeats("code")
    sheet.require_clean()
    fields = ("name", "barcode", "weight_g")
    with transaction() as conn:
        present = _present(conn, _SKUS_NOW, sheet)
        added, changed = _split(sheet, present, fields)
        rows = sorted([*added, *changed], key=lambda row: str(row["code"]))
        conn.execute(
            """insert into sku (code, name, barcode, weight_g)
               select * from unnest(%s::text[], %s::text[], %s::text[], %s::int[])
               on conflict (code) do update
                 set name = excluded.name, barcode = excluded.barcode, weight_g = excluded.weight_g""",
            tuple([row[name] for row in rows] for name in ("code", *fields)),
        )
    return Imported(len(added), len(changed), len(sheet.rows) - len(added) - len(changed), ignored=sheet.ignored)


def import_areas(path: Path) -> Imported:
    """Make the file's areas the whole areas of the warehouses it names; other warehouses stay as they are.

    `全国` stands for every province that the file does not name for that warehouse. Raises SetupError listing the
    bad rows.
    """
    sheet = read_sheet(path, AREAS)
    with transaction() as conn:
        warehouses = dict(conn.execute("select code, id from warehouse for share").fetchall())
        for row in sheet.rows:
            if row["warehouse"] and row["warehouse"] not in warehouses:
                sheet.refuse(row, "warehouse", "there is no such warehouse; import warehouses first")
        sheet.require_clean()
        wanted = _areas(sheet, warehouses)
        sheet.require_clean()
        return _replace_areas(conn, sheet, wanted)


def _areas(sheet: Sheet, warehouses: dict[str, int]) -> dict[tuple[int, str], int]:
    provinces = [found.code for found in divisions().values() if found.level == "province"]
    sheet.refuse_repeats("warehouse", "division")
    # areas that are named for themselves come first: the whole country is the rest
    named = sorted(sheet.rows, key=lambda row: not row["division"])
    wanted: dict[tuple[int, str], int] = {}
    for row in named:
        for code in [row["division"]] if row["division"] else provinces:
            wanted.setdefault((warehouses[row["warehouse"]], code), row["priority"])
    return wanted


def _replace_areas(conn: Connection, sheet: Sheet, wanted: dict[tuple[int, str], int]) -> Imported:
    named = sorted({warehouse_id for warehouse_id, _ in wanted})
    rows = conn.execute(
        """select warehouse_id, division_code, priority from service_area
           where warehouse_id = any(%s) order by 1, 2 for update""",
        (named,),
    ).fetchall()
    before = {(row[0], row[1]): row[2] for row in rows}
    gone = sorted(before.keys() - wanted.keys())
    added = wanted.keys() - before.keys()
    changed = {key for key in wanted.keys() & before.keys() if wanted[key] != before[key]}
    conn.execute(
        """delete from service_area where (warehouse_id, division_code) in
             (select * from unnest(%s::int[], %s::text[]))""",
        ([key[0] for key in gone], [key[1] for key in gone]),
    )
    keys = sorted(added | changed)
    conn.execute(
        """insert into service_area (warehouse_id, division_code, priority)
           select * from unnest(%s::int[], %s::text[], %s::int[])
           on conflict (division_code, warehouse_id) do update set priority = excluded.priority""",
        ([key[0] for key in keys], [key[1] for key in keys], [wanted[key] for key in keys]),
    )
    same = len(wanted) - len(added) - len(changed)
    return Imported(len(added), len(changed), same, len(gone), sheet.ignored)


def _present(conn: Connection, statement: str, sheet: Sheet) -> dict[str, tuple[Any, ...]]:
    rows = conn.execute(statement.encode(), ([row["code"] for row in sheet.rows],)).fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def _split(sheet: Sheet, present: dict[str, tuple[Any, ...]], fields: Sequence[str]) -> tuple[list[Row], list[Row]]:
    added = [row for row in sheet.rows if row["code"] not in present]
    changed = [
        row
        for row in sheet.rows
        if row["code"] in present and present[row["code"]] != tuple(row[name] for name in fields)
    ]
    return added, changed
