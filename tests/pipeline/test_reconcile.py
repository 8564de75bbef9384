"""The reconciler: silent when all agree, one finding per wrong fact."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from models.database import connect, engine_for
from models.settings import clock, set_clock, settings
from tasks.reconcile import reconcile
from tests.fakes import FakePool
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, work_off
from tests.pool_names import NUMBERS
from tests.shared_pool import leading_to, shared_pool
from tests.stock import lively
from tests.stock.world import World as StockWorld


@pytest.fixture
def shipped_in_part(world: World) -> World:
    """30 orders dispatched; those of one warehouse have left."""
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(30)])
    through_the_stages("woo-1")
    world.sandbox.do("POST", "warehouses/WH-E/ship", {})
    work_off()
    return world


@pytest.fixture(scope="module")
def lively_pool(postgres: str) -> Iterator[str]:
    """The name of a pool with something of everything in it, that nobody is connected to."""
    with shared_pool(postgres, "lively") as url:
        with leading_to(url):
            before = clock()
            with connect(url, autocommit=True) as conn:
                pool, world = FakePool(), StockWorld(conn)
                set_clock(world)
                lively.enliven(pool, world)
                set_clock(before)
            engine_for(url).dispose()
        with psycopg.connect(postgres, autocommit=True) as conn:
            # what this process keeps, or a thread of it opens again, would be in the way of a copy
            conn.execute("alter database lively allow_connections false")
            conn.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = 'lively'")
        yield url


@pytest.fixture
def lively_copy(postgres: str, lively_pool: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A copy of that pool for one test, to be spoilt."""
    name = f"lively_{next(NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name} template lively strategy file_copy".encode())
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", lively_pool.replace("/lively", f"/{name}"))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())


def change(statement: str) -> None:
    """Spoil a fact behind the back of constraints that are triggers."""
    with connect() as conn:
        conn.execute("set session_replication_role = replica")
        assert conn.execute(statement.encode()).rowcount == 1


def sentences() -> list[str]:
    return [mismatch.sentence for mismatch in reconcile()]


def test_nothing_is_found_in_an_undisturbed_pool(shipped_in_part: World) -> None:
    assert sentences() == []


def test_nothing_is_found_in_a_pool_where_everything_happened(lively_copy: None) -> None:
    assert sentences() == []


def test_three_changed_facts_give_these_three_findings(shipped_in_part: World) -> None:
    change("""update stock set on_hand = on_hand + 3 where (warehouse_id, sku_id) =
              (select w.id, k.id from warehouse w, sku k where w.code = 'WH-N' and k.code = 'SKU-11')""")
    change("update lock set quantity = quantity + 1 where id = (select min(id) from lock where state = 'open')")
    change("""update order_state set stage = 'validated' where order_id =
              (select max(order_id) from order_state where stage = 'dispatched')""")

    found = sentences()

    assert len(found) == 3
    assert any(sentence.startswith("stock of SKU SKU-11 in WH-N: on hand is 1003") for sentence in found)
    assert any("lock of order" in sentence and "wants" in sentence for sentence in found)
    assert any("stage is validated; its events say dispatched" in sentence for sentence in found)


def of_order(no: int, table: str, more: str = "true") -> str:
    """One row of a table that belongs to an order."""
    return f"""ctid = (select t.ctid from {table} t join orders o on o.id = t.order_id
                       where o.order_no = '{no}' and {more} order by t.ctid limit 1)"""


def of_sku(code: str, table: str, more: str = "true") -> str:
    """One row of a table that belongs to a SKU."""
    return f"""ctid = (select t.ctid from {table} t join sku k on k.id = t.sku_id
                       where k.code = '{code}' and {more} order by t.ctid limit 1)"""


def of_lock(no: int, state: str) -> str:
    """A lock of an order in a state."""
    return of_order(no, "lock", f"t.state = '{state}'")


def of_kit(no: int) -> str:
    """The line of an order that sells a kit."""
    return of_order(no, "order_line", "t.sku_code = 'SET'")


