"""What the review rules are made of: tax numbers, notes, addresses that are made alike, repeats."""

from datetime import UTC, datetime, timedelta

import pytest

from models.rules.receiver_text import plain_address, plain_receiver
from models.rules.remarks import hits_of
from models.rules.repeats import Purchase, basket_of, nearest_repeats
from models.rules.reviewed import Earlier
from models.rules.tax_number import CREDIT_CHARACTERS, TaxFault, check_of_credit_code, tax_fault
from tasks.rules_in_force import shipped_rules

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


# of well-known listed companies, as published in their annual reports
@pytest.mark.parametrize(
    "code",
    ["91330100799655058B", "9144030071526726XG", "914403001922038216", "91110000802100433B", "91330100716105852F"],
)
def test_a_published_credit_code_is_right_and_no_other_last_character_is(code: str) -> None:
    assert tax_fault(code, old_numbers=False) is None
    others = [last for last in CREDIT_CHARACTERS if last != code[-1]]
    assert {tax_fault(code[:-1] + last, old_numbers=False) for last in others} == {TaxFault.CHECK}


def test_the_organisation_code_inside_is_checked_as_well() -> None:
    wrong = "91330100799655059"
    assert tax_fault(wrong + check_of_credit_code(wrong), old_numbers=False) is TaxFault.CHECK


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("330100799655058", None),
        ("33010079965505X", None),
        ("33010419800101123400", None),
        ("33010079965505", TaxFault.FORM),
        ("3301007996550581", TaxFault.FORM),
        ("9133010079965505IB", TaxFault.FORM),
        ("张三", TaxFault.FORM),
    ],
)
def test_older_numbers_are_taken_by_their_form(code: str, fault: TaxFault | None) -> None:
    assert tax_fault(code, old_numbers=True) is fault


HITS = {
    "do_not_ship": "先别发货|请先不要發貨，等我通知|暂不发货|货先别给我发|先 别 发 货|能不能先不发货|节后再发"
    "|15号再发|推迟发货|客户说先不发|拦截|Don't ship yet|dont ship|DO NOT SHIP!!|pls hold shipment"
    "|Hold this order until Friday|don’t send it yet|delay shipment by a week",
    "cancel": "取消订单|不想要了|帮我取消这单|please cancel my order",
    "change_address": "要改地址|帮我改一下收货地址|地址改一下|换个地址|地址写错了|能不能改地址|要不改地址吧"
    "|别忘了改地址|新地址：某路1号|收件人改成我妈|change address please|Please change my delivery address"
    "|the address is wrong",
    "change_goods": "改颜色|换成红色|拍错了颜色|换XL码|把蓝色换成黑色|Wrong size, need L"
    "|please change the color to red",
}
MISSES = (
    "请尽快发货，不要发错|不要发货错|不要发货单|别发圆通，发顺丰|检查好再发货|怎么还不发货|不要延迟发货|请勿拖延发货"
    "|不用改地址|地址没错|地址不用改|没改地址|不需要修改收货地址|地址不变|送到改革路5号|改天再来买|不要取消订单|颜色不要发错"
    "|颜色随机|加急|不要寄错了|不要发票|household goods|phone holder gift|please do not ship late|can hold 500ml"
    "|no need to change the address|the address has not changed|do not change the color|please don't cancel the order"
    "|Please don't send the wrong color|don't hold the order|do not delay shipping|thanks"
)


@pytest.mark.parametrize(("topic", "note"), [(topic, note) for topic, of in HITS.items() for note in of.split("|")])
def test_a_note_that_asks_is_understood(topic: str, note: str) -> None:
    assert topic in [hit.topic.name for hit in hits_of(note, shipped_rules().remark.topics)]


@pytest.mark.parametrize("note", MISSES.split("|"))
def test_a_note_that_denies_or_speaks_of_something_else_asks_nothing(note: str) -> None:
    assert hits_of(note, shipped_rules().remark.topics) == []


SAME = "文三路12号3栋502"


@pytest.mark.parametrize(
    "written",
    [
        "文三路12号3栋502室",
        "浙江省杭州市西湖区文三路12号3幢502",
        "浙江 杭州 西湖区 文三路 １２号 三号楼 502室",
        "西湖区西溪街道文三路十二号3栋，502室",
        "文三路１２号３栋（502）",
        "文三路12号，3幢-502室",
    ],
)
def test_ways_to_write_an_address_are_one_address(written: str) -> None:
    assert plain_address("330106", written) == SAME
    assert plain_address("330106", SAME) == SAME


@pytest.mark.parametrize("other", ["文三路12号3栋503", "文三路12号2栋502", "文三路1-2号3栋502", "文二路12号3栋502"])
def test_another_flat_house_or_street_is_another_address(other: str) -> None:
    assert plain_address("330106", other) != SAME


@pytest.mark.parametrize(("code", "written"), [("", "文三路12号"), ("330106", "文三路***"), ("330106", " ")])
def test_what_is_masked_empty_or_nowhere_is_no_address(code: str, written: str) -> None:
    assert plain_address(code, written) == ""


def test_digits_on_two_sides_of_a_dash_stay_apart() -> None:
    assert plain_address("330106", "文三路1-12") != plain_address("330106", "文三路11-2")


@pytest.mark.parametrize(
    ("name", "digits", "address"), [("张*", "13800005678", SAME), ("张伟", "", SAME), ("张伟", "13800005678", "")]
)
def test_a_receiver_that_is_not_known_in_clear_has_no_text(name: str, digits: str, address: str) -> None:
    assert plain_receiver(name, digits, address) == ""


def bought(order_id: int, seconds: int, buyer: str = "b", **units: int) -> Purchase:
    at = NOON + timedelta(seconds=seconds)
    return Purchase(order_id, f"A{order_id}", at, buyer, basket_of((units or {"TEA": 1}).items()))


def test_the_nearest_order_before_is_the_one_that_is_repeated() -> None:
    found = nearest_repeats([bought(1, 0), bought(2, 60), bought(3, 90)], {1, 2, 3})

    assert found == {2: Earlier("A1", 60), 3: Earlier("A2", 30)}


def test_of_equal_moments_the_higher_id_repeats() -> None:
    assert nearest_repeats([bought(2, 0), bought(1, 0)], {1, 2}) == {2: Earlier("A1", 0)}


@pytest.mark.parametrize("other", [bought(2, 9, "c"), bought(2, 9, TEA=2), bought(2, 9, CUP=1), bought(2, 9, TEA=0)])
def test_another_buyer_or_basket_repeats_nothing(other: Purchase) -> None:
    assert nearest_repeats([bought(1, 0), other], {1, 2}) == {}


def test_two_lines_of_one_are_as_one_line_of_two() -> None:
    assert basket_of([("TEA", 1), ("TEA", 1)]) == basket_of([("TEA", 2)])


def test_a_basket_with_a_line_that_is_not_known_is_like_none() -> None:
    assert basket_of([("TEA", 1), ("", 1)]) == frozenset()
