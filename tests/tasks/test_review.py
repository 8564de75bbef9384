"""The review of stored orders: what it finds out about each, whom it holds, and what people decided stays decided."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import transaction
from models.review import BlacklistKind
from tasks import desk
from tasks.blacklist import add_entry, person_of
from tasks.validate import validate_batch
from tests.fakes import NOON, FakePool, payload, why
from tests.shared_pool import emptied
from tests.tasks.reviewing import PERSON, evidence, guest, let_go, put_in_force, review, review_again


@pytest.fixture
def stocked(pool: FakePool) -> FakePool:
    pool.stock(TEA=100, CUP=100)
    return pool


def same_buyer(no: int, at_s: int, **changes: Any) -> dict[str, Any]:
    """An order of buyer 7, paid so many seconds after the first."""
    paid = NOON - timedelta(hours=2) + timedelta(seconds=at_s)
    return payload(no, customer_id=7, date_paid_gmt=f"{paid:%Y-%m-%dT%H:%M:%S}", **changes)


def test_the_same_goods_soon_after_are_held_and_name_the_first_order(stocked: FakePool) -> None:
    held = review(
        stocked, same_buyer(1, 0), same_buyer(2, 600), same_buyer(3, 1201), same_buyer(4, 60, units={"CUP": 1})
    )

    assert held == {"2": ["REPEATED"]}
    assert evidence(stocked, "REPEATED") == {"rule": "repeat", "earlier": "1", "seconds": 600}


def test_an_order_of_an_earlier_batch_is_repeated_unless_it_was_cancelled(stocked: FakePool) -> None:
    review(stocked, same_buyer(1, 0), same_buyer(2, 5000, units={"CUP": 1}))
    stocked.execute("update batch set state = 'closed', closed_at = created_at")
    stocked.execute("update order_state set stage = 'cancelled' where order_id = 2")

    held = review(stocked, same_buyer(3, 60), same_buyer(4, 5060, units={"CUP": 1}), run="run-2")

    assert held == {"3": ["REPEATED"]}


def test_guests_are_compared_by_phone_and_no_others(stocked: FakePool) -> None:
    shipping = payload(9)["shipping"]

    held = review(stocked, guest(1, shipping=shipping), guest(2, shipping=shipping), guest(3))

    assert held == {"2": ["REPEATED"]}


def listed(kind: BlacklistKind, value: str, shop: str = "") -> int:
    return add_entry(person_of(kind, value, shop), "refuses parcels", why())[0]


@pytest.mark.parametrize(
    ("kind", "value", "shop"),
    [
        (BlacklistKind.PHONE, "+86 139-0000-0002", ""),
        (BlacklistKind.ADDRESS, "浙江杭州市西湖区 梧桐里弄 ２号", ""),
        (BlacklistKind.BUYER, "2", "WOO"),
    ],
)
def test_who_is_on_the_blacklist_is_held(stocked: FakePool, kind: BlacklistKind, value: str, shop: str) -> None:
    entry = listed(kind, value, shop)

    assert review(stocked, payload(1), payload(2), payload(3)) == {"2": ["BLACKLISTED"]}
    assert evidence(stocked, "BLACKLISTED")["entries"] == [
        {"id": entry, "kind": kind.value, "reason": "refuses parcels"}
    ]


def test_a_note_and_an_invoice_are_reviewed_and_never_repeated(stocked: FakePool) -> None:
    meta = [{"key": "_invoice_kind", "value": "company"}, {"key": "_invoice_title", "value": "某某茶业有限公司"}]
    held = review(stocked, payload(1, customer_note="王先生：先别发货"), payload(2, meta_data=meta), payload(3))

    assert held == {"1": ["REMARK"], "2": ["BAD_INVOICE"]}
    told = stocked.rows("select sentence || evidence::text from hold") + stocked.rows("select detail::text from event")
    assert not [text for (text,) in told if text and ("王先生" in text or "茶业" in text)]


def test_a_price_is_judged_by_what_is_usual(stocked: FakePool) -> None:
    stocked.execute(
        """insert into sku_price (sku_id, usual_fen, line_count, given, known_at)
           select id, case code when 'TEA' then 20000 else 2000 end, 0, true, %s from sku""",
        NOON,
    )

    assert review(stocked, payload(1), payload(2, units={"CUP": 1})) == {"1": ["ODD_PRICE"]}


def test_a_presale_is_released_when_its_day_has_come(stocked: FakePool) -> None:
    put_in_force("presale: {items: [{sku: TEA, from: 2026-11-21}]}")

    assert review(stocked, payload(1), payload(2, units={"CUP": 1})) == {"1": ["PRESALE"]}
    assert stocked.rows("select release_at from hold") == [(NOON + timedelta(hours=12),)]


def test_holds_and_states_name_the_version_of_the_rules(stocked: FakePool) -> None:
    put_in_force("high_value: {limit_fen: 1000}")

    review(stocked, payload(1))

    assert stocked.rows("select rule_version from hold union all select rule_version from order_state") == [(1,), (1,)]


def test_only_plain_receivers_have_digests(stocked: FakePool) -> None:
    review(stocked, payload(1), payload(2, shipping=payload(2)["shipping"] | {"address_1": "西湖区梧桐里弄***"}))

    assert stocked.rows("select address_hash is null, receiver_hash is null from receiver order by order_id") == [
        (False, False),
        (True, True),
    ]


def test_one_receiver_has_one_digest_however_it_is_written(stocked: FakePool) -> None:
    other = {"first_name": "修远", "last_name": "欧阳", "city": "杭州", "address_1": "杭州市西湖区 梧桐里弄 1号"}
    review(stocked, payload(1), payload(2, shipping=payload(1)["shipping"] | other))

    assert stocked.rows("select count(distinct receiver_hash), count(distinct address_hash) from receiver") == [(1, 1)]


def test_what_a_person_released_is_not_held_again_for_the_same_reason(stocked: FakePool) -> None:
    review(stocked, payload(1, customer_note="先别发货", total="20000.00", line_items=dear_line()))
    assert stocked.holds() == {"1": ["HIGH_VALUE", "REMARK"]}
    let_go(1, "REMARK")

    assert review_again(stocked, 1) == {"1": ["HIGH_VALUE"]}


def dear_line() -> list[dict[str, Any]]:
    """A line of one TEA for 20,000 yuan."""
    return [payload(1)["line_items"][0] | {"subtotal": "20000.00", "total": "20000.00", "price": 20000}]


def test_another_reason_holds_again(stocked: FakePool) -> None:
    review(stocked, payload(1, customer_note="先别发货"))
    let_go(1, "REMARK")
    stocked.take([payload(1, 1, customer_note="还是先别发货，等我回来")], run="run-2")

    stocked.through_the_stages(to="validate")

    assert stocked.holds() == {"1": ["REMARK"]}


def test_one_hold_of_a_code_tells_all_that_was_found_and_is_decided_at_once(stocked: FakePool) -> None:
    nobody = payload(1)["shipping"] | {"phone": "", "first_name": "", "last_name": ""}
    assert review(stocked, payload(1, total="0.00", shipping=nobody)) == {"1": ["BAD_AMOUNT", "BAD_FIELD"]}
    assert stocked.rows("select sentence from hold where code = 'BAD_FIELD'") == [
        ("nobody is named to receive the parcel; the receiver has no phone",)
    ]

    let_go(1, "BAD_AMOUNT")
    let_go(1, "BAD_FIELD")

    assert review_again(stocked, 1) == {}


def test_an_amount_that_is_wrong_otherwise_than_a_person_decided_holds_again(stocked: FakePool) -> None:
    assert review(stocked, payload(1, total="25.00")) == {"1": ["BAD_AMOUNT"]}
    let_go(1, "BAD_AMOUNT")
    assert review_again(stocked, 1) == {}
    stocked.execute("update batch set state = 'closed', closed_at = created_at")

    assert review(stocked, payload(1, 1, total="60.00"), run="run-2") == {"1": ["BAD_AMOUNT"]}


def test_an_order_that_a_person_stopped_is_not_accepted_by_a_review(stocked: FakePool) -> None:
    stocked.take([payload(1), payload(2)])
    desk.hold([1], "not this one", PERSON)
    (batch_id,) = stocked.open_batches()

    with transaction() as conn:
        count = validate_batch(conn, batch_id, why())

    assert (count.accepted, count.held) == (1, 1)
    assert stocked.rows("select order_id from event where what = 'accepted'") == [(2,)]


def test_what_a_replay_ends_was_not_decided_by_a_person(stocked: FakePool) -> None:
    review(stocked, payload(1, customer_note="先别发货"))
    stocked.execute("update hold set released_at = %s, released_by = 'person:li'", NOON)

    assert review_again(stocked, 1) == {"1": ["REMARK"]}


HITS: dict[str, dict[str, Any]] = {
    "REMARK": {"customer_note": "先别发货"},
    "BAD_INVOICE": {"meta_data": [{"key": "_invoice_kind", "value": "company"}]},
    "HIGH_VALUE": {"total": "20000.00", "line_items": dear_line()},
    "UNPAID": {"status": "pending", "date_paid_gmt": None},
}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(st.sets(st.sampled_from(sorted(HITS))), min_size=1, max_size=3),
    freed=st.sets(st.tuples(st.integers(1, 3), st.sampled_from(["REMARK", "BAD_INVOICE", "HIGH_VALUE"]))),
)
def test_reviewing_again_holds_as_before_but_for_what_people_released(
    stage_database: str, orders: list[set[str]], freed: set[tuple[int, str]]
) -> None:
    with emptied(stage_database):
        pool = FakePool()
        pool.stock(TEA=100)
        changes = [{key: value for code in codes for key, value in HITS[code].items()} for codes in orders]
        first = review(pool, *(payload(no, **change) for no, change in enumerate(changes, 1)))
        for order_id, code in freed:
            let_go(order_id, code)
        expected = {
            no: left
            for no, codes in first.items()
            if (left := [code for code in codes if (int(no), code) not in freed])
        }
        ids = list(range(1, len(orders) + 1))

        assert review_again(pool, *ids) == expected
        assert review_again(pool, *ids) == expected
