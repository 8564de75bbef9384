"""Physical counts of stock: the first is a warehouse's opening of a SKU, each later one is a movement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.database import Connection, copy_rows, transaction
from models.settings import clock
from tasks.sheets import Column, Row, Sheet, as_code, as_count, read_sheet

COLUMNS = (
    Column("warehouse", ("仓库编码", "仓库代码", "仓库", "warehouse_code"), as_code, required=True),
    Column("sku", ("商家编码", "SKU编码", "货号", "sku_code"), as_code, required=True),
    Column("on_hand", ("实盘数量", "库存数量", "库存", "数量", "quantity", "counted"), as_count, required=True),
)

Shelf = tuple[int, int]
"""A warehouse id and a SKU id: the key of a stock row."""


@dataclass(frozen=True, slots=True)
class StockImport:
    """What a count did: SKUs opened in a warehouse, counts that differed, counts that agreed."""

    opened: int
    moved: int
    same: int
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Count:
    """One counted shelf; `before` is what the pool believed, None for a first count."""

    row: Row
    shelf: Shelf
    before: int | None

    @property
    def change(self) -> int:
        return int(self.row["on_hand"]) - (self.before or 0)


def import_stock(path: Path) -> StockImport:
    """Take over a physical count (warehouse, sku, on_hand), all of it or nothing.

    Counts include what is locked but not yet shipped. Raises SetupError listing the rows that name an unknown
    warehouse or SKU, or that counted less than is locked.
    """
    sheet = read_sheet(path, COLUMNS)
    sheet.refuse_repeats("warehouse", "sku")
    with transaction() as conn:
        shelves = _shelves(conn, sheet)
        sheet.require_clean()
        counts = _compare(conn, sheet, shelves)
        sheet.require_clean()
        _save(conn, path.name, counts, clock().now())
    changed = [count for count in counts if count.before is not None and count.change]
    opened = [count for count in counts if count.before is None]
    return StockImport(len(opened), len(changed), len(counts) - len(opened) - len(changed), sheet.ignored)


def _shelves(conn: Connection, sheet: Sheet) -> list[Shelf]:
    warehouses = _ids(conn, "select code, id from warehouse where code = any(%s)", sheet, "warehouse")
    skus = _ids(conn, "select code, id from sku where code = any(%s)", sheet, "sku")
    for row in sheet.rows:
        if row["warehouse"] and row["warehouse"] not in warehouses:
            sheet.refuse(row, "warehouse", "there is no such warehouse; import warehouses first")
        if row["sku"] and row["sku"] not in skus:
            sheet.refuse(row, "sku", "there is no such SKU; import SKUs first")
    return [(warehouses.get(row["warehouse"], 0), skus.get(row["sku"], 0)) for row in sheet.rows]


def _ids(conn: Connection, statement: str, sheet: Sheet, column: str) -> dict[str, int]:
    codes = list({row[column] for row in sheet.rows})
    return dict(conn.execute(statement.encode(), (codes,)).fetchall())


def _compare(conn: Connection, sheet: Sheet, shelves: Sequence[Shelf]) -> list[_Count]:
    pool = _lock_pool(conn, sorted({sku_id for _, sku_id in shelves}))
    stock = _lock_stock(conn, sorted(shelves))
    counts = []
    change: dict[int, int] = {}
    for row, shelf in zip(sheet.rows, shelves, strict=True):
        before, locked = stock.get(shelf, (None, 0))
        count = _Count(row, shelf, before)
        counts.append(count)
        change[shelf[1]] = change.get(shelf[1], 0) + count.change
        if row["on_hand"] < locked:
            reason = f"{row['warehouse']}: {row['sku']}: counted {row['on_hand']}, but {locked} are locked for orders"
            sheet.refuse(row, "on_hand", reason)
    for count in counts:
        on_hand, locked = pool[count.shelf[1]]
        left = on_hand + change[count.shelf[1]]
        if left < locked and not any(problem.line == count.row.line for problem in sheet.problems):
            reason = f"{count.row['sku']}: all warehouses would have {left}, but {locked} are locked for orders"
            sheet.refuse(count.row, "on_hand", reason)
    return counts


def _lock_pool(conn: Connection, sku_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    # the row must be there to be locked: it is what makes two first counts of a SKU follow each other
    conn.execute(
        """insert into sku_pool (sku_id, on_hand, locked)
           select id, 0, 0 from unnest(%s::int[]) id order by id on conflict do nothing""",
        (list(sku_ids),),
    )
    rows = conn.execute(
        "select sku_id, on_hand, locked from sku_pool where sku_id = any(%s) order by sku_id for update",
        (list(sku_ids),),
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def _lock_stock(conn: Connection, shelves: Sequence[Shelf]) -> dict[Shelf, tuple[int | None, int]]:
    rows = conn.execute(
        """select warehouse_id, sku_id, on_hand, locked from stock
           where (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))
           order by warehouse_id, sku_id for update""",
        ([shelf[0] for shelf in shelves], [shelf[1] for shelf in shelves]),
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _save(conn: Connection, file_name: str, counts: Sequence[_Count], at: datetime) -> None:
    opened = [count for count in counts if count.before is None]
    moved = [count for count in counts if count.before is not None and count.change]
    copy_rows(
        conn,
        "stock",
        ("warehouse_id", "sku_id", "opening", "on_hand", "locked"),
        ((*count.shelf, count.row["on_hand"], count.row["on_hand"], 0) for count in opened),
    )
    copy_rows(
        conn,
        "stock_movement",
        ("warehouse_id", "sku_id", "quantity", "reason", "reference", "at"),
        ((*count.shelf, count.change, "count", f"{file_name}:{count.row.line}", at) for count in moved),
    )
    conn.execute(
        """update stock s set on_hand = s.on_hand + c.change
           from unnest(%s::int[], %s::int[], %s::int[]) c(warehouse_id, sku_id, change)
           where s.warehouse_id = c.warehouse_id and s.sku_id = c.sku_id""",
        (
            [count.shelf[0] for count in moved],
            [count.shelf[1] for count in moved],
            [count.change for count in moved],
        ),
    )
    conn.execute(
        """update sku_pool p set on_hand = p.on_hand + c.change
           from (select sku_id, sum(change)::int change from unnest(%s::int[], %s::int[]) u(sku_id, change)
                 group by sku_id having sum(change) <> 0) c
           where p.sku_id = c.sku_id""",
        ([count.shelf[1] for count in counts], [count.change for count in counts]),
    )
