"""Read wrongly, replayed and let go, orders end as if their mapping had been right from the start."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.sealing import unseal
from tests.fakes import FakePool, payload
from tests.shared_pool import emptied
from tests.tasks.replaying import go_on, read_with, replay

MISTAKES: tuple[tuple[str, str], ...] = (
    ("processing: ready", "processing: unpaid"),
    ("processing: ready", "processing: cancelled"),
    ("processing: ready", "in-process: ready"),
    ("pending: unpaid", "pending: ready"),
    ("cancelled: cancelled", "cancelled: ready"),
    ("title: name", "title: id"),
    ("total_fen: total", "total_fen: {const: '1.00'}"),
    ("sku_code: sku", "sku_code: {from: sku, table: {TEA: CUP, CUP: TEA}, otherwise: keep}"),
    ("quantity: quantity", "quantity: {const: '1'}"),
    ("order_no: [number, id]", "order_no: {from: id, as: text, table: {'1': X-1}, otherwise: keep}"),
    ("external_id: id", "external_id: {from: id, table: {'1': X-1, '2': X-2}, otherwise: keep}"),
    ("phone: [shipping.phone, billing.phone]", "phone: shipping.address_1"),
    ('masked: "false"', 'masked: "true"'),
    ("created_at: date_created_gmt", "created_at: date_modified_gmt"),
    ("buyer_note: customer_note", "seller_note: customer_note"),
    ("  - line_items[].meta_data", "  - line_items[].name\n  - line_items[].meta_data"),
)
STAGES = ("validate", "lock_stock", "route")


@st.composite
def windows(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """One to three windows of a web shop: new orders, and newer versions of orders that came before."""
    found: list[list[dict[str, Any]]] = []
    for number in range(draw(st.integers(1, 3))):
        ids = draw(st.sets(st.integers(1, 5), min_size=1))
        found.append([_version(draw, no, number) for no in sorted(ids)])
    return found


def _version(draw: st.DrawFn, no: int, minute: int) -> dict[str, Any]:
    units = draw(st.dictionaries(st.sampled_from(["TEA", "CUP"]), st.integers(1, 3), min_size=1))
    status = draw(st.sampled_from(["processing", "processing", "pending", "cancelled"]))
    return payload(no, minute, status, units, customer_note="快点" if no % 2 else "")


def full(pool: FakePool) -> list[object]:
    """What the pool holds of every order, with what is derived from it, in words that do not depend on its past."""
    facts = pool.rows(
        """select o.order_no, o.external_id, o.kind, o.buyer_key, o.created_at, o.paid_at, o.ship_by, o.not_ready,
             o.goods_fen, o.discount_fen, o.freight_fen, o.paid_fen, o.refunded_fen, r.masked, r.phone_hash, r.province,
             r.city, r.district, r.division_code,
             (select array_agg((l.line_no, l.platform_line, k.code, l.title, l.paid_fen)::text order by l.line_no)
              from order_line l left join sku k on k.id = l.sku_id where l.order_id = o.id),
             (select array_agg((l.line_no, l.quantity)::text order by l.line_no) from lock l
              where l.order_id = o.id and l.state = 'open')
           from orders o join receiver r on r.order_id = o.id order by 1"""
    )
    notes = [
        (order_id, json.loads(unseal(sealed)) if sealed else {})
        for order_id, sealed in pool.rows(
            "select o.order_no, r.notes_enc from receiver r join orders o on o.id = r.order_id order by 1"
        )
    ]
    return [*pool.orders(), *facts, *notes, pool.holds(), pool.locked("TEA"), pool.locked("CUP")]


def through(pool: FakePool, read: list[list[dict[str, Any]]], stages: list[str | None]) -> None:
    for number, (window, stage) in enumerate(zip(read, stages, strict=True)):
        pool.take(window, run=f"run-{number}")
        if stage:
            pool.through_the_stages(to=stage)


def to_the_end(pool: FakePool) -> None:
    pool.through_the_stages()
    go_on(pool)


def ends_as_if_right(
    stage_database: str, read: list[list[dict[str, Any]]], mistakes: set[tuple[str, str]], data: st.DataObject
) -> None:
    wrong = list({old: (old, new) for old, new in sorted(mistakes)}.values())
    stages = [data.draw(st.sampled_from((None, *STAGES))) for _ in read]
    with emptied(stage_database):
        right = FakePool()
        right.stock(TEA=100, CUP=100)
        through(right, read, stages)
        to_the_end(right)
        expected = full(right)
    with emptied(stage_database):
        pool = FakePool()
        pool.stock(TEA=100, CUP=100)
        read_with(pool, *wrong)
        through(pool, read, stages)
        read_with(pool)

        replay(go_on=True)
        again = replay()
        to_the_end(pool)

        assert (again.changed, again.freed, again.held) == (0, 0, 0)
        assert [pair for pair in zip(full(pool), expected, strict=True) if pair[0] != pair[1]] == []
        assert pool.untrue() == []


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(read=windows(), mistakes=st.sets(st.sampled_from(MISTAKES), min_size=1, max_size=3), data=st.data())
def test_a_replay_ends_as_if_the_mapping_had_been_right(
    stage_database: str, read: list[list[dict[str, Any]]], mistakes: set[tuple[str, str]], data: st.DataObject
) -> None:
    ends_as_if_right(stage_database, read, mistakes, data)


@pytest.mark.long
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(read=windows(), mistakes=st.sets(st.sampled_from(MISTAKES), min_size=1, max_size=3), data=st.data())
def test_many_replays_end_as_if_the_mapping_had_been_right(
    stage_database: str, read: list[list[dict[str, Any]]], mistakes: set[tuple[str, str]], data: st.DataObject
) -> None:
    ends_as_if_right(stage_database, read, mistakes, data)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(read=windows(), data=st.data())
def test_a_replay_with_the_mapping_that_was_always_there_changes_nothing(
    stage_database: str, read: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    with emptied(stage_database):
        pool = FakePool()
        pool.stock(TEA=100, CUP=100)
        through(pool, read, [data.draw(st.sampled_from((None, *STAGES, "track"))) for _ in read])
        before = full(pool), pool.rows("select max(id) from event")

        count = replay()

        assert count.read == count.same
        assert (full(pool), pool.rows("select max(id) from event")) == before
