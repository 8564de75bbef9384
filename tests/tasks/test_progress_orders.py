"""What a buyer is shown of an order: its own items, in its own parcels, and the parts of a split one."""

from models.database import transaction
from models.sealing import phone_hash
from tasks.progress_orders import BuyersOrder, Item, load_order, mask_number, orders_of_number, orders_of_phone
from tests.fakes import NOON, FakePool, payload
from tests.tasks.shipping import report


def shown(order_id: int) -> BuyersOrder:
    with transaction() as conn:
        return load_order(conn, order_id)


def test_a_parcel_has_its_items_and_the_rest_has_still_to_leave(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    pool.take([payload(1, units={"TEA": 3, "CUP": 1})])
    pool.through_the_stages()
    assert report(pool, {"YT7001": {1: 2}}, final=False) == ""
    order = shown(1)

    assert [parcel.items for parcel in order.parcels] == [[Item("TEA", 2)]]
    assert order.to_leave == [Item("TEA", 1), Item("CUP", 1)]
    assert (order.receiver, order.phone, order.region) == ("欧***", "139****0001", "浙江省 杭州市****")


def test_the_components_of_a_kit_are_in_its_parcel_and_the_kit_has_left(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    pool.kit("SET", TEA=1, CUP=2)
    pool.take([payload(1, units={"SET": 1})])
    pool.through_the_stages()
    assert report(pool, {"YT7001": {1: 1, 2: 2}}) == ""
    order = shown(1)

    assert sorted(order.parcels[0].items) == [Item("CUP", 2), Item("TEA", 1)]
    assert (order.items, order.to_leave) == ([Item("SET", 1)], [])


def test_an_order_that_was_split_is_found_as_its_parts(pool: FakePool) -> None:
    pool.take([payload(1), payload(2), payload(3)])
    pool.execute("update orders set split_from = '1' where order_no in ('2', '3')")
    pool.execute("update receiver set phone_last4 = '0001', phone_hash = %s", phone_hash("13900000001"))
    pool.execute("update orders set created_at = %s", NOON)
    parts = {row[0] for row in pool.rows("select id from orders where order_no in ('2', '3')")}
    own_hash = phone_hash("13900000001")
    assert own_hash is not None
    with transaction() as conn:
        by_number = orders_of_number(conn, "1", "0001", NOON)
        by_phone = orders_of_phone(conn, own_hash, NOON)

    assert (set(by_number), set(by_phone)) == (parts, parts)


def test_a_number_is_shown_by_its_ends() -> None:
    assert [mask_number(no) for no in ("3712345678904567", "12345678", "17", "")] == [
        "3712****4567",
        "12****78",
        "****7",
        "****",
    ]
