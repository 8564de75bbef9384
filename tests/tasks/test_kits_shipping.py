"""Kits on their way: locked, instructed and reported by component, told to the shop as the pieces it sold."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from models.database import transaction
from models.rules.purposes import Purpose
from tasks.confirm import apply_confirmations
from tasks.kits import import_kits
from tasks.known_orders import load_known
from tasks.reconcile import reconcile
from tasks.render import render_outbound
from tests.fakes import FakePool, why
from tests.tasks.shipping import Shop, instructed, messages, report


@pytest.fixture
def kitted(pool: FakePool) -> FakePool:
    """One order of 2 GIFT (1 TEA and 2 CUP each) and 1 POT, in a document of WH-A: CUP, TEA, POT by line and SKU."""
    pool.stock(CUP=10, TEA=10, POT=10)
    pool.kit("GIFT", TEA=1, CUP=2)
    return instructed(pool, {"GIFT": 2, "POT": 1})


CUPS, TEAS, POTS = 1, 2, 3
"""The numbers of the document's lines."""


def bodies(pool: FakePool) -> list[dict[str, Any]]:
    ids = [row[0] for row in pool.rows("select id from outbound_document order by id")]
    with transaction() as conn:
        found = render_outbound(conn, ids, Purpose.INSTRUCTION, why())
    return [found[document_id] for document_id in ids]


def on_hand(pool: FakePool) -> dict[str, int]:
    return dict(pool.rows("select k.code, s.on_hand from stock s join sku k on k.id = s.sku_id where s.on_hand > 0"))


def part_in(pool: FakePool, sku: str) -> None:
    """Let one component of the order leave from WH-B, in a document of its own."""
    pool.stock(**{f"{sku}_B": 10})
    pool.execute(
        """with place as (select id from warehouse where code = 'WH-B'), thing as (select id from sku where code = %s),
           copied as (
             insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
               receiver_token, created_at)
             select 999, 'OB-B', place.id, shop_id, batch_id, 1, state, carrier, 'rcv_b', created_at
             from outbound_document, place),
           allocated as (update allocation a set document_id = 999, warehouse_id = place.id from place, thing
                         where a.sku_id = thing.id),
           locked as (update lock k set warehouse_id = place.id from place, thing
                      where k.sku_id = thing.id and k.state = 'open' returning k.sku_id, k.quantity, k.warehouse_id)
           update stock s set locked = case when s.warehouse_id = l.warehouse_id then l.quantity else 0 end
           from locked l where s.sku_id = l.sku_id""",
        sku,
    )


# the instruction


def test_the_warehouse_is_told_components_and_the_kit_they_are_of(kitted: FakePool) -> None:
    lines = bodies(kitted)[0]["lines"]

    assert [(line["sku"], line["qty"], line["platform_line_no"]) for line in lines] == [
        ("CUP", 4, "10"),
        ("TEA", 2, "10"),
        ("POT", 1, "11"),
    ]
    assert [line.get("kit") for line in lines] == [
        {"sku": "GIFT", "name": "GIFT", "per_unit": 2},
        {"sku": "GIFT", "name": "GIFT", "per_unit": 1},
        None,
    ]


def test_the_price_of_a_kit_falls_on_its_units_and_adds_up(kitted: FakePool) -> None:
    body = bodies(kitted)[0]

    assert [line["amount"] for line in body["lines"]] == ["26.66", "13.34", "20.00"]
    assert body["totals"]["amount"] == "60.00"


def test_what_an_order_comes_to_adds_up_over_its_documents(kitted: FakePool) -> None:
    part_in(kitted, "TEA")

    found = bodies(kitted)

    assert [len(body["lines"]) for body in found] == [2, 1]
    assert sum(Decimal(line["amount"]) for body in found for line in body["lines"]) == Decimal("60.00")
    assert sum(Decimal(body["totals"]["amount"]) for body in found) == Decimal("60.00")


def test_a_kit_that_changes_leaves_what_is_locked_as_it_is(kitted: FakePool, tmp_path: Path) -> None:
    before = bodies(kitted)
    file = tmp_path / "kits.csv"
    file.write_text("kit,component,quantity\nGIFT,POT,7\n")

    import_kits(file)

    assert bodies(kitted) == before
    assert report(kitted, {"YT000001": {CUPS: 4, TEAS: 2, POTS: 1}}) == ""
    assert kitted.untrue() == []


# what leaves


def test_a_kit_leaves_as_its_components_and_everything_reconciles(kitted: FakePool) -> None:
    shop = Shop()

    assert report(kitted, {"YT000001": {CUPS: 4, TEAS: 2, POTS: 1}}) == ""

    assert on_hand(kitted) == {"CUP": 6, "TEA": 8, "POT": 9}
    assert kitted.rows("select state, count(*) from lock where warehouse_id is not null group by 1") == [
        ("consumed", 3)
    ]
    shop.tell()
    (told,) = shop.told
    assert told.line_nos == ()
    assert told.last_parcel
    assert [(piece.sku_code, piece.quantity, piece.whole) for piece in told.pieces] == [
        ("GIFT", 2, True),
        ("POT", 1, True),
    ]
    assert kitted.untrue() == []
    assert reconcile() == []


