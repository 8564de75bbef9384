"""What does not move is counted whole, each order once, by reason, age and owner."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from models.order import Stage
from models.rules.owners import Owner, Reason, Standstill
from tasks.open_holds import open_holds
from tasks.waiting import ACCEPT_PATIENCE, DELIVERY_PATIENCE, RUN_PATIENCE, Waiting, waiting_orders
from tests.fakes import NOON, FakePool, payload, why

SOON = NOON + timedelta(minutes=1)


def waiting(at_minutes: float = 1) -> Waiting:
    with transaction() as conn:
        return waiting_orders(conn, NOON + timedelta(minutes=at_minutes))


def reasons(found: Waiting) -> dict[Reason, int]:
    return {standing.reason: standing.total for standing in found.standings}


@pytest.fixture
def one(pool: FakePool) -> FakePool:
    """One order that is routed and free to go."""
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages("route")
    return pool


@pytest.fixture
def sent(one: FakePool) -> FakePool:
    """The order is dispatched; its instruction waits to be delivered."""
    one.through_the_stages("track")
    return one


def test_an_order_in_a_run_moves_by_itself(one: FakePool) -> None:
    found = waiting()

    assert [(each.reason, each.owner, each.stage) for each in found.standings] == [
        (Standstill.RUNNING, Owner.NOBODY, Stage.ROUTED)
    ]
    assert found.total == 0


STANDING: list[tuple[str, float, Reason]] = [
    ("", RUN_PATIENCE / timedelta(minutes=1) + 1, Standstill.RUN_STOPPED),
    ("""update batch set feed_findings = '["odd"]'""", 1, Standstill.FEED_DOUBTED),
    ("update batch set state = 'abandoned', closed_at = created_at", 1, Standstill.ABANDONED),
    ("update batch set state = 'closed', closed_at = created_at", 1, Standstill.LEFT_OVER),
]


@pytest.mark.parametrize(("change", "minutes", "reason"), STANDING)
def test_an_order_without_a_hold_stands_where_its_batch_does(
    one: FakePool, change: str, minutes: float, reason: Reason
) -> None:
    if change:
        one.execute(change)

    assert reasons(waiting(minutes)) == {reason: 1}


def test_an_order_that_waits_for_room_waits_for_its_warehouse_since_then(one: FakePool) -> None:
    one.execute("update batch set state = 'closed', closed_at = created_at - interval '1 hour'")
    one.execute("insert into release_wait select 1, id, %s, %s, %s from warehouse where code = 'WH-A'", *[NOON] * 3)

    found = waiting().standings

    assert [(each.reason, each.owner, each.since) for each in found] == [(Standstill.METERED, Owner.WAREHOUSE, NOON)]


def test_an_order_whose_wait_ended_goes_on_by_itself(one: FakePool) -> None:
    one.execute("update batch set state = 'closed', closed_at = created_at")
    one.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, released_at, resume_due)
           values (1, 'MANUAL', '', '{}', 1, now(), now(), true)"""
    )

    assert reasons(waiting()) == {Standstill.RESUMING: 1}


def delivered(pool: FakePool) -> None:
    pool.execute("update outbox set state = 'delivered'")


DISPATCHED: list[tuple[str, timedelta, Reason | None]] = [
    ("pending", timedelta(minutes=1), None),
    ("pending", DELIVERY_PATIENCE + timedelta(minutes=1), Standstill.UNDELIVERED),
    ("created", timedelta(hours=1), None),
    ("created", ACCEPT_PATIENCE + timedelta(minutes=1), Standstill.NOT_ACCEPTED),
    ("picking", timedelta(hours=10), None),
    ("picking", timedelta(days=3), Standstill.LATE_AT_WAREHOUSE),
    ("part_shipped", timedelta(days=3), Standstill.REST_LATE),
    ("shipped", timedelta(days=30), None),
    ("rejected", timedelta(minutes=1), Standstill.REFUSED),
]


@pytest.mark.parametrize(("state", "later", "reason"), DISPATCHED)
def test_a_dispatched_order_stands_when_its_document_is_late(
    sent: FakePool, state: str, later: timedelta, reason: Reason | None
) -> None:
    if state != "pending":
        delivered(sent)
        sent.execute("update outbound_document set state = %s", state)

    found = reasons(waiting(later / timedelta(minutes=1)))

    assert found == ({reason: 1} if reason else {})


def hold(codes: Callable[[], list[HoldCode]] | list[HoldCode]) -> None:
    with transaction() as conn:
        place_holds(
            conn, [(1, Finding(code, "x", {})) for code in (codes if isinstance(codes, list) else codes())], why()
        )


def test_an_order_with_several_holds_counts_once_for_what_has_to_end_first(one: FakePool) -> None:
    hold([HoldCode.SHORT_ROUTE, HoldCode.REMARK, HoldCode.UNPAID])

    found = waiting()

    assert reasons(found) == {HoldCode.UNPAID: 1}
    assert (found.standings[0].owner, found.total) == (Owner.BUYER, 1)


def test_holds_go_before_what_batch_and_document_say(sent: FakePool) -> None:
    hold([HoldCode.CHANGED_LATE])

    assert reasons(waiting(10_000)) == {HoldCode.CHANGED_LATE: 1}


@pytest.mark.parametrize(("minutes", "bucket"), [(59, 0), (61, 1), (241, 2), (24 * 60 + 1, 3), (3 * 24 * 60 + 1, 4)])
def test_ages_fall_into_buckets(one: FakePool, minutes: float, bucket: int) -> None:
    hold([HoldCode.REMARK])
    (standing,) = waiting(minutes).standings

    assert standing.ages.index(1) == bucket
    assert (standing.total, standing.oldest_no, standing.oldest_shop) == (1, "1", "WOO")


def test_the_oldest_of_a_reason_is_named(pool: FakePool) -> None:
    pool.take([payload(1, status="pending"), payload(2, status="pending")])
    pool.through_the_stages("validate")
    pool.execute("update hold set placed_at = placed_at - interval '1 day' where order_id = 2")

    (standing,) = waiting().standings

    assert (standing.oldest_no, standing.total) == ("2", 2)


def test_a_cancelled_order_does_not_stand(pool: FakePool) -> None:
    pool.take([payload(1, status="cancelled")])
    pool.through_the_stages("validate")

    assert waiting().standings == []


def test_an_order_that_carries_no_goods_does_not_stand(one: FakePool) -> None:
    one.execute("update orders set kind = 'header'")

    assert reasons(waiting()) == {}


def test_every_open_hold_is_counted(one: FakePool) -> None:
    hold([HoldCode.REMARK, HoldCode.MANUAL])
    with transaction() as conn:
        assert {held.code: held.orders for held in open_holds(conn)} == {HoldCode.MANUAL: 1, HoldCode.REMARK: 1}


def test_payloads_in_quarantine_are_told_apart(pool: FakePool) -> None:
    pool.execute(
        """insert into quarantined_order (shop_id, external_id, batch_id, problem, body_enc, stored_at)
           values (1, 'A', 1, 'no id', '\\x00', '2026-11-20 03:00+00')"""
    )
    found = waiting()

    assert (found.quarantined, found.total) == (1, 0)
