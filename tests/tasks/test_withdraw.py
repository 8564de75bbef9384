"""Documents that are blocked: their instruction does not leave any more, and their orders begin again, none lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from models.database import connect, transaction
from models.errors import ChannelUnavailable
from models.hold import HoldCode, release_holds
from models.messages import OutboxKind
from models.order import Cause
from models.rules.faults import Fault
from models.settings import clock
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.outbox import COUNTERPART_LOCKS, Pending, deliver_due
from tasks.reconcile import reconcile
from tasks.resume import resume_waiting
from tasks.route import route_batch
from tasks.track import track_batch
from tasks.undelivered import obstacles_of
from tasks.validate import validate_batch
from tasks.withdraw import lift_blocks
from tests.clocks import TickingClock, in_force
from tests.fakes import FakePool, payload, why

KINDS = (OutboxKind.OUTBOUND_CREATED,)
MOVED = payload(1)["shipping"] | {"address_1": "滨江区江南大道9号"}


class Warehouse:
    """A warehouse that notes what it gets; `closed` makes it unreachable."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.closed = False
        self._noting = threading.Lock()

    def send(self, counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        return {message.id: lambda key=message.key: self._take(key) for message in pending}  # type: ignore[misc]

    def _take(self, key: str) -> None:
        if self.closed:
            raise ChannelUnavailable("WH-A", "send", "HTTP 503")
        with self._noting:
            self.got.append(key)


@pytest.fixture
def ticking() -> Iterator[TickingClock]:
    """A clock that goes on by a minute with each look."""
    with in_force(TickingClock(timedelta(minutes=1))) as mine:
        yield mine


def cause() -> Cause:
    return why(at=clock().now())


def stages(pool: FakePool, batches: Sequence[int] | None = None) -> None:
    """Take open batches through all stages, each at a time of its own."""
    for batch_id in pool.open_batches() if batches is None else batches:
        for stage in (validate_batch, lock_batch, route_batch, dispatch_batch, track_batch):
            with transaction() as conn:
                stage(conn, batch_id, cause())


def resume(pool: FakePool) -> int:
    with transaction() as conn:
        lift_blocks(conn, cause().at)
    with transaction() as conn:
        count = resume_waiting(conn, cause())
    stages(pool, count.batch_ids)
    return count.orders


@pytest.fixture
def waiting(pool: FakePool, ticking: TickingClock) -> FakePool:
    """An order of 3 TEA whose instruction to WH-A waits in the outbox."""
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 3})])
    stages(pool)
    return pool


def deliver(pool: FakePool, warehouse: Warehouse) -> int:
    return deliver_due(warehouse.send, KINDS, cause()).delivered


def test_a_blocked_instruction_is_taken_back_and_the_order_leaves_as_the_shop_wants_it(waiting: FakePool) -> None:
    warehouse = Warehouse()
    waiting.take([payload(1, 1, units={"TEA": 5}, shipping=MOVED)], run="run-2")
    stages(waiting)

    assert deliver(waiting, warehouse) == 0
    assert waiting.stages() == {"1": "ingested"}
    assert waiting.locked() == 3
    assert resume(waiting) == 1
    assert deliver(waiting, warehouse) == 1

    assert waiting.stages() == {"1": "dispatched"}
    assert waiting.rows("select quantity from allocation") == [(5,)]
    assert waiting.rows("select state from outbound_document order by id") == [("cancelled",), ("created",)]
    assert waiting.holds() == {}
    assert waiting.untrue() == []
    assert reconcile() == []


def test_the_pool_agrees_with_itself_at_every_step_of_a_withdrawal(waiting: FakePool) -> None:
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    assert reconcile() == []

    deliver(waiting, Warehouse())

    assert reconcile() == []


def test_a_blocked_instruction_whose_batch_is_still_open_is_not_lost(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 3})])
    (batch_id,) = pool.open_batches()
    for stage in (validate_batch, lock_batch, route_batch, dispatch_batch):
        with transaction() as conn:
            stage(conn, batch_id, cause())
    pool.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    deliver(pool, Warehouse())

    assert resume(pool) == 1
    assert pool.stages() == {"1": "dispatched"}


def test_an_instruction_that_the_warehouse_refused_is_taken_back_as_well(waiting: FakePool) -> None:
    waiting.execute("update outbox set state = 'refused', attempts = 1")
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")

    deliver(waiting, Warehouse())

    assert waiting.rows("select state from outbox") == [("withdrawn",)]
    assert waiting.stages() == {"1": "ingested"}


