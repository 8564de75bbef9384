"""Orders whose trouble is where they go, who takes them in, when they were made, and what they are called."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.review_sets import world
from tests.review_sets.making import Case, Maker, held, near
from tests.review_sets.payloads import Draft, Receiver
from tests.review_sets.wording import Words

BAD_ADDRESS, UNDELIVERABLE, BAD_FIELD = "BAD_ADDRESS", "UNDELIVERABLE", "BAD_FIELD"


def nowhere(m: Maker, words: Words) -> Iterator[Case]:
    """Regions that are none."""
    for region in words.nowhere:
        order = m.order(m.a_store())
        yield [held(_to(order, *region, "1号楼2单元"), BAD_ADDRESS, "a region that is none")]
    for shop in ("TEAHOUSE", "TM-FLAGSHIP", "JD-POP"):
        order = m.order(shop)
        yield [held(_to(order, "", "", "", "老地方"), BAD_ADDRESS, "no region at all")]


def written_otherwise(m: Maker) -> Iterator[Case]:
    """Regions as people shorten and misplace them, and as they were called before."""
    for region, what in (
        (("浙江", "杭州", "西湖区"), "short names"),
        (("上海", "上海市", "浦东新区"), "a municipality"),
        (("广东省", "东莞市", ""), "a city without districts"),
        (("湖北省", "仙桃市", ""), "a county that its province keeps"),
        (("浙江省", "杭州市", "下城区"), "a district that is another now"),
        (("上海市", "上海市", "闸北区"), "a district that is another now"),
    ):
        yield [near(_to(m.order(m.a_store()), *region, "学院路18号"), BAD_ADDRESS, what)]


def undeliverable(m: Maker) -> Iterator[Case]:
    """Divisions that nobody delivers to, and what lies in them."""
    for shop, region in (
        ("TEAHOUSE", ("海南省", "三沙市", "西沙区")),
        ("TM-FLAGSHIP", ("海南省", "三沙市", "")),
        ("JD-POP", ("海南省", "三沙市", "南沙区")),
        ("WEB-EN", ("西藏自治区", "阿里地区", "噶尔县")),
        ("TB-OUTLET", ("西藏自治区", "阿里地区", "札达县")),
        ("TEAHOUSE", ("新疆维吾尔自治区", "石河子市", "")),
    ):
        yield [held(_to(m.order(shop), *region, "北京路6号"), UNDELIVERABLE, "nobody delivers there")]


def next_door(m: Maker) -> Iterator[Case]:
    """Neighbours of such divisions, streets that are called after them, and one whose time is over."""
    for shop, region, street in (
        ("TEAHOUSE", ("海南省", "三亚市", "吉阳区"), "解放路9号"),
        ("TM-FLAGSHIP", ("西藏自治区", "日喀则市", "桑珠孜区"), "珠峰路3号"),
        ("JD-POP", ("新疆维吾尔自治区", "乌鲁木齐市", "天山区"), "石河子路7号"),
        ("WEB-EN", ("上海市", "上海市", "黄浦区"), "西藏中路268号"),
        ("TEAHOUSE", ("山东省", "青岛市", "市南区"), "三沙路15号阿里大厦1201"),
        ("TB-OUTLET", ("甘肃省", "兰州市", "城关区"), "青海路2号"),
        ("TEAHOUSE", ("青海省", "西宁市", "城中区"), "南大街8号"),
        ("TM-FLAGSHIP", ("青海省", "西宁市", "城东区"), "建国路8号"),
    ):
        yield [near(_to(m.order(shop), *region, street), UNDELIVERABLE, "next to what nobody delivers to")]


def fields(m: Maker) -> Iterator[Case]:
    """A receiver without a name or a phone, what is no phone, times that cannot be, a number too long."""
    for shop in ("TEAHOUSE", "WEB-EN", "TEAHOUSE"):
        order = m.order(shop)
        yield [held(replace(order, to=replace(order.to, name="")), BAD_FIELD, "nobody named")]
        order = m.order(shop)
        yield [held(replace(order, to=replace(order.to, phone="")), BAD_FIELD, "no phone")]
    for phone in ("12345", "1380000567", "138000056789", "没有电话", "00000000000"):
        order = m.order(m.a_store())
        yield [held(replace(order, to=replace(order.to, phone=phone)), BAD_FIELD, "no number that can be called")]
    for shop, ahead in (
        ("TEAHOUSE", timedelta(seconds=7201)),
        ("TM-FLAGSHIP", timedelta(hours=8)),
        ("JD-POP", timedelta(days=40)),
    ):
        created = world.NOW + ahead
        paid = created + timedelta(minutes=1)
        yield [held(m.order(shop, created=created, paid=paid), BAD_FIELD, f"made {ahead} from now")]
    for shop, before in (("TEAHOUSE", 61), ("TB-OUTLET", 3600), ("JD-POP", 86_400)):
        order = m.order(shop)
        paid = order.created - timedelta(seconds=before)
        modified = order.created + timedelta(seconds=9)
        yield [held(replace(order, paid=paid, modified=modified), BAD_FIELD, f"paid {before} s before it was made")]
    for shop, day in (
        ("TM-FLAGSHIP", "2026-10-01 00:00:00"),
        ("TB-OUTLET", "2029-01-01 00:00:00"),
        ("JD-POP", "2026-11-01"),
    ):
        yield [held(m.order(shop, handle_by=day), BAD_FIELD, f"to leave by {day}")]
    for length in (65, 100, 128):
        yield [held(m.order(m.a_store(), number=_long(m, length)), BAD_FIELD, f"a number of {length} characters")]


def believable_fields(m: Maker) -> Iterator[Case]:
    """Names and phones of other forms, the very limits of times, long numbers."""
    for name in ("王", "Li Wei", "陈·阿依古丽"):
        order = m.order(m.a_store())
        yield [near(replace(order, to=replace(order.to, name=name)), BAD_FIELD, "a name of another form")]
    mobile = m.people.phone()
    for phone in (
        "0571-88886666",
        "010-62345678",
        f"{mobile}-1234",
        f"+86{m.people.phone()}",
        f"86-{m.people.phone()}",
    ):
        order = m.order(m.a_store())
        yield [near(replace(order, to=replace(order.to, phone=phone)), BAD_FIELD, "a phone of another form")]
    for ahead in (timedelta(seconds=7200), timedelta(seconds=7199), timedelta(0)):
        created = world.NOW + ahead
        yield [near(m.order(created=created, paid=created + timedelta(minutes=1)), BAD_FIELD, f"made {ahead} from now")]
    for before in (60, 1, 0):
        order = m.order(m.draw.choice(("TEAHOUSE", "TM-FLAGSHIP", "JD-POP")))
        paid, modified = order.created - timedelta(seconds=before), order.created + timedelta(seconds=9)
        yield [near(replace(order, paid=paid, modified=modified), BAD_FIELD, f"paid {before} s before it was made")]
    for shop, day in (("TM-FLAGSHIP", "2026-11-23 23:59:59"), ("TB-OUTLET", "2027-11-01 00:00:00")):
        yield [near(m.order(shop, handle_by=day), BAD_FIELD, f"to leave by {day}")]
    same_day = m.order("JD-POP")
    day = f"{same_day.created + timedelta(hours=8):%Y-%m-%d}"
    yield [near(replace(same_day, handle_by=day), BAD_FIELD, "to leave on the day it was made")]
    for length in (64, 63, 40):
        yield [near(m.order(m.a_store(), number=_long(m, length)), BAD_FIELD, f"a number of {length} characters")]


def _to(order: Draft, province: str, city: str, district: str, street: str) -> Draft:
    to = Receiver(order.to.name, order.to.phone, province, city, district, street)
    return replace(order, to=to)


def _long(m: Maker, length: int) -> str:
    return "LONG-" + "".join(str(m.draw.randrange(10)) for _ in range(length - 5))
