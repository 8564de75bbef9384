"""What carriers tell of parcels: told once, in any order, and never back from an end."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Scan, Trace
from models.database import transaction
from models.shipment import PARCEL_ENDS, ParcelStage
from tasks.trace import Parcel, apply_traces, next_stage, take_parcels
from tests.fakes import NOON, FakePool, why

WAY = ("collected", "in_transit", "out_for_delivery", "delivered")


def scan(hours: float, stage: str) -> Scan:
    return Scan(NOON + timedelta(hours=hours), stage, "", f"{stage} at {hours}", "")


def trace_up_to(number: int, way: tuple[str, ...] = WAY) -> Trace:
    """What a carrier tells after `number` scans: all of them, as its pushes do."""
    return Trace("yuantong", "YT1", way[number - 1], tuple(scan(n, stage) for n, stage in enumerate(way[:number], 1)))


@pytest.fixture
def parcel(pool: FakePool) -> FakePool:
    """One parcel that left at noon."""
    pool.execute(
        """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
             salt_enc, callback_token, note)
           values (1, 1, 'P1', 'yuantong', 'YT1', 'label_created', %(at)s, %(at)s, %(at)s, '', 'token', '')""".replace(
            "%(at)s", f"'{NOON.isoformat()}'"
        )
    )
    return pool


def tell(trace: Trace) -> bool:
    with transaction() as conn:
        return apply_traces(conn, [(1, take_parcels(conn, "id", [1])[1], trace)], why())[1]


def stage(pool: FakePool) -> str:
    return str(pool.rows("select stage from parcel")[0][0])


def test_pushes_in_order_move_the_parcel_on(parcel: FakePool) -> None:
    seen = []
    for number in range(1, 5):
        tell(trace_up_to(number))
        seen.append(stage(parcel))

    assert tuple(seen) == WAY


@pytest.mark.parametrize("order", list(permutations((1, 2, 3, 4)))[::5])
def test_pushes_in_any_order_end_delivered_with_every_scan_once(parcel: FakePool, order: tuple[int, ...]) -> None:
    for number in (*order, *order):
        tell(trace_up_to(number))

    assert stage(parcel) == "delivered"
    assert parcel.rows("select count(*) from parcel_event") == [(4,)]


def test_a_push_told_again_changes_nothing(parcel: FakePool) -> None:
    assert tell(trace_up_to(2))
    assert not tell(trace_up_to(2))


def test_an_older_push_leaves_the_stage(parcel: FakePool) -> None:
    tell(trace_up_to(3))
    tell(trace_up_to(1))

    assert stage(parcel) == "out_for_delivery"


def test_a_problem_that_is_solved_goes_on_to_the_buyer(parcel: FakePool) -> None:
    way = ("collected", "problem", "in_transit", "delivered")
    seen = []
    for number in range(1, 5):
        tell(trace_up_to(number, way))
        seen.append(stage(parcel))

    assert tuple(seen) == way


def test_two_pushes_of_one_parcel_in_one_chunk_both_count(parcel: FakePool) -> None:
    with transaction() as conn:
        known = take_parcels(conn, "id", [1])[1]
        changed = apply_traces(conn, [(1, known, trace_up_to(1)), (2, known, trace_up_to(4))], why())

    assert changed == {1: True, 2: True}
    assert stage(parcel) == "delivered"


STAGES = [stage.value for stage in ParcelStage]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STAGES), st.lists(st.integers(0, 50), min_size=1, max_size=4)), max_size=8))
def test_whatever_is_told_a_parcel_never_leaves_an_end_nor_goes_back_in_time(
    told: list[tuple[str, list[int]]],
) -> None:
    parcel = Parcel(1, "yuantong", "YT1", ParcelStage.LABEL_CREATED, NOON, b"")
    for name, hours in told:
        after = next_stage(parcel, Trace("yuantong", "YT1", name, tuple(scan(h, name) for h in hours)))
        if parcel.stage in PARCEL_ENDS:
            assert after == parcel
        if after.stage not in PARCEL_ENDS:
            assert after.stage_at >= parcel.stage_at
        parcel = after
