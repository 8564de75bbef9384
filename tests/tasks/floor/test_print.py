"""What is printed of waves and documents is what the pool says of them."""

from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from models.sealing import seal
from models.settings import clock
from tasks.floor_people import sign_in
from tasks.paper.badges import Badge, draw_badges
from tasks.paper.documents import document_slips, print_documents
from tasks.paper.new_badges import new_badges
from tasks.paper.pick_list import LEFT, STOPPED, PickList, draw_pick_list
from tasks.paper.slips import Slip, SlipSize, draw_slips
from tasks.paper.undelivered import LATE, list_undelivered
from tasks.paper.waves import wave_pick_list, wave_slips
from tasks.supplier_reports import report_shipped
from tasks.track import work_off_inbox
from tasks.withdraw import settle_reported
from tests.fakes import NOON, FakePool, why
from tests.printed import pages, texts
from tests.tasks.floor.house import House, waybill
from tests.tasks.merged import cause, person
from tests.tasks.shipping import dispatched


def listed(wave: str) -> PickList:
    with transaction() as conn:
        return wave_pick_list(conn, wave, clock().now())


def slips(wave: str) -> list[Slip]:
    with transaction() as conn:
        return wave_slips(conn, wave, why())


def by_hand(*nos: str, why: Cause | None = None) -> PickList:
    with transaction() as conn:
        return print_documents(conn, nos, why or person())


@pytest.fixture
def placed(house: House) -> House:
    """The house with places, in which CUP comes before TEA and POT lies nowhere."""
    house.pool.execute(
        "insert into sku_place select 1, id, case code when 'TEA' then 'B-02-1' else 'A-01-1' end from sku"
        " where code in ('TEA', 'CUP')"
    )
    return house


def test_a_wave_is_printed_in_the_order_of_places_with_what_goes_into_which_slot(placed: House) -> None:
    documents = placed.orders({"TEA": 2, "POT": 1}, {"TEA": 1, "CUP": 3})
    (wave,) = placed.waves()
    found = listed(wave)

    assert [(pick.place, pick.sku, pick.wanted, list(pick.dealt)) for pick in found.picks] == [
        ("A-01-1", "CUP", 3, [(2, 3)]),
        ("B-02-1", "TEA", 3, [(1, 2), (2, 1)]),
        ("", "POT", 1, [(1, 1)]),
    ]
    assert [(document.slot, document.no, document.units, document.mark) for document in found.documents] == [
        (1, documents[0], 3, ""),
        (2, documents[1], 4, ""),
    ]
    first, second = pages(draw_pick_list(found))
    barcodes = dict(placed.pool.rows("select code, barcode from sku"))
    assert first.codes == [wave, barcodes["CUP"], barcodes["TEA"], barcodes["POT"]]
    assert second.codes == documents
    assert "圆通" in first.text


def test_single_units_are_fetched_in_bulk(house: House) -> None:
    house.orders({"TEA": 1}, {"CUP": 1})
    (wave,) = house.waves()

    assert [list(pick.dealt) for pick in listed(wave).picks] == [[], []]


def test_a_list_printed_again_says_what_was_done(house: House) -> None:
    stopped, left, waits = house.orders({"TEA": 2}, {"CUP": 2}, {"POT": 2})
    (wave,) = house.waves()
    house.fetch(wave)
    house.check_all(left)
    house.said("pack", document=left)
    house.said("ship", waybill(1), document=left)
    house.cancel(stopped)
    found = listed(wave)

    assert {document.no: document.mark for document in found.documents} == {stopped: STOPPED, left: LEFT, waits: ""}
    assert [pick.fetched for pick in found.picks] == [2, 2, 2]
    assert dict(found.facts)["拣货员 Picker"] == "王芳"
    assert pages(draw_pick_list(found))[-1].codes == [waits]


def test_a_slip_shows_the_parcel_and_only_masks(house: House) -> None:
    (no,) = house.orders({"TEA": 2, "CUP": 1})
    house.pool.execute(
        "update receiver set notes_enc = %s", seal('{"buyer": "打我电话13812345678", "seller": "黑名单客户"}')
    )
    (wave,) = house.waves()
    (page,) = pages(draw_slips(slips(wave), SlipSize.LABEL, "slips"))

    assert page.codes == [no]
    for part in ("WOO", "TEA", "CUP", "138****5678", "139****", "欧***"):
        assert part in page.text, part
    for part in ("13812345678", "黑名单", "梧桐里弄", "欧阳修远"):
        assert part not in page.text, part


def test_a_wave_that_is_not_there_is_named(house: House) -> None:
    with pytest.raises(SetupError, match="wave WV1: is not in the pool"):
        listed("WV1")


def test_a_document_of_any_warehouse_is_printed_for_picking_by_hand(pool: FakePool) -> None:
    dispatched(pool)
    ((no,),) = pool.rows("select no from outbound_document")
    found = by_hand(no, no)

    assert dict(found.facts)["系统 Its system"] == "未收到 Not received"
    assert [(pick.sku, pick.wanted) for pick in found.picks] == [("CUP", 1), ("TEA", 3)]
    first, second = pages(draw_pick_list(found))
    assert (first.codes, second.codes) == (["CUP", "TEA"], [no])
    assert "139****0001" in second.text
    assert "勿重复发货" in first.text
    assert pool.rows("select actor, detail from event where what = 'pick_list_printed'") == [
        (person().actor, {"document": no})
    ]
    with transaction() as conn:
        assert [slip.no for slip in document_slips(conn, [no], why())] == [no]


