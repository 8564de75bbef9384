"""What carriers tell of parcels: told once, in any order, and never back from an end."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from connectors.base import Scan, Trace
from models.database import transaction
from tasks.trace import apply_traces, take_parcels
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


def test_a_late_push_of_a_time_that_passed_does_not_take_the_parcel_back(parcel: FakePool) -> None:
    way = ("collected", "in_transit", "problem", "in_transit", "in_transit")
    for number in (1, 2, 5, 3):
        tell(trace_up_to(number, way))

    assert parcel.rows("select stage, stage_at from parcel") == [("in_transit", NOON + timedelta(hours=4))]


def test_of_two_scans_of_one_moment_an_older_push_takes_nothing_back(parcel: FakePool) -> None:
    first, second = scan(1, "collected"), replace(scan(1, "in_transit"), text="sent on")
    tell(Trace("yuantong", "YT1", "in_transit", (second, first)))
    tell(Trace("yuantong", "YT1", "collected", (first,)))

    assert stage(parcel) == "in_transit"


def test_what_was_collected_before_its_warehouse_said_so_is_collected(parcel: FakePool) -> None:
    tell(Trace("yuantong", "YT1", "collected", (scan(-1, "collected"),)))

    assert stage(parcel) == "collected"


def test_a_scan_whose_code_nobody_knows_is_kept_without_a_stage(parcel: FakePool) -> None:
    tell(Trace("yuantong", "YT1", None, (scan(1, "collected"), replace(scan(2, ""), text="new words"))))

    assert stage(parcel) == "collected"
    assert parcel.rows("select stage, text from parcel_event order by at")[1] == ("", "new words")


def test_what_a_vendor_closed_as_delivered_is_delivered_also_without_scans(parcel: FakePool) -> None:
    tell(Trace("yuantong", "YT1", "delivered", (), closed=True))
    tell(trace_up_to(3))

    assert stage(parcel) == "delivered"
    assert parcel.rows("select count(*) from parcel_event") == [(3,)]


def test_when_it_was_heard_of_and_when_it_was_scanned_are_two_things(parcel: FakePool) -> None:
    tell(trace_up_to(2))

    assert parcel.rows("select heard_at, scanned_at from parcel") == [(NOON, NOON + timedelta(hours=2))]


# two sources


def told_by(source: str, *scans: Scan, now: str | None = None) -> Trace:
    return Trace("yuantong", "YT1", now, scans, source=source)


def events(pool: FakePool) -> list[tuple[str, str]]:
    return pool.rows("select stage, text from parcel_event order by at, text")


def test_a_scan_that_two_sources_tell_is_one(parcel: FakePool) -> None:
    at = NOON + timedelta(hours=1)
    pushed = Scan(at, "collected", "103", "[杭州市]已揽收", "浙江,杭州市")
    asked = Scan(at.replace(second=30), "", "", "【杭州市】 已揽收", "")
    tell(told_by("kuaidi100", pushed))
    for _ in range(2):
        tell(told_by("aliyun", asked))
        tell(told_by("kuaidi100", pushed))

    assert events(parcel) == [("collected", "[杭州市]已揽收")]


def test_whoever_tells_it_first_a_scan_has_the_stage_that_one_of_them_says(parcel: FakePool) -> None:
    at = NOON + timedelta(hours=1)
    tell(told_by("aliyun", Scan(at, "", "", "【杭州市】已揽收", "")))
    tell(told_by("kuaidi100", Scan(at, "collected", "103", "[杭州市]已揽收", "浙江,杭州市")))

    assert events(parcel) == [("collected", "【杭州市】已揽收")]
    assert stage(parcel) == "collected"


def test_the_newest_scan_is_known_by_its_stage_also_in_other_words(parcel: FakePool) -> None:
    at = NOON + timedelta(hours=1)
    tell(told_by("kuaidi100", Scan(at, "delivered", "301", "已签收，本人签收", "")))
    tell(told_by("aliyun", Scan(at, "", "", "快件已在长安三部签收", ""), now="delivered"))

    assert events(parcel) == [("delivered", "已签收，本人签收")]


def test_two_scans_of_one_minute_stay_two(parcel: FakePool) -> None:
    at = NOON + timedelta(hours=1)
    both = [
        Scan(at.replace(second=n), "in_transit", "1002", text, "") for n, text in ((1, "离开杭州"), (9, "到达上海"))
    ]
    asked = Scan(at, "", "", "到达上海", "")
    tell(told_by("aliyun", asked, now="in_transit"))
    for _ in range(2):
        tell(told_by("kuaidi100", *both))
        tell(told_by("aliyun", asked, now="in_transit"))

    assert sorted(text for _, text in events(parcel)) == ["到达上海", "离开杭州"]


def test_two_scans_that_were_taken_for_one_are_two_when_one_source_tells_both(parcel: FakePool) -> None:
    at = NOON + timedelta(hours=1)
    first, second = (
        Scan(at.replace(second=n), "in_transit", "1002", text, "") for n, text in ((1, "离开"), (9, "到达"))
    )
    tell(told_by("kuaidi100", first, now="in_transit"))
    tell(told_by("aliyun", replace(second, stage=""), now="in_transit"))
    tell(told_by("kuaidi100", second, first, now="in_transit"))

    assert [text for _, text in events(parcel)] == ["离开", "到达"]


def test_a_source_without_codes_moves_the_parcel_by_its_newest_scan_only(parcel: FakePool) -> None:
    tell(told_by("kuaidi100", scan(1, "collected"), now="collected"))
    later = [Scan(NOON + timedelta(hours=h), "", "", f"scan {h}", "") for h in (4, 3, 2)]
    tell(told_by("aliyun", *later, now="out_for_delivery"))

    assert events(parcel)[1:] == [("", "scan 2"), ("", "scan 3"), ("out_for_delivery", "scan 4")]
    assert stage(parcel) == "out_for_delivery"
