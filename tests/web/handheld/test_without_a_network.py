"""The handhelds' page without a network, with a slow or failing one, over reloads and in two tabs."""

import pytest
from playwright.sync_api import expect

from tests.browsing import CHROMIUM
from tests.tasks.floor.house import House, waybill
from tests.web.handheld.pda import BARCODES, Picked, SignIn, items, refund, scans

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")


def test_ten_scans_arrive_once_each_and_in_order(house: House, pda: SignIn, picked: Picked) -> None:
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


def test_what_cannot_be_right_is_refused_at_once(house: House, pda: SignIn, picked: Picked) -> None:
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


def test_a_reload_loses_nothing(house: House, pda: SignIn, picked: Picked) -> None:
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


def test_an_answer_that_gets_lost_makes_nothing_happen_twice(house: House, pda: SignIn, picked: Picked) -> None:
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


def test_a_refusal_that_comes_late_is_shown_until_it_is_acknowledged(house: House, pda: SignIn, picked: Picked) -> None:
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


def test_scans_wait_for_whoever_made_them(house: House, pda: SignIn, picked: Picked) -> None:
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
    house: House, pda: SignIn, picked: Picked
) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.scan(no)
    hand.shows("0/2")
    house.pool.execute("delete from handheld_session")

    hand.scan(BARCODES["TEA"])
    hand.shows("请扫描工牌")
    hand.shows("1 条扫描")
    hand.sign_in("李雷")
    hand.all_sent()

    assert scans(house) == [("check", BARCODES["TEA"], True)]


def test_goods_that_are_scanned_after_a_session_ended_are_not_sent_as_badges(house: House, pda: SignIn) -> None:
    hand = pda("李雷")
    house.pool.execute("delete from handheld_session")
    hand.page.reload()
    hand.shows("请扫描工牌")
    asked: list[str] = []
    hand.page.on("request", lambda one: asked.append(one.url))

    hand.scan(BARCODES["TEA"])
    hand.refuses("未登录", "请扫描工牌", BARCODES["TEA"])
    hand.scan("OB20261120000001")
    hand.refuses("未登录")

    assert [url for url in asked if url.endswith("sign-in")] == []
    hand.sign_in("李雷")
    assert len([url for url in asked if url.endswith("sign-in")]) == 1


def test_a_scan_that_cannot_be_kept_does_not_count_and_stops_no_other(
    house: House, pda: SignIn, picked: Picked
) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.scan(no)
    hand.shows(no)
    empty_the_disk = hand.fill_the_disk()

    hand.scan(BARCODES["TEA"])
    hand.refuses("无法保存")
    hand.shows("0/2")
    empty_the_disk()
    hand.scan(BARCODES["TEA"], BARCODES["TEA"])
    hand.shows("2/2")
    hand.all_sent()

    assert scans(house) == [("check", BARCODES["TEA"], True)] * 2


def test_a_database_that_the_browser_closed_is_opened_again(house: House, pda: SignIn, picked: Picked) -> None:
    (no,) = picked({"TEA": 2, "CUP": 1})
    hand = pda("李雷")
    hand.scan(no)
    hand.shows(no)
    hand.lose_the_database()

    hand.scan(BARCODES["TEA"])
    hand.shows("1/2")
    hand.all_sent()
    hand.is_calm()

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
