"""How long parcels take on each lane, and by when those on their way are to be expected."""

from datetime import datetime, timedelta

import pytest

from models.database import transaction
from tasks.expected_delivery import Expected, expected_deliveries
from tasks.lanes import LEAST, LaneCount, learn_lanes
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool

HANGZHOU, NINGBO, WUHAN = "330106", "330203", "420106"
DAY = 86_400


@pytest.fixture
def house(pool: FakePool, stopped: StoppedClock) -> FakePool:
    """A warehouse with a document; parcels are added to it by `left`."""
    pool.execute(
        """insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
             receiver_token, created_at)
           select 1, 'OB1', w.id, s.id, 1, 1, 'shipped', 'yuantong', 'rcv', %s from warehouse w, shop s
           where w.code = 'WH-A'""",
        NOON,
    )
    return pool


def left(
    pool: FakePool,
    count: int,
    division: str,
    *,
    at: datetime,
    hours: float | None = None,
    carrier: str = "yuantong",
    stage: str = "in_transit",
) -> list[int]:
    """So many parcels that left then: delivered after so many hours, the n-th n seconds later, or on their way."""
    rows = pool.rows(
        """with made as (
             insert into parcel (document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
               salt_enc, callback_token, note)
             select 1, 'P' || k.base + n, %s, 'YT' || k.base + n, %s, %s::timestamptz + make_interval(secs => n), %s,
                    %s, '', 'token-' || k.base + n, ''
             from generate_series(1, %s::int) n, (select coalesce(max(id), 0) as base from parcel) k
             returning id),
           filled as (
             insert into parcel_line (parcel_id, order_id, line_no, sku_id, quantity)
             select id, id, 1, 1, 1 from made),
           known as (
             insert into receiver (order_id, province, city, district, town, division_code, phone_last4, oaid, masked)
             select id, '', '', '', '', %s, '', '', false from made)
           select id from made order by 1""",
        carrier,
        stage if hours is None else "delivered",
        at + timedelta(hours=hours or 0),
        at,
        at,
        count,
        division,
    )
    return [row[0] for row in rows]


def learn(at: datetime = NOON) -> LaneCount:
    with transaction() as conn:
        return learn_lanes(conn, at)


def expected(ids: list[int]) -> dict[int, Expected]:
    with transaction() as conn:
        return expected_deliveries(conn, ids)


def lanes(pool: FakePool) -> list[tuple[object, ...]]:
    return pool.rows("select carrier, area, parcels, p50_s, p90_s from lane_time order by 1, 2")


LAST_WEEK = NOON - timedelta(days=7)


def test_a_lane_is_learnt_for_the_city_the_province_and_the_carrier(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    left(house, 20, NINGBO, at=LAST_WEEK, hours=48)
    left(house, 20, WUHAN, at=LAST_WEEK, hours=72)

    assert learn() == LaneCount(6, 0, 60)
    assert lanes(house) == [
        ("yuantong", "", 60, 2 * DAY + 10, 3 * DAY + 14),
        ("yuantong", "33", 40, DAY + 20, 2 * DAY + 16),
        ("yuantong", "3301", 20, DAY + 10, DAY + 18),
        ("yuantong", "3302", 20, 2 * DAY + 10, 2 * DAY + 18),
        ("yuantong", "42", 20, 3 * DAY + 10, 3 * DAY + 18),
        ("yuantong", "4201", 20, 3 * DAY + 10, 3 * DAY + 18),
    ]


def test_a_parcel_is_expected_between_when_half_and_when_nine_of_ten_came(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()
    (parcel,) = left(house, 1, HANGZHOU, at=NOON)

    assert expected([parcel]) == {
        parcel: Expected(NOON + timedelta(days=1, seconds=10), NOON + timedelta(days=1, seconds=18))
    }


def test_of_a_city_that_few_went_to_the_province_tells_and_of_that_the_carrier(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    left(house, LEAST - 1, NINGBO, at=LAST_WEEK, hours=48)
    learn()
    ningbo, wuhan, nowhere = (left(house, 1, code, at=NOON)[0] for code in (NINGBO, WUHAN, ""))
    known = {area: (p50_s, p90_s) for _, area, _, p50_s, p90_s in lanes(house)}

    told = {i: ((e.earliest - NOON).total_seconds(), (e.latest - NOON).total_seconds()) for i, e in
            expected([ningbo, wuhan, nowhere]).items()}  # fmt: skip
    assert told == {ningbo: known["33"], wuhan: known[""], nowhere: known[""]}


def test_of_another_carrier_nothing_is_known(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()

    assert expected(left(house, 1, HANGZHOU, at=NOON, carrier="yunda")) == {}


def test_with_too_few_parcels_nothing_is_said(house: FakePool) -> None:
    left(house, LEAST - 1, HANGZHOU, at=LAST_WEEK, hours=24)

    assert learn() == LaneCount(0, 0, LEAST - 1)
    assert expected(left(house, 1, HANGZHOU, at=NOON)) == {}


@pytest.mark.parametrize("stage", ["problem", "at_pickup_point", "returning", "delivered", "returned", "cancelled"])
def test_of_what_is_not_on_its_way_nothing_is_said(house: FakePool, stage: str) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()

    assert expected(left(house, 1, HANGZHOU, at=NOON, stage=stage)) == {}


def test_the_earliest_moment_is_never_past_and_what_is_overdue_is_hidden(
    house: FakePool, stopped: StoppedClock
) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()
    (parcel,) = left(house, 1, HANGZHOU, at=NOON)
    stopped.at = NOON + timedelta(days=1, seconds=15)
    during = expected([parcel])
    stopped.at = NOON + timedelta(days=1, seconds=19)

    assert during[parcel].earliest == NOON + timedelta(days=1, seconds=15)
    assert expected([parcel]) == {}


def test_what_is_long_past_or_took_for_ever_is_no_history(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=NOON - timedelta(days=60), hours=24)
    left(house, 20, HANGZHOU, at=NOON - timedelta(days=44), hours=24 * 41)
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=-1)

    assert learn() == LaneCount(0, 0, 0)


def test_a_lane_that_is_not_used_any_more_is_forgotten(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()

    assert learn(NOON + timedelta(days=60)) == LaneCount(0, 3, 0)
    assert lanes(house) == []


def test_learning_again_says_the_same(house: FakePool) -> None:
    left(house, 20, HANGZHOU, at=LAST_WEEK, hours=24)
    learn()
    before = lanes(house)

    assert learn() == LaneCount(3, 0, 20)
    assert lanes(house) == before
