"""What the order desk decides about orders that a warehouse has: it is asked for them, and its answer counts."""

from typing import Any

import pytest

from models.database import transaction
from models.rules.hold_words import hold_words
from tasks import desk
from tasks.decided import Decided
from tasks.withdraw import lift_blocks
from tests.clocks import TickingClock
from tests.fakes import NOON, FakePool, why
from tests.tasks.at_the_desk import LI, STOPS, brought_to, is_true, resumed
from tests.tasks.merged import finished, of_first_document, papers, person, through, validated, warehouse_says
from tests.tasks.merged import resumed as continued


def at_warehouse(pool: FakePool) -> None:
    """An order of 3 TEA whose instruction its warehouse has."""
    brought_to(pool, "dispatched")
    pool.execute("update outbox set state = 'delivered'")


def answered(pool: FakePool, kind: str, **more: Any) -> None:
    """The warehouse says something of its first document."""
    assert warehouse_says([of_first_document(pool, kind, reason_code="PACKED", **more)], why()) == [""]


@pytest.mark.parametrize(
    ("state", "obstacle"),
    [
        ("rejected", "its warehouse gave OB20261120000001 back"),
        ("part_shipped", "part of it left as OB20261120000001"),
        ("shipped", "it left as OB20261120000001"),
    ],
)
def test_what_left_or_was_given_back_is_not_stopped(pool: FakePool, state: str, obstacle: str) -> None:
    at_warehouse(pool)
    pool.execute("update outbound_document set state = %s", state)

    for wish, decide in STOPS.items():
        assert decide([1], "too late", LI) == Decided([], {1: f"order 1: cannot {wish}; {obstacle}"})
    assert pool.holds() == {}


def test_a_warehouse_that_cannot_be_asked_is_called_by_a_person(pool: FakePool) -> None:
    at_warehouse(pool)
    pool.execute("update warehouse set wms = 'email'")
    obstacle = "its warehouse has OB20261120000001, or may have it: only there can it be stopped"

    for wish, decide in STOPS.items():
        assert decide([1], "too late", LI) == Decided([], {1: f"order 1: cannot {wish}; {obstacle}"})


class TestAtTheWarehouse:
    @pytest.mark.parametrize("wish", STOPS)
    @pytest.mark.parametrize("state", ["created", "accepted", "picked", "packed"])
    def test_it_is_asked_to_give_the_order_back_once(self, pool: FakePool, wish: str, state: str) -> None:
        at_warehouse(pool)
        pool.execute("update outbound_document set state = %s", state)

        for _ in range(2):
            assert STOPS[wish]([1], "the buyer called", LI) == Decided([1], asked=[1])

        assert pool.rows("select kind, state from outbox where kind <> 'outbound.created'") == [
            ("outbound.cancel_requested", "pending")
        ]
        assert pool.rows("select reason from document_block where lifted_at is null") == [("desk",)]
        assert (pool.stages(), pool.locked()) == ({"1": "dispatched"}, 3)
        ((code, sentence, evidence),) = pool.rows("select code, sentence, evidence from hold")
        assert sentence.endswith("; its warehouse is asked to give OB20261120000001 back")
        assert "已请求仓库退回 OB20261120000001" in hold_words(code, evidence, sentence)[1]
        assert is_true(pool)

    def test_a_cancelled_order_ends_with_its_answer(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.cancel([1], "the buyer called", LI)

        answered(pool, "cancelled")

        assert (pool.stages(), pool.holds(), pool.locked()) == ({"1": "cancelled"}, {}, 0)
        assert pool.rows("select actor, detail from event where what = 'called_off'") == [
            ("person:li", {"reason": "the buyer called"})
        ]
        assert is_true(pool)

    def test_one_that_was_rejected_first_ends_too(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.reject([1], "looks like fraud", LI)
        desk.cancel([1], "looks like fraud", LI)

        answered(pool, "cancelled")

        assert (pool.stages(), pool.holds()) == ({"1": "cancelled"}, {})

    def test_a_rejected_order_gives_its_stock_back_and_stays(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.reject([1], "looks like fraud", LI)

        answered(pool, "cancelled")

        assert (pool.holds(), pool.locked()) == ({"1": ["REJECTED"]}, 0)
        resumed(pool)
        assert pool.stages()["1"] != "dispatched"
        assert is_true(pool)

    def test_a_held_order_keeps_its_stock_and_leaves_by_a_new_document(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.hold([1], "asks for a gift box", LI)

        answered(pool, "cancelled")
        resumed(pool)
        assert (pool.holds(), pool.locked()) == ({"1": ["MANUAL"]}, 3)

        desk.release([1], "MANUAL", "packed", LI)
        resumed(pool)
        assert pool.stages() == {"1": "dispatched"}
        assert pool.rows("select state from outbound_document order by id") == [("cancelled",), ("created",)]
        assert is_true(pool)

    @pytest.mark.parametrize("wish", STOPS)
    def test_its_no_is_told_with_the_hold(self, pool: FakePool, wish: str) -> None:
        at_warehouse(pool)
        STOPS[wish]([1], "the buyer called", LI)

        answered(pool, "cancel_failed")

        assert (pool.stages(), pool.locked()) == ({"1": "dispatched"}, 3)
        ((sentence,),) = pool.rows("select sentence from hold where released_at is null")
        assert sentence.endswith("WH-A does not give OB20261120000001 back: PACKED")
        assert is_true(pool)

    def test_one_that_is_released_before_the_answer_goes_on(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.hold([1], "asks for a gift box", LI)
        desk.release([1], "MANUAL", "no gift box", LI)

        with transaction() as conn:
            lift_blocks(conn, NOON)

        assert pool.rows("select count(*) from document_block where lifted_at is null") == [(0,)]
        assert pool.stages() == {"1": "dispatched"}

    def test_what_ships_before_the_answer_has_left(self, pool: FakePool) -> None:
        at_warehouse(pool)
        desk.cancel([1], "the buyer called", LI)

        box = {"package_no": "1", "tracking_no": "YT1", "carrier_code": "yuantong"}
        answered(pool, "shipped", packages=[box])

        assert (pool.stages(), pool.locked()) == ({"1": "dispatched"}, 0)
        assert pool.rows("select state from outbound_document") == [("shipped",)]
        assert is_true(pool)

    def test_of_merged_orders_each_that_is_stopped_stays_and_the_others_leave(
        self, pool: FakePool, ticking: TickingClock
    ) -> None:
        pool.stock(TEA=20)
        batch_id = validated(pool, {"TEA": 2}, {"TEA": 1}, {"TEA": 3})
        through(batch_id)
        finished(pool, batch_id)
        pool.execute("update outbox set state = 'delivered'")

        assert desk.hold([1], "asks for a gift box", person()) == Decided([1], asked=[1])
        assert desk.cancel([3], "the buyer called", person()) == Decided([3], asked=[3])
        answered(pool, "cancelled")
        continued(pool)

        assert papers(pool) == [("2",)]
        assert pool.stages()["3"] == "cancelled"
        assert (pool.holds(), pool.locked()) == ({"1": ["MANUAL"]}, 3)
        assert is_true(pool)


def test_an_instruction_that_may_have_arrived_is_asked_back(pool: FakePool) -> None:
    brought_to(pool, "dispatched")
    pool.execute("update outbox set in_doubt = true")

    assert desk.cancel([1], "the buyer called", LI) == Decided([1], asked=[1])
    assert pool.stages() == {"1": "dispatched"}
