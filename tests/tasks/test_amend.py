"""What becomes of an order and its stock when the shop reports a newer version of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import mapping_for
from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from models.rules.amendment import TABLE, Effect, Field, Standing
from models.sealing import unseal
from tasks.confirm import apply_confirmations
from tasks.dispatch import dispatch_batch
from tasks.story import as_text, find_stories
from tests.fakes import FakePool, payload, why

DATA = Path(__file__).parents[1] / "data" / "orders"


@pytest.fixture
def tea(pool: FakePool) -> FakePool:
    """Ten units of TEA, and an order of three that has come as far as route."""
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 3})])
    pool.through_the_stages(to="route")
    assert pool.locked() == 3
    return pool


def lock_ends(pool: FakePool) -> list[tuple[str, int]]:
    return pool.rows("select state, count(*) from lock group by 1 order by 1")


@pytest.mark.parametrize("status", ["cancelled", "refunded"])
def test_a_cancelled_order_gives_its_stock_back_once(tea: FakePool, status: str) -> None:
    for minute in (1, 2):
        tea.take([payload(1, minute, status, {"TEA": 3})], run=f"run-{minute}")
        tea.through_the_stages()

    assert tea.stages() == {"1": "cancelled"}
    assert tea.locked() == 0
    assert lock_ends(tea) == [("moved", 1), ("released", 1)]
    assert tea.untrue() == []


def test_a_cancelled_order_never_gets_a_document(tea: FakePool) -> None:
    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])

    tea.through_the_stages()

    assert tea.rows("select count(*) from outbound_document") == [(0,)]


def test_the_failed_runs_dispatch_finds_nothing_of_an_order_cancelled_since(tea: FakePool) -> None:
    (first,) = tea.open_batches()
    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])

    with transaction() as conn:
        count = dispatch_batch(conn, first, why())

    assert (count.orders, count.documents) == (0, 0)


def test_a_larger_basket_locks_the_new_quantity(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 5})])
    tea.through_the_stages()

    assert tea.stages() == {"1": "dispatched"}
    assert tea.locked() == 5
    assert tea.rows("select quantity from allocation") == [(5,)]
    assert tea.untrue() == []


def test_a_basket_that_no_longer_fits_waits_without_a_lock(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 11})])
    tea.through_the_stages()

    assert tea.holds() == {"1": ["SHORT_STOCK"]}
    assert tea.locked() == 0
    assert tea.rows("select count(*) from outbound_document") == [(0,)]


def test_an_order_paid_later_joins_the_window_in_which_it_was_paid(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, 0, "pending")])
    pool.through_the_stages()
    assert (pool.holds(), pool.locked()) == ({"1": ["UNPAID"]}, 0)

    count = pool.take([payload(1, 1), payload(2, 1)], run="run-2")
    pool.through_the_stages()

    assert (count.stored, count.joined) == (1, 1)
    assert pool.stages() == {"1": "dispatched", "2": "dispatched"}
    assert pool.holds() == {}
    assert pool.rows("select count(distinct batch_id) from order_state") == [(1,)]


def test_after_dispatch_a_newer_version_is_noted_and_the_order_stays(tea: FakePool) -> None:
    tea.through_the_stages()

    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])
    tea.through_the_stages()

    assert tea.stages() == {"1": "dispatched"}
    assert tea.rows("select pay_state from orders") == [("cancelled",)]
    assert tea.locked() == 3
    assert tea.untrue() == []


def test_an_order_shipped_by_somebody_else_is_held_and_gives_up_its_stock(tea: FakePool) -> None:
    tea.take([payload(1, 1, "completed", {"TEA": 3})])
    tea.through_the_stages()

    assert tea.holds() == {"1": ["SHIPPED_ELSEWHERE"]}
    assert tea.locked() == 0


def test_a_masked_receiver_that_comes_later_leaves_the_fuller_one(pool: FakePool) -> None:
    pool.execute("update shop set channel = 'tmall'")
    (masked, *_) = json.loads((DATA / "taobao.json").read_text("utf-8"))
    clear = masked | {"receiver_name": "张伟", "receiver_mobile": "13800005678", "receiver_address": "某某路1号"}

    pool.take([clear])
    pool.take([masked | {"modified": "2026-11-20 10:00:00"}], run="run-2")

    ((*_, name, phone, address, last4, _lines),) = pool.orders()
    assert (name, phone, address, last4) == ("张伟", "13800005678", "某某路1号", "5678")


MOVED = payload(1)["shipping"] | {"address_1": "滨江区江南大道9号"}
NEWS: dict[Field, dict[str, Any]] = {
    Field.NOT_READY: {"status": "on-hold"},
    Field.SHIPPED: {"status": "completed"},
    Field.CANCEL: {"status": "cancelled"},
    Field.GOODS: {"line_items": payload(1, units={"TEA": 5})["line_items"], "total": "60.00"},
    Field.ADDRESS: {"shipping": MOVED},
    Field.CONTACT: {"shipping": payload(1)["shipping"] | {"phone": "13700000000"}},
    Field.AMOUNT: {"total": "59.00"},
    Field.REFUND: {"refunds": [{"id": 1, "total": "-20.00"}]},
    Field.REMARK: {"customer_note": "快点"},
    Field.STOP: {"customer_note": "先别发货"},
}
"""Newer versions of an order of 3 TEA, each with one change."""


def bring(pool: FakePool, standing: Standing) -> None:
    """Take the order of `tea`, which is routed, to where it is to stand."""
    if standing is Standing.ROUTED:
        return
    pool.through_the_stages(to="dispatch")
    if standing is not Standing.UNSENT:
        pool.execute("update outbox set state = 'delivered'")
    if standing in (Standing.PART_SHIPPED, Standing.SHIPPED):
        units = 3 if standing is Standing.SHIPPED else 1
        box = {"package_no": "P1", "tracking_no": "YT1", "lines": [{"line_no": "1", "qty": units}]}
        ((no,),) = pool.rows("select no from outbound_document")
        data = {"outbound_no": no, "packages": [box], "final": standing is Standing.SHIPPED}
        with transaction() as conn:
            apply_confirmations(conn, [(1, "WH-A", {"type": "outbound.shipped", "data": data})], why())


def told(pool: FakePool) -> dict[str, str]:
    """The fields that amendments changed and with what effect, as the events say."""
    rows = pool.rows("select detail->'fields' from event where what in ('amended', 'amendment_refused') order by id")
    return {field: effect for (fields,) in rows for field, effect in fields.items()}


@pytest.mark.parametrize("field", NEWS)
@pytest.mark.parametrize(
    "standing",
    [Standing.ROUTED, Standing.UNSENT, Standing.AT_WAREHOUSE, Standing.PART_SHIPPED, Standing.SHIPPED],
)
def test_a_change_has_the_effect_that_the_table_says(tea: FakePool, standing: Standing, field: Field) -> None:
    bring(tea, standing)

    tea.take([payload(1, 1, units={"TEA": 3}) | NEWS[field]])

    effect = TABLE[standing, field]
    assert told(tea)[field.value] == effect.value
    assert (tea.stages() == {"1": "ingested"}) is (effect is Effect.RE_REVIEW)
    assert bool(tea.rows("select 1 from document_block")) is (effect is Effect.BLOCK)
    assert ("1" in tea.holds()) is (effect in (Effect.BLOCK, Effect.REFUSE))
    assert tea.untrue() == []


def test_a_remark_before_dispatch_is_reviewed_while_the_order_keeps_its_stock(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 3}, customer_note="先别发货")])
    assert tea.locked() == 3

    tea.through_the_stages()

    assert (tea.stages(), tea.holds(), tea.locked()) == ({"1": "locked"}, {"1": ["REMARK"]}, 3)


def test_a_payment_that_failed_gives_the_stock_back_until_it_is_paid(tea: FakePool) -> None:
    tea.take([payload(1, 1, "failed", {"TEA": 3}, date_paid_gmt=None)], run="run-1")
    tea.through_the_stages()
    assert (tea.holds(), tea.locked()) == ({"1": ["PAYMENT_FAILED"]}, 0)

    tea.take([payload(1, 2, units={"TEA": 3})], run="run-2")
    tea.through_the_stages()

    assert (tea.stages(), tea.locked()) == ({"1": "dispatched"}, 3)


def test_a_blocked_document_has_each_reason_once(tea: FakePool) -> None:
    bring(tea, Standing.AT_WAREHOUSE)

    for minute in (1, 2):
        news = {"shipping": MOVED, "refunds": [{"id": 1, "total": f"-{minute}.00"}]}
        tea.take([payload(1, minute, units={"TEA": 3}) | news])

    assert tea.rows("select reason from document_block order by 1") == [("address_changed",), ("refund",)]


def test_an_address_changed_after_shipping_is_not_taken_over(tea: FakePool) -> None:
    bring(tea, Standing.SHIPPED)

    tea.take([payload(1, 1, units={"TEA": 3}, shipping=MOVED)])

    assert tea.orders()[0][8] == "西湖区梧桐里弄1号"
    assert tea.rows("select count(*) from raw_order") == [(2,)]


def test_goods_changed_after_shipping_leave_the_lines_as_they_were_shipped(tea: FakePool) -> None:
    bring(tea, Standing.SHIPPED)

    tea.take([payload(1, 1, units={"TEA": 5})])

    assert tea.rows("select quantity from order_line") == [(3,)]


def test_an_order_cancelled_after_shipping_is_no_cancelled_order(tea: FakePool) -> None:
    bring(tea, Standing.SHIPPED)

    tea.take([payload(1, 1, "cancelled", units={"TEA": 3})])

    assert tea.stages() == {"1": "dispatched"}
    assert tea.rows("select pay_state, platform_status from orders") == [("ready", "cancelled")]


def test_a_refund_after_shipping_is_noted_as_money(tea: FakePool) -> None:
    bring(tea, Standing.SHIPPED)

    tea.take([payload(1, 1, units={"TEA": 3}) | NEWS[Field.REFUND]])

    assert tea.rows("select refunded_fen from orders") == [(2000,)]


def test_a_refused_change_told_again_is_no_news(tea: FakePool) -> None:
    bring(tea, Standing.SHIPPED)
    tea.take([payload(1, 1, units={"TEA": 5})])

    tea.take([payload(1, 2, "completed", units={"TEA": 5})])

    assert tea.rows("select count(*) from event where what = 'amendment_refused'") == [(1,)]


def test_the_event_tells_lines_with_old_and_new_and_nothing_personal(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 5, "CUP": 1}, shipping=MOVED)])

    ((detail,),) = tea.rows("select detail from event where what = 'amended'")
    assert detail["lines"] == {
        "added": [{"line": "11", "sku": "CUP", "quantity": 1, "state": "open"}],
        "changed": [{"line": "10", "quantity": [3, 5]}],
    }
    assert detail["receiver"] == ["address"]
    assert "江南大道" not in json.dumps(detail, ensure_ascii=False)


def test_the_story_tells_what_an_amendment_changed(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 5, "CUP": 1}, shipping=MOVED)])

    text = as_text(find_stories("1", why())[0], "")

    assert "goods re_review, amount re_review, address re_review, + 1 x CUP (line 11), line 10: quantity 3 -> 5" in text


def test_the_story_tells_that_a_document_is_blocked(tea: FakePool) -> None:
    bring(tea, Standing.AT_WAREHOUSE)
    tea.take([payload(1, 1, units={"TEA": 3}, shipping=MOVED)])

    assert "in WH-A: created, blocked: address_changed" in as_text(find_stories("1", why())[0], "")


def test_a_hold_that_a_person_placed_outlives_news_of_the_shop(tea: FakePool) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.SKIPPED, "parked", {}))], why())

    tea.take([payload(1, 1, units={"TEA": 5})])

    assert tea.holds() == {"1": ["SKIPPED"]}


def test_a_line_that_the_shop_calls_off_is_not_shipped(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    own_mapping(
        pool, "  quantity: quantity", "  quantity: quantity\n  state: {from: refund, table: {'1': closed, '0': open}}"
    )
    lines = payload(1, units={"TEA": 3, "CUP": 1})["line_items"]
    pool.take([payload(1, total="80.00", line_items=[line | {"refund": "0"} for line in lines])])
    pool.through_the_stages(to="route")

    pool.take([payload(1, 1, total="80.00", line_items=[lines[0] | {"refund": "0"}, lines[1] | {"refund": "1"}])])
    pool.through_the_stages()

    assert pool.rows("select line_no, quantity from allocation") == [(1, 3)]
    assert (pool.locked("TEA"), pool.locked("CUP")) == (3, 0)


def test_a_shop_that_blanks_the_receiver_later_leaves_all_as_it_was(pool: FakePool) -> None:
    handles = "  name_cipher: shipping.name_cipher\n  merge_key: shipping.key\n  masked: auto"
    own_mapping(pool, '  masked: "false" # people type stars into addresses', handles)
    shipping = payload(1)["shipping"] | {"name_cipher": "~n~", "key": "k1"}
    pool.take([payload(1, shipping=shipping)])
    before = pool.orders()[0][6:10]

    pool.take([payload(1, 1, "completed", shipping=dict.fromkeys(shipping, ""))])

    assert pool.orders()[0][6:10] == before
    ((ciphers, key, region, cut),) = pool.rows("select cipher_enc, merge_key, province || city, cut_enc from receiver")
    assert (json.loads(unseal(ciphers)), key, region) == ({"name": "~n~"}, "k1", "浙江省杭州市")
    assert json.loads(unseal(cut))["shipping"] == shipping


def test_a_new_promise_moves_the_deadline_of_a_document_under_way(tea: FakePool) -> None:
    mapping = "  ship_by: {from: due}\n  order_no: ["
    own_mapping(tea, "  order_no: [", mapping)
    bring(tea, Standing.AT_WAREHOUSE)

    tea.take([payload(1, 1, units={"TEA": 3}, due="2026-11-25T04:00:00")])

    assert told(tea) == {"promise": "accept"}
    assert tea.rows("select ship_by = deadline_at, ship_by::date::text from outbound_document") == [
        (True, "2026-11-25")
    ]


def test_a_blanked_region_is_no_moved_address(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 3}, shipping=dict.fromkeys(payload(1)["shipping"], ""))])

    assert (tea.stages(), told(tea)) == ({"1": "routed"}, {})


def own_mapping(pool: FakePool, old: str, new: str) -> None:
    """Give the shop a mapping of its own: its channel's with one change."""
    text = mapping_for("woocommerce").read_text("utf-8")
    assert old in text
    pool.execute("update shop set settings = %s", json.dumps({"mapping": {"body": text.replace(old, new)}}))