def test_an_instruction_that_may_have_arrived_is_told_as_such(pool: FakePool) -> None:
    dispatched(pool)
    ((no,),) = pool.rows("select no from outbound_document")
    pool.execute("update outbox set in_doubt = true")

    assert ["可能已收到" in text for text in texts(draw_pick_list(by_hand(no)))] == [True, True]


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ("update outbound_document set state = 'shipped'", "is shipped"),
        ("update outbound_document set state = 'cancelled'", "is cancelled"),
        (
            "insert into document_block (document_id, order_id, reason, placed_at)"
            " select id, 1, 'refund', created_at from outbound_document",
            r"must not leave \(refund\)",
        ),
        ("update outbound_document set no = 'OB1'", "is not in the pool"),
    ],
)
def test_what_must_not_be_picked_is_not_printed(pool: FakePool, change: str, obstacle: str) -> None:
    dispatched(pool)
    ((no,),) = pool.rows("select no from outbound_document")
    pool.execute(change)

    with pytest.raises(SetupError, match=f"{no}: {obstacle}"):
        by_hand(no)
    assert pool.rows("select 1 from event where what = 'pick_list_printed'") == []


def test_what_waits_too_long_for_its_warehouse_is_listed_once(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP_B=10)
    pool.batch_of([{"TEA": 1}, {"TEA": 1}, {"TEA": 1}, {"TEA": 1}, {"CUP": 1}])
    pool.through_the_stages()
    first, second, third, fourth, other = (row[0] for row in pool.rows("select no from outbound_document order by no"))
    pool.execute("update outbound_document set state = 'accepted' where no = %s", second)
    pool.execute("update outbox set state = 'delivered' where key = %s", f"{third}-r1")
    pool.execute(
        "insert into document_block (document_id, order_id, reason, placed_at)"
        " select id, 4, 'refund', created_at from outbound_document where no = %s",
        fourth,
    )
    with transaction() as conn:
        late = list_undelivered(conn, NOON + LATE)
        assert [(each.warehouse, each.waiting, each.nos) for each in late] == [
            ("WH-A", 1, [first]),
            ("WH-B", 1, [other]),
        ]
        assert list_undelivered(conn, NOON + LATE, "WH-B") == late[1:]
        assert list_undelivered(conn, NOON + LATE / 2) == []


def test_what_left_by_paper_is_reported_by_file_and_sent_to_no_system_any_more(pool: FakePool, tmp_path: Path) -> None:
    dispatched(pool)
    ((no,),) = pool.rows("select no from outbound_document")
    by_hand(no)
    file = tmp_path / "shipped.csv"
    file.write_text(f"outbound_no,carrier,waybill\n{no},yuantong,YT0000000000001\n")
    assert report_shipped(file, "WH-A").stored == 1
    with transaction() as conn:
        while work_off_inbox(conn, cause()) is not None:
            pass
        settle_reported(conn, "warehouse:WH-A", clock().now())

    assert pool.rows("select state from outbound_document") == [("shipped",)]
    assert pool.rows("select state from outbox where kind = 'outbound.created'") == [("delivered",)]


def test_documents_of_several_warehouses_are_several_lists(pool: FakePool) -> None:
    pool.stock(TEA=1, CUP_B=1)
    pool.batch_of([{"TEA": 1}, {"CUP": 1}])
    pool.through_the_stages()
    nos = [row[0] for row in pool.rows("select no from outbound_document order by id")]

    with pytest.raises(SetupError, match="print those of one warehouse at once"):
        by_hand(*nos)


@pytest.mark.parametrize("count", [0, 501])
def test_a_list_has_bounds(pool: FakePool, count: int) -> None:
    with pytest.raises(SetupError, match="1 to 500 can be printed at once"):
        by_hand(*(f"OB{n}" for n in range(count)))


def test_new_badges_sign_in_and_end_the_former_ones(house: House) -> None:
    first = new_badges("WH-A", ["王芳", " 李  雷 ", "李 雷"], cause())
    again = new_badges("WH-A", ["王芳"], cause())

    assert [badge.picker for badge in first] == ["王芳", "李 雷"]
    assert [sign_in(badge.code, "10.0.0.8") is not None for badge in (*first, *again)] == [False, True, True]
    (page,) = pages(draw_badges(again))
    assert page.codes == [again[0].code]


def test_one_wrong_name_leaves_every_badge_as_it_was(house: House) -> None:
    token = new_badges("WH-A", ["王芳"], cause())[0]

    with pytest.raises(SetupError, match="a name has 1 to 40 characters"):
        new_badges("WH-A", ["王芳", "x" * 41], cause())
    assert isinstance(token, Badge)
    assert sign_in(token.code, "10.0.0.9") is not None
