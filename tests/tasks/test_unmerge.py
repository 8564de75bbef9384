"""An order leaves its merge after the dispatch: before its document is sent, or while a warehouse has it, or not."""

import pytest

from models.database import transaction
from models.errors import SetupError
from tasks.desk import hold
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.merging import unmerge_by_hand
from tasks.reconcile import reconcile
from tasks.render import render_cancels
from tasks.restored import Confirmed, confirm_restore, recovered
from tasks.route import route_batch
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.merged import (
    cause,
    deliver,
    events,
    finished,
    merged,
    of_first_document,
    papers,
    person,
    resumed,
    through,
    validated,
    warehouse_says,
)


@pytest.fixture
def three(pool: FakePool, ticking: TickingClock) -> FakePool:
    """Three orders of one receiver in a document that was not sent; their run is over."""
    pool.stock(TEA=20, CUP=20)
    batch_id = validated(pool, {"TEA": 2}, {"CUP": 1}, {"TEA": 1})
    through(batch_id)
    finished(pool, batch_id)
    return pool


def report(pool: FakePool, kind: str, **data: object) -> str:
    """The warehouse says something of its first document; gives why that was ignored."""
    return warehouse_says([of_first_document(pool, kind, **data)], cause())[0]


def shop_says(pool: FakePool, no: int, status: str = "processing", **changes: object) -> None:
    """The shop has news of an order."""
    pool.take([payload(no, 1, status, **changes)], run=f"news-{no}")  # type: ignore[arg-type]


def sent_and_asked(pool: FakePool) -> None:
    deliver()
    unmerge_by_hand([2], "it goes by itself", person())
    deliver()


class TestUnsent:
    def test_by_hand_the_others_go_on_by_a_new_document_at_once(self, three: FakePool) -> None:
        decided = unmerge_by_hand([2], "it goes by itself", person())
        assert papers(three) == [("1", "3")]
        resumed(three)

        assert decided.done == [2]
        assert papers(three) == [("1", "3"), ("2",)]
        assert three.rows("select state, count(*) from outbox group by 1 order by 1") == [
            ("pending", 2),
            ("withdrawn", 1),
        ]
        assert reconcile() == []

    def test_an_order_that_the_shop_cancels_leaves_and_its_stock_comes_back(self, three: FakePool) -> None:
        shop_says(three, 2, "cancelled", units={"CUP": 1})
        deliver()

        assert papers(three) == [("1", "3")]
        assert three.stages() == {"1": "dispatched", "2": "cancelled", "3": "dispatched"}
        assert (three.locked("CUP"), three.locked("TEA")) == (0, 3)
        assert reconcile() == []

    def test_an_order_with_another_address_begins_again_alone(self, three: FakePool) -> None:
        shop_says(three, 2, units={"CUP": 1}, shipping=payload(2)["shipping"] | {"address_1": "滨江区江南大道9号"})
        deliver()

        assert three.stages() == {"1": "dispatched", "2": "ingested", "3": "dispatched"}
        assert merged(three) == [("1", "3")]
        assert events(three, "2", "unmerged")[0]["why"] == "the shop changed it"

    def test_an_order_that_a_person_holds_leaves_alone(self, three: FakePool) -> None:
        hold([2], "ask the buyer", person())

        assert papers(three) == [("1", "3")]
        assert three.stages()["2"] == "ingested"

    def test_a_day_counts_documents_as_they_are(self, pool: FakePool, ticking: TickingClock) -> None:
        pool.stock(TEA=20)
        pool.execute("update warehouse set daily_limit = 2")
        batch_id = validated(pool, {"TEA": 2}, {"TEA": 1}, {"TEA": 1})
        through(batch_id)
        finished(pool, batch_id)
        unmerge_by_hand([2], "it goes by itself", person())
        assert pool.rows("select sum(used)::int from warehouse_day") == [(1,)]
        resumed(pool)

        assert pool.rows("select sum(used)::int from warehouse_day") == [(2,)]
        assert pool.untrue() == []


class TestBeforeDispatch:
    def test_a_refund_of_one_leaves_the_others_merged(self, pool: FakePool, ticking: TickingClock) -> None:
        pool.stock(TEA=20, CUP=20)
        batch_id = validated(pool, {"TEA": 2}, {"CUP": 1}, {"TEA": 1})
        through(batch_id, lock_batch, route_batch)
        before = pool.rows("select id from lock where order_id <> 2 and state = 'open' order by 1")
        shop_says(pool, 2, "refunded", units={"CUP": 1})
        assert merged(pool) == [("1", "3")]
        assert pool.rows("select id from lock where order_id <> 2 and state = 'open' order by 1") == before

        through(batch_id, dispatch_batch)
        assert papers(pool) == [("1", "3")]
        assert reconcile() == []


