"""Stock feeds from files: counts and changes that people, suppliers and ERP systems write into sheets."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from models.database import Connection, transaction
from models.feeds import Counts
from models.order import Cause
from models.settings import clock
from tasks.sheets import Column, Sheet, as_change, as_code, as_count, as_moment, read_sheet
from tasks.stock_feed import Feed, FeedCount, Told, apply_feed

SOURCE = "file"

SHELF = (
    Column("warehouse", ("仓库编码", "仓库代码", "仓库", "warehouse_code"), as_code, required=True),
    Column("sku", ("商家编码", "SKU编码", "货号", "sku_code"), as_code, required=True),
)
_ON_HAND = (
    "实盘数量",
    "库存数量",
    "可用库存",
    "可用数量",
    "库存",
    "数量",
    "quantity",
    "counted",
    "available",
    "physical",
)
_AS_OF = Column("as_of", ("盘点时间", "截止时间", "库存时间", "快照时间"), as_moment, default=None)
COUNTED = (*SHELF, Column("on_hand", _ON_HAND, as_count, required=True), _AS_OF)
CHANGED = (
    *SHELF,
    Column("change", ("变动数量", "增减数量", "数量", "quantity", "delta"), as_change, required=True),
    Column("reference", ("单号", "变动单号", "单据号"), as_code, required=True),
    Column("as_of", ("变动时间", "发生时间", "occurred_at"), as_moment, default=None),
)


@dataclass(frozen=True, slots=True)
class StockImport(FeedCount):
    """What a file of stock did; `ignored` are columns that mean nothing here."""

    ignored: tuple[str, ...] = ()


def import_stock(
    path: Path, counts: Counts = Counts.PHYSICAL, as_of: datetime | None = None, actor: str = "file"
) -> StockImport:
    """Take over a file of stock (warehouse, sku, on_hand or change), all of it or nothing.

    `as_of` is the moment it speaks of where no row says so, now by default: then the file is a new count each time it
    is imported; with a moment of its own it counts once. Raises SetupError listing the rows that name an unknown
    warehouse or SKU, or a kit.
    """
    changes = counts is Counts.CHANGE
    sheet = read_sheet(path, CHANGED if changes else COUNTED)
    sheet.refuse_repeats("warehouse", "sku", *(["reference"] if changes else []))
    why = Cause(actor, clock().now())
    moment = as_of or why.at
    with transaction() as conn:
        told = _told(sheet, shelves_of(conn, sheet), counts, moment)
        newest = max((one.as_of for one in told), default=moment)
        feed = Feed(SOURCE, _reference(path, sheet, counts, moment), counts, newest)
        done = apply_feed(conn, feed, told, why)
    return StockImport(**{part.name: getattr(done, part.name) for part in fields(done)}, ignored=sheet.ignored)


def shelves_of(conn: Connection, sheet: Sheet) -> list[tuple[int, int]]:
    """The warehouse and SKU ids that the rows name. Raises SetupError listing every bad row."""
    warehouses = _ids(conn, "select code, id from warehouse where code = any(%s)", sheet, "warehouse")
    skus = _ids(conn, "select code, id from sku where code = any(%s)", sheet, "sku")
    kits = _ids(
        conn,
        """select distinct s.code, s.id from sku s join kit_component c on c.kit_id = s.id where s.code = any(%s)""",
        sheet,
        "sku",
    )
    for row in sheet.rows:
        if row["warehouse"] and row["warehouse"] not in warehouses:
            sheet.refuse(row, "warehouse", "there is no such warehouse; import warehouses first")
        if row["sku"] and row["sku"] not in skus:
            sheet.refuse(row, "sku", "there is no such SKU; import SKUs first")
        if row["sku"] in kits:
            sheet.refuse(row, "sku", "is a kit, which lies nowhere; its components are counted")
    sheet.require_clean()
    return [(warehouses[row["warehouse"]], skus[row["sku"]]) for row in sheet.rows]


def _ids(conn: Connection, statement: str, sheet: Sheet, column: str) -> Mapping[str, int]:
    codes = list({row[column] for row in sheet.rows})
    return dict(conn.execute(statement.encode(), (codes,)).fetchall())


def _told(sheet: Sheet, shelves: Sequence[tuple[int, int]], counts: Counts, moment: datetime) -> list[Told]:
    changes = counts is Counts.CHANGE
    return [
        Told(
            shelf,
            row["change" if changes else "on_hand"],
            row["as_of"] or moment,
            row["reference"] if changes else "",
        )
        for row, shelf in zip(sheet.rows, shelves, strict=True)
    ]


def _reference(path: Path, sheet: Sheet, counts: Counts, moment: datetime) -> str:
    """What a file counts once by: what is in it, and the moment it speaks of where it does not say so itself."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    own = all(row["as_of"] for row in sheet.rows) or counts is Counts.CHANGE
    return f"{digest}:{counts}" if own else f"{digest}:{counts}:{moment.isoformat()}"
