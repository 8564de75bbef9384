"""From the instruction to the parcel that left, in a warehouse that works with handhelds."""

from datetime import timedelta
from uuid import uuid4

import pytest

from models.settings import clock
from tasks.floor_people import end_badge
from tasks.floor_rows import Refused
from tasks.floor_views import work_of
from tasks.reconcile import reconcile
from tests.tasks.floor.house import House, waybill
from tests.tasks.merged import cause


def agrees(house: House) -> bool:
    return house.pool.untrue() == [] and reconcile() == []


def test_an_instruction_is_accepted_and_waits(house: House) -> None:
    (no,) = house.orders({"TEA": 2, "CUP": 1})

    assert house.state(no) == ("accepted", "")
    assert agrees(house)


def test_a_document_goes_from_its_shelves_to_its_parcel(house: House) -> None:
    (no,) = house.orders({"TEA": 2, "CUP": 1})
    (wave,) = house.waves()
    assert house.state(no) == ("queued", "waiting")

    house.take(wave)
    assert house.state(no) == ("picking", "waiting")
    house.fetch(wave)
    assert house.state(no) == ("picked", "picked")
    house.check_all(no)
    assert house.said("pack", document=no) == "packed"
    assert house.state(no) == ("packed", "packed")
    answer = house.scan("ship", waybill(1), document=no)

    assert (answer.ok, answer.said, answer.about, answer.document) == (True, "shipped", waybill(1), no)
    assert house.state(no) == ("shipped", "done")
    assert house.on_hand("TEA") == (48, 0)
    assert house.pool.rows("select waybill, carrier from parcel") == [(waybill(1), "yuantong")]
    assert sorted(house.pool.rows("select kind from outbox where state = 'pending'")) == [
        ("ship_back",),
        ("subscribe",),
    ]
    assert agrees(house)


def test_every_scan_is_kept_with_who_made_it_and_when(house: House) -> None:
    (no,) = house.orders({"TEA": 1})
    (wave,) = house.waves()
    house.fetch(wave)
    house.scan("check", "CUP", document=no)
    at = clock().now() - timedelta(minutes=3)
    house.scan("check", "TEA", document=no, at=at)

    rows = house.pool.rows(
        """select s.kind, s.code, s.ok, s.said, p.name, s.document_id is not null from floor_scan s
           join picker p on p.id = s.picker_id order by s.applied_at"""
    )
    assert rows == [
        ("pick", "TEA", True, "picked", "王芳", False),
        ("picked", "", True, "picked", "王芳", False),
        ("check", "CUP", False, "wrong_sku", "王芳", True),
        ("check", "TEA", True, "checked", "王芳", True),
    ]
    assert house.pool.rows("select scanned_at from floor_scan where said = 'checked'") == [(at,)]


def test_events_name_the_picker(house: House) -> None:
    (no,) = house.orders({"TEA": 1})
    (wave,) = house.waves()
    house.fetch(wave)
    house.check_all(no)
    house.scan("ship", waybill(1), document=no)

    told = house.pool.rows("select what, actor from event where what like 'document_%' order by id")
    assert told == [
        ("document_accepted", "test"),
        ("document_queued", "test"),
        ("document_picking", "picker:王芳@WH-A"),
        ("document_picked", "picker:王芳@WH-A"),
        ("document_shipped", "picker:王芳@WH-A"),
    ]


