"""What the shop changed after its dispatch: the warehouse is asked to give the order back, and what its answers do."""

import pytest

from models.database import transaction
from models.rules.hold_words import hold_words
from models.shipment import DocumentState
from tasks.asked_back import ASKABLE_ALONE
from tasks.reconcile import reconcile
from tasks.release import release_orders
from tasks.render import render_cancels
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.merged import (
    cause,
    deliver,
    events,
    finished,
    of_first_document,
    papers,
    person,
    resumed,
    through,
    validated,
    warehouse_says,
)

MOVED = payload(1)["shipping"] | {"address_1": "滨江区江南大道9号"}
BOX = {"package_no": "1", "tracking_no": "YT1", "carrier_code": "yuantong"}


@pytest.fixture
def there(pool: FakePool, ticking: TickingClock) -> FakePool:
    """An order of 3 TEA whose document is at its warehouse; its run is over."""
    pool.stock(TEA=10)
    batch_id = validated(pool, {"TEA": 3})
    through(batch_id)
    finished(pool, batch_id)
    deliver()
    return pool


def shop_says(pool: FakePool, status: str = "processing", **changes: object) -> None:
    """The shop has news of the order."""
    ((told,),) = pool.rows("select count(*) from event where what = 'amended'")
    news = payload(1, int(told) + 1, status, **{"units": {"TEA": 3}, **changes})  # type: ignore[arg-type]
    pool.take([news], run=f"news-{told}")


def report(pool: FakePool, *reports: tuple[str, dict[str, object]]) -> list[str]:
    """The warehouse says things of its first document, in one chunk; gives why each was ignored."""
    return warehouse_says([of_first_document(pool, kind, **data) for kind, data in reports], cause())


def why_back(pool: FakePool) -> str:
    with transaction() as conn:
        return str(render_cancels(conn, [1])[1]["reason_code"])


class TestAsking:
    @pytest.mark.parametrize(
        ("news", "reason"),
        [
            ({"status": "cancelled"}, "CANCELLED"),
            ({"refunds": [{"id": 1, "total": "-20.00"}]}, "REFUND"),
            ({"units": {"TEA": 5}}, "GOODS_CHANGED"),
            ({"shipping": MOVED}, "ADDRESS_CHANGED"),
            ({"status": "on-hold"}, "NOT_READY"),
            ({"customer_note": "先别发货"}, "REMARK"),
            ({"status": "cancelled", "shipping": MOVED}, "CANCELLED"),
        ],
    )
    def test_whatever_stops_it_asks_its_warehouse_and_says_why(
        self, there: FakePool, news: dict[str, object], reason: str
    ) -> None:
        shop_says(there, **news)  # type: ignore[arg-type]
        (no,) = there.rows("select no from outbound_document")[0]

        assert why_back(there) == reason
        assert deliver() == [f"{no}-r1-cancel"]
        assert events(there, "1", "asked_back") == [{"document": no}]
        assert there.locked() == 3

    def test_more_news_asks_no_second_time(self, there: FakePool) -> None:
        shop_says(there, shipping=MOVED)
        shop_says(there, "cancelled", shipping=MOVED)

        assert len(deliver()) == 1
        assert deliver() == []

    def test_news_that_stops_nothing_asks_for_nothing(self, there: FakePool) -> None:
        shop_says(there, customer_note="快点")

        assert deliver() == []

    def test_the_desk_reads_that_the_warehouse_is_asked(self, there: FakePool) -> None:
        shop_says(there, "cancelled")
        (no,) = there.rows("select no from outbound_document")[0]
        ((sentence, evidence),) = there.rows("select sentence, evidence from hold where released_at is null")

        assert f"its warehouse is asked to give {no} back" in sentence
        assert f"已请求仓库退回 {no}" in hold_words("CHANGED_LATE", evidence, sentence)[1]

    @pytest.mark.parametrize("state", DocumentState)
    def test_it_is_asked_as_long_as_nothing_left_and_nothing_ended(self, there: FakePool, state: DocumentState) -> None:
        there.execute("update outbound_document set state = %s", state.value)

        shop_says(there, "cancelled")

        assert bool(deliver()) is (state in ASKABLE_ALONE)

    def test_a_supplier_who_reads_mail_is_not_asked(self, there: FakePool) -> None:
        there.execute("update warehouse set wms = 'email'")

        shop_says(there, "cancelled")

        assert deliver() == []