def test_a_component_that_is_reported_beyond_what_is_open_is_not_believed(kitted: FakePool) -> None:
    assert "line 2 has 2 open, 3 are reported" in report(kitted, {"YT000001": {TEAS: 3}})


def test_a_report_may_name_the_sku_instead_of_the_line(kitted: FakePool) -> None:
    no = kitted.rows("select no from outbound_document")[0][0]
    lines = [{"sku": "TEA", "qty": 2}, {"sku": "CUP", "qty": 4}]
    package = {"tracking_no": "YT000001", "lines": lines}
    envelope = {"type": "outbound.shipped", "data": {"outbound_no": no, "packages": [package], "final": False}}
    with transaction() as conn:
        assert apply_confirmations(conn, [(1, "WH-A", envelope)], why())[1].ignored == ""

    assert on_hand(kitted) == {"CUP": 6, "TEA": 8, "POT": 10}


def test_a_line_is_gone_when_all_its_components_left(kitted: FakePool) -> None:
    def gone() -> dict[str, bool]:
        with transaction() as conn:
            return {number: line.gone for number, line in load_known(conn, [1])[1].facts.lines.items()}

    report(kitted, {"YT000001": {CUPS: 4, POTS: 1}}, final=False)
    assert gone() == {"10": False, "11": True}

    report(kitted, {"YT000002": {TEAS: 2}})
    assert gone() == {"10": True, "11": True}


def test_one_component_short_gives_its_rest_back_and_holds_the_order(kitted: FakePool) -> None:
    shop = Shop(tracking_unit="units")

    report(kitted, {"YT000001": {CUPS: 2, TEAS: 2, POTS: 1}})

    assert kitted.rows("select state from outbound_document") == [("short",)]
    assert kitted.holds() == {"1": ["SHIPPED_SHORT"]}
    assert kitted.locked("CUP") == 0
    assert on_hand(kitted) == {"CUP": 8, "TEA": 8, "POT": 9}
    shop.tell()
    assert [(piece.sku_code, piece.quantity, piece.whole) for piece in shop.told[0].pieces] == [
        ("GIFT", 1, False),
        ("POT", 1, True),
    ]
    assert kitted.untrue() == []


# what the shop is told


def test_a_box_counts_the_kits_that_it_completes(kitted: FakePool) -> None:
    shop = Shop(tracking_unit="units")
    report(kitted, {"YT000001": {CUPS: 3, POTS: 1}, "YT000002": {CUPS: 1, TEAS: 2}})

    shop.tell()

    assert [[(piece.sku_code, piece.quantity) for piece in told.pieces] for told in shop.told] == [
        [("POT", 1)],
        [("GIFT", 2)],
    ]
    assert [told.last_parcel for told in shop.told] == [False, True]


@pytest.mark.parametrize("unit", ["line", "units"])
def test_a_box_of_parts_only_says_nothing_and_is_in_nobodys_way(kitted: FakePool, unit: str) -> None:
    shop = Shop(tracking_unit=unit)
    report(kitted, {"YT000001": {TEAS: 2}}, final=False)

    assert shop.tell() == []
    assert messages(kitted) == [("ship-back-1", "delivered")]

    report(kitted, {"YT000002": {CUPS: 4, POTS: 1}})
    assert shop.tell() == ["YT000002"]
    assert [piece.sku_code for piece in shop.told[0].pieces] == ["GIFT", "POT"]
    assert shop.told[0].last_parcel


def test_a_shop_whose_orders_carry_the_numbers_is_told_of_every_box(kitted: FakePool) -> None:
    shop = Shop()
    report(kitted, {"YT000001": {TEAS: 2}}, final=False)
    report(kitted, {"YT000002": {CUPS: 4, POTS: 1}})

    assert shop.tell() == ["YT000001", "YT000002"]
    assert [(told.line_nos, told.last_parcel) for told in shop.told] == [(("10",), False), (("10", "11"), True)]


def test_components_in_two_documents_make_one_kit(kitted: FakePool) -> None:
    shop = Shop(tracking_unit="units")
    part_in(kitted, "TEA")

    assert report(kitted, {"YT000001": {CUPS: 4, 2: 1}}) == ""
    assert report(kitted, {"YT000002": {1: 2}}, no="OB-B") == ""
    shop.tell()

    assert [[(piece.sku_code, piece.quantity) for piece in told.pieces] for told in shop.told] == [
        [("POT", 1)],
        [("GIFT", 2)],
    ]
    assert [told.last_parcel for told in shop.told] == [False, True]
    assert kitted.untrue() == []


def test_every_unit_of_a_line_is_shipped_or_open(kitted: FakePool) -> None:
    report(kitted, {"YT000001": {CUPS: 2, TEAS: 1}}, final=False)

    assert kitted.rows(
        """select u.line_no, u.quantity, sum(a.shipped)::int, sum(a.quantity - a.shipped)::int from line_unit u
           join allocation a using (order_id, line_no, sku_id) group by 1, u.sku_id, 2 order by 1, u.sku_id"""
    ) == [(1, 4, 2, 2), (1, 2, 1, 1), (2, 1, 0, 1)]
