"""Orders that the order desk decides about, and what becomes of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, Stage, advance
from tasks import desk
from tasks.decided import Decided
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.reconcile import reconcile
from tasks.resume import resume_waiting
from tasks.route import route_batch
from tasks.track import track_batch
from tasks.validate import validate_batch
from tests.fakes import NOON, FakePool, payload, why

LI = Cause("person:li", NOON, None, 1)
STOPS: dict[str, Callable[..., Decided]] = {"hold": desk.hold, "reject": desk.reject, "cancel": desk.cancel}
STAGES = ("ingested", "validated", "locked", "routed", "dispatched")


def brought_to(pool: FakePool, stage: str, orders: int = 1) -> FakePool:
    """Orders 1, 2, ... of 3 TEA, taken as far as a stage without a review, whose runs are over."""
    pool.stock(TEA=10 + 3 * orders)
    pool.take([payload(no, units={"TEA": 3}) for no in range(1, orders + 1)])
    pool.execute("update receiver set division_code = '330106'")
    with transaction() as conn:
        if stage != "ingested":
            advance(conn, range(1, orders + 1), Stage.VALIDATED, why())
        for step in (lock_batch, route_batch, dispatch_batch)[: max(STAGES.index(stage) - 1, 0)]:
            step(conn, 1, why())
    pool.execute("update batch set state = 'closed'")
    return pool


def resumed(pool: FakePool, hours: float = 1) -> int:
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", NOON + timedelta(hours=hours)))
    for batch_id in count.batch_ids:
        for stage in (validate_batch, lock_batch, route_batch, dispatch_batch, track_batch):
            with transaction() as conn:
                stage(conn, batch_id, why("resume", NOON + timedelta(hours=hours)))
    pool.execute("update batch set state = 'closed'")
    return count.orders


def place(*codes: str, order_id: int = 1, **evidence: Any) -> None:
    with transaction() as conn:
        place_holds(conn, [(order_id, Finding(HoldCode(code), "for a test", evidence)) for code in codes], why())


def is_true(pool: FakePool) -> bool:
    return pool.untrue() == [] and reconcile() == []
