"""Warehouses as people look them up and change them, with the divisions they serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.divisions import division, place
from tasks.access import log_change
from tasks.catalog import WAREHOUSES, Imported, save_warehouses
from tasks.cells import COUNTRY
from tasks.sheets import MAX_COUNT, sheet_of

EDITABLE = (
    "name", "division", "address", "sender_name", "sender_phone", "carrier", "kind", "cutoff", "daily_limit",
    "in_progress_limit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WarehouseRow:
    """A warehouse: what it is and does. `used_today` of its `daily_limit` outbound documents.

    `in_progress_limit` documents may be with it at once while releases are metered.

    `stopped_at` is when its address said that it is gone; then it gets no messages.
    """

    code: str
    name: str
    division: str
    address: str
    sender_name: str
    sender_phone: str
    wms: str
    carrier: str
    kind: str
    cutoff: time | None
    daily_limit: int | None
    in_progress_limit: int | None
    active: bool
    stopped_at: datetime | None
    used_today: int
    areas: int

    @property
    def region(self) -> str:
        """Where it is, by name."""
        return division_name(self.division)


@dataclass(frozen=True, slots=True)
class AreaRow:
    """A division that a warehouse serves."""

    warehouse: str
    division: str
    priority: int

    @property
    def name(self) -> str:
        """The division's full name; of the whole country "全国"."""
        return division_name(self.division)


def division_name(code: str) -> str:
    """A division with what it lies in, as addresses write it; its code where there is no such division."""
    if code == COUNTRY:
        return "全国"
    if division(code) is None:
        return code
    at = place(code)
    return "".join(dict.fromkeys(part for part in (at.province, at.city, at.district) if part))


_ROWS = """select w.code, w.name, w.division_code, w.address, w.sender_name, w.sender_phone, w.wms, w.carrier, w.kind,
                  w.cutoff, w.daily_limit, w.in_progress_limit, w.active, w.stopped_at, coalesce(d.used, 0),
                  (select count(*) from service_area a where a.warehouse_id = w.id)
           from warehouse w left join warehouse_day d on d.warehouse_id = w.id and d.day = %s"""


def list_warehouses(today: date) -> list[WarehouseRow]:
    """Every warehouse by code, with what of this day's limit is used."""
    with transaction() as conn:
        return [WarehouseRow(*row) for row in conn.execute(f"{_ROWS} order by w.code".encode(), (today,))]


def find_warehouse(code: str, today: date) -> WarehouseRow:
    """One warehouse; raises SetupError when there is none of this code."""
    with transaction() as conn:
        row = conn.execute(f"{_ROWS} where w.code = %s".encode(), (today, code)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {code}: is not in the pool")
    return WarehouseRow(*row)


def change_warehouse(code: str, values: Mapping[str, str], *, active: bool, mended: bool, why: Cause) -> Imported:
    """Change a warehouse: EDITABLE columns as in a file; what it is called over and its credentials stay.

    `mended` lets one whose address was gone have messages again. Raises SetupError naming what cannot be used.
    """
    wms = find_warehouse(code, why.at.date()).wms
    given = {name: values.get(name, "") for name in EDITABLE}
    row = {**given, "code": code, "wms": wms, "active": "yes" if active else "no"}
    return save_warehouses(sheet_of(WAREHOUSES, [row], f"warehouse {code}"), why, mended=mended)


def limit_in_progress(code: str, limit: int | None, why: Cause) -> bool:
    """Let so many documents be with a warehouse at once while releases are metered, None: any number.

    Tells whether that changed something. Raises SetupError for a limit below 1 or a warehouse that there is not.
    """
    if limit is not None and not 1 <= limit <= MAX_COUNT:
        raise SetupError(f"warehouse {code}: cannot have {limit} documents in progress; want from 1 to {MAX_COUNT}")
    with transaction() as conn:
        row = conn.execute("select in_progress_limit from warehouse where code = %s for update", (code,)).fetchone()
        if row is None:
            raise SetupError(f"warehouse {code}: is not in the pool")
        conn.execute("update warehouse set in_progress_limit = %s where code = %s", (limit, code))
        return log_change(conn, "warehouse", code, {"in_progress_limit": row[0]}, {"in_progress_limit": limit}, why)


def list_areas(warehouse: str = "") -> list[AreaRow]:
    """The divisions that a warehouse serves, or every one does: by warehouse, priority and division."""
    with transaction() as conn:
        rows = conn.execute(
            """select w.code, a.division_code, a.priority from service_area a join warehouse w on w.id = a.warehouse_id
               where %(code)s = '' or w.code = %(code)s order by 1, 3, 2""",
            {"code": warehouse},
        ).fetchall()
    return [AreaRow(*row) for row in rows]
