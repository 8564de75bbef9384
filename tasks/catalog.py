"""Warehouses and SKUs from the CSV files that a seller keeps; a file counts fully or not at all."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from connectors.converters import BadValue
from connectors.mail import SCHEMES, read_endpoint
from connectors.registry import WMS
from models.database import Connection, transaction
from models.order import Cause
from models.sealing import unseal
from models.settings import SHANGHAI, clock, settings
from models.warehouse import WarehouseKind
from tasks.access import log_changes
from tasks.cells import as_carrier, as_division, as_time, as_yes_no
from tasks.credentials import Owner, keep_secrets, new_token, new_webhook_secret, secrets_of
from tasks.qimen_columns import QIMEN_COLUMNS, QIMEN_LACKING
from tasks.routing_again import hold_up_routing, try_all_again
from tasks.sheets import Column, Row, Sheet, as_code, as_count, as_room, as_text, read_sheet

MADE_UP = {"secret": new_webhook_secret, "inbound_secret": new_webhook_secret, "pull_token": new_token}
"""Warehouse credentials that are ours to choose: made at the first import when the file has none."""

_WAREHOUSE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_WEBHOOK_MARK = "whsec_"
_SECRET_BYTES = range(24, 65)
_KINDS = {"own": "own", "自营": "own", "supplier": "supplier", "供应商": "supplier", "代发": "supplier"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `ignored` are columns that mean nothing here, `secrets` were made up, by owner and name."""

    added: int
    changed: int
    same: int
    removed: int = 0
    ignored: tuple[str, ...] = ()
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)


def _warehouse_code(written: str) -> str:
    if not _WAREHOUSE_CODE.fullmatch(written):
        raise BadValue("is not a warehouse code: up to 32 letters, digits and dashes")
    return written


def _wms(written: str) -> str:
    if written not in WMS:
        raise BadValue(f"is not a kind of WMS we know: {', '.join(sorted(WMS))}")
    return written


def _kind(written: str) -> str:
    kind = _KINDS.get(written.casefold())
    if kind is None:
        raise BadValue("is neither own nor supplier")
    return kind


def _endpoint(written: str) -> str:
    if written.partition(":")[0] in SCHEMES:
        return _mail_server(written)
    try:
        parts = urlsplit(written)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise BadValue("is not an http or https address, nor smtps://... for e-mail")
    if parts.scheme == "http" and not settings().allow_http:
        raise BadValue("is plain http, which ORDERPOOL_ALLOW_HTTP forbids")
    return written


def _mail_server(written: str) -> str:
    try:
        server = read_endpoint(written)
    except ValueError as error:
        raise BadValue(str(error)) from error
    if server.scheme == "smtp+plain" and not settings().allow_http:
        raise BadValue("is plain SMTP, which ORDERPOOL_ALLOW_HTTP forbids")
    return written


def _mail_address(written: str) -> str:
    try:
        address = Address(addr_spec=written.strip())
    except (ValueError, IndexError) as error:
        raise BadValue("is not an e-mail address") from error
    if not address.domain or not written.isascii():
        raise BadValue("is not an e-mail address")
    return address.addr_spec


def _mail_addresses(written: str) -> str:
    return ", ".join(_mail_address(part) for part in written.replace("，", ",").split(","))