class TestAtTheWarehouse:
    def test_its_warehouse_is_asked_for_the_document_once(self, three: FakePool) -> None:
        deliver()
        decided = unmerge_by_hand([2], "it goes by itself", person())
        unmerge_by_hand([2], "it goes by itself", person())
        (no,) = three.rows("select no from outbound_document")[0]

        assert decided.done == [2]
        assert deliver() == [f"{no}-r1-cancel"]
        with transaction() as conn:
            assert list(render_cancels(conn, [1]).values()) == [
                {
                    "outbound_no": no,
                    "version": 1,
                    "warehouse_code": "WH-A",
                    "owner_code": "",
                    "reason_code": "UNMERGE",
                }
            ]
        assert three.rows("select reason from document_block where lifted_at is null") == [("unmerge",)]

    def test_when_it_gives_the_document_back_each_goes_its_way(self, three: FakePool) -> None:
        sent_and_asked(three)
        assert report(three, "cancelled", reason_code="UNMERGE") == ""
        resumed(three)

        assert papers(three) == [("1", "3"), ("2",)]
        assert three.holds() == {}
        assert three.rows("select count(*) from document_block where lifted_at is null") == [(0,)]
        assert reconcile() == []

    def test_when_it_does_not_all_stays_as_it_is(self, three: FakePool) -> None:
        sent_and_asked(three)
        report(three, "cancel_failed", reason_code="ALREADY_PICKED")

        assert papers(three) == [("1", "2", "3")]
        assert events(three, "2", "unmerge_refused")[0]["reason"] == "ALREADY_PICKED"
        assert three.rows("select count(*) from document_block where lifted_at is null") == [(0,)]

    def test_a_warehouse_that_said_no_is_not_asked_again(self, three: FakePool) -> None:
        sent_and_asked(three)
        report(three, "cancel_failed", reason_code="ALREADY_PICKED")
        decided = unmerge_by_hand([2], "it goes by itself", person())

        assert decided.done == []
        assert "does not give it back" in decided.refused[2]
        assert three.rows("select count(*) from document_block where lifted_at is null") == [(0,)]

    def test_what_ships_in_one_chunk_with_the_answer_is_not_sent_again(self, three: FakePool) -> None:
        sent_and_asked(three)
        box = {"package_no": "1", "tracking_no": "YT1", "carrier_code": "yuantong"}
        news = [of_first_document(three, "cancelled"), of_first_document(three, "shipped", packages=[box])]
        warehouse_says(news, cause())
        resumed(three)

        assert three.rows("select state from outbound_document") == [("shipped",)]
        assert reconcile() == []

    def test_only_orders_that_lack_something_are_held_for_a_short_shipment(self, three: FakePool) -> None:
        deliver()
        lines = [{"line_no": "1", "qty": 2}, {"line_no": "3", "qty": 1}]
        box = {"package_no": "1", "tracking_no": "YT1", "carrier_code": "yuantong", "lines": lines}
        report(three, "shipped", packages=[box], final=True)

        assert three.holds() == {"2": ["SHIPPED_SHORT"]}

    def test_its_answer_told_twice_counts_once(self, three: FakePool) -> None:
        sent_and_asked(three)
        report(three, "cancelled", reason_code="UNMERGE")

        assert "cancelled already" in report(three, "cancelled", reason_code="UNMERGE")
        assert papers(three) == [("1", "3")]

    def test_what_shipped_before_the_answer_is_shipped(self, three: FakePool) -> None:
        sent_and_asked(three)
        box = {"package_no": "1", "tracking_no": "YT1", "carrier_code": "yuantong"}
        report(three, "shipped", packages=[box])
        report(three, "cancelled")

        assert three.rows("select state from outbound_document") == [("shipped",)]
        assert three.stages() == {"1": "dispatched", "2": "dispatched", "3": "dispatched"}

    @pytest.mark.parametrize("state", ["picked", "packed", "shipped"])
    def test_a_picked_document_is_not_given_back(self, three: FakePool, state: str) -> None:
        deliver()
        three.execute("update outbound_document set state = %s", state)

        decided = unmerge_by_hand([2], "it goes by itself", person())

        assert decided.done == []
        assert "was picked, left or ended" in decided.refused[2]
        assert deliver() == []

    def test_a_refund_of_one_asks_the_warehouse_by_itself(self, three: FakePool) -> None:
        deliver()
        shop_says(three, 2, "cancelled", units={"CUP": 1})
        assert len(deliver()) == 1
        report(three, "cancelled", reason_code="UNMERGE")
        resumed(three)

        assert papers(three) == [("1", "3")]
        assert three.stages() == {"1": "dispatched", "2": "cancelled", "3": "dispatched"}
        assert (three.locked("CUP"), three.locked("TEA")) == (0, 3)
        assert reconcile() == []

    def test_a_document_that_its_warehouse_cancels_unasked_waits_for_a_person(self, three: FakePool) -> None:
        deliver()
        report(three, "cancelled", reason_code="BROKEN")

        assert set(three.holds()) == {"1", "2", "3"}

    def test_an_order_that_leaves_by_itself_cannot_be_unmerged(self, pool: FakePool, ticking: TickingClock) -> None:
        pool.stock(TEA=5)
        through(validated(pool, {"TEA": 1}))

        assert "it leaves by itself" in unmerge_by_hand([1], "alone", person()).refused[1]


class TestAfterARestore:
    """The copy knows the document of the three; after it was taken one left, and the others went on by another."""

    @pytest.fixture
    def restored(self, three: FakePool) -> FakePool:
        deliver()
        with transaction() as conn:
            recovered(conn, cause().at, b"key", cause())
        shop_says(three, 2, "cancelled", units={"CUP": 1})
        three.execute("update shop set watermark = null")
        deliver()
        return three

    def test_the_others_get_no_second_document(self, restored: FakePool) -> None:
        report(restored, "cancelled", reason_code="UNMERGE")
        resumed(restored)

        assert papers(restored) == []
        assert restored.holds() == {"1": ["RESTORED"], "3": ["RESTORED"]}
        with transaction() as conn:
            assert confirm_restore(conn, ["1"], cause()) == Confirmed(released=1, kept=1)
        resumed(restored)
        assert papers(restored) == [("3",)]
        assert reconcile() == []

    def test_it_is_not_confirmed_before_the_warehouse_answered(self, restored: FakePool) -> None:
        with pytest.raises(SetupError, match="have not answered on 1 documents"), transaction() as conn:
            confirm_restore(conn, ["1", "3"], cause())
