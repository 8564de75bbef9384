"""A window that somebody asked for is read beside the shop's own: it brings its orders and leaves the present alone."""

from datetime import UTC, datetime, timedelta

from models.database import transaction
from models.order import Cause
from tasks.inbox import keep
from tasks.ingest import IngestCount, ingest_shop
from tests.pipeline.conftest import World
from tests.pipeline.orders import order


def read(run: str, since: datetime | None = None, until: datetime | None = None) -> IngestCount:
    return ingest_shop("woo-1", since, until, Cause("test", datetime.now(UTC), run, 1))


def notices(world: World) -> list[tuple[str]]:
    return world.rows("select state from inbox where source = 'shop:woo-1'")


def test_it_answers_no_notice_for_what_changed_may_not_be_in_it(world: World) -> None:
    now = datetime.now(UTC)
    world.load("woo-1", [order(1, now)])
    with transaction() as conn:
        keep(conn, "shop:woo-1", "m-1", "{}")
    world.rows("update inbox set received_at = %s returning 1", now - timedelta(minutes=20))

    assert read("asked", now - timedelta(hours=1), now - timedelta(minutes=5)).stored == 1
    assert notices(world) == [("new",)]

    assert read("live").stored == 0
    assert notices(world) == [("done",)]


def test_an_order_that_two_windows_bring_is_in_one_batch(world: World) -> None:
    now = datetime.now(UTC)
    world.load("woo-1", [order(n, now) for n in range(10)])

    first = read("asked", now - timedelta(hours=1), now - timedelta(minutes=5))
    second = read("asked-too", now - timedelta(hours=2), now - timedelta(minutes=6))

    assert (first.stored, second.stored, second.joined, second.batch_ids) == (10, 0, 0, ())