class TestTheAnswerYes:
    def test_a_cancelled_order_ends_and_its_stock_is_free(self, there: FakePool) -> None:
        shop_says(there, "cancelled")
        deliver()
        assert there.locked() == 3

        assert report(there, ("cancelled", {"reason_code": "CANCELLED"})) == [""]
        resumed(there)

        assert (there.stages(), there.locked(), there.holds()) == ({"1": "cancelled"}, 0, {})
        assert there.rows("select count(*) from document_block where lifted_at is null") == [(0,)]
        assert reconcile() == []

    def test_another_address_leaves_by_a_new_document(self, there: FakePool) -> None:
        shop_says(there, shipping=MOVED)
        deliver()
        report(there, ("cancelled", {}))
        resumed(there)

        assert papers(there) == [("1",)]
        assert there.stages() == {"1": "dispatched"}
        assert there.rows("select state, count(*) from outbound_document group by 1 order by 1") == [
            ("cancelled", 1),
            ("created", 1),
        ]
        assert len(deliver()) == 1
        assert reconcile() == []

    def test_other_goods_are_locked_anew(self, there: FakePool) -> None:
        shop_says(there, units={"TEA": 5})
        deliver()
        report(there, ("cancelled", {}))
        resumed(there)

        assert there.locked() == 5
        assert there.stages() == {"1": "dispatched"}
        assert reconcile() == []

    def test_told_twice_it_counts_once(self, there: FakePool) -> None:
        shop_says(there, "cancelled")
        deliver()

        assert report(there, ("cancelled", {}), ("cancelled", {}))[0] == ""
        assert "cancelled already" in report(there, ("cancelled", {}))[0]
        assert reconcile() == []


class TestTheAnswerNo:
    @pytest.fixture
    def refused(self, there: FakePool) -> FakePool:
        shop_says(there, "cancelled")
        deliver()
        report(there, ("cancel_failed", {"reason_code": "PACKED"}))
        return there

    def test_it_stays_at_its_warehouse_and_a_person_reads_why(self, refused: FakePool) -> None:
        (no,) = refused.rows("select no from outbound_document")[0]
        ((sentence, evidence),) = refused.rows("select sentence, evidence from hold where released_at is null")

        assert papers(refused) == [("1",)]
        assert refused.locked() == 3
        assert sentence.endswith(f"WH-A does not give {no} back: PACKED")
        assert f"仓库未退回 {no}：PACKED" in hold_words("CHANGED_LATE", evidence, sentence)[1]
        assert events(refused, "1", "not_given_back") == [{"document": no, "reason": "PACKED"}]
        assert reconcile() == []

    def test_it_is_not_asked_again(self, refused: FakePool) -> None:
        shop_says(refused, "cancelled", shipping=MOVED)

        assert deliver() == []

    def test_what_leaves_then_has_left(self, refused: FakePool) -> None:
        report(refused, ("shipped", {"packages": [BOX]}))

        assert refused.rows("select state from outbound_document") == [("shipped",)]
        assert refused.locked() == 0
        assert refused.holds() == {"1": ["CHANGED_LATE"]}
        assert reconcile() == []

    def test_a_person_lets_it_go_as_it_is(self, refused: FakePool) -> None:
        with transaction() as conn:
            release_orders(conn, [1], "CHANGED_LATE", "the buyer takes it", person())
        resumed(refused)

        assert papers(refused) == [("1",)]
        assert refused.rows("select count(*) from document_block where lifted_at is null") == [(0,)]

    def test_nobody_who_was_not_asked_can_refuse(self, there: FakePool) -> None:
        assert "nobody asked" in report(there, ("cancel_failed", {"reason_code": "PACKED"}))[0]


class TestItLeftBeforeTheAnswer:
    def test_shipped_wins(self, there: FakePool) -> None:
        shop_says(there, "cancelled")
        deliver()

        assert report(there, ("shipped", {"packages": [BOX]}), ("cancel_failed", {"reason_code": "SHIPPED"})) == [
            "",
            "",
        ]
        assert there.rows("select state from outbound_document") == [("shipped",)]
        assert reconcile() == []

    def test_a_wish_that_was_not_sent_yet_is_forgotten(self, there: FakePool) -> None:
        shop_says(there, "cancelled")
        report(there, ("shipped", {"packages": [BOX]}))

        assert deliver() == []
        assert there.rows("select state from outbox where kind = 'outbound.cancel_requested'") == [("withdrawn",)]
