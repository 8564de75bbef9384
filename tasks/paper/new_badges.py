"""New badges for those who work in a warehouse, to be printed at once: what stands on them is kept nowhere."""

from collections.abc import Sequence

from models.database import one, transaction
from models.order import Cause
from tasks.floor_people import make_badges
from tasks.paper.badges import Badge


def new_badges(warehouse_code: str, names: Sequence[str], why: Cause) -> list[Badge]:
    """Give each of these people a badge, the only one that counts from now on; all of them get one, or none.

    Raises SetupError when the warehouse has no handhelds or a name is none.
    """
    each_once = list(dict.fromkeys(" ".join(name.split()) for name in names))
    codes = make_badges(warehouse_code, each_once, why)
    with transaction() as conn:
        query = "select concat_ws(' ', code, nullif(name, '')) from warehouse where code = %s"
        warehouse = str(one(conn.execute(query, (warehouse_code,)).fetchone()))
    return [Badge(name, warehouse, code) for name, code in zip(each_once, codes, strict=True)]
