"""The demo empties its own pool and nobody else's."""

import pytest

from deployments.demo_pool import MARK, empty_pool, require_ours
from models.database import connect
from models.errors import SetupError
from tasks.setup import add_shop


def count(table: str) -> int:
    with connect() as conn:
        return int(conn.execute(f"select count(*) from {table}".encode()).fetchall()[0][0])


def test_an_empty_pool_will_do(database: str) -> None:
    require_ours()


def test_a_pool_that_a_demo_made_will_do(database: str) -> None:
    add_shop("file-1", "file", settings=MARK)

    require_ours()


def test_a_pool_with_a_real_shop_is_refused_and_named(database: str) -> None:
    add_shop("file-1", "file", settings=MARK)
    add_shop("teahouse", "file")

    with pytest.raises(SetupError, match="shops of its own \\(teahouse\\)"):
        require_ours()


def test_a_pool_with_a_real_sku_is_refused(database: str) -> None:
    with connect() as conn:
        conn.execute("insert into sku (code, name, barcode, weight_g) values ('TEA', '', '', 0)")

    with pytest.raises(SetupError, match="of its own \\(TEA\\)"):
        require_ours()


def test_emptying_leaves_a_pool_of_this_version_without_rows(database: str) -> None:
    add_shop("file-1", "file", settings=MARK)

    empty_pool()

    assert count("shop") == 0
    assert count("alembic_version") == 1


def test_ids_go_on_after_emptying(database: str) -> None:
    add_shop("file-1", "file", settings=MARK)
    empty_pool()
    add_shop("file-1", "file", settings=MARK)

    with connect() as conn:
        assert conn.execute("select id from shop").fetchall() == [(2,)]