def test_an_order_cancelled_before_its_instruction_left_ends_as_cancelled(waiting: FakePool) -> None:
    waiting.take([payload(1, 1, "cancelled", units={"TEA": 3})], run="run-2")

    deliver(waiting, Warehouse())

    assert (waiting.stages(), waiting.locked(), waiting.holds()) == ({"1": "cancelled"}, 0, {})
    assert waiting.rows("select count(*) from document_block where lifted_at is null") == [(0,)]
    assert reconcile() == []


def test_an_order_that_is_paid_again_before_it_was_withdrawn_leaves(waiting: FakePool) -> None:
    warehouse = Warehouse()
    waiting.take([payload(1, 1, "cancelled", units={"TEA": 3})], run="run-2")
    waiting.take([payload(1, 2, units={"TEA": 3})], run="run-3")

    deliver(waiting, warehouse)
    resume(waiting)
    deliver(waiting, warehouse)

    assert len(warehouse.got) == 1
    assert waiting.stages() == {"1": "dispatched"}


def test_an_instruction_that_may_have_arrived_is_sent_again_by_its_key_and_its_block_stays(waiting: FakePool) -> None:
    waiting.execute("update outbox set in_doubt = true")
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    warehouse = Warehouse()

    deliver(waiting, warehouse)

    assert warehouse.got == [key for (key,) in waiting.rows("select key from outbox where state = 'delivered'")]
    assert (len(warehouse.got), waiting.stages(), waiting.locked()) == (1, {"1": "dispatched"}, 3)
    assert waiting.rows("select count(*) from document_block where lifted_at is null") == [(1,)]
    assert waiting.holds() == {"1": ["CHANGED_LATE"]}


@pytest.mark.parametrize("state", ["accepted", "shipped", "rejected"])
def test_an_instruction_that_its_warehouse_reported_on_has_arrived_and_is_not_sent_again(
    waiting: FakePool, state: str
) -> None:
    waiting.execute("update outbox set in_doubt = true, state = 'refused'")
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    waiting.execute("update outbound_document set state = %s", state)
    warehouse = Warehouse()

    deliver(waiting, warehouse)

    assert [key for key in warehouse.got if not key.endswith("-cancel")] == []
    assert waiting.rows("select state, in_doubt from outbox where kind = 'outbound.created'") == [("delivered", False)]


def test_an_instruction_that_is_blocked_says_so_while_it_waits(waiting: FakePool) -> None:
    waiting.take([payload(1, 1, units={"TEA": 5}, shipping=MOVED)], run="run-2")
    with transaction() as conn:
        (waits,) = obstacles_of(conn, [1], KINDS)

    assert (waits.at, waits.count, waits.fault) == ("WH-A", 1, Fault.BLOCKED)
    assert waits.why == "blocked: address_changed, goods_changed"
    assert waits.examples == ("1",)


def test_news_after_a_hold_was_released_keeps_the_document_blocked(waiting: FakePool) -> None:
    waiting.execute("update outbox set in_doubt = true")
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.CHANGED_LATE], cause(), resume=True)
    # as by an amendment that has placed its block, and whose hold this look does not see yet
    waiting.execute("update document_block set placed_at = placed_at + interval '1 second'")

    with transaction() as conn:
        lifted = lift_blocks(conn, cause().at)

    assert lifted == 0


def test_a_block_that_is_being_renewed_is_left_to_the_next_look(waiting: FakePool) -> None:
    waiting.execute("update outbox set in_doubt = true")
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.CHANGED_LATE], cause(), resume=True)

    with transaction() as amending:
        amending.execute("select 1 from document_block for update")
        with connect() as other:
            assert lift_blocks(other, cause().at) == 0


def test_a_sender_that_waits_for_an_order_holds_no_block(waiting: FakePool) -> None:
    """Whoever amends the order has its row first, and then its blocks: the other way round both would wait."""
    waiting.take([payload(1, 1, "cancelled", units={"TEA": 3})], run="run-2")
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.CHANGED_LATE], cause(), resume=True)

    with ThreadPoolExecutor(1) as threads, transaction() as amending:
        amending.execute("select 1 from order_state for update")
        sending = threads.submit(deliver, waiting, Warehouse())
        for _ in range(400):
            if waiting.rows("select 1 from pg_locks where not granted"):
                break
            threading.Event().wait(0.025)
        amending.execute("select 1 from document_block for update nowait")
        amending.commit()
        assert sending.result(timeout=30) == 0
    assert waiting.stages() == {"1": "cancelled"}


