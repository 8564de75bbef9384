"""The pool that the demo runs in: the installation's own, if nothing but an earlier demo is in it."""

from pathlib import Path

from psycopg import sql

from deployments.demo_baskets import FILE_SHOP
from deployments.demo_sandbox import Outside
from deployments.simulation import connect_shops, connect_warehouses
from models.database import Connection, transaction
from models.errors import SetupError
from models.settings import settings
from tasks.setup import FILE, add_shop

MARK = {"demo": True}
"""In the settings of every shop that the demo made."""

FILE_MAPPING = Path(__file__).parent / "data" / "demo_file_shop.yaml"

SPEAKS_QIMEN = "WH-E"
"""The warehouse outside whose system speaks Qimen; the others take webhooks."""

_NOT_EMPTIED = ("alembic_version", "data_key")


def require_ours() -> None:
    """Raise SetupError unless the pool is empty or an earlier demo's; real shops are never mixed with the demo's."""
    with transaction() as conn:
        foreign = conn.execute(
            "select code from shop where settings->>'demo' is distinct from 'true' order by code"
        ).fetchall()
        shops = conn.execute("select 1 from shop limit 1").fetchone()
        catalog = conn.execute("select code from warehouse union all select code from sku limit 1").fetchone()
    if foreign:
        names = ", ".join(row[0] for row in foreign[:5])
        raise SetupError(
            f"demo: the pool in {settings().var} has shops of its own ({names}), and the demo would empty it; "
            "run the demo elsewhere with ORDERPOOL_VAR=/some/other/folder"
        )
    if catalog and not shops:
        raise SetupError(
            f"demo: the pool in {settings().var} has a warehouse or SKU of its own ({catalog[0]}), and the demo would "
            "empty it; run the demo elsewhere with ORDERPOOL_VAR=/some/other/folder"
        )


def empty_pool() -> None:
    """Remove every row. Ids go on where they were, so that an old run retried by mistake finds nothing of its own."""
    with transaction() as conn:
        tables = [name for name in _tables(conn) if name not in _NOT_EMPTIED]
        conn.execute(sql.SQL("truncate table {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))


def connect(outside: Outside, folder: Path) -> None:
    """Set up shops, tracking service and warehouses, and tell the outside where our hooks are."""
    outside.speak_qimen(SPEAKS_QIMEN, settings().callback_base())
    world = outside.world()
    connect_shops(world, MARK)
    add_shop(FILE_SHOP, FILE, "示例线下渠道", mapping=FILE_MAPPING, settings=MARK)
    for code, token in connect_warehouses(world, folder).items():
        outside.connect_warehouse(code, settings().callback_base(), token)


def _tables(conn: Connection) -> list[str]:
    rows = conn.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    return [row[0] for row in rows]
