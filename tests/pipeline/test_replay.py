"""A feed that could not be read, or was read wrongly, is read again once its mapping is mended."""

from datetime import UTC, datetime
from pathlib import Path

from connectors.registry import mapping_for
from models.database import transaction
from models.order import Cause
from tasks.counterparts import shop_mapping
from tasks.ingest import ingest_shop
from tasks.replay import replay_batch
from tasks.setup import add_shop
from tests.pipeline.conftest import World
from tests.pipeline.orders import order

WHY = Cause("test", datetime.now(UTC), "run-1", 1)


def mended(folder: Path, **changes: str) -> Path:
    """WooCommerce's mapping with parts of its text replaced."""
    text = mapping_for("woocommerce").read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / f"mapping-{len(list(folder.iterdir()))}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_quarantined_orders_come_in_when_the_mapping_can_read_them(world: World, tmp_path: Path) -> None:
    add_shop("woo-1", "woocommerce", mapping=mended(tmp_path, processing="being-processed"))
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(5)])
    (batch_id,) = ingest_shop("woo-1", None, None, WHY).batch_ids
    assert world.rows("select stored, rejected from batch") == [(0, 5)]

    add_shop("woo-1", "woocommerce", mapping=mapping_for("woocommerce"))
    with transaction() as conn:
        replayed = replay_batch(conn, batch_id, WHY)

    assert replayed == 5
    assert world.rows("select stored, rejected from batch") == [(5, 0)]
    assert world.rows("select count(*) from quarantined_order where released_at is null") == [(0,)]
    assert world.rows("select stage, count(*) from order_state group by 1") == [("ingested", 5)]


def test_orders_read_wrongly_are_read_again_with_their_receivers(world: World, tmp_path: Path) -> None:
    add_shop("woo-1", "woocommerce", mapping=mended(tmp_path, **{"processing: ready": "processing: unpaid"}))
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(5)])
    (batch_id,) = ingest_shop("woo-1", None, None, WHY).batch_ids
    assert world.rows("select distinct pay_state from orders") == [("unpaid",)]
    before = world.rows("select order_id, phone_hash, phone_last4 from receiver order by 1")

    add_shop("woo-1", "woocommerce", mapping=mapping_for("woocommerce"))
    with transaction() as conn:
        replay_batch(conn, batch_id, WHY)
        present = shop_mapping(conn, "woo-1").digest
        again = replay_batch(conn, batch_id, WHY)

    assert again == 0
    assert world.rows("select distinct pay_state from orders") == [("ready",)]
    assert world.rows("select order_id, phone_hash, phone_last4 from receiver order by 1") == before
    assert world.rows(
        """select count(*) from raw_order w join mapping_version m on m.id = w.mapping_version_id
           where m.digest = %s and w.revision = 1""",
        present,
    ) == [(5,)]