def _webhook_secret(written: str) -> str:
    for secret in written.split():  # two while one is changed for the other
        try:
            key = base64.b64decode(secret.removeprefix(_WEBHOOK_MARK), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(_WEBHOOK_MARK) or len(key) not in _SECRET_BYTES:
            raise BadValue("is not `whsec_` followed by 24 to 64 bytes in padded base64")
    return written


def _pull_token(written: str) -> str:
    if len(written) < 16 or not written.isascii():
        raise BadValue("is shorter than 16 characters, or not plain ASCII")
    return written


def _batches(written: str) -> str:
    return "yes" if as_yes_no(written) else "no"


WAREHOUSES = (
    Column("code", ("仓库编码", "仓库代码", "warehouse"), _warehouse_code, required=True),
    Column("name", ("仓库名称", "名称"), as_text, required=True),
    Column("division", ("所在地区", "行政区划", "地区", "省市区"), as_division, required=True),
    Column("address", ("详细地址", "地址"), as_text),
    Column("sender_name", ("发件人", "寄件人"), as_text),
    Column("sender_phone", ("发件电话", "寄件电话", "电话"), as_text),
    Column("wms", ("对接方式", "WMS"), _wms, default="webhook"),
    Column("endpoint", ("接口地址", "推送地址"), _endpoint),
    Column("secret", ("推送密钥", "密钥"), as_text, secret=True),  # its form depends on the kind of WMS
    Column("inbound_secret", ("回传密钥",), _webhook_secret, secret=True),
    Column("pull_token", ("取数令牌",), _pull_token, secret=True),
    Column("batches", ("成批推送",), _batches),
    *QIMEN_COLUMNS,
    Column("mail_from", ("发件邮箱",), _mail_address),
    Column("mail_to", ("收件邮箱", "供应商邮箱"), _mail_addresses),
    Column("mail_user", ("邮箱账号", "邮箱用户"), as_text),
    Column("mail_password", ("邮箱密码", "邮箱授权码"), as_text, secret=True),
    Column("carrier", ("默认快递", "快递公司", "快递"), as_carrier, default="yuantong"),
    Column("kind", ("仓库类型", "类型"), _kind, default=WarehouseKind.OWN.value),
    Column("cutoff", ("截单时间", "截单"), as_time, default=None),
    Column("daily_limit", ("每日上限", "日发货上限"), as_count, default=None),
    Column("in_progress_limit", ("在途上限", "在库作业上限"), as_room, default=None),
    Column("active", ("启用", "是否启用"), as_yes_no, default=True),
)
SKUS = (
    Column("code", ("商家编码", "SKU编码", "货号", "sku"), as_code, required=True),
    Column("name", ("商品名称", "名称", "品名"), as_text),
    Column("barcode", ("条形码", "条码"), as_code),
    Column("weight_g", ("重量(克)", "重量克", "克重", "重量"), as_count, default=0),
)

_WAREHOUSE_FIELDS = (
    "name division address sender_name sender_phone wms carrier kind cutoff daily_limit in_progress_limit active"
).split()
_MAIL = ("mail_from", "mail_to", "mail_user", "mail_password")
_CREDENTIALS = ("endpoint", *MADE_UP, "batches", *_MAIL, *(column.name for column in QIMEN_COLUMNS))
_LACKING = {
    "endpoint": "is empty, and none is known yet; where does this warehouse take messages?",
    "mail_from": "is empty, and none is known yet; from which address do its instructions come?",
    "mail_to": "is empty, and none is known yet; to which address do its instructions go?",
    **QIMEN_LACKING,
}
_WAREHOUSES_NOW = """select code, name, division_code, address, sender_name, sender_phone, wms, carrier, kind, cutoff,
                             daily_limit, in_progress_limit, active
    from warehouse where code = any(%s) order by id for update"""
_SKUS_NOW = "select code, name, barcode, weight_g from sku where code = any(%s)"


def import_warehouses(path: Path, why: Cause | None = None) -> Imported:
    """Add or change the warehouses of a file; others stay. As `save_warehouses`."""
    return save_warehouses(read_sheet(path, WAREHOUSES), why)


def save_warehouses(sheet: Sheet, why: Cause | None = None, *, mended: bool = True) -> Imported:
    """Add or change the warehouses of a sheet; others stay. With a cause, each change is noted.

    An empty credential keeps the one there is; secrets of our own choosing that are nowhere are made up and
    returned once. `mended` says that a person has looked at endpoints that were gone: they get messages again.
    Raises SetupError listing the bad rows.
    """
    sheet.refuse_repeats("code")
    made: dict[str, dict[str, str]] = {}
    with transaction() as conn:
        hold_up_routing(conn)
        _require_credentials(conn, sheet)
        sheet.require_clean()
        present = _present(conn, _WAREHOUSES_NOW, sheet)
        added, changed = _split(sheet, present, _WAREHOUSE_FIELDS)
        _save_warehouses(conn, [*added, *changed])
        _move_limits(conn, [row["code"] for row in changed])
        try_all_again(conn, clock().now())
        codes = [row["code"] for row in sheet.rows]
        if mended:
            conn.execute("update warehouse set stopped_at = null where code = any(%s)", (codes,))
        for row in sheet.rows:
            fresh = _keep_credentials(conn, row, why)
            if fresh:
                made[row["code"]] = fresh
        _note(conn, "warehouse", [*added, *changed], present, _WAREHOUSE_FIELDS, why)
    return Imported(
        len(added), len(changed), len(sheet.rows) - len(added) - len(changed), ignored=sheet.ignored, secrets=made
    )


def _require_credentials(conn: Connection, sheet: Sheet) -> None:
    """Refuse rows that lack what their kind of WMS cannot do without, or have the endpoint of another kind."""
    codes = [row["code"] for row in sheet.rows]
    known: dict[str, dict[str, bytes]] = {}
    for code, name, value in conn.execute(
        """select owner_code, name, value_enc from credential
           where owner_kind = 'warehouse' and owner_code = any(%s) and name = any(%s)""",
        (codes, list(_LACKING)),
    ):
        known.setdefault(code, {})[name] = value
    kinds: dict[str, str] = dict(
        conn.execute("select code, wms from warehouse where code = any(%s)", (codes,)).fetchall()
    )
    for row in sheet.rows:
        there = known.get(row["code"], {})
        secret = unseal(there["secret"]) if "secret" in there else ""
        _require_secret(sheet, row, secret, kinds.get(row["code"], ""))
        for name in WMS[row["wms"]].needs if row["wms"] in WMS else ():
            if not row[name] and name not in there:
                sheet.refuse(row, name, _LACKING[name], "")
        endpoint = row["endpoint"] or (unseal(there["endpoint"]) if "endpoint" in there else "")
        if endpoint and (row["wms"] == "email") != (endpoint.partition(":")[0] in SCHEMES):
            sheet.refuse(row, "wms", "does not go with its endpoint: email takes smtps://..., others https://...")


def _require_secret(sheet: Sheet, row: Row, known: str, former: str) -> None:
    """Refuse a row whose secret, or the known one where it has none, is of another kind of WMS than it has now.

    `former` is the kind that it had.
    """
    if row["wms"] == "qimen":
        if (row["secret"] or known).startswith(_WEBHOOK_MARK):
            sheet.refuse(row, "secret", "is that of a webhook; want the secret of the app_key")
        return
    try:
        _webhook_secret(row["secret"])
    except BadValue as error:
        sheet.refuse(row, "secret", error.why)
    if row["wms"] == "webhook" and former == "qimen" and known and not row["secret"]:
        sheet.refuse(row, "secret", "is empty, and the known one is not that of a webhook")


def _keep_credentials(conn: Connection, row: Row, why: Cause | None) -> dict[str, str]:
    """Store what a row says of a warehouse's credentials; returns those made up for it. What changed is noted by name:

    orders with their receivers go to the endpoint, so whoever moves it is known.
    """
    given = {name: row[name] for name in _CREDENTIALS if row[name]}
    there = secrets_of(conn, Owner.WAREHOUSE, row["code"])
    ours = MADE_UP if row["wms"] == "webhook" else {}
    fresh = {name: make() for name, make in ours.items() if name not in given and name not in there}
    keep_secrets(conn, Owner.WAREHOUSE, row["code"], {**given, **fresh})
    changed = [name for name in given if given[name] != there.get(name)]
    if why is not None and changed:
        log_changes(conn, "warehouse", [(row["code"], None, {"credentials": ", ".join(changed)})], why)
    return fresh


def _save_warehouses(conn: Connection, rows: Sequence[Row]) -> None:
    with conn.cursor() as cur:
        cur.executemany(
            """insert into warehouse (code, name, division_code, address, sender_name, sender_phone, wms, carrier,
                                      kind, cutoff, daily_limit, in_progress_limit, active, settings)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (code) do update set name = excluded.name, division_code = excluded.division_code,
                 address = excluded.address, sender_name = excluded.sender_name, wms = excluded.wms,
                 sender_phone = excluded.sender_phone, carrier = excluded.carrier, kind = excluded.kind,
                 cutoff = excluded.cutoff, daily_limit = excluded.daily_limit,
                 in_progress_limit = excluded.in_progress_limit, active = excluded.active""",
            [(row["code"], *(row[name] for name in _WAREHOUSE_FIELDS), Jsonb({})) for row in rows],
        )


def _move_limits(conn: Connection, codes: Sequence[str]) -> None:
    """Let days that are begun take the new limit; what is used of them stays, so a limit is never below it."""
    conn.execute(
        """update warehouse_day d set limit_documents = greatest(d.used, w.daily_limit) from warehouse w
           where w.id = d.warehouse_id and w.code = any(%s) and w.daily_limit is not null and d.day >= %s""",
        (list(codes), clock().now().astimezone(SHANGHAI).date()),
    )


def import_skus(path: Path, why: Cause | None = None) -> Imported:
    """Add or change the SKUs of a file; others stay. As `save_skus`."""
    return save_skus(read_sheet(path, SKUS), why)


def save_skus(sheet: Sheet, why: Cause | None = None) -> Imported:
    """Add or change the SKUs of a sheet; others stay. With a cause, each change is noted.

    Raises SetupError listing the bad rows.
    """
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
        _note(conn, "sku", rows, present, fields, why)
    return Imported(len(added), len(changed), len(sheet.rows) - len(added) - len(changed), ignored=sheet.ignored)


def _note(
    conn: Connection,
    kind: str,
    rows: Sequence[Row],
    present: Mapping[str, tuple[Any, ...]],
    fields: Sequence[str],
    why: Cause | None,
) -> None:
    """Note what of these rows is new and what differs; their credentials are not among the fields."""
    if why is None:
        return
    log_changes(
        conn,
        kind,
        (
            (
                row["code"],
                dict(zip(fields, present[row["code"]], strict=True)) if row["code"] in present else None,
                {name: row[name] for name in fields},
            )
            for row in rows
        ),
        why,
    )


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
