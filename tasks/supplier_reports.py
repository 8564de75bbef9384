"""What a supplier says he shipped, from the file he sends back: the same confirmations as a warehouse system's."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.converters import TIMES, BadValue
from models.database import Connection, transaction
from models.errors import SetupError
from models.settings import clock
from tasks.cells import as_carrier, as_positive, as_yes_no
from tasks.confirm import MAX_WAYBILL
from tasks.inbox import keep_all
from tasks.sheets import Column, Problem, Row, Sheet, as_code, read_sheet

_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SupplierReport:
    """What became of a file's documents: those whose report is new, and those whose report was there already.

    `problems` are the rows that were left out, with every other row of their document; `unfilled` have no waybill
    yet.
    """

    stored: int
    known: int
    unfilled: int
    problems: tuple[Problem, ...]
    ignored: tuple[str, ...]


def _waybill(written: str) -> str:
    number = as_code("".join(written.split()))
    if len(number) > MAX_WAYBILL or not number.isascii() or not number.replace("-", "").isalnum():
        raise BadValue(f"is no waybill: up to {MAX_WAYBILL} letters and digits")
    return number


def _left_at(written: str) -> datetime:
    at: datetime = TIMES["china_time"](written)
    if at > clock().now() + _CLOCKS_DIFFER:
        raise BadValue("is in the future")
    return at


REPORT = (
    Column("outbound_no", ("发货单号", "出库单号", "单号"), as_code, required=True),
    Column("carrier", ("快递公司", "物流公司", "快递"), as_carrier),
    Column("waybill", ("运单号", "快递单号", "物流单号"), _waybill),
    Column("sku", ("商家编码", "SKU编码", "货号"), as_code),
    Column("quantity", ("数量", "发货数量"), as_positive, default=None),
    Column("shipped_at", ("发货时间", "出库时间"), _left_at, default=None),
    Column("final", ("完结", "是否完结", "不再发货"), as_yes_no, default=None),
)


def report_shipped(path: Path, warehouse_code: str) -> SupplierReport:
    """Keep what a file says has left as messages of its warehouse; `track_parcels` applies them within a minute.

    A row with a waybill says that a box left: with these units of a SKU, with all units of it where no quantity is
    given, with the whole document where no SKU is. A row without a waybill waits. A document one of whose rows cannot
    be used is left out, and others go on. The same rows again, in any file, are the same message. Raises SetupError
    when the file as a whole cannot be used.
    """
    sheet = read_sheet(path, REPORT)
    with transaction() as conn:
        ordered = _ordered(conn, warehouse_code, sheet)
        _refuse_unknown(sheet, warehouse_code, ordered)
        filled = [row for row in sheet.rows if row["waybill"]]
        _refuse_taken(conn, sheet, filled)
        documents = _by_document(filled)
        for no, rows in documents.items():
            _refuse_unclear(sheet, rows, ordered.get(no, {}))
        bad = _bad_lines(sheet)
        told = {no: rows for no, rows in documents.items() if not bad & {row.line for row in rows}}
        messages = dict(_message(no, rows, ordered[no]) for no, rows in told.items())
        stored = keep_all(conn, f"wms:{warehouse_code}", messages)
    waiting = {row["outbound_no"] for row in sheet.rows} & ordered.keys() - documents.keys()
    problems = tuple(sorted(sheet.problems, key=lambda problem: problem.line))
    return SupplierReport(stored, len(messages) - stored, len(waiting), problems, sheet.ignored)


def _ordered(conn: Connection, warehouse_code: str, sheet: Sheet) -> dict[str, dict[str, int]]:
    """Per document of the warehouse that the file names, the units of each SKU."""
    if conn.execute("select 1 from warehouse where code = %s", (warehouse_code,)).fetchone() is None:
        raise SetupError(f"warehouse {warehouse_code}: is not in the pool; `orderpool warehouse import` adds it")
    ordered: dict[str, dict[str, int]] = defaultdict(dict)
    for no, sku, units in conn.execute(
        """select d.no, k.code, sum(a.quantity) from outbound_document d join warehouse w on w.id = d.warehouse_id
           join allocation a on a.document_id = d.id join sku k on k.id = a.sku_id
           where w.code = %s and d.no = any(%s) group by 1, 2""",
        (warehouse_code, [row["outbound_no"] for row in sheet.rows]),
    ):
        ordered[no][sku] = int(units)
    return ordered


def _refuse_unknown(sheet: Sheet, warehouse_code: str, ordered: Mapping[str, Mapping[str, int]]) -> None:
    for row in sheet.rows:
        units = ordered.get(row["outbound_no"])
        if not row["outbound_no"]:
            continue
        if units is None:
            sheet.refuse(row, "outbound_no", f"{warehouse_code} has no such document")
        elif row["sku"] and row["sku"] not in units:
            sheet.refuse(row, "sku", f"is not in document {row['outbound_no']}")


def _refuse_taken(conn: Connection, sheet: Sheet, filled: Sequence[Row]) -> None:
    """Refuse waybills that are another document's, be it in the pool or further up in the file."""
    owners: dict[str, str] = dict(
        conn.execute(
            """select p.waybill, d.no from parcel p join outbound_document d on d.id = p.document_id
               where p.waybill = any(%s)""",
            ([row["waybill"] for row in filled],),
        ).fetchall()
    )
    for row in filled:
        owner = owners.setdefault(row["waybill"], row["outbound_no"])
        if owner != row["outbound_no"]:
            sheet.refuse(row, "waybill", f"belongs to document {owner}")