class TestTheBenchRefuses:
    @pytest.fixture
    def no(self, house: House) -> str:
        (no,) = house.orders({"TEA": 2, "CUP": 1})
        (wave,) = house.waves()
        house.fetch(wave)
        return no

    def test_an_item_that_is_not_in_the_order(self, house: House, no: str) -> None:
        assert house.said("check", "POT", document=no) == "wrong_sku"
        assert house.said("check", "no such thing", document=no) == "wrong_sku"

    def test_one_too_many(self, house: House, no: str) -> None:
        house.check_all(no)
        answer = house.scan("check", "TEA", document=no)
        assert (answer.said, answer.about) == ("too_many", "0")

    def test_to_pack_or_ship_what_is_not_complete(self, house: House, no: str) -> None:
        house.scan("check", "TEA", document=no)
        assert house.scan("pack", document=no).about == "2"
        assert house.said("ship", waybill(1), document=no) == "not_complete"
        assert house.state(no) == ("picked", "picked")

    @pytest.mark.parametrize(
        "code", ["YT1", "no waybill", "TEA", "OB20261120000001", "", "ABCDEFGHIJ", "6901", "Y" * 40]
    )
    def test_what_is_no_waybill(self, house: House, no: str, code: str) -> None:
        house.check_all(no)
        assert house.said("ship", code, document=no) == "waybill_format"

    def test_a_waybill_of_another_carrier_where_the_platform_says_how_they_look(self, house: House, no: str) -> None:
        house.pool.execute(
            "insert into shop_carrier (shop_id, carrier, code, name, pattern, loaded_at)"
            r" values (1, 'yuantong', 'YTO', '', '^YT\d{13}$', now())"
        )
        house.check_all(no)
        assert house.said("ship", "SF1234567890123", document=no) == "waybill_format"
        assert house.said("ship", waybill(7), document=no) == "shipped"

    def test_a_waybill_that_is_used(self, house: House, no: str) -> None:
        (other,) = house.orders({"POT": 1})
        house.fetch(house.waves()[0])
        house.check_all(other)
        house.check_all(no)
        assert house.said("ship", waybill(1), document=other) == "shipped"
        answer = house.scan("ship", waybill(1), document=no)
        assert (answer.said, answer.about) == ("waybill_used", other)
        assert agrees(house)

    def test_a_blocked_document(self, house: House, no: str) -> None:
        house.check_all(no)
        house.pool.execute(
            "insert into document_block (document_id, order_id, reason, placed_at) values (1, 1, 'refund', now())"
        )
        for kind, code in (("check", "TEA"), ("pack", ""), ("ship", waybill(1))):
            answer = house.scan(kind, code, document=no)
            assert (answer.said, answer.about) == ("blocked", "refund")

    def test_what_left_already(self, house: House, no: str) -> None:
        house.check_all(no)
        house.scan("ship", waybill(1), document=no)
        assert house.said("ship", waybill(2), document=no) == "over"
        assert house.said("check", "TEA", document=no) == "over"

    def test_a_document_of_another_house_or_none(self, house: House, no: str) -> None:
        assert house.said("check", "TEA", document="OB1") == "not_found"
        house.pool.execute("update outbound_document set warehouse_id = 2")
        assert house.said("check", "TEA", document=no) == "not_found"


def test_a_scan_that_comes_again_is_applied_once_and_answered_as_before(house: House) -> None:
    (no,) = house.orders({"TEA": 2})
    house.fetch(house.waves()[0])
    scan = uuid4()

    first = house.scan("check", "TEA", document=no, id=scan)
    again = house.scan("check", "TEA", document=no, id=scan)
    somebody = house.scan("check", "TEA", document=no, id=scan, by=house.hire("李雷"))

    assert (first.said, first.repeated) == ("checked", False)
    assert (again.said, again.repeated, again.document) == ("checked", True, no)
    assert (somebody.ok, somebody.said) == (False, "not_yours")
    assert house.view(no).lines[0].checked == 1


def test_a_barcode_means_its_sku(house: House) -> None:
    (no,) = house.orders({"TEA": 1})
    house.fetch(house.waves()[0])
    ((barcode,),) = house.pool.rows("select barcode from sku where code = 'TEA'")
    assert house.said("check", barcode, document=no) == "checked"


def test_of_two_skus_with_one_barcode_the_one_in_the_order_is_meant(house: House) -> None:
    house.pool.execute("update sku set barcode = '690690'")
    (no,) = house.orders({"TEA": 1, "POT": 1})
    house.fetch(house.waves()[0])
    assert [house.said("check", "690690", document=no) for _ in range(3)] == ["checked", "checked", "too_many"]


