"""The holds of an order are a set: it goes on when that is empty, and each of them ends by itself."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.batch import BatchOrigin
from models.database import Connection, connect
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, Stage, advance
from models.rules.hold_ends import ENDS_OTHERWISE, REVIEWED
from models.rules.waiting import latest_end
from tasks.amend import step_back
from tasks.batches import open_batch
from tasks.desk_stops import hold_orders, reject_orders
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.release import approve_orders, release_orders
from tasks.resume import resume_waiting
from tasks.route import route_batch
from tests.fakes import NOON, FakePool

KEPT = {HoldCode.MANUAL, HoldCode.REJECTED, HoldCode.SKIPPED, HoldCode.REPLAYED}
PLACED = [HoldCode(code) for code in "REMARK DUPLICATE BLOCKED PRESALE SKIPPED".split()]
FIRST = (HoldCode.REMARK, HoldCode.PRESALE)
SHIP_BY = NOON + timedelta(hours=72)
HANDLING = timedelta(hours=24)

step = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(PLACED)),
    st.tuples(st.just("release"), st.sampled_from([*PLACED, HoldCode.MANUAL, HoldCode.REJECTED])),
    st.tuples(st.just("hold"), st.one_of(st.none(), st.integers(1, 120))),
    st.tuples(st.just("reject"), st.none()),
    st.tuples(st.just("approve"), st.none()),
    st.tuples(st.just("amend"), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


@dataclass(slots=True)
class Model:
    """What must be open: codes with their end, if they have one, and whether the order has left."""

    now: datetime = NOON
    open: dict[HoldCode, datetime | None] = field(default_factory=dict)
    left: bool = False

    def do(self, what: str, value: object) -> None:
        if self.left:
            return
        match what, value:
            case "place", HoldCode():
                self.open.setdefault(value, None)
            case "release", HoldCode() if value not in ENDS_OTHERWISE:
                self.open.pop(value, None)
            case "hold", hours:
                until = self.now + timedelta(hours=hours) if isinstance(hours, int) else None
                end = latest_end(until, SHIP_BY, HANDLING)
                if end is None or end > self.now:
                    self.open[HoldCode.MANUAL] = end
            case "reject", _:
                self.open[HoldCode.REJECTED] = None
            case "approve", _:
                self.open = {code: end for code, end in self.open.items() if code not in REVIEWED}
            case "amend", _:
                self.open = {code: end for code, end in self.open.items() if code in KEPT}
                self.left = not self.open
            case "wait", int():
                self.now += timedelta(hours=value)

    def resume(self) -> None:
        self.open = {code: end for code, end in self.open.items() if end is None or end > self.now}
        self.left = self.left or not self.open


class Desk:
    """One order of 3 TEA of a pool, and all that happens to it, in one transaction that is rolled back."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.runs = 0

    def why(self, at: datetime) -> Cause:
        self.runs += 1
        return Cause("person:li", at + timedelta(seconds=self.runs), f"run-{self.runs}", 1)

    def do(self, what: str, value: object, at: datetime) -> None:
        why = self.why(at)
        match what, value:
            case "place", HoldCode():
                place_holds(self.conn, [(1, Finding(value, "for a test", {}))], why)
            case "release", HoldCode():
                release_orders(self.conn, [1], value, "looked at it", why)
            case "hold", hours:
                until = at + timedelta(hours=hours) if isinstance(hours, int) else None
                hold_orders(self.conn, [1], "looked at it", Cause(why.actor, at, why.flow_run_id, 1), until)
            case "reject", _:
                reject_orders(self.conn, [1], "looked at it", why)
            case "approve", _:
                approve_orders(self.conn, [1], "looked at it", why)
            case "amend", _:
                self.amend(why)

    def amend(self, why: Cause) -> None:
        batch_id = open_batch(self.conn, 1, BatchOrigin.WINDOW, str(why.flow_run_id), why.at)
        step_back(self.conn, batch_id, [1], why)
        self.go_through(batch_id, why)

    def go_through(self, batch_id: int, why: Cause) -> None:
        if self.stage() == "ingested":
            advance(self.conn, [1], Stage.VALIDATED, why)
        for stage in (lock_batch, route_batch, dispatch_batch):
            stage(self.conn, batch_id, why)
        self.conn.execute("update batch set state = 'closed' where state <> 'abandoned'")

    def resume(self, at: datetime) -> None:
        why = self.why(at)
        for batch_id in resume_waiting(self.conn, why).batch_ids:
            self.go_through(batch_id, why)

    def stage(self) -> str:
        return str(self.conn.execute("select stage from order_state").fetchall()[0][0])

    def open(self) -> dict[HoldCode, datetime | None]:
        rows = self.conn.execute("select code, release_at from hold where released_at is null")
        return {HoldCode(row[0]): row[1] for row in rows}


def check(steps: list[tuple[str, object]]) -> None:
    model = Model(open=dict.fromkeys(FIRST))
    with connect() as conn:
        desk = Desk(conn)
        place_holds(conn, [(1, Finding(code, "for a test", {})) for code in FIRST], desk.why(NOON))
        for what, value in steps:
            for _ in range(1 if what == "wait" else 2):  # a decision made twice is made once
                if not model.left:
                    desk.do(what, value, model.now)
                    model.do(what, value)
            assert desk.open() == model.open
            desk.resume(model.now)
            model.resume()
            assert desk.open() == model.open
            assert (desk.stage() == "dispatched") is model.left
            assert all(end <= SHIP_BY - HANDLING for end in desk.open().values() if end)
        conn.rollback()


@pytest.fixture
def waiting(pool: FakePool) -> FakePool:
    """An order of 3 TEA, locked, whose run is over and that is to leave in three days."""
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 3}])
    pool.through_the_stages(to="lock_stock", batches=[1])
    pool.execute("update batch set state = 'closed'")
    pool.execute("update orders set ship_by = %s", SHIP_BY)
    return pool


UNHEALTHY = [HealthCheck.function_scoped_fixture]  # every example is rolled back


@settings(max_examples=40, deadline=None, suppress_health_check=UNHEALTHY)
@given(st.lists(step, min_size=4, max_size=10))
def test_an_order_moves_on_when_its_set_of_holds_is_empty(waiting: FakePool, steps: list[tuple[str, object]]) -> None:
    check(steps)


@pytest.mark.long
@settings(max_examples=1000, deadline=None, suppress_health_check=UNHEALTHY)
@given(st.lists(step, max_size=20))
def test_an_order_moves_on_when_its_set_of_holds_is_empty_whatever_is_decided(
    waiting: FakePool, steps: list[tuple[str, object]]
) -> None:
    check(steps)
