"""Erasing receivers whose time is over, and what must not go yet."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import IntegrityConstraintViolation

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause
from models.privacy import ErasureReason
from models.sealing import seal
from tasks.access import log_access
from tasks.erase import CHUNK, erase_beside, erase_due
from tasks.erasing import erase
from tasks.receivers import load_personal
from tasks.shop_settings import set_shop
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.returning import announced, shipped

DAY = timedelta(days=1)


def run(days: float, *, anew: bool = False, chunk: int = CHUNK) -> int:
    at = NOON + days * DAY
    return erase_due(at, Cause("stage:erase", at, "run-9"), anew=anew, chunk=chunk)


@pytest.fixture
def delivered(pool: FakePool, stopped: StoppedClock) -> int:
    """An order that left at noon and was delivered three days later."""
    pool.stock(TEA=10, CUP=10)
    order_id = shipped(pool)
    pool.execute("update parcel set stage = 'delivered', stage_at = %s", NOON + 3 * DAY)
    pool.execute("update outbound_document set shipped_at = %s", NOON)
    return order_id


def receiver(pool: FakePool, order_id: int) -> dict[str, Any]:
    row = pool.rows("select to_jsonb(r) from receiver r where order_id = %s", order_id)[0][0]
    return {name: value for name, value in row.items() if value not in (None, "", False)}


def test_a_receiver_goes_when_the_window_after_delivery_is_over(pool: FakePool, delivered: int) -> None:
    assert run(32.9) == 0
    assert run(33.1) == 1

    left = receiver(pool, delivered)
    assert set(left) == {"order_id", "province", "city", "division_code", "erase_after", "erased_at"}
    assert (left["province"], left["city"]) == ("浙江省", "杭州市")
    assert pool.rows("select buyer_key from orders where id = %s", delivered) == [("",)]


def test_what_went_is_written_down_with_why_and_by_which_run(pool: FakePool, delivered: int) -> None:
    run(40)

    ((order_id, reason, fields, actor, run_id),) = pool.rows(
        "select order_id, reason, fields, actor, flow_run_id from erasure"
    )
    assert (order_id, reason, actor, run_id) == (delivered, "over", "stage:erase", "run-9")
    assert {"name_enc", "phone_enc", "address_enc", "cut_enc", "phone_hash", "phone_last4"} <= set(fields)
    assert "oaid" not in fields  # there was none
    assert pool.rows("select what, detail from event where what = 'receiver_erased'") == [
        ("receiver_erased", {"reason": "over"})
    ]


def test_a_second_run_finds_nothing(pool: FakePool, delivered: int) -> None:
    assert (run(40), run(40)) == (1, 0)
    assert pool.rows("select count(*) from erasure") == [(1,)]


def test_a_shop_may_keep_receivers_for_a_shorter_time(pool: FakePool, delivered: int) -> None:
    run(1)
    set_shop("WOO", {"erase_after_days": "5"})

    assert run(9) == 0  # its time was set by the former days
    assert run(9, anew=True) == 1


def test_a_parcel_that_nobody_hears_of_keeps_its_receiver_ninety_days(pool: FakePool, delivered: int) -> None:
    pool.execute("update parcel set stage = 'in_transit'")

    assert (run(89), run(91)) == (0, 1)


def test_the_window_begins_at_a_delivery_that_is_told_after_the_first_look(pool: FakePool, delivered: int) -> None:
    pool.execute("update parcel set stage = 'in_transit'")
    assert run(1) == 0

    pool.execute("update parcel set stage = 'delivered'")

    assert (run(32.9), run(33.1)) == (0, 1)


def test_an_order_under_way_keeps_its_receiver(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages("dispatch")

    assert run(500) == 0


def test_a_cancelled_order_needs_its_receiver_for_the_window_alone(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages("lock_stock")
    pool.take([payload(1, 5, status="cancelled")], run="run-2")
    pool.through_the_stages()
    assert pool.stages() == {"1": "cancelled"}

    assert (run(29), run(31)) == (0, 1)


def test_an_order_that_was_never_paid_does_not_keep_its_receiver_for_ever(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1, status="pending")])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["UNPAID"]}

    assert (run(89), run(91)) == (0, 1)


OBSTACLES = {
    "legal hold": "insert into legal_hold (order_id, reason, placed_at, placed_by) "
    "select id, 'suit', created_at, 'person:li' from orders",
    "intercept": "insert into parcel_intercept (parcel_id, state, wish, reason, asked_by, wanted_at, changed_at) "
    "select id, 'asked', 'RETURN_SEND_ADDR', '', '', stage_at, stage_at from parcel",
    "remainder": "insert into remainder (document_id, order_id, line_no, sku_id, warehouse_id, units, way, state, "
    "made_at) select document_id, order_id, line_no, sku_id, warehouse_id, 1, 'hold', 'open', now() from allocation "
    "limit 1",
    "block": "insert into document_block (document_id, order_id, reason, placed_at) "
    "select distinct document_id, order_id, 'desk', now() from allocation",
}


@pytest.mark.parametrize("obstacle", list(OBSTACLES))
def test_what_is_open_keeps_a_receiver(pool: FakePool, delivered: int, obstacle: str) -> None:
    pool.execute(OBSTACLES[obstacle])

    assert run(400) == 0


def test_a_hold_keeps_a_receiver_until_it_is_released(pool: FakePool, delivered: int) -> None:
    with transaction() as conn:
        place_holds(conn, [(delivered, Finding(HoldCode.MANUAL, "asked", {}))], why())
    assert run(400) == 0

    pool.execute("update hold set released_at = %s", NOON)

    assert run(400) == 1


def test_a_return_opens_an_order_again_and_its_end_begins_the_window_anew(
    pool: FakePool, delivered: int, stopped: StoppedClock
) -> None:
    assert run(20) == 0  # its time is written down: day 33
    stopped.at = NOON + 25 * DAY
    announced(delivered, {1: 1})
    assert run(34) == 0

    pool.execute("update return_order set state = 'called_off'")
    pool.execute("update refund set state = 'refused', changed_at = %s", NOON + 35 * DAY)

    assert (run(64), run(66)) == (0, 1)


def test_a_newer_version_from_the_platform_does_not_bring_a_receiver_back(pool: FakePool, delivered: int) -> None:
    run(40)
    (no,) = pool.rows("select external_id::int from orders")[0]

    pool.take([payload(no, 60 * 24 * 41, status="completed", units={"TEA": 3, "CUP": 1})], run="run-2")
    pool.through_the_stages()

    assert "name_enc" not in receiver(pool, delivered)
    with transaction() as conn:
        assert load_personal(conn, [delivered])[delivered].receiver.name == ""


def test_labels_go_when_no_order_of_their_document_has_a_receiver(pool: FakePool, delivered: int) -> None:
    pool.execute(
        """insert into waybill (document_id, package_no, service, carrier, number, order_key, state, task_id,
             service_no, label_enc, image_enc, wanted_at)
           select id, 1, 'kuaidi100', 'yuantong', 'YT1', 'k1', 'used', '', '', %s, %s, %s from outbound_document""",
        seal("https://label"),
        seal("image"),
        NOON,
    )
    assert erase_beside(NOON + 40 * DAY)["labels"] == 0
    run(40)

    assert erase_beside(NOON + 40 * DAY)["labels"] == 1
    assert pool.rows("select label_enc, image_enc from waybill") == [(None, None)]


def test_bodies_scans_and_old_log_lines_go_in_their_time(pool: FakePool, delivered: int) -> None:
    pool.execute("delete from inbox")
    pool.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           select 'wms:WH-A', state, %s, state, '', %s, %s from unnest(array['done', 'ignored', 'new']) state""",
        seal("{}"),
        NOON,
        NOON + 30 * DAY,
    )
    pool.execute(
        "insert into parcel_event select id, 'd', %s, 'delivered', '', '' from parcel",
        NOON,
    )
    with transaction() as conn:
        log_access(conn, "person:li", "signed_in", NOON)

    def gone(days: int) -> tuple[int, int, int]:
        counts = erase_beside(NOON + days * DAY)
        return counts["bodies"], counts["scans"], counts["accesses"]

    assert gone(29) == (0, 0, 0)
    assert gone(31) == (2, 0, 0)
    assert gone(91) == (1, 0, 0)
    assert pool.rows("select note from inbox where message_id = 'new'")[0][0].endswith("erased")
    assert gone(184) == (0, 1, 0)
    assert gone(199) == (0, 0, 0)
    assert gone(201) == (0, 0, 1)


