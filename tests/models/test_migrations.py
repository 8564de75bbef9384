"""The migrations: they make what the models say, and they keep what a pool already holds."""

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from psycopg.errors import IntegrityConstraintViolation

from models.database import engine_for
from models.tables import metadata

FORMER = """
  insert into shop (id, code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
    values (1, 'S', 'woocommerce', '', true, false, 15, '{}', '2026-11-01Z');
  insert into warehouse (id, code, name, division_code, address, sender_name, sender_phone, wms, carrier, active,
                         settings)
    values (1, 'WH-A', '', '330106', '', '', '', 'webhook', 'yuantong', true, '{}');
  insert into sku (id, code, name, barcode, weight_g) values (7, 'TEA', '', '', 0);
  insert into sku_pool (sku_id, on_hand, locked) values (7, 9, 3);
  insert into stock (warehouse_id, sku_id, opening, on_hand, locked) values (1, 7, 10, 9, 3);
  insert into stock_movement (warehouse_id, sku_id, quantity, reason, reference, at)
    values (1, 7, -1, 'shipped', 'OB1', '2026-11-02Z');
  insert into order_line (order_id, line_no, platform_line, sku_code, sku_id, title, quantity, unit_price_fen, paid_fen,
                          state)
    values (1, 1, '1', 'TEA', 7, '', 1, 100, 100, 'open'), (2, 1, '1', 'TEA', 7, '', 2, 100, 200, 'open');
  insert into allocation (order_id, line_no, warehouse_id, quantity, shipped, reason) values
    (1, 1, 1, 1, 0, 'WH-A serves 330000 with priority 1'),
    (2, 1, 1, 2, 0, 'WH-A is the nearest with stock, 12 km; no service area covers the receiver');
  insert into event (order_id, at, what, actor)
    values (1, '2026-11-03Z', 'routed', 'test'), (2, '2026-11-03Z', 'routed', 'test');
  insert into parcel_line (parcel_id, order_id, line_no, quantity) values (1, 1, 1, 1);
"""

FORMER_PLACES = """
  insert into warehouse (id, code, name, division_code, address, sender_name, sender_phone, wms, carrier, active,
                         settings)
    values (1, 'WH-A', '', '330106', '', '', '', 'webhook', 'yuantong', true, '{}');
  insert into sku (id, code, name, barcode, weight_g) values (7, 'TEA', '', '', 0);
  insert into sku_pool (sku_id, on_hand, locked) values (7, 9, 5);
  insert into stock (warehouse_id, sku_id, opening, on_hand, locked) values (1, 7, 9, 9, 5);
"""


def migrate(url: str, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    with engine_for(url).begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if to == "0002" else command.upgrade)(config, to)


@pytest.fixture
def former(database: str) -> str:
    """A pool as the second version of the tables had it, with orders on their way."""
    migrate(database, "0002")
    with psycopg.connect(database) as conn:
        conn.execute(FORMER.encode())
    return database


def row(url: str, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchone()


def test_the_tables_are_those_of_the_models(database: str) -> None:
    with engine_for(database).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})

        assert compare_metadata(context, metadata) == []


def test_a_movement_of_a_former_pool_happened_when_it_was_written(former: str) -> None:
    migrate(former, "head")

    assert row(former, "select occurred_at = at from stock_movement") == (True,)


def test_allocations_and_parcels_of_a_former_pool_name_their_sku(former: str) -> None:
    migrate(former, "head")

    assert row(former, "select array_agg(distinct sku_id) from allocation") == ([7],)
    assert row(former, "select sku_id from parcel_line") == (7,)


def test_a_former_pool_keeps_why_an_order_did_not_go_to_its_area(former: str) -> None:
    migrate(former, "head")

    assert row(former, "select array_agg(basis::text order by order_id) from allocation") == (["a", "p"],)
    told = row(former, "select order_id, plan->>'sentence' from route_plan")
    assert told == (2, "WH-A is the nearest with stock, 12 km; no service area covers the receiver")


@pytest.mark.parametrize(
    "statement",
    ["update stock_movement set quantity = 1", "delete from stock_movement"],
)
def test_movements_are_never_changed(former: str, statement: str) -> None:
    migrate(former, "head")

    with psycopg.connect(former) as conn, pytest.raises(IntegrityConstraintViolation):
        conn.execute(statement.encode())


def test_a_lock_that_ended_never_changes(database: str) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(
            """insert into lock (order_id, line_no, sku_id, quantity, state, locked_at, ended_at)
               values (1, 1, 1, 1, 'released', '2026-11-01Z', '2026-11-01Z')"""
        )
        with pytest.raises(IntegrityConstraintViolation):
            conn.execute("update lock set state = 'consumed'")


def test_the_stock_version_grows_with_every_change_of_the_figures(former: str) -> None:
    migrate(former, "head")
    with psycopg.connect(former) as conn:
        conn.execute("update sku_pool set locked = locked + 1")
        conn.execute("update sku_pool set locked = locked")
        conn.execute("update stock set safety = 2")

        versions = conn.execute("select p.version, s.version from sku_pool p, stock s").fetchone()

    assert versions == (1, 1)


def test_a_line_has_one_open_lock_per_turn_and_after_a_downgrade_one(database: str) -> None:
    lock = """insert into lock (order_id, line_no, sku_id, warehouse_id, quantity, state, locked_at, turn)
              values (1, 1, 7, 1, %s, 'open', '2026-11-01Z', %s)"""
    with psycopg.connect(database) as conn:
        conn.execute(FORMER_PLACES.encode())
        for units, turn in ((2, 1), (3, 2)):
            conn.execute(lock.encode(), (units, turn))
            conn.execute(
                """insert into allocation (order_id, line_no, sku_id, warehouse_id, turn, quantity, shipped, basis)
                   values (1, 1, 7, 1, %s, %s, 0, 'a')""",
                (turn, units),
            )

    config = Config()
    config.set_main_option("script_location", "models:migrations")
    with engine_for(database).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")

    assert row(database, "select array_agg(quantity), min(state) from lock where state = 'open'") == ([2], "open")
    assert row(database, "select s.locked, p.locked from stock s, sku_pool p") == (2, 2)


FOLLOWED = """
  insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at, asked_at,
                      salt_enc, callback_token, note)
    values (1, 1, 'P1', 'yuantong', 'YT1', 'collected', '2026-11-01Z', '2026-11-01Z', '2026-11-01Z', '2026-11-03Z', '',
            'token', '');
  insert into parcel_event (parcel_id, digest, at, stage, text, place)
    values (1, 'a', '2026-11-01Z', 'label_created', '', ''), (1, 'b', '2026-11-02Z', 'collected', '', '');
"""


def to_revision(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    with engine_for(url).begin() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if revision == "head" else command.downgrade)(config, revision)


def test_when_a_number_was_asked_about_counts_on_whichever_way_the_tables_change(database: str) -> None:
    to_revision(database, "0010")
    with psycopg.connect(database) as conn:
        conn.execute(FOLLOWED.encode())

    to_revision(database, "head")
    assert row(database, "select source, waybill, asked_at = '2026-11-03Z', answer from tracking_question") == (
        "kuaidi100",
        "YT1",
        True,
        "asked",
    )
    assert row(database, "select scanned_at = '2026-11-02Z' from parcel") == (True,)
    assert row(database, "select array_agg(distinct source) from parcel_event") == (["kuaidi100"],)

    to_revision(database, "0010")
    assert row(database, "select asked_at = '2026-11-03Z' from parcel") == (True,)
