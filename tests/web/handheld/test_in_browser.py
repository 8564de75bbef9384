"""The handheld page in a real browser, over the real application and pool: a shift in an own warehouse."""

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import expect

from tests.browsing import CHROMIUM
from tests.tasks.floor.house import House, waybill
from tests.web.handheld.pda import Pda

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")

SignIn = Callable[[str], Pda]
BARCODES = {"TEA": "6901234567892", "CUP": "6909876543210", "POT": "6905555555551", "TRAY": "6907777777773"}


@pytest.fixture
def picked(house: House) -> Callable[..., list[str]]:
    """Orders whose goods are at the bench; gives the numbers of their documents."""

    def make(*baskets: Mapping[str, int]) -> list[str]:
        documents = house.orders(*baskets)
        for wave in house.waves():
            house.fetch(wave)
        return documents

    return make


Picked = Callable[..., list[str]]


def items(basket: Mapping[str, int]) -> list[str]:
    """The barcodes of a basket, unit by unit."""
    return [BARCODES[sku] for sku, units in basket.items() for _ in range(units)]


def scans(house: House) -> list[tuple[str, str, bool]]:
    """Kind, code and outcome of every scan that handhelds sent, in the order in which they counted."""
    return house.pool.rows(
        """select kind, code, ok from floor_scan s join picker p on p.id = s.picker_id
           where p.name <> %s order by applied_at""",
        house.picker.name,
    )


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


def refund(house: House, no: str) -> None:
    """The buyer asks for the money back."""
    house.pool.execute(
        """insert into document_block (document_id, order_id, reason, placed_at)
           select d.id, a.order_id, 'refund', now() from outbound_document d join allocation a on a.document_id = d.id
           where d.no = %s limit 1""",
        no,
    )


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


class TestWithoutANetwork:
    def test_ten_scans_arrive_once_each_and_in_order(self, house: House, pda: SignIn, picked: Picked) -> None:
        documents = picked(*[{"TEA": 2, "CUP": 1}] * 2)
        hand = pda("李雷")
        hand.scan(*documents)  # seen while there is a network
        hand.all_sent()

        hand.network(there=False)
        made = []
        for number, no in enumerate(documents, 1):
            codes = [*items({"TEA": 2, "CUP": 1}), waybill(number)]
            hand.scan(no, *codes)
            made += [*[("check", code, True) for code in codes[:3]], ("pack", "", True), ("ship", codes[3], True)]
        hand.queued(10)
        hand.picture("handheld-offline")
        assert scans(house) == []
        hand.network(there=True)
        hand.is_online()
        hand.all_sent()

        assert scans(house) == made
        assert len(made) == 10
        assert set(house.states().values()) == {("shipped", "done")}
        assert house.on_hand("TEA") == (86, 0)

    def test_what_cannot_be_right_is_refused_at_once(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)

        hand.network(there=False)
        hand.scan(BARCODES["POT"])
        hand.refuses("商品不对")
        hand.scan(BARCODES["CUP"])
        hand.says("已保存")
        hand.scan(BARCODES["CUP"])
        hand.refuses("数量超了")
        hand.queued(1)

    def test_a_reload_loses_nothing(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)
        hand.silence_requests()

        hand.scan(*items({"TEA": 2, "CUP": 1}), waybill(1))
        hand.queued(5)
        hand.page.reload()
        hand.queued(5)
        hand.shows("等待确认")
        expect(hand.page.locator("#who")).to_contain_text("李雷")
        assert scans(house) == []
        hand.let_scans_through()
        hand.is_online()
        hand.all_sent()

        assert [code for _, code, _ in scans(house)] == [*items({"TEA": 2, "CUP": 1}), "", waybill(1)]
        assert house.state(no) == ("shipped", "done")

    def test_an_answer_that_gets_lost_makes_nothing_happen_twice(
        self, house: House, pda: SignIn, picked: Picked
    ) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)
        hand.lose_answers()

        hand.scan(*items({"TEA": 2, "CUP": 1}), waybill(1))
        hand.queued(5)
        hand.let_scans_through()
        hand.is_online()
        hand.all_sent()

        hand.is_calm()
        assert [code for _, code, _ in scans(house)] == [*items({"TEA": 2, "CUP": 1}), "", waybill(1)]
        assert len(house.pool.rows("select * from parcel")) == 1

    def test_a_refusal_that_comes_late_is_shown_until_it_is_acknowledged(
        self, house: House, pda: SignIn, picked: Picked
    ) -> None:
        (no,) = picked({"TEA": 1, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)
        hand.network(there=False)
        hand.scan(BARCODES["TEA"], BARCODES["CUP"], waybill(1))
        hand.shows("等待确认")
        refund(house, no)

        hand.network(there=True)
        expect(hand.page.locator("#red")).to_contain_text("退款", timeout=15_000)
        hand.page.reload()
        for what in (BARCODES["TEA"], BARCODES["CUP"], no, waybill(1)):
            hand.refuses("不能发货", what)
        hand.refuses("禁止发货")
        hand.page.reload()
        hand.refuses("禁止发货")  # the document itself still says so
        hand.is_calm()

        assert house.state(no) == ("picked", "picked")

    def test_scans_wait_for_whoever_made_them(self, house: House, pda: SignIn, picked: Picked) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)
        hand.silence_scans()
        hand.scan(BARCODES["TEA"], BARCODES["TEA"])
        hand.queued(2)

        hand.sign_in("韩梅梅")
        expect(hand.page.locator("#others")).to_contain_text("李雷 的 2 条")
        hand.let_scans_through()
        hand.scan(no, BARCODES["CUP"])
        hand.all_sent()
        assert scans(house) == [("check", BARCODES["CUP"], True)]
        hand.sign_in("李雷")
        hand.all_sent()

        assert house.pool.rows(
            """select p.name, s.code from floor_scan s join picker p on p.id = s.picker_id where kind = 'check'
               order by applied_at"""
        ) == [("韩梅梅", BARCODES["CUP"]), ("李雷", BARCODES["TEA"]), ("李雷", BARCODES["TEA"])]

    def test_a_session_that_ended_leads_to_the_sign_in_and_keeps_the_scans(
        self, house: House, pda: SignIn, picked: Picked
    ) -> None:
        (no,) = picked({"TEA": 2, "CUP": 1})
        hand = pda("李雷")
        hand.scan(no)
        hand.shows(no)
        house.pool.execute("delete from handheld_session")

        hand.scan(BARCODES["TEA"])
        hand.shows("请扫描工牌")
        hand.shows("1 条扫描")
        hand.sign_in("李雷")
        hand.all_sent()

        assert scans(house) == [("check", BARCODES["TEA"], True)]


