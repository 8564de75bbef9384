"""Amendments: every standing and field has an effect, and a difference is told field by field, line by line."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from models.incoming import IncomingReceiver, LineState, OrderKind, PayState
from models.order import Stage
from models.rules.amendment import (
    DISPATCHED,
    REASONS,
    TABLE,
    Effect,
    Facts,
    Field,
    Handover,
    LineFacts,
    Standing,
    difference,
    handover,
    standing,
)
from models.shipment import DocumentState

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
PLAIN = IncomingReceiver("张伟", "13800005678", "浙江省", "杭州市", "西湖区", "", "梧桐里弄1号", "", False)
TEA = LineFacts("TEA", 2, LineState.OPEN, (2000, 4000))
CUP = LineFacts("CUP", 1, LineState.OPEN, (900, 900))
KNOWN = Facts(PayState.READY, NOON, (4900, 0, 0, 4900, 4900), 0, {"buyer": "快点"}, PLAIN, {"11": TEA, "12": CUP})


def test_the_table_has_an_effect_for_every_standing_and_field_and_nothing_else() -> None:
    assert set(TABLE) == set(product(Standing, Field))


def test_every_field_that_can_block_a_document_has_a_reason() -> None:
    assert {field for (_, field), effect in TABLE.items() if effect is Effect.BLOCK} == set(REASONS)


def test_only_orders_that_are_not_dispatched_begin_again() -> None:
    assert {at for (at, _), effect in TABLE.items() if effect is Effect.RE_REVIEW}.isdisjoint(DISPATCHED)


def test_only_documents_that_have_not_all_left_are_blocked() -> None:
    blocked = {at for (at, _), effect in TABLE.items() if effect is Effect.BLOCK}
    assert blocked == DISPATCHED - {Standing.SHIPPED}


@pytest.mark.parametrize("field", [Field.REMARK, Field.STOP])
def test_a_remark_is_reviewed_before_dispatch_and_only_there(field: Field) -> None:
    before = {Standing.INGESTED, Standing.VALIDATED, Standing.LOCKED, Standing.ROUTED}
    assert {at for at in Standing if TABLE[at, field] is Effect.RE_REVIEW} == before


def test_after_dispatch_only_a_remark_that_asks_to_stop_blocks_a_document() -> None:
    assert {TABLE[at, Field.REMARK] for at in DISPATCHED} == {Effect.ACCEPT}
    assert {at for at in Standing if TABLE[at, Field.STOP] is Effect.BLOCK} == DISPATCHED - {Standing.SHIPPED}


@pytest.mark.parametrize("field", [Field.GOODS, Field.ADDRESS, Field.CONTACT, Field.CANCEL, Field.REFUND])
def test_what_has_left_is_not_changed_any_more(field: Field) -> None:
    assert TABLE[Standing.SHIPPED, field] is Effect.REFUSE


def test_every_stage_kind_pay_state_and_set_of_documents_has_a_standing() -> None:
    sets = [(), *product(Handover), *product(Handover, repeat=2)]
    for kind, stage, pay_state, documents in product(OrderKind, Stage, PayState, sets):
        assert standing(kind, stage, pay_state, documents) in Standing


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ((), Standing.AT_WAREHOUSE),
        ((Handover.UNSENT,), Standing.UNSENT),
        ((Handover.UNSENT, Handover.SENT), Standing.AT_WAREHOUSE),
        ((Handover.UNSENT, Handover.LEFT), Standing.PART_SHIPPED),
        ((Handover.PART_LEFT,), Standing.PART_SHIPPED),
        ((Handover.LEFT, Handover.LEFT), Standing.SHIPPED),
    ],
)
def test_a_dispatched_order_stands_where_its_documents_are(documents: tuple[Handover, ...], expected: Standing) -> None:
    assert standing(OrderKind.GOODS, Stage.DISPATCHED, PayState.READY, documents) is expected


def test_an_instruction_that_may_have_arrived_is_not_unsent() -> None:
    assert handover(DocumentState.CREATED, may_be_known=True) is Handover.SENT


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, ()),
        ({"pay_state": PayState.CANCELLED}, (Field.CANCEL,)),
        ({"pay_state": PayState.BLOCKED}, (Field.NOT_READY,)),
        ({"pay_state": PayState.UNPAID}, (Field.NOT_READY,)),
        ({"pay_state": PayState.FINISHED}, (Field.SHIPPED,)),
        ({"ship_by": None}, (Field.PROMISE,)),
        ({"amounts_fen": (4900, 100, 0, 4800, 4800)}, (Field.AMOUNT,)),
        ({"refunded_fen": 900}, (Field.REFUND,)),
        ({"notes": {"buyer": "慢点"}}, (Field.REMARK,)),
        ({"notes": {}}, ()),
        ({"lines": {"11": TEA}}, (Field.GOODS,)),
        ({"lines": {"11": replace(TEA, quantity=3), "12": CUP}}, (Field.GOODS,)),
        ({"lines": {"11": TEA, "12": replace(CUP, state=LineState.REFUNDING)}}, (Field.REFUND,)),
        ({"lines": {"11": TEA, "12": replace(CUP, state=LineState.CLOSED)}}, (Field.REFUND,)),
        ({"lines": {"11": TEA, "12": replace(CUP, prices_fen=(800, 800))}}, (Field.AMOUNT,)),
        ({"receiver": replace(PLAIN, phone="13900000000")}, (Field.CONTACT,)),
        ({"receiver": replace(PLAIN, address="梧桐里弄2号")}, (Field.ADDRESS,)),
        ({"receiver": replace(PLAIN, city="宁波市", district="", address="")}, (Field.ADDRESS,)),
        ({"receiver": replace(PLAIN, province="", city="", district="", address="", name="", phone="")}, ()),
        ({"receiver": replace(PLAIN, district="")}, ()),
        ({"receiver": replace(PLAIN, name="张*", phone="138****5678", address="梧桐***", masked=True)}, ()),
    ],
)
def test_a_change_is_told_by_its_field(change: dict[str, object], fields: tuple[Field, ...]) -> None:
    assert difference(KNOWN, replace(KNOWN, **change)).fields == fields  # type: ignore[arg-type]


def test_what_was_unpaid_or_blocked_and_may_leave_now_is_good_news() -> None:
    for before in (PayState.UNPAID, PayState.BLOCKED, PayState.PLATFORM_SHIPS, PayState.CANCELLED):
        assert difference(replace(KNOWN, pay_state=before), KNOWN).fields == (Field.READY,)


def test_a_refund_that_is_withdrawn_is_good_news() -> None:
    refunding = replace(KNOWN, lines={"11": TEA, "12": replace(CUP, state=LineState.REFUNDING)})
    assert difference(refunding, KNOWN).fields == (Field.REFUND_WITHDRAWN,)


def test_a_closed_line_that_opens_again_is_more_to_ship() -> None:
    closed = replace(KNOWN, lines={"11": TEA, "12": replace(CUP, state=LineState.CLOSED)})
    assert difference(closed, KNOWN).fields == (Field.GOODS,)


def test_a_line_that_closes_because_we_shipped_it_was_not_called_off() -> None:
    gone = replace(KNOWN, lines={"11": TEA, "12": replace(CUP, gone=True)})
    now = replace(KNOWN, lines={"11": TEA, "12": replace(CUP, state=LineState.CLOSED)})
    assert difference(gone, now).fields == (Field.SHIPPED,)


def stops(notes: Mapping[str, str]) -> frozenset[str]:
    return frozenset(by for by, note in notes.items() if "别发" in note)


@pytest.mark.parametrize(
    ("notes", "fields"),
    [
        ({"buyer": "先别发"}, (Field.REMARK, Field.STOP)),
        ({"seller": "先别发"}, (Field.REMARK, Field.STOP)),
        ({"buyer": "慢点"}, (Field.REMARK,)),
        ({}, ()),
    ],
)
def test_a_note_that_newly_asks_to_stop_is_bad_news(notes: dict[str, str], fields: tuple[Field, ...]) -> None:
    assert difference(KNOWN, replace(KNOWN, notes=notes), stops).fields == fields


def test_a_note_that_asked_to_stop_before_is_no_news() -> None:
    asked = replace(KNOWN, notes={"buyer": "先别发"})
    assert difference(asked, replace(asked, ship_by=None), stops).fields == (Field.PROMISE,)


def test_another_merge_key_of_a_masked_receiver_is_another_address() -> None:
    masked = IncomingReceiver("张*", "", "浙江省", "杭州市", "西湖区", "", "***", "", True, merge_key="k1")
    known, now = replace(KNOWN, receiver=masked), replace(KNOWN, receiver=replace(masked, merge_key="k2"))
    assert difference(known, now).fields == (Field.ADDRESS,)


def test_a_line_diff_tells_what_came_went_and_changed_with_old_and_new() -> None:
    now = replace(KNOWN, lines={"11": replace(TEA, quantity=3, sku_code="TEA-L"), "13": CUP})
    assert difference(KNOWN, now).lines == {
        "added": [{"line": "13", "sku": "CUP", "quantity": 1, "state": "open"}],
        "removed": [{"line": "12", "sku": "CUP", "quantity": 1, "state": "open"}],
        "changed": [{"line": "11", "sku": ["TEA", "TEA-L"], "quantity": [2, 3]}],
    }


def test_a_change_of_the_receiver_names_its_parts_and_no_text() -> None:
    now = replace(KNOWN, receiver=replace(PLAIN, district="滨江区", address="江南大道9号", name="李四"))
    assert difference(KNOWN, now).parts == ("district", "address", "name")
