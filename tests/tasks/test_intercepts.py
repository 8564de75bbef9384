"""Parcels that left and are wanted back: asked for once, over real HTTP, and what comes of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from connectors.carriers import kuaidi100_label_order
from connectors.carriers.kuaidi100_label import Kuaidi100Label
from models.database import transaction
from models.errors import SetupError
from models.intercept import INTERCEPT_STEPS, InterceptState
from models.messages import OutboxKind
from models.shipment import ParcelStage
from sandbox.server import Sandbox
from tasks import desk
from tasks.desk_intercepts import note_by_hand
from tasks.intercepts import follow, move, open_intercepts, want
from tasks.outbox import deliver
from tasks.reconcile import reconcile
from tasks.send import send
from tasks.setup import add_carrier
from tasks.shop_settings import set_shop
from tests.fakes import FakePool, payload
from tests.tasks.merged import cause, events, finished, person, through, validated, warehouse_says

CARRIER = "carrier:kuaidi100"
BOX = "YT9693083639795"


@pytest.fixture
def left(pool: FakePool, ticking: object) -> Iterator[FakePool]:
    """An order of 3 TEA that left in one box; no label service is known."""
    pool.stock(TEA=10)
    shipped(pool, 1)
    yield pool
    assert pool.untrue() == []
    assert reconcile() == []


@pytest.fixture
def service(left: FakePool, sandbox: Sandbox) -> Sandbox:
    """The sandbox's label service, known to the pool."""
    entry = sandbox.carrier()
    names = ("endpoint", "key", "customer", "secret")
    add_carrier("kuaidi100", {name: entry[name] for name in names} | {"label_endpoint": entry["endpoint"]})
    return sandbox


def shipped(pool: FakePool, orders: int, box: str = BOX) -> None:
    batch_id = validated(pool, *({"TEA": 1} for _ in range(orders)))
    through(batch_id)
    finished(pool, batch_id)
    ((no,),) = pool.rows("select no from outbound_document order by id desc limit 1")
    package = {"package_no": box, "tracking_no": box, "carrier_code": "yuantong"}
    data = {"outbound_no": no, "packages": [package], "final": True}
    assert warehouse_says([{"type": "outbound.shipped", "data": data}], cause()) == [""]
    pool.execute("update outbox set state = 'delivered'")


