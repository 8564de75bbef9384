"""The warehouses that work with handhelds, each with the work there is."""

from typing import NamedTuple

from models.database import transaction
from models.floor import HANDHELD
from tasks.floor_views import Work, work_in


class House(NamedTuple):
    """An own warehouse and its work."""

    code: str
    name: str
    work: Work


def list_houses() -> list[House]:
    """Every own warehouse, by code."""
    with transaction() as conn:
        rows = conn.execute("select id, code, name from warehouse where wms = %s order by code", (HANDHELD,)).fetchall()
    return [House(code, name, work_in(warehouse_id)) for warehouse_id, code, name in rows]
