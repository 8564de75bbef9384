"""A shift in an own warehouse: the handhelds' page in a real browser, over the real application and pool."""

import pytest
from playwright.sync_api import expect

from tests.browsing import CHROMIUM
from tests.tasks.floor.house import House, waybill
from tests.web.handheld.pda import BARCODES, Picked, SignIn, items, refund, scans

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")


def test_twenty_orders_are_picked_checked_and_shipped(house: House, pda: SignIn) -> None:
    baskets = [{"TEA": 1 + n % 2, "CUP": 1} if n % 3 else {"POT": 2, "TRAY": 1} for n in range(20)]
    documents = house.orders(*baskets)
    waves = house.waves()
    hand = pda("李雷")
    for wave in waves:
        hand.page.locator(".card", has_text=wave).click()
        hand.shows(wave)
        picks = house.pool.rows(
            """select k.barcode, p.wanted, p.place from wave_pick p join wave v on v.id = p.wave_id
               join sku k on k.id = p.sku_id where v.no = %s order by p.place""",
            wave,
        )
        for barcode, wanted, place in picks:
            hand.shows(place)
            hand.scan(*[barcode] * (wanted - 1))
            hand.says(f"{wanted - 1}/{wanted}")
            hand.picture("handheld-wave")
            hand.scan(barcode)
        hand.page.locator("#walked").click()
        hand.says("已拣")
        hand.page.locator("#home").click()
    for number, (no, basket) in enumerate(zip(documents, baskets, strict=True), 1):
        hand.scan(no, *items(basket), waybill(number))
    hand.all_sent()
    hand.is_calm()

    assert set(house.states().values()) == {("shipped", "done")}
    assert house.pool.rows("select waybill from parcel order by document_id") == [(waybill(n),) for n in range(1, 21)]
    assert house.pool.untrue() == []


def test_what_is_broken_at_the_bench_stays_out_of_the_parcel(house: House, pda: SignIn) -> None:
    (no,) = house.orders({"TEA": 2, "CUP": 1})
    house.fetch(house.waves()[0])
    hand = pda("李雷")

    hand.scan(no, BARCODES["CUP"], BARCODES["TEA"])
    hand.says("1/2")
    hand.page.locator(".lost").click()
    hand.page.locator("#ask .numbers button").first.click()
    hand.says("缺 1 件")
    hand.picture("handheld-lost")
    hand.scan(waybill(1))
    hand.all_sent()
    hand.is_calm()

    assert house.state(no) == ("short", "done")
    assert house.pool.rows("select sum(quantity) from parcel_line") == [(2,)]


def test_goods_that_a_shelf_lacks_are_said_to(house: House, pda: SignIn) -> None:
    house.orders({"TEA": 2, "CUP": 1})
    (wave,) = house.waves()
    hand = pda("李雷")
    hand.page.locator(".card", has_text=wave).click()

    hand.scan(BARCODES["TEA"])
    hand.page.locator("#lacks").click()
    hand.page.locator("#ask .numbers button").first.click()
    hand.says("缺 1 件")
    hand.page.locator("#many").wait_for(state="detached")
    hand.scan(BARCODES["CUP"])
    hand.page.locator("#walked").click()
    hand.all_sent()

    assert scans(house) == [
        ("pick", BARCODES["TEA"], True),
        ("missing", "TEA", True),
        ("pick", BARCODES["CUP"], True),
        ("picked", "", True),
    ]


def test_many_units_are_picked_by_one_scan(house: House, pda: SignIn) -> None:
    house.orders({"TEA": 9, "CUP": 1})
    (wave,) = house.waves()
    hand = pda("李雷")
    hand.page.locator(".card", has_text=wave).click()

    hand.page.locator("#many").click()
    hand.page.locator("#ask .numbers button", has_text="9").click()
    hand.scan(BARCODES["TEA"])
    hand.says("9/9")
    hand.all_sent()

    assert house.pool.rows("select quantity from floor_scan") == [(9,)]


