"""What can be done for orders that no warehouses can serve is offered once, and a person's choice takes effect."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from models.warehouse import OptionKind
from tasks.batches import close_batch
from tasks.lock_stock import lock_batch
from tasks.resume import resume_waiting
from tasks.route import RouteCount, route_batch
from tasks.shortage_choices import Choice, OpenOption, choose, dismiss, open_options
from tests.fakes import NOON, FakePool, why

LI = Cause("person:li", NOON)


def route(batch_id: int) -> RouteCount:
    with transaction() as conn:
        return route_batch(conn, batch_id, why())


@pytest.fixture
def batch(pool: FakePool) -> int:
    """An order of 5 TEA that its shop cannot be told of in parts; WH-A has 3, WH-B has 2."""
    pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
    pool.stock(TEA=3, TEA_B=2)
    batch = pool.batch_of([{"TEA": 5}])
    with transaction() as conn:
        lock_batch(conn, batch, why())
    assert route(batch).short == 1
    return batch


def offered() -> list[OpenOption]:
    with transaction() as conn:
        return open_options(conn)


def of_kind(kind: OptionKind) -> OpenOption:
    return next(each for each in offered() if each.option.kind is kind)


def to_a() -> OpenOption:
    """The transfer to WH-A."""
    return next(
        each for each in offered() if each.option.kind is OptionKind.TRANSFER and each.option.moves[0].units == 2
    )


def decide(option: OpenOption) -> Choice:
    with transaction() as conn:
        return choose(conn, option.id, LI)


def test_transfer_and_split_are_offered_with_cost_and_time(pool: FakePool, batch: int) -> None:
    assert [each.option.kind.value for each in offered()] == ["split", "transfer", "transfer"]
    transfer = to_a()
    assert (transfer.order_no, transfer.shop) == ("1", "WOO")
    assert "bring 2 of TEA from WH-B" in transfer.words()
    assert transfer.option.cost_fen > 0
    assert transfer.option.ready_at > NOON


def test_a_further_try_offers_the_same_rows(pool: FakePool, batch: int) -> None:
    before = [each.id for each in offered()]

    route(batch)

    assert [each.id for each in offered()] == before


def test_a_transfer_becomes_an_expected_arrival_and_lines_for_those_who_move_it(pool: FakePool, batch: int) -> None:
    option = to_a()

    done = decide(option)

    ((source, target, sku, units, reference, _),) = done.transfers
    assert (source, target, sku, units) == ("WH-B", "WH-A", "TEA", "2")
    assert pool.rows(
        """select w.code, a.reference, a.expected, a.expected_at from arrival a
           join warehouse w on w.id = a.warehouse_id"""
    ) == [("WH-A", reference, 2, option.option.ready_at)]
    assert offered() == []
    assert pool.rows("select what, actor from event order by id desc limit 1") == [("option_chosen", "person:li")]


def test_while_a_transfer_is_under_way_no_other_is_offered(pool: FakePool, batch: int) -> None:
    decide(to_a())

    route(batch)

    assert OptionKind.TRANSFER not in {each.option.kind for each in offered()}


def test_a_split_leaves_in_parts_at_the_next_try(pool: FakePool, batch: int) -> None:
    with transaction() as conn:
        close_batch(conn, batch, NOON)
    decide(of_kind(OptionKind.SPLIT))

    with transaction() as conn:
        resumed = resume_waiting(conn, why("run-2"))
    (again,) = resumed.batch_ids
    assert route(again) == RouteCount(1, 0, 0)

    assert pool.rows("select warehouse_id, quantity from allocation order by 1") == [(1, 3), (2, 2)]
    assert pool.untrue() == []


def test_waiting_is_only_noted(pool: FakePool, batch: int) -> None:
    pool.execute(
        """insert into arrival (warehouse_id, sku_id, reference, expected, received, expected_at)
           values (1, 1, 'PO-1', 10, 0, %s)""",
        NOON + timedelta(days=2),
    )
    route(batch)

    decide(of_kind(OptionKind.WAIT))

    assert pool.holds() == {"1": ["SHORT_ROUTE"]}
    assert pool.rows("select state, decided_by from shortage_option where kind = 'wait'") == [("chosen", "person:li")]


def test_what_is_dismissed_is_not_offered_again(pool: FakePool, batch: int) -> None:
    option = to_a()
    with transaction() as conn:
        dismiss(conn, option.id, LI)

    route(batch)

    assert option.id not in {each.id for each in offered()}
    assert [each.option.kind.value for each in offered()].count("transfer") == 1


def test_an_option_is_decided_once(pool: FakePool, batch: int) -> None:
    option = of_kind(OptionKind.TRANSFER)
    decide(option)

    with pytest.raises(SetupError, match=f"option {option.id}: cannot be decided any more; it was chosen by person:li"):
        decide(option)


def test_an_option_of_an_order_that_goes_on_cannot_be_chosen(pool: FakePool, batch: int) -> None:
    option = of_kind(OptionKind.TRANSFER)
    pool.deliver_more("TEA", 2)
    route(batch)

    with pytest.raises(SetupError, match="its order goes on without it"):
        decide(option)


def test_an_unknown_option_is_refused(pool: FakePool) -> None:
    with transaction() as conn, pytest.raises(SetupError, match="option 7: is not known"):
        choose(conn, 7, LI)


class TestComingBack:
    def resumed(self) -> int:
        with transaction() as conn:
            return resume_waiting(conn, why("run-2")).orders

    def close(self, batch: int) -> None:
        with transaction() as conn:
            close_batch(conn, batch, NOON)

    def test_an_order_that_no_warehouse_has_whole_rests_until_one_has(self, pool: FakePool, batch: int) -> None:
        self.close(batch)
        assert self.resumed() == 0

        pool.deliver_more("TEA", 2)

        assert self.resumed() == 1

    def test_units_that_came_where_they_do_not_help_wake_nobody(self, pool: FakePool, batch: int) -> None:
        self.close(batch)

        pool.deliver_more("TEA", 1)

        assert self.resumed() == 0

    def test_an_order_that_waits_for_room_is_not_woken_by_stock(self, pool: FakePool) -> None:
        pool.execute("update warehouse set daily_limit = 0")
        pool.stock(TEA=9)
        batch = pool.batch_of([{"TEA": 1}])
        with transaction() as conn:
            lock_batch(conn, batch, why())
        route(batch)
        self.close(batch)

        pool.deliver_more("TEA", 5)

        assert self.resumed() == 0

    def test_units_in_several_warehouses_wake_an_order_that_lacked_them_altogether(self, pool: FakePool) -> None:
        pool.stock(TEA=3, TEA_B=2)
        pool.execute("update warehouse set active = false where code = 'WH-B'")
        batch = pool.batch_of([{"TEA": 5}])
        with transaction() as conn:
            lock_batch(conn, batch, why())
        assert route(batch).short == 1
        self.close(batch)
        assert self.resumed() == 0

        pool.execute("update warehouse set active = true")

        assert self.resumed() == 1
