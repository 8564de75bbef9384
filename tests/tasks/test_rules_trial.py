"""Rules are tried before they count: what the trial says of open orders is what putting them in force then does."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from models.database import in_transaction, transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause
from models.review import BlacklistKind
from tasks.blacklist import add_entry, person_of
from tasks.resume import end_waits
from tasks.review_again import ACTOR, review_next
from tasks.review_rules import read_rules_text, shipped_rules, use_rules, versions
from tasks.rules_trial import Part, try_rules
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.reviewing import let_go, put_in_force, review

OTHERS = """
repeat: {within_minutes: 60}
amount: {absurd_fen: 15000}
price: {low_share: 0.9}
blacklist: {active: false}
invoice: {active: false}
region: {undeliverable: ["440300"]}
remark: {topics: {gift: {keywords: [礼物]}}}
refund: {active: false}
payment: {failed: {}}
presale: {items: [{sku: CUP, from: 2026-11-21}]}
high_value: {limit_fen: 10000}
"""

BLACKLIST = OTHERS.replace("blacklist: {active: false}", "blacklist: {active: true}")


def later(no: int, second: int, **changes: Any) -> dict[str, Any]:
    return payload(no, customer_id=7, date_paid_gmt=f"2026-11-20T02:{second // 60:02d}:{second % 60:02d}", **changes)


def tea(units: int) -> dict[str, Any]:
    return {"units": {"TEA": units}}


@pytest.fixture
def crowd(pool: FakePool) -> FakePool:
    """Reviewed orders of which the usual rules hold some, other rules others, some of them further on."""
    pool.stock(TEA=1000, CUP=100)
    pool.execute(
        """insert into sku_price (sku_id, usual_fen, line_count, given, known_at)
           select id, 2400, 0, true, %s from sku where code = 'CUP'""",
        NOON,
    )
    add_entry(person_of(BlacklistKind.PHONE, "13900000003"), "refuses parcels", why())
    company = [{"key": "_invoice_kind", "value": "company"}]
    shenzhen = payload(6)["shipping"] | {"state": "CN20", "city": "深圳市", "address_1": "南山区科技路6号"}
    pool.take(
        [
            payload(1, **tea(8)),
            payload(2, **tea(5)),
            payload(3),
            payload(4, meta_data=company),
            payload(5, customer_note="先别发货"),
            payload(6, shipping=shenzhen),
            payload(7, customer_note="这是礼物"),
            payload(8, refunds=[{"id": 1, "total": "-5.00"}]),
            payload(9, status="failed", date_paid_gmt=None),
            payload(10, units={"CUP": 1}),
            later(11, 0),
            later(12, 1800),
            payload(13),
        ]
    )
    pool.through_the_stages(to="route")
    return pool


def as_sets(part: Part) -> tuple[set[tuple[str, str]], set[tuple[str, str]], set[tuple[str, str]]]:
    held, freed, renewed = (
        {(no, code.value) for code, numbers in of.items() for no in numbers}
        for of in (part.held, part.freed, part.renewed)
    )
    return held, freed, renewed


def id_of(pool: FakePool, no: str) -> int:
    ((order_id,),) = pool.rows("select id from orders where order_no = %s", no)
    return int(order_id)


def open_holds(pool: FakePool) -> set[tuple[str, str]]:
    return {(no, code) for no, codes in pool.holds().items() for code in codes}


def test_what_the_trial_says_of_open_orders_is_what_use_does_with_every_rule(crowd: FakePool) -> None:
    rules = read_rules_text(OTHERS, "test")
    before = open_holds(crowd)
    held, freed, renewed = as_sets(try_rules(rules, 30, NOON).open)
    assert open_holds(crowd) == before

    used = use_rules(rules, "stricter", why())

    after = open_holds(crowd)
    assert (after - before, before - after) == (held, freed)
    assert held == {
        ("1", "BAD_AMOUNT"),
        ("2", "HIGH_VALUE"),
        ("6", "UNDELIVERABLE"),
        ("7", "REMARK"),
        ("9", "UNPAID"),
        ("10", "ODD_PRICE"),
        ("10", "PRESALE"),
        ("12", "REPEATED"),
    }
    assert freed == {
        ("3", "BLACKLISTED"),
        ("4", "BAD_INVOICE"),
        ("5", "REMARK"),
        ("8", "REFUNDING"),
        ("9", "PAYMENT_FAILED"),
    }
    assert renewed == set()
    assert (len(used.changes.held), len(used.changes.freed), used.changes.orders) == (8, 5, 13)
    assert crowd.untrue() == []


def test_freed_orders_go_on_and_held_ones_wait(crowd: FakePool) -> None:
    put_in_force(OTHERS)
    crowd.execute("update batch set state = 'closed', closed_at = created_at")

    batch_ids = end_waits(why("run-2")).batch_ids
    crowd.through_the_stages(batches=batch_ids)

    stages = crowd.stages()
    assert {stages[no] for no in ("3", "4", "5", "8")} == {"dispatched"}
    assert {stages[no] for no in ("1", "2", "6", "7", "9", "10", "12")}.isdisjoint({"dispatched"})


def test_what_may_not_keep_stock_gives_it_back(crowd: FakePool) -> None:
    locked = crowd.locked()

    put_in_force("amount: {absurd_fen: 15000}")

    assert crowd.stages()["1"] == "validated"
    assert crowd.locked() == locked - 8
    assert crowd.untrue() == []


def test_a_hold_that_a_person_or_another_part_placed_stays(crowd: FakePool) -> None:
    finding = Finding(HoldCode.BAD_AMOUNT, "the sum of the lines differs", {"expectation": "amounts tie"})
    order_id = id_of(crowd, "13")
    with transaction() as conn:
        place_holds(conn, [(order_id, finding), (order_id, Finding(HoldCode.MANUAL, "stopped", {}))], why())

    put_in_force("amount: {active: false}")

    assert crowd.holds()["13"] == ["BAD_AMOUNT", "MANUAL"]


def test_what_the_data_quality_finds_as_well_stays_when_its_rule_goes(pool: FakePool) -> None:
    pool.stock(TEA=10)
    before = review(pool, payload(1, total="0.00"))
    text = "amount: {active: false}"

    assert as_sets(try_rules(read_rules_text(text, "t"), 30, NOON).open) == (set(), set(), set())
    put_in_force(text)

    assert pool.holds() == before == {"1": ["BAD_AMOUNT"]}


def test_what_a_person_let_go_is_not_held_by_a_mere_change_of_a_limit(crowd: FakePool) -> None:
    put_in_force("high_value: {limit_fen: 10000}")
    let_go(id_of(crowd, "2"), "HIGH_VALUE")

    put_in_force("high_value: {limit_fen: 9000}")

    assert "2" not in crowd.holds()


def test_a_hold_takes_over_what_new_rules_say(crowd: FakePool) -> None:
    put_in_force("presale: {items: [{sku: CUP, from: 2026-11-21}]}")

    trial = try_rules(read_rules_text("presale: {items: [{sku: CUP, from: 2026-11-22}]}", "t"), 30, NOON)
    put_in_force("presale: {items: [{sku: CUP, from: 2026-11-22}]}")

    assert as_sets(trial.open) == (set(), set(), {("10", "PRESALE")})
    assert crowd.rows("select evidence->>'from', rule_version from hold where code = 'PRESALE'") == [("2026-11-22", 2)]


def test_past_orders_are_told_apart_from_open_ones(pool: FakePool) -> None:
    pool.stock(TEA=100)
    pool.take([payload(1, **tea(6)), payload(2), payload(3, customer_note="先别发货")])
    pool.through_the_stages()

    trial = try_rules(read_rules_text("high_value: {limit_fen: 10000}\nremark: {active: false}", "t"), 30, NOON)

    assert as_sets(trial.open) == (set(), {("3", "REMARK")}, set())
    assert as_sets(trial.past) == ({("1", "HIGH_VALUE")}, set(), set())
    assert (trial.open.orders, trial.past.orders) == (1, 2)


def test_past_orders_beyond_the_days_are_left_out(pool: FakePool) -> None:
    pool.stock(TEA=100)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.execute("update orders set created_at = created_at - interval '2 days'")

    assert [try_rules(shipped_rules(), days, NOON).past.orders for days in (2, 3)] == [0, 1]


def test_an_interrupted_review_goes_on_where_it_was(crowd: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.review_again.CHUNK", 5)
    rules = read_rules_text("high_value: {limit_fen: 2000}", "t")
    with transaction() as conn:
        conn.execute(
            """insert into review_rules (version, body, note, made_at, made_by, reviewed_to)
               values (1, %s, '', %s, 'test', 0)""",
            (Jsonb(rules.to_json()), NOON),
        )
    in_transaction(lambda conn: review_next(conn, 1, Cause(ACTOR, NOON, None, 1)))
    assert high_values(crowd) == 5

    end_waits(why("run-2"))

    assert high_values(crowd) == 13
    assert crowd.rows("select count(*) from event where what = 'held' and detail->>'code' = 'HIGH_VALUE'") == [(13,)]
    assert versions()[0].reviewed_at == NOON


def high_values(pool: FakePool) -> int:
    return sum("HIGH_VALUE" in codes for codes in pool.holds().values())


def test_the_same_rules_make_no_new_version_and_hold_nobody_twice(crowd: FakePool) -> None:
    put_in_force(OTHERS)
    before = crowd.rows("select count(*) from event")

    used = use_rules(read_rules_text(OTHERS, "again"), "", why())

    assert (used.rules.version, used.is_new, used.changes.orders) == (1, False, 0)
    assert crowd.rows("select count(*) from event") == before


def test_rules_that_are_in_force_already_would_change_nothing(crowd: FakePool) -> None:
    put_in_force(OTHERS)
    add_entry(person_of(BlacklistKind.PHONE, "13900000013"), "refuses parcels", why())
    put_in_force(BLACKLIST)
    add_entry(person_of(BlacklistKind.PHONE, "13900000001"), "refuses parcels", why())

    trial = try_rules(read_rules_text(BLACKLIST, "again"), 30, NOON)
    used = use_rules(read_rules_text(BLACKLIST, "again"), "", why())

    assert "BLACKLISTED" in crowd.holds()["13"]
    assert as_sets(trial.open) == (set(), set(), set())
    assert (trial.open.orders, used.changes.orders) == (0, 0)


def test_of_rules_whose_review_was_interrupted_the_trial_says_what_is_left(
    crowd: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.review_again.CHUNK", 5)
    text = "high_value: {limit_fen: 2000}"
    put_in_force(text)
    crowd.execute("delete from hold where code = 'HIGH_VALUE'")
    crowd.execute("update review_rules set reviewed_at = null, reviewed_to = 5")

    trial = try_rules(read_rules_text(text, "again"), 30, NOON)
    used = use_rules(read_rules_text(text, "again"), "", why())

    assert len(trial.open.held[HoldCode.HIGH_VALUE]) == len(used.changes.held) == 8


def test_the_usual_rules_can_come_back_as_a_version(pool: FakePool) -> None:
    put_in_force("repeat: {active: false}")

    assert use_rules(shipped_rules(), "back", why()).rules.version == 2
    assert [version.rules.version for version in versions()] == [2, 1, 0]


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        ("repeat: {shops: [NOPE]}", "there is no shop NOPE"),
        ("payment: {failed: {ebay: [x]}}", "payment: no channel is called ebay"),
    ],
)
def test_rules_of_a_shop_or_channel_that_there_is_not_are_refused(pool: FakePool, text: str, obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        put_in_force(text)

    assert pool.rows("select 1 from review_rules") == []


def test_orders_are_reviewed_by_the_rules_in_force(pool: FakePool) -> None:
    pool.stock(TEA=10)
    put_in_force("high_value: {limit_fen: 2000}")

    assert review(pool, payload(1)) == {"1": ["HIGH_VALUE"]}