class TestThePageGoesRed:
    def test_for_a_wrong_item_and_for_one_too_many(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")

        hand.scan(no, BARCODES["POT"])
        hand.refuses("商品不对", BARCODES["POT"], picture="handheld-refused")
        hand.scan(BARCODES["CUP"], BARCODES["CUP"])
        hand.refuses("数量超了", BARCODES["CUP"])
        hand.scan(BARCODES["TEA"], BARCODES["TEA"], waybill(1))
        hand.all_sent()

        assert house.state(no) == ("shipped", "done")

    def test_and_takes_nothing_more_until_somebody_saw_it(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")

        hand.scan(no, "no such thing", BARCODES["CUP"], BARCODES["TEA"])
        hand.refuses("商品不对")
        hand.scan(BARCODES["CUP"])
        hand.all_sent()

        assert scans(house) == [("check", BARCODES["CUP"], True)]

    def test_for_an_order_that_is_refunded_before_it_is_opened(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 1, "CUP": 1})
        refund(house, no)
        hand = pda("李雷")

        hand.scan(no)
        hand.refuses("禁止发货", "退款", no)
        hand.scan(BARCODES["TEA"])
        hand.refuses("不能发货")

        assert house.state(no) == ("picked", "picked")

    def test_for_an_order_that_is_refunded_while_it_is_packed(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 1, "CUP": 1})
        hand = pda("李雷")

        hand.scan(no, BARCODES["TEA"], BARCODES["CUP"])
        hand.all_sent()
        refund(house, no)
        hand.scan(waybill(1))
        hand.refuses("不能发货", "退款", no)
        hand.refuses("不能发货", waybill(1))

        assert house.state(no) == ("picked", "picked")
        assert house.pool.rows("select * from parcel") == []

    def test_for_a_waybill_that_is_used_and_for_one_of_another_carrier(
        self, house: House, pda: SignIn, picked: Picked
    ) -> None:
        first, second = picked({"TEA": 1, "CUP": 1}, {"TEA": 1, "CUP": 1})
        house.pool.execute(
            "insert into shop_carrier (shop_id, carrier, code, name, pattern, loaded_at)"
            r" values (1, 'yuantong', 'YTO', '', '^YT\d{13}$', now())"
        )
        hand = pda("李雷")

        hand.scan(first, BARCODES["TEA"], BARCODES["CUP"], waybill(1))
        hand.all_sent()
        hand.scan(second, BARCODES["TEA"], BARCODES["CUP"], waybill(1))
        hand.refuses("已用于", waybill(1), second)
        hand.scan("SF1234567890123")
        hand.refuses("不是圆通速递的运单号", "SF1234567890123")
        hand.scan(waybill(2))
        hand.all_sent()

        assert house.state(second) == ("shipped", "done")
        assert house.pool.rows("select waybill from parcel order by 1") == [(waybill(1),), (waybill(2),)]

    def test_for_another_waybill_than_the_one_that_was_made_for_the_parcel(
        self, house: House, pda: SignIn, picked: Picked
    ) -> None:
        (no,) = picked({"TEA": 1, "CUP": 1})
        house.pool.execute(
            """insert into waybill (document_id, package_no, carrier, number, order_key, state, service, task_id,
                                    service_no, wanted_at)
               select id, 1, carrier, %s, no || '-1', 'got', 'kuaidi100', '', '', now() from outbound_document""",
            waybill(1),
        )
        hand = pda("李雷")

        hand.scan(no, BARCODES["TEA"], BARCODES["CUP"])
        hand.shows(waybill(1))
        hand.picture("handheld-bench")
        hand.scan(waybill(2))
        hand.refuses("另外的运单号", waybill(2))
        hand.scan(waybill(1))
        hand.all_sent()

        assert house.state(no) == ("shipped", "done")


