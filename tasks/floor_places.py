"""Where SKUs lie in an own warehouse, from the file that its people keep."""

import re
from pathlib import Path
from typing import Final

from connectors.converters import BadValue
from models.database import copy_rows, transaction
from tasks.catalog import Imported
from tasks.floor_people import own_warehouse
from tasks.sheets import Column, as_code, read_sheet

_PLACE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")


def _place(written: str) -> str:
    if not _PLACE.fullmatch(written):
        raise BadValue("is no place: up to 32 letters, digits and dashes, such as A-03-2")
    return written.upper()


PLACES = (
    Column("sku", ("商家编码", "SKU编码", "货号"), as_code, required=True),
    Column("place", ("库位", "货位", "库位编码"), _place, required=True),
)


def import_places(path: Path, warehouse_code: str) -> Imported:
    """Say where SKUs of a file lie in a warehouse; other SKUs stay where they are. Waves made before keep theirs.

    Raises SetupError listing the bad rows; then nothing is written.
    """
    sheet = read_sheet(path, PLACES)
    sheet.refuse_repeats("sku")
    with transaction() as conn:
        warehouse_id = own_warehouse(conn, warehouse_code)
        codes = [row["sku"] for row in sheet.rows]
        skus: dict[str, int] = dict(conn.execute("select code, id from sku where code = any(%s)", (codes,)).fetchall())
        for row in sheet.rows:
            if row["sku"] not in skus:
                sheet.refuse(row, "sku", "is not in the pool; import the SKUs first")
        sheet.require_clean()
        before: dict[int, str] = dict(
            conn.execute(
                "select sku_id, place from sku_place where warehouse_id = %s and sku_id = any(%s) for update",
                (warehouse_id, list(skus.values())),
            ).fetchall()
        )
        told = {skus[row["sku"]]: row["place"] for row in sheet.rows}
        moved = [sku_id for sku_id, place in told.items() if before.get(sku_id) != place]
        conn.execute("delete from sku_place where warehouse_id = %s and sku_id = any(%s)", (warehouse_id, moved))
        copy_rows(
            conn, "sku_place", ("warehouse_id", "sku_id", "place"), ((warehouse_id, i, told[i]) for i in sorted(moved))
        )
    added = len([sku_id for sku_id in moved if sku_id not in before])
    return Imported(added, len(moved) - added, len(told) - len(moved), ignored=sheet.ignored)