def test_news_while_a_changed_order_waits_for_a_person_reaches_that_person(tea: FakePool) -> None:
    tea.through_the_stages()
    tea.execute("update outbox set state = 'delivered'")
    tea.take([payload(1, 1, units={"TEA": 5})], run="run-2")

    tea.take([payload(1, 2, "cancelled", {"TEA": 5})], run="run-3")

    ((fields, sentence),) = tea.rows("select evidence->'fields', sentence from hold where released_at is null")
    assert fields == ["goods", "cancel"]
    assert "(goods, cancel)" in sentence
    told = tea.rows("select detail->>'sentence' from event where what = 'held' order by id")
    assert [text.count("cancel") for (text,) in told] == [0, 1]


def test_a_refused_version_is_stored_once_however_often_it_is_read(tea: FakePool) -> None:
    tea.through_the_stages()
    tea.execute("update outbox set state = 'delivered'")
    tea.execute("update outbound_document set state = 'shipped'")
    count = tea.take([payload(1, 1, "cancelled", {"TEA": 3})], run="run-2")
    before = tea.rows("select count(*) from event")
    assert tea.rows("select count(*) from event where what = 'amendment_refused'") == [(1,)]

    tea.take([payload(1, 1, "cancelled", {"TEA": 3})], run="run-3")

    assert count.rejected == 0
    assert tea.rows("select count(*) from event") == before
    assert tea.rows("select max(revision) from raw_order") == [(2,)]
    assert tea.rows("select count(*) from batch where flow_run_id = 'run-3'") == [(0,)]


def test_of_the_same_second_another_payload_with_other_money_is_newer(tea: FakePool) -> None:
    tea.take([payload(1, 0, "cancelled", {"TEA": 3})], run="run-2")
    tea.through_the_stages()

    assert tea.stages() == {"1": "cancelled"}
