"""E-waybills on the floor of an own warehouse: what leaves, leaves under its own number."""

import pytest

from sandbox.server import Sandbox
from tasks.outbox import deliver_due
from tasks.reconcile import reconcile
from tasks.send import ABOUT_ORDERS, send
from tasks.setup import add_carrier
from tasks.waybill_accounts import set_account
from tests.fakes import FakePool
from tests.tasks.floor.house import House, waybill
from tests.tasks.merged import cause


def open_account(sandbox: Sandbox) -> None:
    given = sandbox.carrier()
    add_carrier("kuaidi100", {k: given[k] for k in ("endpoint", "label_endpoint", "key", "customer", "secret")})
    set_account("WH-A", "yuantong", {"partner_id": "K21000119"}, cause())


@pytest.fixture
def labelled(house: House, sandbox: Sandbox) -> House:
    """A house with an account for e-waybills."""
    open_account(sandbox)
    return house


def numbers(pool: FakePool) -> dict[str, str]:
    """The number of each document's e-waybill, when those that are due came."""
    pool.execute("delete from outbox where kind in ('ship_back', 'subscribe')")
    assert deliver_due(send, ABOUT_ORDERS, cause()).failed == {}
    rows = pool.rows("select d.no, v.number from waybill v join outbound_document d on d.id = v.document_id")
    return dict(rows)


def states(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from waybill order by id")]


def test_an_instruction_that_the_house_accepts_has_its_waybill_within_a_delivery(labelled: House) -> None:
    nos = labelled.orders({"TEA": 2}, {"CUP": 1})

    assert sorted(numbers(labelled.pool)) == sorted(nos)
    assert states(labelled.pool) == ["got", "got"]
    assert reconcile() == []


def test_a_parcel_leaves_under_its_own_number_only(labelled: House) -> None:
    first, second = labelled.orders({"TEA": 2, "CUP": 1}, {"TEA": 1, "POT": 1})
    given = numbers(labelled.pool)
    for wave in labelled.waves():
        labelled.fetch(wave)
    labelled.check_all(first)

    assert labelled.view(first).waybills == (given[first],)
    assert labelled.scan("ship", given[second], document=first).said == "waybill_used"
    other = labelled.scan("ship", waybill(1), document=first)
    assert (other.said, other.about) == ("waybill_other", given[first])
    assert labelled.said("ship", given[first].lower(), document=first) == "shipped"

    assert states(labelled.pool) == ["used", "got"]
    assert reconcile() == []


def test_of_orders_of_one_item_the_one_leaves_that_the_label_is_of(labelled: House) -> None:
    nos = labelled.orders({"TEA": 1}, {"TEA": 1}, {"TEA": 1})
    given = numbers(labelled.pool)
    for wave in labelled.waves():
        labelled.fetch(wave)

    assert labelled.scan("ship_one", given[nos[1]], sku="TEA").document == nos[1]
    assert labelled.said("ship_one", waybill(1), sku="TEA") == "waybill_other"
    assert labelled.scan("ship_one", given[nos[0]], sku="TEA").document == nos[0]

    assert [labelled.state(no)[0] for no in nos] == ["shipped", "shipped", "picked"]


def test_a_number_of_paper_is_for_the_order_whose_e_waybill_is_missing(labelled: House) -> None:
    nos = labelled.orders({"TEA": 1}, {"TEA": 1})
    numbers(labelled.pool)
    for wave in labelled.waves():
        labelled.fetch(wave)
    labelled.pool.execute(
        """update waybill set state = 'wanted', number = '' where document_id = (
             select id from outbound_document where no = %s)""",
        nos[1],
    )

    assert labelled.scan("ship_one", waybill(1), sku="TEA").document == nos[1]


def test_a_document_that_is_put_back_is_asked_no_waybill_for(house: House, sandbox: Sandbox) -> None:
    (no,) = house.orders({"TEA": 2})
    for wave in house.waves():
        house.fetch(wave)
    open_account(sandbox)

    house.cancel(no)

    assert house.state(no)[0] == "put_back"
    assert states(house.pool) == []


def test_a_document_without_one_still_leaves_under_a_number_of_paper(labelled: House) -> None:
    (no,) = labelled.orders({"TEA": 2, "CUP": 1})
    for wave in labelled.waves():
        labelled.fetch(wave)
    labelled.check_all(no)

    assert labelled.said("ship", waybill(1), document=no) == "shipped"

    assert states(labelled.pool) == ["cancelled"]


def test_a_cancelled_order_gives_its_waybill_back(labelled: House, sandbox: Sandbox) -> None:
    (no,) = labelled.orders({"TEA": 2})
    numbers(labelled.pool)

    labelled.cancel(no)
    deliver_due(send, ABOUT_ORDERS, cause())

    assert labelled.state(no)[0] == "cancelled"
    assert states(labelled.pool) == ["cancelled"]
    labels = sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["labels"]
    assert [row["cancelled"] for row in labels] == [1]
    assert reconcile() == []


def test_a_number_that_was_given_back_is_nobodys(labelled: House) -> None:
    first, second = labelled.orders({"TEA": 2}, {"CUP": 2})
    given = numbers(labelled.pool)
    labelled.cancel(first)
    for wave in labelled.waves():
        labelled.fetch(wave)
    labelled.check_all(second)

    assert labelled.said("ship", given[first], document=second) == "waybill_used"
