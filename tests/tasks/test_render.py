"""What a warehouse is told of an order's money, and a carrier of a parcel's way."""

from collections.abc import Iterator
from typing import Any

import pytest

from models.database import transaction
from models.messages import OutboxKind
from models.rules.purposes import Purpose
from models.settings import settings
from tasks.outbox_calls import Pending
from tasks.render import render_outbound, render_subscriptions
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.shipping import dispatched, report

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


@pytest.fixture
def public(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation that the outside can reach."""
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "https://pool.example.com")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_a_parcel_is_followed_from_its_warehouse_to_its_receiver(pool: FakePool, public: None) -> None:
    dispatched(pool)
    report(pool, {"YT1": {1: 3, 2: 1}})
    with transaction() as conn:
        (told,) = render_subscriptions(conn, [Pending(7, OutboxKind.SUBSCRIBE, 1, "subscribe-1", 0, NOON)]).values()

    assert (told.from_place, told.to_place) == ("浙江省杭州市西湖区", "浙江省杭州市")
    assert told.carrier == "yuantong"
