"""An exchange over real HTTP: its goods come back, and an order of its own leaves through the same stages."""

from datetime import UTC, datetime

from models.database import transaction
from models.messages import OutboxKind
from models.rules.returns import ReturnKind
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.outbox import deliver_batches, deliver_due
from tasks.reconcile import reconcile
from tasks.resume import end_waits
from tasks.returns import Wish, all_good_of, announce, inspect
from tasks.route import route_batch
from tasks.send import ALL_KINDS, send
from tasks.track import track_batch
from tasks.validate import validate_batch
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, why, work_off


def shipped(world: World) -> None:
    """Warehouses ship what waits, and everybody is told."""
    world.ship()
    work_off()
    deliver_due(send, ALL_KINDS, why())


def test_an_exchange_ships_through_the_real_stages_and_its_platform_hears_nothing(world: World) -> None:
    world.load("woo-1", [order(1, datetime.now(UTC))])
    through_the_stages("woo-1")
    shipped(world)
    with transaction() as conn:
        found = announce(conn, Wish(1, {1: 2}, "another colour", ReturnKind.EXCHANGE), why())
        inspect(conn, found.id, all_good_of(conn, found.id), why())

    for batch_id in end_waits(why("resume")).batch_ids:
        for stage in (validate_batch, lock_batch, route_batch, dispatch_batch):
            with transaction() as conn:
                stage(conn, batch_id, why("resume"))
        deliver_batches([batch_id], [OutboxKind.OUTBOUND_CREATED], send, why("resume"))
        with transaction() as conn:
            track_batch(conn, batch_id, why("resume"))
    shipped(world)
    world.travel("delivered")
    work_off()
    deliver_due(send, ALL_KINDS, why("outbox"))

    assert world.rows("select count(*), min(stage), max(stage) from parcel") == [(2, "delivered", "delivered")]
    assert world.rows("select state, count(*) from outbox group by 1") == [("delivered", 6)]
    assert world.rows("select key from outbox where kind = 'delivered_back'") == [("delivered-back-1",)]
    books = world.books()
    assert len(books["shops"]["woo-1"]["ship_backs"]) == 1
    assert reconcile() == []
