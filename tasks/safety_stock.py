"""Safety stock from a file: units of a SKU in a warehouse that are never sold."""

from pathlib import Path

from models.database import Connection, transaction
from tasks.areas import warehouse_ids
from tasks.catalog import Imported
from tasks.ledger import Shelf, open_shelves, take_pools, take_shelves
from tasks.sheets import Column, Sheet, as_code, as_count, read_sheet

SAFETY = (
    Column("warehouse", ("仓库编码", "仓库代码", "仓库"), as_code, required=True),
    Column("sku", ("商家编码", "SKU编码", "货号"), as_code, required=True),
    Column("safety", ("安全库存", "安全库存数量"), as_count, required=True),
)


def import_safety(path: Path) -> Imported:
    """Set the safety stock of what the file names; 0 ends it, other shelves stay. Raises SetupError listing bad rows.

    Nothing that is locked is taken back: where less than the safety stock is free, nothing more is sold.
    """
    sheet = read_sheet(path, SAFETY)
    sheet.refuse_repeats("warehouse", "sku")
    with transaction() as conn:
        wanted = _wanted(conn, sheet)
        pools = sorted({sku_id for _, sku_id in wanted})
        take_pools(conn, pools)
        before = take_shelves(conn, wanted)
        added = wanted.keys() - before.keys()
        open_shelves(conn, dict.fromkeys(sorted(added), 0))
        changed = sum(before[shelf].safety != wanted[shelf] for shelf in before)
        _save(conn, wanted, pools)
    return Imported(len(added), changed, len(before) - changed, ignored=sheet.ignored)


def _wanted(conn: Connection, sheet: Sheet) -> dict[Shelf, int]:
    warehouses = warehouse_ids(conn, sheet)
    rows = conn.execute("select code, id from sku where code = any(%s)", ([row["sku"] for row in sheet.rows],))
    skus: dict[str, int] = dict(rows.fetchall())
    kits = {row[0] for row in conn.execute("select distinct kit_id from kit_component")}
    for row in sheet.rows:
        if row["sku"] and row["sku"] not in skus:
            sheet.refuse(row, "sku", "there is no such SKU; import SKUs first")
        elif skus.get(row["sku"]) in kits:
            sheet.refuse(row, "sku", "is a kit, which lies nowhere; keep its components safe")
    sheet.require_clean()
    return {(warehouses[row["warehouse"]], skus[row["sku"]]): row["safety"] for row in sheet.rows}


def _save(conn: Connection, wanted: dict[Shelf, int], pools: list[int]) -> None:
    conn.execute(
        """update stock s set safety = n.safety from unnest(%s::int[], %s::int[], %s::int[]) n(w, k, safety)
           where s.warehouse_id = n.w and s.sku_id = n.k and s.safety <> n.safety""",
        ([shelf[0] for shelf in wanted], [shelf[1] for shelf in wanted], list(wanted.values())),
    )
    conn.execute(
        """update sku_pool p set safety = n.safety
           from (select sku_id, sum(safety) as safety from stock where sku_id = any(%s) group by 1) n
           where p.sku_id = n.sku_id and p.safety <> n.safety""",
        (pools,),
    )