def test_an_order_in_two_boxes(house: House) -> None:
    (no,) = house.orders({"TEA": 3})
    house.fetch(house.waves()[0])
    house.scan("check", "TEA", document=no, quantity=2)
    assert house.said("ship", waybill(1), document=no, more=True) == "shipped"
    assert house.state(no) == ("part_shipped", "picked")
    assert house.said("ship", waybill(2), document=no, more=True) == "not_complete"
    house.scan("check", "TEA", document=no)
    assert house.said("ship", waybill(2), document=no) == "shipped"

    assert house.state(no) == ("shipped", "done")
    boxes = house.pool.rows(
        """select package_no, sum(l.quantity) from parcel p join parcel_line l on l.parcel_id = p.id
           group by 1 order by 1"""
    )
    assert boxes == [("P1", 2), ("P2", 1)]
    assert agrees(house)


def test_orders_of_one_item_leave_label_by_label(house: House) -> None:
    nos = house.orders(*[{"TEA": 1}] * 5, {"CUP": 1}, {"TEA": 2})
    waves = house.waves()
    kinds = [row[0] for row in house.pool.rows("select kind from wave order by id")]
    assert sorted(kinds) == ["mixed", "single_item", "single_sku"]
    assert house.said("ship_one", waybill(1), sku="TEA") == "not_found"  # nothing is at the bench yet
    for wave in waves:
        house.fetch(wave)
    house.pool.execute(
        "insert into document_block (document_id, order_id, reason, placed_at) values (2, 2, 'refund', now())"
    )

    answers = [house.scan("ship_one", waybill(n), sku="TEA") for n in range(1, 6)]

    assert [answer.said for answer in answers] == ["shipped"] * 4 + ["not_found"]
    assert [answer.document for answer in answers[:4]] == [nos[0], *nos[2:5]]
    assert house.said("ship_one", waybill(6), sku="CUP") == "shipped"
    assert house.said("ship_one", waybill(1), sku="POT") == "not_found"
    assert house.said("ship_one", waybill(1), sku="NONE") == "wrong_sku"
    assert agrees(house)


def test_a_wave_is_one_pickers_alone(house: House) -> None:
    house.orders({"TEA": 1})
    (wave,) = house.waves()
    house.take(wave)
    house.take(wave)
    other = house.hire("李雷")

    assert house.said("pick", "TEA", wave=wave, by=other) == "not_yours"
    house.picker = other
    with pytest.raises(Refused, match="not_yours"):
        house.take(wave)


def test_more_than_the_list_wants_is_not_picked(house: House) -> None:
    house.orders({"TEA": 2})
    (wave,) = house.waves()
    assert house.said("pick", "TEA", wave=wave) == "over"  # nobody took it yet
    house.take(wave)
    assert house.said("pick", "CUP", wave=wave) == "wrong_sku"
    assert house.said("pick", "TEA", wave=wave, quantity=3) == "too_many"
    assert house.scan("picked", wave=wave).about == "2"
    assert house.said("pick", "TEA", wave="WV1") == "not_found"


class TestShelvesThatLackUnits:
    def test_who_leaves_last_gets_less_and_the_rest_goes(self, house: House) -> None:
        first, last = house.orders({"TEA": 2, "CUP": 1}, {"TEA": 2, "POT": 1})
        house.fetch(house.waves()[0], TEA=1)
        house.hand_over()

        assert [line.wanted for line in house.view(last).lines] == [1, 1]
        house.check_all(first)
        house.check_all(last)
        assert house.said("ship", waybill(1), document=first) == "shipped"
        assert house.said("ship", waybill(2), document=last) == "shipped"

        assert house.states() == {first: ("shipped", "done"), last: ("short", "done")}
        assert house.pool.holds() == {"2": ["SHIPPED_SHORT"]}
        assert house.on_hand("TEA") == (46, 0)  # 3 left, 1 was not there
        assert agrees(house)

    def test_a_document_of_which_nothing_is_there_is_closed(self, house: House) -> None:
        first, last = house.orders({"TEA": 1, "CUP": 1}, {"POT": 2})
        house.fetch(house.waves()[0], POT=2)
        house.hand_over()

        assert house.state(last) == ("cancelled", "done")
        assert house.state(first) == ("picked", "picked")
        assert house.pool.holds() == {"2": ["WMS_REFUSED"]}
        assert agrees(house)


