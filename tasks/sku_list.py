"""SKUs as people look them up and change them: pages of a list, one of them, all of them for a sheet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause
from tasks.access import log_change
from tasks.catalog import SKUS, save_skus
from tasks.sheets import sheet_of
from tasks.sku_prices import PRICES, give_prices

PAGE = 50
_READ_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A SKU; `usual_fen` is what a unit usually costs, `given` whether a person said so."""

    code: str
    name: str
    barcode: str
    weight_g: int
    usual_fen: int | None
    given: bool


_ROWS = """select k.code, k.name, k.barcode, k.weight_g, p.usual_fen, coalesce(p.given, false)
           from sku k left join sku_price p on p.sku_id = k.id"""


def list_skus(search: str = "", after: str = "", most: int = PAGE) -> list[SkuRow]:
    """SKUs by code, those behind `after`; `search` is part of a code, a name or a barcode, capitals or not."""
    with transaction() as conn:
        rows = conn.execute(
            f"""{_ROWS} where k.code > %(after)s and (%(part)s = '' or k.code ilike %(like)s or k.name ilike %(like)s
                  or k.barcode ilike %(like)s) order by k.code limit %(most)s""".encode(),
            {"after": after, "part": search, "like": f"%{_literal(search)}%", "most": most},
        ).fetchall()
    return [SkuRow(*row) for row in rows]


def _literal(part: str) -> str:
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def all_skus() -> Iterator[SkuRow]:
    """Every SKU by code, read piece by piece."""
    after = ""
    while rows := list_skus(after=after, most=_READ_AT_ONCE):
        yield from rows
        after = rows[-1].code


def find_sku(code: str) -> SkuRow:
    """One SKU; raises SetupError when there is none of this code."""
    with transaction() as conn:
        row = conn.execute(f"{_ROWS} where k.code = %s".encode(), (code,)).fetchone()
    if row is None:
        raise SetupError(f"SKU {code}: is not known")
    return SkuRow(*row)


def change_sku(values: Mapping[str, str], usual_yuan: str, why: Cause, *, is_new: bool = False) -> None:
    """Add or change one SKU: its columns as in a file, and what a unit of it usually costs.

    Without a price it is learned from orders. Raises SetupError naming what cannot be used, and changes nothing then.
    """
    code = values.get("code", "")
    usual_fen = _price(code, usual_yuan)
    if is_new and _exists(code):
        raise SetupError(f"SKU {code}: is there already")
    save_skus(sheet_of(SKUS, [values], f"SKU {code}"), why)
    _keep_price(code, usual_fen, why)


def _exists(code: str) -> bool:
    with transaction() as conn:
        return conn.execute("select 1 from sku where code = %s", (code,)).fetchone() is not None


def _keep_price(code: str, usual_fen: int | None, why: Cause) -> None:
    with transaction() as conn:
        row = conn.execute("select id from sku where code = %s for update", (code,)).fetchone()
        before = _given_price(conn, row[0]) if row else None
        if row is None or before == usual_fen:
            return
        give_prices(conn, {row[0]: usual_fen}, why.at)
        log_change(conn, "sku", code, {"usual_fen": before}, {"usual_fen": usual_fen}, why)


def _price(code: str, written: str) -> int | None:
    sheet = sheet_of(PRICES, [{"code": code, "usual_yuan": written or "0"}], f"SKU {code}")
    sheet.require_clean()
    return sheet.rows[0]["usual_yuan"] or None


def _given_price(conn: Connection, sku_id: int) -> int | None:
    row = conn.execute("select usual_fen from sku_price where sku_id = %s and given", (sku_id,)).fetchone()
    return row[0] if row else None