def test_an_instruction_that_surely_failed_after_the_change_is_taken_back(
    waiting: FakePool, ticking: TickingClock
) -> None:
    """The change comes while the message is under way; then the warehouse turns out to be unreachable."""
    warehouse = Warehouse()
    warehouse.closed = True

    def send(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
        return warehouse.send(counterpart, pending)

    deliver_due(send, KINDS, cause())
    warehouse.closed = False
    deliver(waiting, warehouse)
    resume(waiting)
    deliver(waiting, warehouse)

    assert len(warehouse.got) == 1
    assert waiting.rows("select quantity from allocation") == [(5,)]
    assert reconcile() == []


def test_a_released_hold_lets_the_document_go_as_it_is(waiting: FakePool) -> None:
    warehouse = Warehouse()
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.CHANGED_LATE], cause(), resume=True)

    deliver(waiting, warehouse)

    assert len(warehouse.got) == 1
    assert waiting.rows("select count(*) from document_block where lifted_at is null") == [(0,)]


def test_a_block_ends_with_its_document(waiting: FakePool) -> None:
    deliver(waiting, Warehouse())
    waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
    waiting.execute("update outbound_document set state = 'shipped'")

    resume(waiting)

    assert waiting.rows("select count(*) from document_block where lifted_at is null") == [(0,)]


def test_an_order_with_a_part_at_another_warehouse_does_not_begin_again(waiting: FakePool) -> None:
    waiting.execute(
        """with other as (
             insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
               receiver_token, created_at)
             select 900, 'OB-B', w.id, d.shop_id, d.batch_id, 1, 'accepted', 'yunda', 'rcv_b', d.created_at
             from outbound_document d cross join warehouse w where w.code = 'WH-B' returning id, warehouse_id)
           insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, document_id)
           select 1, 1, 1, o.warehouse_id, 1, 0, 'a', o.id from other o"""
    )
    waiting.execute(
        "insert into document_block (document_id, order_id, reason, placed_at)"
        " select id, 1, 'goods_changed', created_at from outbound_document where id <> 900"
    )
    waiting.execute(
        "insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)"
        " values (1, 'CHANGED_LATE', '', '{}', 1, now(), false)"
    )
    warehouse = Warehouse()

    deliver(waiting, warehouse)

    assert (warehouse.got, waiting.stages()) == ([], {"1": "dispatched"})


def wait_for_somebody_at(counterpart: str) -> None:
    query = """select count(*) from pg_locks where locktype = 'advisory' and not granted and classid::bigint = %s"""
    with connect(autocommit=True) as conn:
        for _ in range(400):
            row = conn.execute(query, (COUNTERPART_LOCKS,)).fetchone()
            if row and row[0]:
                return
            threading.Event().wait(0.025)
    raise AssertionError(f"nobody waits to send to {counterpart}")


def test_a_change_that_comes_while_a_sender_waits_for_its_turn_stops_the_message(waiting: FakePool) -> None:
    warehouse = Warehouse()
    with ThreadPoolExecutor(1) as threads:
        with connect(autocommit=True) as conn:
            conn.execute("select pg_advisory_lock(%s, hashtext('warehouse:WH-A'))", (COUNTERPART_LOCKS,))
            sending = threads.submit(deliver, waiting, warehouse)
            wait_for_somebody_at("warehouse:WH-A")
            waiting.take([payload(1, 1, units={"TEA": 5})], run="run-2")
        assert sending.result(timeout=30) == 0

    assert warehouse.got == []
    assert waiting.stages() == {"1": "ingested"}


def test_changes_beside_a_sender_are_either_sent_before_or_never(pool: FakePool, ticking: TickingClock) -> None:
    """Each order ends with one instruction that went out: its old one and a block, or none yet and a new beginning."""
    pool.stock(TEA=500)
    pool.take([payload(n, units={"TEA": 1}) for n in range(1, 121)])
    stages(pool)
    warehouse = Warehouse()

    def change(first: int) -> None:
        for no in range(first, first + 20, 4):
            pool.take([payload(n, 1, units={"TEA": 2}) for n in range(no, no + 4)], run=f"run-{no}")

    with ThreadPoolExecutor(3) as threads:
        done: list[Future[Any]] = [
            threads.submit(deliver, pool, warehouse),
            threads.submit(change, 1),
            threads.submit(change, 61),
        ]
        for work in done:
            work.result(timeout=120)
    for _ in range(2):
        deliver(pool, warehouse)
        resume(pool)
    deliver(pool, warehouse)

    assert len(warehouse.got) == len(set(warehouse.got)) == 120
    assert set(pool.stages().values()) == {"dispatched"}
    known = pool.rows(
        """select o.order_no from orders o join allocation a on a.order_id = o.id join outbox x
           on x.subject_id = a.document_id and x.kind = 'outbound.created' and x.state = 'delivered'
           where a.quantity = 1 and exists (select 1 from amended_line l where l.order_id = o.id)"""
    )
    assert {no for (no,) in known} == set(pool.holds())
    assert pool.untrue() == []
    assert reconcile() == []
