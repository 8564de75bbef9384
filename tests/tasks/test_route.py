"""Orders find their warehouses: whole from their area's, else by a plan that is kept, within stock and room, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from models.database import transaction
from models.rules.routing_plan import Why, plan_from
from models.rules.routing_rules import RoutingRules
from tasks.batches import close_batch
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.route import RouteCount, route_batch
from tasks.routing_again import hold_up_routing
from tasks.routing_rules import use_rules
from tests.fakes import NOON, FakePool, why

THREADS = 8


def lock(batch_id: int) -> None:
    with transaction() as conn:
        lock_batch(conn, batch_id, why())


def route(batch_id: int) -> RouteCount:
    with transaction() as conn:
        return route_batch(conn, batch_id, why())


def lock_and_route(batch_id: int) -> RouteCount:
    lock(batch_id)
    return route(batch_id)


def serve(pool: FakePool, **areas: str) -> None:
    """Let warehouses serve divisions: `A="330000"`."""
    for place, code in areas.items():
        pool.execute(
            """insert into service_area (warehouse_id, division_code, priority)
               select id, %s, 1 from warehouse where code = %s""",
            code,
            f"WH-{place}",
        )


def tellable(pool: FakePool) -> None:
    """Let the shop be told of any parcels."""
    pool.execute("""update shop set settings = '{"capabilities": {"tracking_unit": "units"}}'""")


def allocations(pool: FakePool) -> list[tuple[object, ...]]:
    return pool.rows(
        """select a.order_id, w.code, a.quantity, a.basis::text from allocation a
           join warehouse w on w.id = a.warehouse_id order by 1, 2"""
    )


def test_an_order_goes_whole_to_its_areas_warehouse_and_one_byte_says_so(pool: FakePool) -> None:
    serve(pool, A="330000")
    pool.stock(TEA=5, TEA_B=5)
    batch = pool.batch_of([{"TEA": 2}])

    assert lock_and_route(batch) == RouteCount(1, 0, 0)

    assert allocations(pool) == [(1, "WH-A", 2, "a")]
    assert pool.rows("select 1 from route_plan") == []
    assert pool.rows("select state, warehouse_id from lock order by id") == [("moved", None), ("open", 1)]
    assert pool.stages() == {"1": "routed"}
    assert pool.untrue() == []


def test_another_warehouse_serves_by_a_plan_that_says_why(pool: FakePool) -> None:
    serve(pool, A="330000")
    pool.stock(TEA=1, TEA_B=5)
    batch = pool.batch_of([{"TEA": 2}])

    lock_and_route(batch)

    assert allocations(pool) == [(1, "WH-B", 2, "p")]
    ((version, stored, at),) = pool.rows("select rule_version, plan, decided_at from route_plan")
    plan = plan_from(1, stored)
    assert (version, plan.why, [part.warehouse for part in plan.parts], at) == (0, Why.LACKS_STOCK, ["WH-B"], NOON)


def test_a_line_leaves_from_two_warehouses_where_the_shop_can_be_told(pool: FakePool) -> None:
    tellable(pool)
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])

    lock_and_route(batch)

    assert allocations(pool) == [(1, "WH-A", 3, "p"), (1, "WH-B", 2, "p")]
    assert pool.rows("select warehouse_id, quantity from lock where state = 'open' order by 1") == [(1, 3), (2, 2)]
    assert pool.untrue() == []


def test_a_split_that_its_shop_cannot_be_told_of_is_held_with_the_next_try(pool: FakePool) -> None:
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])

    assert lock_and_route(batch) == RouteCount(0, 1, 0)

    ((code, reason, again),) = pool.rows(
        "select code, evidence->>'why', release_at from hold where released_at is null"
    )
    assert (code, reason) == ("SHORT_ROUTE", "untellable")
    assert again > NOON
    assert pool.rows("select state from lock") == [("open",)]
    assert pool.untrue() == []


def test_safety_stock_is_never_routed(pool: FakePool) -> None:
    pool.stock(TEA=5, TEA_B=5)
    serve(pool, A="330000")
    pool.keep_safe("WH-A", TEA=4)
    batch = pool.batch_of([{"TEA": 2}])

    lock_and_route(batch)

    assert allocations(pool) == [(1, "WH-B", 2, "p")]


def test_a_warehouse_that_is_not_active_serves_nothing(pool: FakePool) -> None:
    serve(pool, A="330000")
    pool.stock(TEA=5, TEA_B=5)
    pool.execute("update warehouse set active = false where code = 'WH-A'")
    batch = pool.batch_of([{"TEA": 2}])

    lock_and_route(batch)

    assert [row[1] for row in allocations(pool)] == ["WH-B"]


def test_a_supplier_ships_only_into_its_own_areas(pool: FakePool) -> None:
    pool.execute("update warehouse set kind = 'supplier' where code = 'WH-A'")
    serve(pool, A="440000")
    pool.stock(TEA=5, CUP=5, CUP_B=5)
    batch = pool.batch_of([{"CUP": 1}, {"TEA": 1}])

    assert lock_and_route(batch) == RouteCount(1, 1, 0)

    assert allocations(pool) == [(1, "WH-B", 1, "p")]
    assert pool.holds() == {"2": ["SHORT_ROUTE"]}


def test_routing_again_changes_nothing(pool: FakePool) -> None:
    pool.stock(TEA=5)
    batch = pool.batch_of([{"TEA": 2}])
    lock_and_route(batch)
    before = pool.rows("select * from lock order by id"), allocations(pool)

    assert route(batch) == RouteCount(0, 0, 0)

    assert (pool.rows("select * from lock order by id"), allocations(pool)) == before


def test_an_order_that_becomes_routable_loses_its_hold_and_its_options(pool: FakePool) -> None:
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])
    lock_and_route(batch)
    assert pool.rows("select count(*) > 0 from shortage_option where state = 'open'") == [(True,)]
    pool.deliver_more("TEA", 2)

    assert route(batch) == RouteCount(1, 0, 0)

    assert pool.holds() == {}
    assert pool.rows("select distinct state from shortage_option") == [("gone",)]


def test_an_order_with_another_hold_waits(pool: FakePool) -> None:
    pool.stock(TEA=5)
    batch = pool.batch_of([{"TEA": 2}])
    lock(batch)
    pool.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
           values (1, 'MANUAL', '', '{}', 1, %s, false)""",
        NOON,
    )

    assert route(batch) == RouteCount(0, 0, 1)


