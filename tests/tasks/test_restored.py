"""After a restore nothing goes to a warehouse that may have it; what has been compared goes on."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from tasks.restored import Confirmed, confirm_restore, recovered
from tests.fakes import NOON, FakePool, payload, why

COPIED = NOON - timedelta(hours=6)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def brought_back(pool: FakePool) -> FakePool:
    """A pool restored at noon from a copy of the morning, with two orders before their dispatch."""
    pool.stock(TEA=9)
    pool.take([payload(1), payload(2)])
    pool.through_the_stages("route")
    with transaction() as conn:
        recovered(conn, COPIED, b"key", why())
    return pool


def confirm(*instructed: str) -> Confirmed:
    with transaction() as conn:
        return confirm_restore(conn, instructed, why("run-2", LATER))


def reopened(pool: FakePool) -> None:
    """As `resume_orders` takes orders up again."""
    pool.execute("update batch set state = 'open'")
    pool.through_the_stages("dispatch")


def test_orders_paid_before_the_restore_wait_at_dispatch(brought_back: FakePool) -> None:
    brought_back.through_the_stages("dispatch")

    assert brought_back.holds() == {"1": ["RESTORED"], "2": ["RESTORED"]}
    assert brought_back.rows("select count(*) from outbound_document") == [(0,)]
    assert brought_back.locked() == 2


def test_orders_paid_after_the_restore_go_on(brought_back: FakePool) -> None:
    paid = (NOON + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S")
    brought_back.take([payload(3, date_paid_gmt=paid)], run="run-2")

    brought_back.through_the_stages("dispatch")

    assert brought_back.stages()["3"] == "dispatched"


def test_order_paid_at_the_door_waits_when_it_was_placed_before(brought_back: FakePool) -> None:
    brought_back.execute("update orders set paid_at = null where order_no = '1'")

    brought_back.through_the_stages("dispatch")

    assert brought_back.holds()["1"] == ["RESTORED"]


def test_dispatch_again_holds_nothing_twice(brought_back: FakePool) -> None:
    for _ in range(2):
        brought_back.through_the_stages("dispatch")

    assert brought_back.rows("select count(*) from event where what = 'held'") == [(2,)]


def test_confirmed_orders_go_on_and_those_of_a_warehouse_stay(brought_back: FakePool) -> None:
    brought_back.through_the_stages("dispatch")

    assert confirm("2") == Confirmed(released=1, kept=1)
    reopened(brought_back)

    assert brought_back.stages() == {"1": "dispatched", "2": "routed"}
    assert brought_back.holds() == {"2": ["RESTORED"]}


def test_released_order_of_a_confirmed_restore_is_held_no_more(brought_back: FakePool) -> None:
    confirm("2")
    (order_id,) = brought_back.rows("select id from orders where order_no = '2'")
    with transaction() as conn:
        release_holds(conn, [order_id[0]], [HoldCode.RESTORED], why())

    reopened(brought_back)

    assert brought_back.stages() == {"1": "dispatched", "2": "dispatched"}


def test_order_that_has_not_come_to_dispatch_is_kept_too(brought_back: FakePool) -> None:
    assert confirm("1", "2") == Confirmed(released=0, kept=2)


def test_restore_is_confirmed_once(brought_back: FakePool) -> None:
    confirm()

    with pytest.raises(SetupError, match="no restore waits to be confirmed"):
        confirm()


def test_restore_is_not_confirmed_before_the_shops_are_read(brought_back: FakePool) -> None:
    brought_back.execute("update shop set watermark = %s", COPIED)

    with pytest.raises(SetupError, match=r"still to be read from WOO \(read up to 2026-11-20 06:00\)"):
        confirm()


def test_unknown_number_of_a_warehouse_stops_the_confirmation(brought_back: FakePool) -> None:
    with pytest.raises(SetupError, match=r"1 of 2 order numbers are not in the pool \(77\)"):
        confirm("1", "77")


def test_no_number_is_given_twice(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(1)])
    pool.through_the_stages("dispatch")
    ((before,),) = pool.rows("select max(id) from outbound_document")
    with transaction() as conn:
        recovered(conn, COPIED, b"key", why())
        confirm_restore(conn, [], why())
    pool.take([payload(2)], run="run-2")

    pool.through_the_stages("dispatch")

    ((after,),) = pool.rows("select max(id) from outbound_document")
    assert after > before + 9_000_000


def test_message_that_waited_may_have_arrived(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(1)])
    pool.through_the_stages("dispatch")

    with transaction() as conn:
        recovered(conn, COPIED, b"key", why())

    assert pool.rows("select state, in_doubt from outbox") == [("pending", True)]