@pytest.mark.parametrize("statement", ["delete from {}", "update {} set actor = 'nobody'"])
@pytest.mark.parametrize("log", ["access_log", "erasure"])
def test_nobody_deletes_or_changes_lines_of_the_logs(pool: FakePool, delivered: int, log: str, statement: str) -> None:
    run(40)
    with transaction() as conn:
        log_access(conn, "person:li", "signed_in", NOON)

    with pytest.raises(IntegrityConstraintViolation, match="never changes"):
        pool.execute(statement.format(log))


def test_payloads_that_nobody_could_read_go_too(pool: FakePool) -> None:
    pool.take([payload(1, total="a lot")])
    assert pool.rows("select count(*) from quarantined_order") == [(1,)]
    pool.execute("update quarantined_order set stored_at = %s", NOON)

    assert erase_beside(NOON + 89 * DAY)["quarantined"] == 0
    assert erase_beside(NOON + 91 * DAY)["quarantined"] == 1


def test_a_run_goes_on_beyond_one_chunk(pool: FakePool) -> None:
    pool.take([payload(no) for no in range(1, 6)])
    pool.execute("update order_state set stage = 'cancelled'")

    assert run(4000, chunk=2) == 5


def test_erasing_is_counted_for_those_that_had_something_left(pool: FakePool, delivered: int) -> None:
    with transaction() as conn:
        first = erase(conn, [delivered], ErasureReason.REQUEST, why())
        again = erase(conn, [delivered], ErasureReason.REQUEST, why())

    assert (first, again) == (1, 0)