def states(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from parcel_intercept order by parcel_id")]


def tell(forced: bool = False) -> None:
    deliver(CARRIER, send, (OutboxKind.INTERCEPT,), cause(), None, forced=forced)


def messages(pool: FakePool) -> list[tuple[Any, ...]]:
    return pool.rows("select key, state from outbox where kind = 'intercept'")


@pytest.mark.parametrize("state", InterceptState)
@pytest.mark.parametrize("to", InterceptState)
def test_a_wish_takes_exactly_the_steps_of_the_table(left: FakePool, state: InterceptState, to: InterceptState) -> None:
    with transaction() as conn:
        want(conn, [1], "for a test", cause())
        conn.execute("update parcel_intercept set state = %s", (state.value,))

        moved = move(conn, [1], to, cause())

    assert (moved == [1]) == (to in INTERCEPT_STEPS[state])
    assert states(left) == [to.value if moved else state.value]


class TestAskingTheCarrier:
    def test_it_is_asked_once_and_agrees(self, left: FakePool, service: Sandbox) -> None:
        for _ in range(2):
            assert desk.intercept([1], "the buyer called", person()).done == [1]
        assert messages(left) == [("intercept-1", "pending")]

        tell()
        tell()

        assert (states(left), messages(left)) == (["agreed"], [("intercept-1", "delivered")])
        assert left.stages() == {"1": "dispatched"}
        assert [events(left, "1", f"intercept_{what}") != [] for what in ("wanted", "asked", "agreed")] == [True] * 3

    def test_a_refusal_is_for_a_person(self, left: FakePool, service: Sandbox) -> None:
        left.execute("update parcel set carrier = 'nobody'")
        desk.intercept([1], "the buyer called", person())

        tell()

        assert (states(left), messages(left)) == (["refused"], [("intercept-1", "refused")])
        with transaction() as conn:
            (row,) = open_intercepts(conn)
        assert (row.waybill, row.orders, row.for_people) == (BOX, ("1",), True)
        assert "快递公司或单号不正确" in row.answer

    def test_one_without_an_answer_is_never_asked_again(
        self, left: FakePool, service: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kuaidi100_label_order, "TIMEOUT_S", 0.3)
        service.do("POST", "/faults", {"target": CARRIER, "kind": "timeout_after", "times": 1})
        desk.intercept([1], "the buyer called", person())

        tell()
        tell(forced=True)

        assert (states(left), messages(left)) == (["in_doubt"], [("intercept-1", "refused")])

    def test_a_process_that_was_killed_while_asking_leaves_it_in_doubt(self, left: FakePool, service: Sandbox) -> None:
        desk.intercept([1], "the buyer called", person())
        left.execute("update outbox set in_doubt = true where kind = 'intercept'")

        tell()

        assert states(left) == ["in_doubt"]

    @pytest.mark.parametrize("carrier", ["yuantong", "nobody"])
    def test_an_answer_that_cannot_be_stored_leaves_it_in_doubt(
        self, left: FakePool, service: Sandbox, carrier: str
    ) -> None:
        left.execute("update parcel set carrier = %s", carrier)
        desk.intercept([1], "the buyer called", person())
        left.execute("alter table parcel_intercept add constraint full_disk check (state = 'asked')")
        try:
            tell()
        finally:
            left.execute("alter table parcel_intercept drop constraint full_disk")
        assert (states(left), messages(left)) == (["asked"], [("intercept-1", "pending")])
        ((error, in_doubt),) = left.rows("select last_error, in_doubt from outbox where kind = 'intercept'")
        assert (error.partition(", ")[2], in_doubt) == ("not stored: CheckViolation", True)

        tell(forced=True)

        assert (states(left), messages(left)) == (["in_doubt"], [("intercept-1", "refused")])

    def test_one_that_broke_after_it_left_is_never_asked_again(
        self, left: FakePool, service: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def broken(_self: Kuaidi100Label, _carrier: str, waybill: str, *_more: str) -> None:
            asked.append(waybill)
            raise KeyError(waybill)

        monkeypatch.setattr(Kuaidi100Label, "intercept", broken)
        desk.intercept([1], "the buyer called", person())

        tell()
        tell(forced=True)

        assert (asked, states(left)) == ([BOX], ["in_doubt"])

    def test_two_people_ask_once(self, left: FakePool, service: Sandbox) -> None:
        with ThreadPoolExecutor(2) as both:
            done = list(both.map(lambda _: desk.intercept([1], "the buyer called", person()).done, range(2)))

        assert (done, messages(left)) == ([[1], [1]], [("intercept-1", "pending")])

    def test_a_carrier_that_is_not_among_those_to_be_asked_is_phoned(self, left: FakePool, service: Sandbox) -> None:
        add_carrier("kuaidi100", {"intercept_carriers": "shunfeng, zhongtong"})

        desk.intercept([1], "the buyer called", person())

        assert (states(left), messages(left)) == (["by_phone"], [])


class TestByPhone:
    def test_without_the_service_people_phone_and_note_the_answer(self, left: FakePool) -> None:
        desk.intercept([1], "the buyer called", person())
        assert states(left) == ["by_phone"]

        with transaction() as conn:
            note_by_hand(conn, BOX, agreed=True, answer="comes back on Monday", why=person())

        assert states(left) == ["agreed"]
        assert left.rows("select answer from parcel_intercept") == [("comes back on Monday",)]

    def test_what_a_carrier_says_before_it_was_asked_is_noted(self, left: FakePool) -> None:
        left.take([payload(1, 9, "cancelled", units={"TEA": 1})], run="news")

        with transaction() as conn:
            note_by_hand(conn, BOX, agreed=True, answer="it turns round", why=person())

        assert states(left) == ["agreed"]

    def test_an_answer_that_nobody_waits_for_is_refused(self, left: FakePool) -> None:
        with pytest.raises(SetupError, match="it is not wanted back"), transaction() as conn:
            note_by_hand(conn, BOX, agreed=True, answer="yes", why=person())


class TestWhatTheParcelDoes:
    @pytest.mark.parametrize(
        ("stage", "end"),
        [(ParcelStage.RETURNED, "done"), (ParcelStage.DELIVERED, "missed"), (ParcelStage.CANCELLED, "done")],
    )
    def test_it_ends_the_wish(self, left: FakePool, stage: ParcelStage, end: str) -> None:
        desk.intercept([1], "the buyer called", person())

        with transaction() as conn:
            follow(conn, [1], stage, cause())
            assert open_intercepts(conn) == []

        assert states(left) == [end]

    def test_one_that_arrived_cannot_be_intercepted(self, left: FakePool) -> None:
        left.execute("update parcel set stage = 'delivered'")

        assert desk.intercept([1], "the buyer called", person()).refused == {
            1: "order 1: cannot intercept; nothing of it is on the road"
        }

    def test_one_that_is_just_delivered_is_not_wanted_back(self, left: FakePool) -> None:
        with ThreadPoolExecutor(1) as other:
            with transaction() as conn:
                conn.execute("update parcel set stage = 'delivered'")
                asking = other.submit(desk.intercept, [1], "the buyer called", person())
                wait([asking], timeout=0.5)
            assert asking.result().done == []

        assert states(left) == []

    def test_a_box_of_others_is_left_alone(self, left: FakePool) -> None:
        shipped(left, 2, "YT2222222222222")

        assert desk.intercept([2], "the buyer called", person()).refused == {
            2: "order 2: cannot intercept; its box also holds order 3"
        }
        assert desk.intercept([2, 3], "the buyer called", person()).done == [2, 3]


class TestTheShopCallsItOff:
    def test_a_person_is_asked_unless_told_otherwise(self, left: FakePool) -> None:
        left.take([payload(1, 9, "cancelled", units={"TEA": 1})], run="news")

        assert (states(left), left.holds()) == (["wanted"], {"1": ["CHANGED_LATE"]})
        assert left.stages() == {"1": "dispatched"}

    def test_the_carrier_is_asked_at_once_where_the_shop_says_so(self, left: FakePool, service: Sandbox) -> None:
        set_shop("WOO", {"intercept": "auto"})

        left.take([payload(1, 9, "cancelled", units={"TEA": 1})], run="news")
        tell()

        assert states(left) == ["agreed"]

    @pytest.mark.parametrize(("refunded", "wanted"), [("-5.00", []), ("-20.00", ["wanted"])])
    def test_only_a_refund_of_the_whole_order_wants_it_back(
        self, left: FakePool, refunded: str, wanted: list[str]
    ) -> None:
        refunds = [{"id": 1, "reason": "", "total": refunded}]

        left.take([payload(1, 9, units={"TEA": 1}, refunds=refunds)], run="news")

        assert (states(left), left.holds()) == (wanted, {"1": ["CHANGED_LATE"]})

    def test_other_news_want_nothing_back(self, left: FakePool) -> None:
        left.take([payload(1, 9, units={"TEA": 1}, customer_note="thanks")], run="news")

        assert states(left) == []