def test_orders_of_one_item_ship_label_by_label(house: House, pda: SignIn, picked: Picked) -> None:
    picked(*[{"TEA": 1}] * 6)
    hand = pda("李雷")
    hand.page.locator(".card").click()
    hand.page.get_by_role("button", name="单件批量发货").click()

    hand.scan(BARCODES["TEA"], *[waybill(n) for n in range(1, 7)])
    expect(hand.page.locator("#shipped")).to_have_text("6")
    hand.all_sent()
    hand.picture("handheld-batch")
    hand.scan(waybill(7))
    hand.refuses(waybill(7))

    assert set(house.states().values()) == {("shipped", "done")}
    assert house.pool.rows("select waybill from parcel order by document_id") == [(waybill(n),) for n in range(1, 7)]


def test_a_document_in_two_boxes_has_two_waybills(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 1, "CUP": 1})
    hand = pda("李雷")

    hand.scan(no, BARCODES["TEA"])
    hand.page.locator("#more").click()
    hand.scan(waybill(1), BARCODES["CUP"], waybill(2))
    hand.all_sent()

    assert house.state(no) == ("shipped", "done")
    assert house.pool.rows("select package_no, waybill from parcel order by 1") == [
        ("P1", waybill(1)),
        ("P2", waybill(2)),
    ]


def test_no_box_follows_when_everything_is_checked(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 1, "CUP": 1})
    hand = pda("李雷")
    another = hand.page.locator("#more")

    hand.scan(no, BARCODES["TEA"])
    another.click()
    hand.scan(BARCODES["CUP"])
    hand.shows("请扫圆通速递运单号")
    expect(another).to_be_hidden()
    hand.scan(waybill(1))
    hand.shows("已发货")
    hand.all_sent()

    assert [code for _, code, _ in scans(house)] == [BARCODES["TEA"], BARCODES["CUP"], "", waybill(1)]
    assert house.state(no) == ("shipped", "done")


def test_a_box_that_another_should_follow_is_foreseen_as_the_last_when_everything_is_checked(
    house: House, pda: SignIn
) -> None:
    line = {"sku": "TEA", "barcode": "", "wanted": 1, "checked": 1, "boxed": 0}
    document = {"no": "OB1", "state": "picked", "blocked": [], "waybills": [], "lines": [line]}
    foreseen = pda("李雷").page.evaluate(
        """async ([document_view, scan]) => {
          const main = document.querySelector("script[type=module]").src;
          return (await import(new URL("floor.js", main))).foresee(document_view, scan);
        }""",
        [document, {"kind": "ship", "document": "OB1", "code": waybill(1), "more": True}],
    )

    assert (foreseen["said"], foreseen["view"]["state"]) == ("", "done")


def test_a_wave_whose_picker_is_signed_out_can_be_taken_over(house: House, pda: SignIn) -> None:
    house.orders({"TEA": 2, "CUP": 1})
    (wave,) = house.waves()
    house.take(wave)
    hand = pda("李雷")
    card = hand.page.locator(".card", has_text=wave)
    expect(card).to_contain_text("王芳 已领取")
    expect(card).to_be_disabled()

    house.pool.execute("delete from handheld_session where picker_id = %s", house.picker.id)
    hand.page.locator("#home").click()
    expect(card).to_contain_text("王芳 已下线")
    card.click()
    hand.scan(BARCODES["TEA"])
    hand.says("1/2")
    hand.all_sent()

    assert house.pool.rows("select p.name from wave v join picker p on p.id = v.picker_id") == [("李雷",)]
    assert scans(house) == [("pick", BARCODES["TEA"], True)]


def test_goods_of_an_order_that_is_called_off_go_back_to_their_shelf(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    house.cancel(no)
    hand = pda("李雷")

    hand.page.locator(".card", has_text=no).click()
    hand.scan(BARCODES["TEA"], BARCODES["POT"])
    hand.refuses("商品不对")
    hand.picture("handheld-put-back")
    hand.scan(BARCODES["TEA"], BARCODES["CUP"])
    hand.shows("已全部放回")
    hand.all_sent()

    assert house.state(no) == ("cancelled", "done")
    assert house.on_hand("TEA") == (90, 0)


def test_in_english_when_it_is_asked_for(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.page.get_by_role("link", name="English").click()
    hand.shows("Waves")

    hand.scan(no, BARCODES["POT"])
    hand.refuses("Wrong item")
