"""Asking about silent parcels: both sources within their limits, and an end of asking that people see."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Scan, Trace
from models.database import transaction
from models.errors import ChannelDenied, ChannelError, ChannelRejected, ChannelUnavailable, RateLimited
from models.order import Cause
from models.settings import clock
from sandbox.server import Sandbox
from tasks.audit import DOWN_AFTER, AuditCount, audit_parcels
from tasks.counterparts import open_carrier, open_second_source
from tasks.questions import NO_MOVEMENT, NO_SCAN
from tasks.setup import add_carrier
from tasks.trace import apply_traces, take_parcels
from tests.fakes import NOON, FakePool

DENIED = ChannelDenied("kuaidi100", "query", "returnCode 601")
DOWN = ChannelUnavailable("kuaidi100", "query", "HTTP 503")


class Source:
    """A source of tracking that says of each number what it is set to, and remembers when it was asked."""

    def __init__(self, name: str, **says: Trace | ChannelError) -> None:
        self.name = name
        self.says = says
        self.rest: ChannelError | None = None
        self.asked: list[str] = []

    def query(self, carrier: str, waybill: str, phone_last4: str) -> Trace:
        self.asked.append(waybill)
        said = self.says.get(waybill, self.rest)
        if isinstance(said, ChannelError):
            raise said
        return said or Trace(carrier, waybill, None, (), source=self.name)

    def asks(self) -> list[str]:
        """The numbers asked about since the last look."""
        found, self.asked = self.asked, []
        return found


def told(source: str, stage: str, at: datetime) -> Trace:
    coded = stage if source == "kuaidi100" else ""
    return Trace("yuantong", "", stage, (Scan(at, coded, "", f"{stage} at {at:%d %H:%M}", ""),), source=source)


@pytest.fixture
def parcels(pool: FakePool) -> FakePool:
    """Two parcels that left at noon and were never heard of since."""
    pool.execute(
        """insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
             receiver_token, created_at)
           select 1, 'OB1', w.id, s.id, 1, 1, 'shipped', 'yuantong', 'rcv', %s from warehouse w, shop s
           where w.code = 'WH-A'""",
        NOON,
    )
    for number in (1, 2):
        pool.execute(
            """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
                 salt_enc, callback_token, note)
               values (%s, 1, 'P' || %s, 'yuantong', 'YT00000' || %s, 'label_created', %s, %s, %s, '', %s, '')""",
            number,
            number,
            number,
            NOON,
            NOON,
            NOON,
            f"token-{number}",
        )
    return pool


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def audit(first: Source, second: Source | None, hours: float) -> AuditCount:
    return audit_parcels(first, second, Cause("test", after(hours), "run-1", 1))


def notes(pool: FakePool) -> Mapping[int, str]:
    return dict(pool.rows("select id, note from parcel order by id"))


BOTH = ["YT000001", "YT000002"]


# the source that pushes


def test_what_is_silent_for_six_hours_is_asked_about_and_again_after_six(parcels: FakePool) -> None:
    first = Source("kuaidi100")
    asked = {hours: (audit(first, None, hours), sorted(first.asks()))[1] for hours in (5, 6.1, 7.1, 11.1, 12.1)}

    assert asked == {5: [], 6.1: BOTH, 7.1: [], 11.1: [], 12.1: BOTH}


def test_what_is_told_moves_the_parcel_and_ends_the_silence(parcels: FakePool) -> None:
    first = Source("kuaidi100", YT000001=told("kuaidi100", "in_transit", after(2)))

    assert audit(first, None, 7) == AuditCount(2, 1, 1)
    assert parcels.rows("select stage, heard_at from parcel order by id")[0] == ("in_transit", after(7))
    first.asks()
    audit(first, None, 12.95)
    assert first.asks() == ["YT000002"]


def test_a_number_is_never_asked_about_twice_in_half_an_hour_whoever_asks(parcels: FakePool) -> None:
    first = Source("kuaidi100")
    audit(first, None, 7)
    parcels.execute("update parcel set carrier = 'zhongtong', heard_at = heard_at - interval '9 hours'")
    first.asks()
    audit(first, None, 7.4)

    assert first.asks() == []


def test_a_source_that_is_down_is_left_alone_and_what_it_was_not_asked_is_asked_next_time(parcels: FakePool) -> None:
    parcels.execute(
        """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
             salt_enc, callback_token, note)
           select n, 1, 'P' || n, carrier, 'YT00000' || n, stage, stage_at, shipped_at, heard_at, '', 'token-' || n, ''
           from parcel, generate_series(3, 9) n where id = 1"""
    )
    first = Source("kuaidi100")
    first.rest = DOWN
    with pytest.raises(ChannelUnavailable):
        audit(first, None, 7)
    tried = first.asks()
    first.rest = None
    audit(first, None, 7.1)

    assert len(tried) == DOWN_AFTER
    assert sorted(first.asks() + tried) == [f"YT00000{n}" for n in range(1, 10)]


@pytest.mark.parametrize("stop", [DENIED, RateLimited("kuaidi100", "query", "too often", 1800)])
def test_a_source_that_says_enough_is_asked_no_further(parcels: FakePool, stop: ChannelError) -> None:
    first = Source("kuaidi100")
    first.rest = stop
    with pytest.raises(type(stop)):
        audit(first, None, 7)

    assert len(first.asks()) == 1


# the second source


@pytest.mark.parametrize(
    "obstacle", [None, DOWN, ChannelRejected("kuaidi100", "query", "408")], ids=["no result", "down", "refused"]
)
def test_where_the_first_cannot_say_the_second_is_asked(parcels: FakePool, obstacle: ChannelError | None) -> None:
    first = Source("kuaidi100", YT000002=told("kuaidi100", "collected", after(1)))
    if obstacle:
        first.says["YT000001"] = obstacle
    second = Source("aliyun", YT000001=told("aliyun", "in_transit", after(3)))
    count = audit(first, second, 7)

    assert second.asks() == ["YT000001"]
    assert (count.asked_second, count.moved_second) == (1, 1)
    assert parcels.rows("select stage from parcel order by id") == [("in_transit",), ("collected",)]


def test_what_the_first_gave_up_only_the_second_is_asked(parcels: FakePool) -> None:
    parcels.execute("update parcel set dropped_at = %s where id = 1", after(1))
    first, second = Source("kuaidi100"), Source("aliyun")
    first.says["YT000002"] = told("kuaidi100", "collected", after(1))
    audit(first, second, 7)

    assert (first.asks(), second.asks()) == (["YT000002"], ["YT000001"])


def test_when_the_account_is_refused_the_second_is_asked_about_all_and_the_run_says_so(parcels: FakePool) -> None:
    first, second = Source("kuaidi100"), Source("aliyun")
    first.rest = DENIED
    with pytest.raises(ChannelDenied, match="601"):
        audit(first, second, 7)

    assert sorted(second.asks()) == BOTH


def test_when_the_first_is_down_the_second_stands_in_for_it(parcels: FakePool) -> None:
    first, second = Source("kuaidi100"), Source("aliyun")
    first.rest = RateLimited("kuaidi100", "query", "too often", 1800)
    count = audit(first, second, 7)

    assert sorted(second.asks()) == BOTH
    assert "too often" in count.away


def test_the_second_is_asked_by_stage(parcels: FakePool) -> None:
    parcels.execute("update parcel set dropped_at = %s", after(1))
    first = Source("kuaidi100")
    second = Source("aliyun", YT000001=told("aliyun", "out_for_delivery", after(3)))
    asked = {}
    for hours in (4.5, 5, 5.5, 6, 7, 8.5):  # from half past four in the afternoon on
        audit(first, second, hours)
        asked[hours] = sorted(second.asks())

    assert asked == {4.5: BOTH, 5: [], 5.5: BOTH[:1], 6: [], 7: BOTH[:1], 8.5: BOTH}


def test_the_second_sleeps_from_one_to_six(parcels: FakePool) -> None:
    first, second = Source("kuaidi100"), Source("aliyun")
    night = [datetime(2026, 11, 20, 17 + n, 0, tzinfo=UTC) - NOON for n in (0, 4)]  # 1 and 5 o'clock in China
    for since in night:
        audit(first, second, since.total_seconds() / 3600)
    asleep = second.asks()
    audit(first, second, 18)  # 6 o'clock

    assert asleep == []
    assert sorted(second.asks()) == BOTH


def test_an_answer_that_says_nothing_new_is_heard_and_no_work(parcels: FakePool) -> None:
    parcels.execute("update parcel set dropped_at = %s", after(1))
    second = Source("aliyun", YT000001=told("aliyun", "in_transit", after(3)))
    moved = [audit(Source("kuaidi100"), second, hours).moved_second for hours in (7, 11.5)]

    assert moved == [1, 0]
    assert parcels.rows("select heard_at from parcel where id = 1") == [(after(11.5),)]


def test_a_push_makes_the_first_source_the_one_again(parcels: FakePool) -> None:
    first, second = Source("kuaidi100"), Source("aliyun")
    audit(first, second, 7)
    with transaction() as conn:
        taken = take_parcels(conn, "id", [1])
        push = told("kuaidi100", "in_transit", after(8))
        apply_traces(conn, [(1, taken[1], push)], Cause("test", after(8), "run-1", 1))
    second.asks()
    audit(Source("kuaidi100"), second, 12.5)

    assert second.asks() == ["YT000002"]


def test_an_answer_without_a_scan_is_no_word_of_the_parcel(parcels: FakePool) -> None:
    audit(Source("kuaidi100"), None, 7)

    assert parcels.rows("select distinct heard_at from parcel") == [(NOON,)]


# the end of asking


def test_after_three_days_of_nothing_nobody_asks_and_the_note_says_so(parcels: FakePool) -> None:
    first, second = Source("kuaidi100"), Source("aliyun")
    for hours in range(7, 24 * 4, 6):
        audit(first, second, hours)
    first.asks(), second.asks()
    audit(first, second, 24 * 5)

    assert (first.asks(), second.asks()) == ([], [])
    assert notes(parcels) == {1: NO_SCAN, 2: NO_SCAN}
    assert parcels.rows("select count(*) from parcel where unasked_at is not null") == [(2,)]


def test_that_the_carrier_gave_a_parcel_up_is_what_its_note_says(parcels: FakePool) -> None:
    parcels.execute("update parcel set dropped_at = %s, note = 'given up' where id = 1", after(1))
    for hours in range(7, 24 * 5, 6):
        audit(Source("kuaidi100"), Source("aliyun"), hours)

    assert notes(parcels) == {1: "given up", 2: NO_SCAN}
    assert parcels.rows("select count(*) from parcel where unasked_at is not null") == [(2,)]


def test_after_thirty_days_without_movement_nobody_asks(parcels: FakePool) -> None:
    first = Source("kuaidi100", YT000001=told("kuaidi100", "in_transit", after(2)))
    audit(first, None, 7)
    first.asks()
    audit(first, None, 24 * 30 + 3)

    assert first.asks() == []
    assert notes(parcels)[1] == NO_MOVEMENT


def test_a_new_scan_takes_the_note_back(parcels: FakePool) -> None:
    parcels.execute("update parcel set unasked_at = %s, note = %s", after(1), NO_SCAN)
    with transaction() as conn:
        push = told("kuaidi100", "in_transit", after(8))
        apply_traces(conn, [(1, take_parcels(conn, "id", [1])[1], push)], Cause("test", after(8), "run-1", 1))

    assert notes(parcels) == {1: "", 2: NO_SCAN}
    assert parcels.rows("select unasked_at is null from parcel order by id") == [(True,), (False,)]


# over HTTP


def test_both_sources_are_asked_over_http_within_their_limits(parcels: FakePool, sandbox: Sandbox) -> None:
    for entry in sandbox.world()["carriers"]:
        names = ("endpoint", "key", "customer", "appcode")
        add_carrier(entry["code"], {name: entry[name] for name in names if name in entry})
    sandbox.do("POST", "/clock", {"now": clock().now().isoformat()})
    parcels.execute("update parcel set waybill = 'YT000000000000' || id")
    sandbox.do("POST", "/faults", {"target": "carrier:kuaidi100", "kind": "http_503"})
    with transaction() as conn:
        first, second = open_carrier(conn), open_second_source(conn)
    counts = [audit_parcels(first, second, Cause("test", after(hours), "run-1", 1)) for hours in (7, 7.2)]
    books = sandbox.do("GET", "/books")["carriers"]["aliyun"]

    assert [(count.asked, count.asked_second) for count in counts] == [(2, 2), (0, 0)]
    assert books == {"queries": {"YT0000000000001": 1, "YT0000000000002": 1}, "too_soon": []}


def test_without_its_credentials_there_is_no_second_source(pool: FakePool) -> None:
    with transaction() as conn:
        assert open_second_source(conn) is None