def waits_for_room(no: int, *, here: bool) -> str:
    """An order that waits for room in a warehouse of its route, or in another one."""
    return f"""insert into release_wait (order_id, warehouse_id, due_at, paid_at, since)
               select o.id, w.id, o.created_at, o.created_at, o.created_at from orders o, warehouse w
               where o.order_no = '{no}' and {"" if here else "not"} exists (
                 select from allocation a where a.order_id = o.id and a.warehouse_id = w.id) order by w.id limit 1"""


_OPEN_RETURN = "return_id = (select id from return_order where state = 'announced')"

FAULTS: dict[str, str] = {
    "locked of a shelf": f"update stock set locked = locked + 1 where {of_sku('CUP', 'stock', 'locked > 0')}",
    "opening of a shelf": f"update stock set opening = opening + 1 where {of_sku('POT', 'stock')}",
    "on hand of a shelf": f"update stock set on_hand = on_hand + 1 where {of_sku('BOX', 'stock')}",
    "safety of a shelf": f"update stock set safety = safety + 1 where {of_sku('TEA', 'stock')}",
    "missing of a shelf": f"update stock set missing = 1 where {of_sku('POT', 'stock', 'locked > 0')}",
    "an open shortfall": "update shortfall set closed_at = opened_at where closed_at is null",
    "a movement": f"delete from stock_movement where {of_sku('CUP', 'stock_movement')}",
    "locked of a SKU": f"update sku_pool set locked = locked + 1 where {of_sku('TEA', 'sku_pool')}",
    "on hand of a SKU": f"update sku_pool set on_hand = on_hand + 1 where {of_sku('BOX', 'sku_pool')}",
    "safety of a SKU": f"update sku_pool set safety = safety - 1 where {of_sku('TEA', 'sku_pool')}",
    "a lock of the pool that is too large": f"update lock set quantity = quantity + 1 where {of_order(11, 'lock')}",
    "a lock of the pool that ended early": "update lock set state = 'released', ended_at = locked_at"
    f" where {of_order(12, 'lock')}",
    "a lock of the pool that is gone": f"delete from lock where {of_order(11, 'lock')}",
    "a lock of the pool under another SKU": f"update lock set sku_id = sku_id + 1 where {of_order(15, 'lock')}",
    "a kept lock beyond what is wanted": f"update lock set quantity = quantity + 9 where {of_order(12, 'lock')}",
    "a kept lock that is smaller": "update lock set quantity = quantity - 1"
    f" where {of_order(12, 'lock', 'quantity > 1')}",
    "a lock that moved": f"update lock set quantity = quantity + 1 where {of_lock(33, 'moved')}",
    "a lock of a warehouse": f"update lock set quantity = quantity + 1 where {of_lock(33, 'open')}",
    "a lock of a warehouse that is gone": f"delete from lock where {of_lock(33, 'open')}",
    "a lock in another warehouse": f"update lock set warehouse_id = 3 - warehouse_id where {of_lock(33, 'open')}",
    "a consumed lock": f"update lock set quantity = quantity + 1 where {of_lock(31, 'consumed')}",
    "a consumed lock that was released": f"update lock set state = 'released' where {of_lock(31, 'consumed')}",
    "a released lock that is open": f"update lock set state = 'open', ended_at = null where {of_lock(34, 'released')}",
    "an allocation that is too large": "update allocation set quantity = quantity + 1"
    f" where {of_order(33, 'allocation')}",
    "an allocation that is gone": f"delete from allocation where {of_order(33, 'allocation')}",
    "what an allocation says was shipped": "update allocation set shipped = shipped - 1"
    f" where {of_order(32, 'allocation', 'shipped > 1')}",
    "what lies in a parcel": "update parcel_line set quantity = quantity - 1"
    f" where {of_order(32, 'parcel_line', 'quantity > 1')}",
    "the quantity of a locked line": "update order_line set quantity = quantity + 1"
    f" where {of_order(15, 'order_line')}",
    "the quantity of a routed line": "update order_line set quantity = quantity + 1"
    f" where {of_order(21, 'order_line')}",
    "the quantity of a dispatched kit": f"update order_line set quantity = quantity + 1 where {of_kit(32)}",
    "what a locked kit is made of": "update line_component set per_unit = per_unit + 1"
    f" where {of_order(32, 'line_component')}",
    "a promise": f"update promise set quantity = quantity + 1 where {of_order(42, 'promise')}",
    "a promise that ended": f"update promise set state = 'kept', ended_at = made_at where {of_order(41, 'promise')}",
    "units promised of a SKU": f"update promise_pool set promised = promised + 1 where {of_sku('BOX', 'promise_pool')}",
    "documents of a day": "update warehouse_day set used = used + 1 where used > 0",
    "the day of an allocation": "update allocation set ship_day = ship_day + 1"
    f" where {of_order(33, 'allocation', 'ship_day is not null')}",
    "a plan": "delete from route_plan where order_id = (select min(order_id) from route_plan)",
    "the basis of an allocation": f"update allocation set basis = 'p' where {of_order(33, 'allocation')}",
    "the version a listing shows": "update listing set shown_version = 3 where id = (select min(id) from listing)",
    "the version a push was decided at": "update stock_push set version = 99999"
    " where listing_id = (select min(listing_id) from stock_push)",
    "a stage": f"update order_state set stage = 'locked' where {of_order(33, 'order_state')}",
    "a state row": f"delete from order_state where {of_order(31, 'order_state')}",
    "a message to a shop": "delete from outbox where id = (select min(id) from outbox where kind = 'ship_back')",
    "who is in a merge": "update merge_member set left_at = joined_at, left_why = 'gone'"
    f" where {of_order(51, 'merge_member')}",
    "the end of a merge": "update merge_group set ended_at = null where ended_at is not null",
    "the document of a merged order": "update allocation set document_id = document_id - 1"
    f" where {of_order(52, 'allocation')}",
    "who waits for room after dispatch": waits_for_room(33, here=True),
    "where an order waits for room": waits_for_room(22, here=False),
    "where returned goods are": "update return_order set state = 'closed' where state = 'inspected'",
    "a return that is gone": "delete from return_order where state = 'announced'",
    "where the money of a return is": "update refund set state = 'done' where state = 'none'",
    "the money of a return that is gone": "delete from refund where return_id = (select min(return_id) from refund)",
    "what came back as good": "update return_line set good = good - 1, empty = 1 where good > 1",
    "where returned goods came": "update return_order set warehouse_id = 3 - warehouse_id where kind = 'exchange'",
    "returned goods that are not stock": "update return_line set good = 1, defect = 0 where defect = 1",
    "a movement of returned goods": "delete from stock_movement where reason = 'returned'",
    "more returned than shipped": f"update return_line set quantity = quantity + 1 where {_OPEN_RETURN}",
    "an exchange": "delete from replacement",
    "an instruction": "delete from outbox where id = (select max(id) from outbox where kind = 'outbound.created')",
}
"""A fact to spoil, and how."""


@pytest.mark.parametrize("fault", FAULTS)
def test_one_changed_fact_gives_one_finding(lively_copy: None, fault: str) -> None:
    change(FAULTS[fault])

    assert len(sentences()) == 1, sentences()


APART: Sequence[Sequence[str]] = (
    ("locked of a shelf", "safety of a SKU", "a lock that moved", "a promise", "a plan", "a stage"),
    ("on hand of a SKU", "missing of a shelf", "a consumed lock", "documents of a day", "what lies in a parcel"),
    ("opening of a shelf", "a lock of the pool that is gone", "an instruction", "units promised of a SKU"),
    ("where the money of a return is", "what came back as good", "a return that is gone", "a promise"),
    ("an open shortfall", "the quantity of a routed line", "a kept lock beyond what is wanted", "a state row"),
)
"""Faults of facts that have nothing to do with each other."""


@pytest.mark.parametrize("faults", APART, ids=len)
def test_so_many_changed_facts_give_so_many_findings(lively_copy: None, faults: Sequence[str]) -> None:
    for fault in random.Random(1).sample(faults, len(faults)):
        change(FAULTS[fault])

    assert len(sentences()) == len(faults), sentences()
