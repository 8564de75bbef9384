"""Kits from the files that a seller keeps: what one is made of, whole kit by whole kit."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.converters import BadValue
from models.database import Connection, copy_rows, transaction
from models.errors import SetupError
from models.rules.kits import whole_kits
from tasks.catalog import Imported
from tasks.cells import as_positive
from tasks.sheets import Column, Row, Sheet, as_code, read_sheet

MOST_PER_KIT = 1000  # an order has at most a million of a kit: so its units stay countable

Kits = Mapping[int, Mapping[int, int]]
"""Per kit's SKU id, the units of each component in one."""


@dataclass(frozen=True, slots=True)
class KitRow:
    """A kit as people see it: its components by code, and how many could be sold now."""

    code: str
    components: dict[str, int]
    sellable: int


def _quantity(written: str) -> int:
    number = as_positive(written)
    if number > MOST_PER_KIT:
        raise BadValue(f"is more than {MOST_PER_KIT} units in one kit")
    return number


KITS = (
    Column("kit", ("套装编码", "组合装编码", "套餐编码", "组合编码"), as_code, required=True),
    Column("component", ("组件编码", "子商品编码", "单品编码", "商家编码"), as_code, required=True),
    Column("quantity", ("数量", "组件数量"), _quantity, default=1),
)


def import_kits(path: Path) -> Imported:
    """Make each kit of the file hold just what the file says; other kits stay.

    What orders have locked stays as it is: their lines keep what a kit was made of when they were locked. Raises
    SetupError listing the bad rows; then nothing is written.
    """
    sheet = read_sheet(path, KITS)
    sheet.refuse_repeats("kit", "component")
    with transaction() as conn:
        skus = _take_skus(conn, {row[column] for row in sheet.rows for column in ("kit", "component")})
        _refuse_unknown(sheet, skus)
        before = _present(conn)
        _refuse_nested(sheet, skus, before)
        _refuse_stocked(conn, sheet, skus)
        sheet.require_clean()
        return _save(conn, _wanted(sheet, skus), before, sheet.ignored)


def remove_kit(code: str) -> None:
    """Let a SKU be no kit any more: from now on it is sold from its own stock.

    Raises SetupError when it is none.
    """
    with transaction() as conn:
        gone = conn.execute(
            "delete from kit_component where kit_id = (select id from sku where code = %s) returning 1", (code,)
        ).fetchall()
    if not gone:
        raise SetupError(f"kit {code}: cannot be removed; `orderpool kit list` shows those there are")


def list_kits() -> list[KitRow]:
    """Every kit by code, with what can be sold of it from its components' pools."""
    with transaction() as conn:
        rows = conn.execute(
            """select k.code, c.code, kc.component_id, kc.quantity,
                      greatest(coalesce(p.on_hand - p.locked - p.safety, 0), 0)
               from kit_component kc join sku k on k.id = kc.kit_id join sku c on c.id = kc.component_id
               left join sku_pool p on p.sku_id = kc.component_id order by 1, 2"""
        ).fetchall()
    named: dict[str, dict[str, int]] = defaultdict(dict)
    needed: dict[str, dict[int, int]] = defaultdict(dict)
    free: dict[int, int] = {}
    for kit, component, sku_id, quantity, sellable in rows:
        named[kit][component] = needed[kit][sku_id] = quantity
        free[sku_id] = sellable
    return [KitRow(code, components, whole_kits(needed[code], free)) for code, components in named.items()]


def _take_skus(conn: Connection, codes: Collection[str]) -> dict[str, int]:
    """The ids of these SKUs by code; nobody opens stock for them or puts them in a kit before we are done."""
    rows = conn.execute(
        "select code, id from sku where code = any(%s) order by id for update", (sorted(codes),)
    ).fetchall()
    return dict(rows)


def _refuse_unknown(sheet: Sheet, skus: Mapping[str, int]) -> None:
    for row in sheet.rows:
        for column in ("kit", "component"):
            if row[column] and row[column] not in skus:
                sheet.refuse(row, column, "there is no such SKU; import SKUs first")


def _present(conn: Connection) -> dict[int, dict[int, int]]:
    kits: dict[int, dict[int, int]] = {}
    for kit_id, component_id, quantity in conn.execute("select kit_id, component_id, quantity from kit_component"):
        kits.setdefault(kit_id, {})[component_id] = quantity
    return kits


def _refuse_nested(sheet: Sheet, skus: Mapping[str, int], before: Kits) -> None:
    named = {row["kit"]: row for row in sheet.rows if row["kit"] in skus}
    kits = {*before, *(skus[code] for code in named)}
    for row in sheet.rows:
        if row["kit"] and row["component"] == row["kit"]:
            sheet.refuse(row, "component", "a kit cannot hold itself")
        elif skus.get(row["component"]) in kits:
            sheet.refuse(row, "component", "is a kit itself; name what it is made of")
    others = {sku for kit_id, parts in before.items() if kit_id not in {skus[code] for code in named} for sku in parts}
    for code, row in named.items():
        if skus[code] in others:
            sheet.refuse(row, "kit", "is a component of another kit, and no kit may be in a kit")


def _refuse_stocked(conn: Connection, sheet: Sheet, skus: Mapping[str, int]) -> None:
    first: dict[int, Row] = {}
    for row in sheet.rows:
        if row["kit"] in skus:
            first.setdefault(skus[row["kit"]], row)
    conn.execute("select 1 from sku_pool where sku_id = any(%s) order by sku_id for update", (list(first),))
    rows = conn.execute(
        """select s.sku_id, format('%%s of it lie in %%s; count them to 0 there first', s.on_hand, w.code)
             from stock s join warehouse w on w.id = s.warehouse_id where s.sku_id = any(%(ids)s) and s.on_hand > 0
           union all
           select a.sku_id, format('%%s of it are expected in %%s; expect its components', a.expected, w.code)
             from arrival a join warehouse w on w.id = a.warehouse_id
             where a.sku_id = any(%(ids)s) and a.closed_at is null
           union all
           select sku_id, format('%%s of it are promised to orders; let those end first', promised)
             from promise_pool where sku_id = any(%(ids)s) and promised > 0
           order by 1, 2""",
        {"ids": list(first)},
    ).fetchall()
    for sku_id, obstacle in rows:
        sheet.refuse(first[sku_id], "kit", f"cannot be a kit: {obstacle}")


def _wanted(sheet: Sheet, skus: Mapping[str, int]) -> Kits:
    wanted: dict[int, dict[int, int]] = defaultdict(dict)
    for row in sheet.rows:
        wanted[skus[row["kit"]]][skus[row["component"]]] = row["quantity"]
    return wanted


def _save(conn: Connection, wanted: Kits, before: Kits, ignored: tuple[str, ...]) -> Imported:
    differing = [kit_id for kit_id, parts in wanted.items() if before.get(kit_id) != parts]
    added = sum(kit_id not in before for kit_id in differing)
    conn.execute("delete from kit_component where kit_id = any(%s)", (differing,))
    copy_rows(
        conn,
        "kit_component",
        ("kit_id", "component_id", "quantity"),
        ((kit_id, sku, quantity) for kit_id in differing for sku, quantity in wanted[kit_id].items()),
    )
    return Imported(added, len(differing) - added, len(wanted) - len(differing), ignored=ignored)