def _by_document(rows: Iterable[Row]) -> dict[str, list[Row]]:
    documents: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        documents[row["outbound_no"]].append(row)
    return documents


def _refuse_unclear(sheet: Sheet, rows: Sequence[Row], ordered: Mapping[str, int]) -> None:
    """Refuse rows that leave open what is in their box, or that come to more than the document has."""
    several = len(rows) > 1
    sent: Counter[str] = Counter()
    for row in rows:
        if not row["sku"] and row["quantity"] is not None:
            sheet.refuse(row, "sku", "is empty; of which SKU is the quantity?", "")
        elif not row["sku"] and (several or row["final"] is False):
            sheet.refuse(row, "sku", "is empty; say SKU and quantity where not all of it is in one box", "")
        elif row["sku"] in ordered:
            sent[row["sku"]] += _units(row, ordered)
            if sent[row["sku"]] > ordered[row["sku"]]:
                total, units = sent[row["sku"]], ordered[row["sku"]]
                sheet.refuse(row, "quantity", f"makes {total} of {row['sku']}; the document has {units}", "")


def _units(row: Row, ordered: Mapping[str, int]) -> int:
    return int(ordered[row["sku"]] if row["quantity"] is None else row["quantity"])


def _bad_lines(sheet: Sheet) -> set[int]:
    return {problem.line for problem in sheet.problems}


def _message(no: str, rows: Sequence[Row], ordered: Mapping[str, int]) -> tuple[str, str]:
    """The message id and body of what the file says of a document."""
    boxes: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["waybill"], row["sku"])):
        box = boxes.setdefault(row["waybill"], {"tracking_no": row["waybill"], "lines": []})
        if row["carrier"]:
            box["carrier_code"] = row["carrier"]
        if row["sku"]:
            box["lines"].append({"sku": row["sku"], "qty": _units(row, ordered)})
    data: dict[str, Any] = {"outbound_no": no, "packages": list(boxes.values())}
    finals = [row["final"] for row in rows if row["final"] is not None]
    if finals:
        data["final"] = any(finals)
    times = [row["shipped_at"] for row in rows if row["shipped_at"]]
    if times:
        data["occurred_at"] = max(times).isoformat()
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]
    now = clock().now().isoformat()
    told = {"occurred_at": now, **data, "event_id": digest}
    return f"file:{digest}", json.dumps({"type": "outbound.shipped", "timestamp": now, "data": told})