class TestCapacity:
    def limit(self, pool: FakePool, documents: int) -> None:
        pool.execute("update warehouse set daily_limit = %s where code = 'WH-A'", documents)

    def days(self, pool: FakePool) -> list[tuple[object, ...]]:
        return pool.rows("select day::text, limit_documents, used from warehouse_day where used > 0 order by 1")

    def test_a_full_day_moves_orders_to_the_next(self, pool: FakePool) -> None:
        serve(pool, A="330000")
        self.limit(pool, 2)
        pool.stock(TEA=9)
        batch = pool.batch_of([{"TEA": 1}] * 3)

        lock_and_route(batch)

        assert self.days(pool) == [("2026-11-20", 2, 2), ("2026-11-21", 2, 1)]
        assert pool.rows("select ship_day::text, count(*) from allocation group by 1 order by 1") == [
            ("2026-11-20", 2),
            ("2026-11-21", 1),
        ]

    def test_an_order_of_several_lines_uses_one_document_of_a_day(self, pool: FakePool) -> None:
        self.limit(pool, 2)
        pool.stock(TEA=9, CUP=9)
        batch = pool.batch_of([{"TEA": 1, "CUP": 1}])

        lock_and_route(batch)

        assert self.days(pool) == [("2026-11-20", 2, 1)]

    def test_a_warehouse_without_a_limit_counts_no_days(self, pool: FakePool) -> None:
        pool.stock(TEA=9)
        batch = pool.batch_of([{"TEA": 1}])

        lock_and_route(batch)

        assert pool.rows("select 1 from warehouse_day") == []
        assert pool.rows("select ship_day from allocation") == [(None,)]

    def test_without_room_up_to_the_horizon_an_order_waits_for_a_day_with_room(self, pool: FakePool) -> None:
        self.limit(pool, 0)
        pool.stock(TEA=9)
        batch = pool.batch_of([{"TEA": 1}])

        lock_and_route(batch)

        ((reason, again),) = pool.rows("select evidence->>'why', release_at from hold where released_at is null")
        assert reason == "no_room"
        assert again.hour == 16  # midnight in China

    def test_batches_routed_at_once_never_exceed_a_days_limit(self, pool: FakePool) -> None:
        self.limit(pool, 5)
        pool.stock(TEA=99)
        batches = [pool.batch_of([{"TEA": 1}] * 4) for _ in range(THREADS)]
        for batch in batches:
            lock(batch)

        with ThreadPoolExecutor(THREADS) as threads:
            counts = list(threads.map(route, batches))

        horizon = RoutingRules().horizon_days + 1
        assert sum(count.routed for count in counts) == 5 * horizon
        assert [row[1:] for row in self.days(pool)] == [(5, 5)] * horizon
        assert pool.untrue() == []

    def test_the_database_refuses_more_than_the_limit(self, pool: FakePool) -> None:
        with pytest.raises(psycopg.errors.CheckViolation, match="never_overbooked"):
            pool.execute("insert into warehouse_day values (1, '2026-11-20', 5, 6)")