class TestUnitsThatAreLostAtTheBench:
    def test_the_document_leaves_without_them(self, house: House) -> None:
        (no,) = house.orders({"TEA": 2, "CUP": 1})
        house.fetch(house.waves()[0])
        house.scan("check", "TEA", document=no)
        assert house.said("missing", "POT", document=no) == "wrong_sku"
        assert house.said("missing", "TEA", document=no, quantity=2) == "too_many"
        assert house.said("missing", "TEA", document=no) == "noted"
        house.hand_over()
        house.check_all(no)
        assert house.said("ship", waybill(1), document=no) == "shipped"
        house.hand_over()

        assert house.state(no) == ("short", "done")
        assert house.on_hand("TEA") == (48, 0)  # one left, one is broken
        ((told,),) = house.pool.rows("select detail->'units' from event where what = 'picked_short'")
        assert told == {"TEA": 1}
        assert agrees(house)

    def test_one_of_which_nothing_is_left_is_closed(self, house: House) -> None:
        (no,) = house.orders({"TEA": 2})
        house.fetch(house.waves()[0])
        assert house.said("missing", "TEA", document=no, quantity=2) == "noted"
        house.hand_over()
        assert house.state(no) == ("cancelled", "done")
        assert house.on_hand("TEA")[0] == 48
        assert agrees(house)

    def test_one_that_left_in_part_is_closed_short(self, house: House) -> None:
        (no,) = house.orders({"TEA": 2})
        house.fetch(house.waves()[0])
        house.scan("check", "TEA", document=no)
        assert house.said("ship", waybill(1), document=no, more=True) == "shipped"
        assert house.said("missing", "TEA", document=no) == "noted"
        house.hand_over()
        assert house.state(no) == ("short", "done")
        assert house.on_hand("TEA") == (48, 0)
        assert agrees(house)


def test_the_box_with_the_last_unit_is_the_last_one(house: House) -> None:
    (no,) = house.orders({"TEA": 2})
    house.fetch(house.waves()[0])
    house.check_all(no)
    assert house.said("ship", waybill(1), document=no, more=True) == "shipped"
    assert house.state(no) == ("shipped", "done")


def test_a_wave_that_was_left_lying_is_anybodys(house: House) -> None:
    house.orders({"TEA": 1})
    (wave,) = house.waves()
    house.take(wave)
    first, second = house.picker, house.hire("李雷")
    house.picker = second
    assert [each.abandoned for each in work_of(second).waves] == [False]
    end_badge("WH-A", first.name, cause())
    assert [each.abandoned for each in work_of(second).waves] == [True]

    house.fetch(wave)

    assert house.pool.rows("select picker_id, state from wave") == [(second.id, "picked")]


def test_a_shelf_that_lacks_units_is_told_in_the_orders_story(house: House) -> None:
    house.orders({"TEA": 2, "CUP": 1})
    house.fetch(house.waves()[0], TEA=1)
    ((told,),) = house.pool.rows("select detail->'units' from event where what = 'picked_short'")
    assert told == {"TEA": 1}


def test_an_old_scan_is_not_taken(house: House) -> None:
    (no,) = house.orders({"TEA": 1})
    house.fetch(house.waves()[0])
    answer = house.scan("check", "TEA", document=no, at=clock().now() - timedelta(days=8))
    assert (answer.ok, answer.said) == (False, "over")
    assert house.said("dance", "TEA") == "not_found"
