"""Orders on their way through the stages, as on-call finds them, and how they go on."""

from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.reconcile import reconcile
from tasks.resume import end_waits
from tasks.route import route_batch
from tasks.validate import validate_batch
from tests.fakes import FakePool
from tests.tasks.merged import cause, finished, through

STAGES = ("validate", "lock_stock", "route", "dispatch")
STANDS = ("ingested", "validated", "locked", "routed")
"""Where an order stands that waits for each of the stages."""


def go_on(pool: FakePool) -> None:
    """What the resume run does, with the real review."""
    for batch_id in end_waits(cause()).batch_ids:
        through(batch_id, validate_batch, lock_batch, route_batch, dispatch_batch)
        finished(pool, batch_id)


def sound(pool: FakePool) -> bool:
    """Whether no counter and no fact of the pool is wrong."""
    return pool.untrue() == [] and [one.sentence for one in reconcile()] == []
