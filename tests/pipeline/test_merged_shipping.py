"""Orders of one receiver that leave in one box: the warehouse gets one instruction, the shop hears of each order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.order import Cause
from models.settings import clock
from tasks.merging import unmerge_by_hand
from tasks.outbox import deliver_due
from tasks.reconcile import reconcile
from tasks.send import ALL_KINDS, send
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, why, work_off


def two(no: str = "90{:08d}") -> list[dict[str, Any]]:
    """Two orders of one buyer to one receiver."""
    first = order(1, datetime.now(UTC), no=no.format(1))
    return [first, order(2, datetime.now(UTC), no=no.format(2), buyer=first["buyer"], receiver=first["receiver"])]


def ship(world: World) -> None:
    world.ship()
    work_off()
    deliver_due(send, ALL_KINDS, why())


@pytest.mark.parametrize(("shop", "no"), [("woo-1", "{}"), ("pdd-1", "261121-{:015d}")])
def test_each_order_of_a_merged_parcel_is_reported_with_the_shared_number(world: World, shop: str, no: str) -> None:
    world.load(shop, two(no))
    through_the_stages(shop)
    ship(world)

    assert world.rows("select count(*) from outbound_document") == [(1,)]
    (waybill,) = world.rows("select waybill from parcel")[0]
    told = {(row["order_no"], row["waybill"]) for row in world.books()["shops"][shop]["ship_backs"]}
    assert told == {(no.format(1), waybill), (no.format(2), waybill)}
    assert world.rows("select distinct state from outbox") == [("delivered",)]
    assert reconcile() == []


def test_a_warehouse_gives_a_document_back_and_each_order_leaves_alone(world: World) -> None:
    world.load("woo-1", two())
    through_the_stages("woo-1")
    (order_id,) = world.rows("select max(id) from orders")[0]

    unmerge_by_hand([order_id], "another box", Cause("person:li", clock().now(), None, 1))
    deliver_due(send, ALL_KINDS, why())
    world.await_reports(1)
    work_off()
    deliver_due(send, ALL_KINDS, why())

    assert world.rows("select state, count(*) from outbound_document group by 1 order by 1") == [
        ("cancelled", 1),
        ("created", 1),
    ]
    assert world.rows("select stage, count(*) from order_state group by 1 order by 1") == [
        ("dispatched", 1),
        ("validated", 1),
    ]
    assert reconcile() == []
