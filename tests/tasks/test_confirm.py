"""What warehouses report of a document: applied once, in any order, and not at all when it cannot be true."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep
from typing import Any

import pytest

from models.database import connect, transaction
from tasks.confirm import apply_confirmations
from tasks.parcel_numbers import Correction, renumber_parcel
from tests.fakes import NOON, FakePool, payload, why


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """Two orders of 3 TEA and 1 CUP, each in a document of WH-A."""
    pool.stock(TEA=10, CUP=10)
    pool.take([payload(n, units={"TEA": 3, "CUP": 1}) for n in (1, 2)])
    pool.through_the_stages()
    return pool


def no_of(pool: FakePool, order: int = 1) -> str:
    return str(
        pool.rows(
            """select distinct d.no from outbound_document d join allocation a on a.document_id = d.id
               join orders o on o.id = a.order_id where o.order_no = %s""",
            str(order),
        )[0][0]
    )


def box(waybill: str, tea: int = 3, cup: int = 1) -> dict[str, Any]:
    lines = [{"line_no": "1", "qty": tea}, {"line_no": "2", "qty": cup}]
    return {"package_no": waybill, "carrier_code": "yuantong", "tracking_no": waybill, "lines": lines}


def report(pool: FakePool, kind: str, no: str, warehouse: str = "WH-A", **data: Any) -> str:
    """What became of one report: why it was ignored, "" when it was applied."""
    envelope = {"type": f"outbound.{kind}", "data": {"outbound_no": no, **data}}
    with transaction() as conn:
        return apply_confirmations(conn, [(1, warehouse, envelope)], why())[1].ignored


def state(pool: FakePool, no: str) -> str:
    return str(pool.rows("select state from outbound_document where no = %s", no)[0][0])


def effects(pool: FakePool) -> list[tuple[str, int]]:
    return pool.rows("select kind, count(*) from outbox where kind <> 'outbound.created' group by 1 order by 1")


def lock_ends(pool: FakePool) -> dict[str, int]:
    return dict(pool.rows("select state, count(*) from lock where warehouse_id is not null group by 1"))


def test_a_shipped_document_consumes_its_locks_and_has_its_parcel_told(sent: FakePool) -> None:
    assert report(sent, "shipped", no_of(sent), packages=[box("YT1")]) == ""

    assert state(sent, no_of(sent)) == "shipped"
    assert lock_ends(sent) == {"open": 2, "consumed": 2}
    assert effects(sent) == [("ship_back", 1), ("subscribe", 1)]
    assert sent.rows("select on_hand from stock order by sku_id") == [(7,), (9,)]
    assert sent.untrue() == []


def test_a_report_told_twice_counts_once(sent: FakePool) -> None:
    report(sent, "shipped", no_of(sent), packages=[box("YT1")])

    assert "known already" in report(sent, "shipped", no_of(sent), packages=[box("YT1")])

    assert effects(sent) == [("ship_back", 1), ("subscribe", 1)]
    assert sent.untrue() == []


def test_two_reports_of_one_shipment_in_one_chunk_count_once(sent: FakePool) -> None:
    envelope = {"type": "outbound.shipped", "data": {"outbound_no": no_of(sent), "packages": [box("YT1")]}}

    with transaction() as conn:
        outcomes = apply_confirmations(conn, [(1, "WH-A", envelope), (2, "WH-A", envelope)], why())

    assert [bool(outcome.ignored) for outcome in outcomes.values()] == [False, True]
    assert effects(sent) == [("ship_back", 1), ("subscribe", 1)]
    assert sent.untrue() == []


@pytest.mark.parametrize("late", ["accepted", "picking", "packed", "cancelled", "rejected"])
def test_a_report_that_comes_late_is_history(sent: FakePool, late: str) -> None:
    report(sent, "shipped", no_of(sent), packages=[box("YT1")])

    assert "is shipped already" in report(sent, late, no_of(sent))

    assert state(sent, no_of(sent)) == "shipped"
    assert sent.untrue() == []


def test_a_document_shipped_in_part_keeps_the_locks_of_the_rest(sent: FakePool) -> None:
    no = no_of(sent)
    report(sent, "shipped", no, packages=[box("YT1", tea=2, cup=1)], final=False)
    assert state(sent, no) == "part_shipped"
    assert sent.locked("TEA") == 4
    assert sent.untrue() == []

    report(sent, "shipped", no, packages=[box("YT2", tea=1, cup=0)], final=True)

    assert state(sent, no) == "shipped"
    assert sent.locked("TEA") == 3
    assert effects(sent) == [("ship_back", 2), ("subscribe", 2)]
    assert sent.untrue() == []


@pytest.mark.parametrize("packages", [[], [box("YT1", tea=2, cup=1)]])
def test_a_document_shipped_in_part_is_closed_by_a_final_report_without_a_new_box(
    sent: FakePool, packages: list[dict[str, Any]]
) -> None:
    no = no_of(sent)
    report(sent, "shipped", no, packages=[box("YT1", tea=2, cup=1)], final=False)

    assert report(sent, "shipped", no, packages=packages, final=True) == ""

    assert state(sent, no) == "short"
    assert sent.locked("TEA") == 3
    assert effects(sent) == [("ship_back", 1), ("subscribe", 1)]
    assert sent.rows("select code from hold where released_at is null") == [("SHIPPED_SHORT",)]
    assert sent.untrue() == []


def test_a_warehouse_that_cancels_the_rest_closes_what_it_shipped_in_part(sent: FakePool) -> None:
    no, (earlier, left, later) = no_of(sent), (f"2026-11-20T0{hour}:00:00Z" for hour in (1, 2, 3))
    report(sent, "shipped", no, packages=[box("YT1", tea=2, cup=1)], final=False, occurred_at=left)
    # what it had cancelled before a box left after all says nothing of the rest
    assert "is part_shipped already" in report(sent, "cancelled", no, occurred_at=earlier)
    assert sent.locked("TEA") == 4

    assert report(sent, "cancelled", no, occurred_at=later, reason_code="NO_STOCK") == ""

    assert state(sent, no) == "short"
    assert sent.locked("TEA") == 3
    assert effects(sent) == [("ship_back", 1), ("subscribe", 1)]
    assert sent.rows("select code from hold where released_at is null") == [("SHIPPED_SHORT",)]
    assert sent.untrue() == []


def test_a_document_of_which_all_left_is_closed_without_a_shortage(sent: FakePool) -> None:
    no = no_of(sent)
    report(sent, "shipped", no, packages=[box("YT1")], final=False)

    assert report(sent, "shipped", no, packages=[], final=True) == ""
    assert "no package" in report(sent, "shipped", no, packages=[], final=True)

    assert state(sent, no) == "shipped"
    assert sent.rows("select count(*) from event where what = 'document_cancelled'") == [(0,)]
    assert sent.rows("select code from hold where released_at is null") == []
    assert sent.untrue() == []


def test_a_document_closed_with_nothing_in_it_is_held_as_one_that_the_warehouse_refused(sent: FakePool) -> None:
    no = no_of(sent)

    assert report(sent, "shipped", no, packages=[], final=True, reason_code="NOTHING_SHIPPED") == ""
    assert "is cancelled already" in report(sent, "shipped", no, packages=[], final=True)

    assert state(sent, no) == "cancelled"
    assert effects(sent) == []
    assert sent.rows("select code, sentence like '%%NOTHING_SHIPPED' from hold") == [("WMS_REFUSED", True)]
    assert sent.untrue() == []


def test_a_document_closed_short_gives_the_missing_units_back(sent: FakePool) -> None:
    no = no_of(sent)

    report(sent, "shipped", no, packages=[box("YT1", tea=1, cup=1)], final=True)

    assert state(sent, no) == "short"
    assert sent.locked("TEA") == 3
    assert sent.rows("select s.on_hand from stock s join sku k on k.id = s.sku_id where k.code = 'TEA'") == [(9,)]
    assert sent.untrue() == []


@pytest.mark.parametrize(
    ("packages", "why_not"),
    [
        ([box("YT1", tea=4)], "line 1 has 3 open, 4 are reported"),
        ([box("YT1"), box("YT2", tea=1, cup=0)], "line 1 has 0 open, 1 are reported"),
        ([{"tracking_no": "YT1", "lines": [{"line_no": "9", "qty": 1}]}], "line 9 with 1 units is not in it"),
        ([{"tracking_no": "YT1", "lines": [{"line_no": "1", "qty": "many"}]}], "line 1 with many units is not in it"),
        ([{"tracking_no": "YT1", "lines": [{"line_no": "1", "qty": -1}]}], "line 1 with -1 units is not in it"),
        ([box("YT1", tea=0, cup=0)], "the packages hold no units"),
        ([{"lines": [{"line_no": "1", "qty": 1}]}], "no package with a tracking_no"),
        ([{"tracking_no": "YT1", "lines": ["1"]}], "hold something that is no line"),
        ([{"tracking_no": "Y" * 5000, "lines": [{"line_no": "1", "qty": 1}]}], "a waybill of 5000 characters is none"),
        ([], "no package with a tracking_no"),
        ("nonsense", "no package with a tracking_no"),
    ],
)
def test_a_report_that_cannot_be_true_changes_nothing(sent: FakePool, packages: Any, why_not: str) -> None:
    no = no_of(sent)

    assert why_not in report(sent, "shipped", no, packages=packages)

    assert state(sent, no) == "created"
    assert effects(sent) == []
    assert sent.locked("TEA") == 6
    assert sent.untrue() == []


def test_a_waybill_of_another_document_is_refused(sent: FakePool) -> None:
    report(sent, "shipped", no_of(sent, 1), packages=[box("YT1")])

    assert "waybill YT1 belongs to" in report(sent, "shipped", no_of(sent, 2), packages=[box("YT1")])

    assert state(sent, no_of(sent, 2)) == "created"
    assert sent.untrue() == []


def test_one_waybill_in_two_documents_of_one_chunk_goes_to_the_first(sent: FakePool) -> None:
    envelopes = [
        {"type": "outbound.shipped", "data": {"outbound_no": no_of(sent, n), "packages": [box("YT1")]}} for n in (1, 2)
    ]

    with transaction() as conn:
        outcomes = apply_confirmations(conn, [(n, "WH-A", e) for n, e in enumerate(envelopes)], why())

    assert [bool(outcome.ignored) for outcome in outcomes.values()] == [False, True]
    assert sent.rows("select count(*) from parcel") == [(1,)]


def test_packages_under_one_waybill_are_one_parcel(sent: FakePool) -> None:
    report(sent, "shipped", no_of(sent), packages=[box("YT1", tea=1, cup=0), box("YT1", tea=2, cup=1)])

    assert state(sent, no_of(sent)) == "shipped"
    assert sent.rows("select waybill from parcel") == [("YT1",)]
    assert sent.untrue() == []


def test_two_parcels_with_one_package_number_are_two_parcels(sent: FakePool) -> None:
    packages = [box("YT1", tea=1, cup=0) | {"package_no": "P1"}, box("YT2", tea=2, cup=1) | {"package_no": "P1"}]

    report(sent, "shipped", no_of(sent), packages=packages)

    assert sent.rows("select waybill from parcel order by 1") == [("YT1",), ("YT2",)]


def test_the_second_parts_parcels_may_be_numbered_from_one_again(sent: FakePool) -> None:
    no = no_of(sent)
    report(sent, "shipped", no, packages=[box("YT1", tea=1, cup=0) | {"package_no": "P1"}], final=False)

    assert report(sent, "shipped", no, packages=[box("YT2", tea=2, cup=1) | {"package_no": "P1"}]) == ""

    assert sent.rows("select waybill from parcel order by 1") == [("YT1",), ("YT2",)]


@pytest.mark.parametrize("warehouse", ["WH-B", "WH-X"])
def test_a_warehouse_cannot_speak_of_anothers_document(sent: FakePool, warehouse: str) -> None:
    assert "has no outbound document" in report(sent, "shipped", no_of(sent), warehouse, packages=[box("YT1")])

    assert state(sent, no_of(sent)) == "created"


@pytest.mark.parametrize("kind", ["cancelled", "rejected"])
def test_a_document_that_the_warehouse_gives_up_keeps_stock_true(sent: FakePool, kind: str) -> None:
    assert report(sent, kind, no_of(sent)) == ""

    assert state(sent, no_of(sent)) == kind
    assert sent.untrue() == []


def test_states_move_forward_in_any_order_of_reports(sent: FakePool) -> None:
    no = no_of(sent)

    assert [bool(report(sent, kind, no)) for kind in ("picked", "accepted", "packed", "packed")] == [
        False,
        True,
        False,
        True,
    ]
    assert state(sent, no) == "packed"


def test_a_time_that_cannot_be_is_not_taken_for_one(sent: FakePool) -> None:
    # what a warehouse writes that has no time; no later report could be read beside it
    report(sent, "accepted", no_of(sent), occurred_at="0001-01-01T00:00:00+08:00")
    report(sent, "packed", no_of(sent))

    assert state(sent, no_of(sent)) == "packed"


def test_what_a_clock_ahead_of_ours_tells_happened_by_now(sent: FakePool) -> None:
    report(sent, "shipped", no_of(sent), packages=[box("YT1")], occurred_at=(NOON + timedelta(hours=8)).isoformat())

    assert sent.rows("select distinct shipped_at from outbound_document where state = 'shipped'") == [(NOON,)]
    assert sent.rows("select distinct occurred_at from stock_movement where reason = 'shipped'") == [(NOON,)]


def test_a_number_that_was_another_documents_by_mistake_is_its_owners(sent: FakePool) -> None:
    report(sent, "shipped", no_of(sent, 1), packages=[box("YT000001")])
    with transaction() as conn:
        renumber_parcel(conn, Correction("YT000001", "YT000009"), why())

    assert report(sent, "shipped", no_of(sent, 2), packages=[box("YT000001")]) == ""

    assert "known already" in report(sent, "shipped", no_of(sent, 1), packages=[box("YT000001")])
    assert sent.rows("select waybill from parcel order by id") == [("YT000009",), ("YT000001",)]
    assert sent.untrue() == []


def test_a_report_waits_for_whoever_changes_its_order_before_it_locks_the_document(sent: FakePool) -> None:
    with ThreadPoolExecutor(1) as threads:
        with transaction() as conn:
            conn.execute("select 1 from order_state for update")
            reporting = threads.submit(report, sent, "shipped", no_of(sent), packages=[box("YT1")])
            wait_for_a_blocked_session()
            conn.execute("select 1 from outbound_document for update nowait")
        assert reporting.result(timeout=30) == ""


def wait_for_a_blocked_session() -> None:
    with connect(autocommit=True) as conn:
        for _ in range(400):
            row = conn.execute("select count(*) from pg_locks where not granted").fetchone()
            if row and row[0]:
                return
            sleep(0.025)
    raise AssertionError("nobody waits for a row")
