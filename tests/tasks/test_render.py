"""What a warehouse is told of an order's money."""

from typing import Any

from models.database import transaction
from models.rules.purposes import Purpose
from tasks.render import render_outbound
from tests.fakes import FakePool, payload, why

AT_THE_DOOR: dict[str, Any] = {"payment_method": "cod", "date_paid_gmt": None, "date_paid": None}


def asked(pool: FakePool) -> list[str]:
    """What each document asks the carrier to collect, by document."""
    ids = [row[0] for row in pool.rows("select id from outbound_document order by id")]
    with transaction() as conn:
        bodies = render_outbound(conn, ids, Purpose.INSTRUCTION, why())
    return [bodies[document_id]["totals"]["cod_amount"] for document_id in ids]


def test_what_is_due_at_the_door_is_asked_of_the_warehouse(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 2}, **AT_THE_DOOR)])
    pool.through_the_stages()

    assert pool.rows("select paid_fen, cod_fen from orders") == [(0, 4000)]
    assert asked(pool) == ["40.00"]


def test_of_an_order_that_is_paid_nothing_is_collected(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 2})])
    pool.through_the_stages()

    assert asked(pool) == ["0.00"]


def test_an_order_in_two_documents_is_collected_once(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    pool.take([payload(1, units={"TEA": 1, "CUP": 1}, **AT_THE_DOOR)])
    pool.through_the_stages()
    pool.execute(
        """with copied as (
             insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
               receiver_token, created_at)
             select 999, 'OB-B', (select id from warehouse where code = 'WH-B'), shop_id, batch_id, 1, state, carrier,
               'rcv_b', created_at from outbound_document)
           update allocation set document_id = 999 where line_no = 2"""
    )

    assert asked(pool) == ["40.00", "0.00"]


def test_a_payment_that_comes_later_is_no_longer_due(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 1}, **AT_THE_DOOR)])
    pool.take([payload(1, units={"TEA": 1}, date_modified_gmt="2026-11-20T05:00:00")])

    assert pool.rows("select paid_fen, cod_fen from orders") == [(2000, 0)]