def test_scans_that_are_made_while_others_are_under_way_follow_them(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 2})
    hand = pda("李雷")
    hand.scan(no)
    hand.shows(no)
    go_on = hand.hold_scans_up()

    hand.scan(BARCODES["CUP"])
    hand.says("1/2")
    hand.scan(BARCODES["TEA"], BARCODES["CUP"], BARCODES["TEA"], waybill(1))
    hand.shows("等待确认")
    go_on()
    hand.all_sent()

    order = ["CUP", "TEA", "CUP", "TEA"]
    assert [code for _, code, _ in scans(house)] == [*(BARCODES[sku] for sku in order), "", waybill(1)]


def test_a_scan_that_the_server_fails_at_is_told_and_stops_no_other(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.scan(no)
    hand.shows(no)
    hand.fail_at_scans()

    hand.scan(BARCODES["TEA"])
    expect(hand.page.locator("#red")).to_contain_text("服务器无法处理", timeout=15_000)
    hand.refuses(BARCODES["TEA"])
    hand.let_scans_through()
    hand.scan(BARCODES["CUP"])
    hand.all_sent()

    assert scans(house) == [("check", BARCODES["CUP"], True)]


def test_two_tabs_send_each_scan_once(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 2})
    hand = pda("李雷")
    other = hand.another_tab()
    hand.scan(no)
    other.scan(no)
    other.shows(no)
    hand.silence_scans()
    hand.scan(BARCODES["TEA"], BARCODES["TEA"])
    other.queued(2)
    other.scan(BARCODES["CUP"], BARCODES["CUP"])
    hand.queued(4)

    sent = hand.let_scans_through()
    hand.all_sent()
    other.all_sent()

    assert sorted(code for _, code, _ in scans(house)) == sorted(items({"TEA": 2, "CUP": 2}))
    assert len(sent) == len(set(sent)) == 4


def test_in_english_when_it_is_asked_for(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.page.get_by_role("link", name="English").click()
    hand.shows("Waves")

    hand.scan(no, BARCODES["POT"])
    hand.refuses("Wrong item")
