"""Which warehouse serves which divisions, from a file; and which divisions nobody serves."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.divisions import Division, divisions, place
from models.settings import clock
from tasks.access import log_change
from tasks.catalog import Imported
from tasks.cells import COUNTRY, as_area, as_priority
from tasks.routing_again import hold_up_routing, try_all_again
from tasks.sheets import Column, Sheet, as_code, read_sheet, sheet_of

AREAS = (
    Column("warehouse", ("仓库编码", "仓库代码", "仓库"), as_code, required=True),
    Column("division", ("地区", "行政区划", "省市区", "服务地区"), as_area, required=True),
    Column("priority", ("优先级",), as_priority, default=1),
)


def import_areas(path: Path, why: Cause | None = None) -> Imported:
    """Make the file's areas the whole areas of the warehouses it names; other warehouses stay as they are.

    With a cause, each change is noted.

    `全国` stands for every province that the file does not name for that warehouse. Raises SetupError listing the
    bad rows.
    """
    sheet = read_sheet(path, AREAS)
    with transaction() as conn:
        warehouses = warehouse_ids(conn, sheet)
        sheet.refuse_repeats("warehouse", "division")
        sheet.require_clean()
        try_all_again(conn, clock().now())
        wanted = areas_of(sheet, warehouses)
        return _replace_areas(conn, {warehouse_id for warehouse_id, _ in wanted}, wanted, sheet.ignored, why)


def change_areas(warehouse: str, wanted: Mapping[str, str], gone: Collection[str], why: Cause) -> Imported:
    """Let a warehouse serve these divisions, by code or name, with their priorities, and not those of the codes `gone`.

    Its other areas stay. Raises SetupError naming what cannot be used.
    """
    cells = [{"warehouse": warehouse, "division": name, "priority": written} for name, written in wanted.items()]
    sheet = sheet_of(AREAS, cells, f"areas of {warehouse}")
    with transaction() as conn:
        warehouses = warehouse_ids(conn, sheet)
        if warehouse not in warehouses:
            raise SetupError(f"warehouse {warehouse}: is not in the pool")
        sheet.refuse_repeats("division")
        sheet.require_clean()
        own = warehouses[warehouse]
        rows = conn.execute(
            "select division_code, priority from service_area where warehouse_id = %s", (own,)
        ).fetchall()
        kept = {(own, code): priority for code, priority in rows if code not in gone}
        try_all_again(conn, why.at)
        return _replace_areas(conn, {own}, kept | areas_of(sheet, warehouses), (), why)


def warehouse_ids(conn: Connection, sheet: Sheet, *, take: bool = True) -> dict[str, int]:
    """The ids of all warehouses by code; rows of the sheet that name none of them are refused.

    With `take` no warehouse changes and no routing begins before the transaction ends.
    """
    if take:
        hold_up_routing(conn)
    rows = conn.execute("select code, id from warehouse order by id").fetchall()
    warehouses: dict[str, int] = dict(rows)
    for row in sheet.rows:
        if row["warehouse"] and row["warehouse"] not in warehouses:
            sheet.refuse(row, "warehouse", "there is no such warehouse; import warehouses first")
    return warehouses


def areas_of(sheet: Sheet, warehouses: Mapping[str, int]) -> dict[tuple[int, str], int]:
    """The areas of a sheet: by warehouse id and division the priority."""
    provinces = [found.code for found in divisions().values() if found.level == "province"]
    # areas that are named for themselves come first: the whole country is the rest
    named = sorted(sheet.rows, key=lambda row: row["division"] == COUNTRY)
    wanted: dict[tuple[int, str], int] = {}
    for row in named:
        for code in [row["division"]] if row["division"] != COUNTRY else provinces:
            wanted.setdefault((warehouses[row["warehouse"]], code), row["priority"])
    return wanted


def _replace_areas(
    conn: Connection,
    of: Collection[int],
    wanted: Mapping[tuple[int, str], int],
    ignored: tuple[str, ...],
    why: Cause | None,
) -> Imported:
    named = sorted(of)
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
    if why is not None:
        _note(conn, [*gone, *keys], before, wanted, why)
    same = len(wanted) - len(added) - len(changed)
    return Imported(len(added), len(changed), same, len(gone), ignored)


def _note(
    conn: Connection,
    keys: Sequence[tuple[int, str]],
    before: Mapping[tuple[int, str], int],
    after: Mapping[tuple[int, str], int],
    why: Cause,
) -> None:
    """Note per warehouse which divisions it serves with another priority than before, none standing for not at all."""
    codes: dict[int, str] = dict(conn.execute("select id, code from warehouse").fetchall())
    for warehouse_id in sorted({key[0] for key in keys}):
        own = [key for key in keys if key[0] == warehouse_id]
        old, new = ({code: of.get((at, code)) for at, code in own} for of in (before, after))
        log_change(conn, "area", codes[warehouse_id], old, new, why)


@dataclass(frozen=True, slots=True)
class Gap:
    """A division whose parts are not all served: how many of how many direct parts, and which.

    `parts` of 0 means that it is not divided, or that no part of it is served: all of it is the gap.
    """

    division: Division
    parts: int
    unserved: tuple[Division, ...]

    def __str__(self) -> str:
        name = f"{self.division.code} {self.division.name}"
        if not self.parts:
            return f"{name}: uncovered"
        names = ", ".join(part.name for part in self.unserved)
        return f"{name}: {len(self.unserved)} of {self.parts} {_level(self.unserved)} uncovered: {names}"


def _level(parts: Sequence[Division]) -> str:
    # some counties lie directly under their province
    levels = {part.level for part in parts}
    return {frozenset({"prefecture"}): "prefectures", frozenset({"county"}): "counties"}.get(frozenset(levels), "parts")


def coverage() -> list[Gap]:
    """Where no active warehouse has a service area, rolled up to the highest division that lacks one, by code."""
    with transaction() as conn:
        rows = conn.execute(
            "select distinct a.division_code from service_area a join warehouse w on w.id = a.warehouse_id and w.active"
        ).fetchall()
    return gaps({row[0] for row in rows})


def uncovered(found: Sequence[Gap]) -> list[tuple[str, str, str, str]]:
    """Every division that no warehouse serves, the highest of its line only: code, name, level and province."""
    places = [part for gap in found for part in (gap.unserved if gap.parts else (gap.division,))]
    return [(at.code, at.name, at.level, place(at.code).province) for at in places]


def gaps(served: set[str]) -> list[Gap]:
    """The gaps that areas of these division codes leave, provinces in order of their codes."""
    if COUNTRY in served:
        return []
    return [gap for province in _parts().get("", ()) for gap in _gaps_in(province, served)]


def _gaps_in(at: Division, served: set[str]) -> Iterator[Gap]:
    if at.code in served:
        return
    parts = _parts().get(at.code, ())
    unserved = tuple(part for part in parts if not _any_served(part, served))
    if len(unserved) == len(parts):
        yield Gap(at, 0, ())
        return
    if unserved:
        yield Gap(at, len(parts), unserved)
    for part in parts:
        if part not in unserved:
            yield from _gaps_in(part, served)


def _any_served(at: Division, served: set[str]) -> bool:
    return at.code in served or any(_any_served(part, served) for part in _parts().get(at.code, ()))


@cache
def _parts() -> dict[str, tuple[Division, ...]]:
    """The direct parts of each division by its code; of "" the provinces."""
    parts: dict[str, list[Division]] = {}
    for found in divisions().values():
        parts.setdefault(found.parent_code, []).append(found)
    return {code: tuple(sorted(below, key=lambda part: part.code)) for code, below in parts.items()}