class TestCarriers:
    def carrier(self, pool: FakePool, code: str, priority: int, **columns: object) -> None:
        pool.execute(
            """insert into warehouse_carrier (warehouse_id, carrier, priority, min_weight_g, max_weight_g, cod)
               values (1, %s, %s, 0, %s, %s)""",
            code,
            priority,
            columns.get("max_weight_g"),
            columns.get("cod", True),
        )

    def carriers(self, pool: FakePool) -> list[tuple[object, ...]]:
        for batch in pool.open_batches():
            with transaction() as conn:
                dispatch_batch(conn, batch, why())
        return pool.rows("select carrier from outbound_document order by id")

    def test_the_usual_carrier_is_not_stored(self, pool: FakePool) -> None:
        pool.stock(TEA=9)
        lock_and_route(pool.batch_of([{"TEA": 1}]))

        assert pool.rows("select carrier from allocation") == [(None,)]
        assert self.carriers(pool) == [("yuantong",)]

    def test_too_heavy_a_parcel_goes_with_the_next_carrier(self, pool: FakePool) -> None:
        pool.stock(TEA=9)
        pool.execute("update sku set weight_g = 600")
        self.carrier(pool, "yuantong", 1, max_weight_g=1000)
        self.carrier(pool, "debangwuliu", 2)
        lock_and_route(pool.batch_of([{"TEA": 1}, {"TEA": 2}]))

        assert pool.rows("select carrier from allocation order by order_id") == [(None,), ("debangwuliu",)]
        assert self.carriers(pool) == [("yuantong",), ("debangwuliu",)]

    def test_a_rule_forbids_a_carrier(self, pool: FakePool) -> None:
        pool.stock(TEA=9)
        self.carrier(pool, "yuantong", 1)
        self.carrier(pool, "shunfeng", 2)
        pool.execute(
            """insert into carrier_rule (position, effect, carrier, shop_code, warehouse_code, division_code,
                 min_weight_g) values (1, 'never', 'yuantong', 'WOO', 'WH-A', '330000', 0)"""
        )
        lock_and_route(pool.batch_of([{"TEA": 1}]))

        assert self.carriers(pool) == [("shunfeng",)]


class TestDispatch:
    def test_each_warehouse_of_an_order_gets_a_document_of_its_units(self, pool: FakePool) -> None:
        tellable(pool)
        pool.stock(TEA=3, TEA_B=2)
        batch = pool.batch_of([{"TEA": 5}])
        lock_and_route(batch)

        with transaction() as conn:
            assert dispatch_batch(conn, batch, why()).documents == 2

        assert pool.rows(
            """select w.code, d.carrier, a.quantity from outbound_document d join warehouse w on w.id = d.warehouse_id
               join allocation a on a.document_id = d.id order by 1"""
        ) == [("WH-A", "yuantong", 3), ("WH-B", "yunda", 2)]


class TestValue:
    def test_a_part_that_is_worth_too_little_stops_a_split(self, pool: FakePool) -> None:
        tellable(pool)
        use_rules(RoutingRules(least_part_fen=4001), "", why())
        pool.stock(TEA=3, TEA_B=2)
        batch = pool.batch_of([{"TEA": 5}])  # 20 yuan each

        assert lock_and_route(batch).short == 1

        assert pool.rows("select evidence->>'why' from hold where released_at is null") == [("part_too_small",)]

    def test_a_whole_line_is_worth_what_was_paid_for_it_also_where_that_does_not_divide(self, pool: FakePool) -> None:
        tellable(pool)
        use_rules(RoutingRules(least_part_fen=5000), "", why())
        pool.stock(TEA=3, CUP_B=1)
        batch = pool.batch_of([{"TEA": 3, "CUP": 1}])
        pool.execute("update order_line set paid_fen = 5000")

        assert lock_and_route(batch).routed == 1


def test_a_later_try_finds_the_hold_renewed(pool: FakePool) -> None:
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])
    lock_and_route(batch)

    with transaction() as conn:
        route_batch(conn, batch, why(at=NOON + timedelta(hours=5)))
        close_batch(conn, batch, NOON)

    ((placed, again),) = pool.rows("select placed_at, release_at from hold where released_at is null")
    assert placed == NOON + timedelta(hours=5)
    assert again > placed


def test_new_rules_wait_for_a_routing_under_way_and_reach_what_it_refuses(pool: FakePool) -> None:
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])
    lock(batch)

    with ThreadPoolExecutor(1) as threads:
        with transaction() as conn:
            route_batch(conn, batch, why())
            later = threads.submit(use_rules, RoutingRules(transfer_fen=100), "", why())
            with pytest.raises(TimeoutError):
                later.result(timeout=0.5)
        later.result(timeout=20)

    assert pool.rows("select release_at from hold where released_at is null") == [(NOON,)]


def test_a_routing_goes_by_the_rules_that_it_waited_for(pool: FakePool) -> None:
    pool.stock(TEA=5)
    batch = pool.batch_of([{"TEA": 2}])
    lock(batch)
    changed = RoutingRules(anywhere=False)

    with ThreadPoolExecutor(1) as threads:
        with transaction() as conn:
            hold_up_routing(conn)
            later = threads.submit(route, batch)
            with pytest.raises(TimeoutError):
                later.result(timeout=0.5)
            conn.execute(
                "insert into routing_rules (version, body, note, made_at, made_by) values (1, %s, '', %s, '')",
                (Jsonb(changed.to_json()), NOON),
            )
        assert later.result(timeout=20) == RouteCount(0, 1, 0)
