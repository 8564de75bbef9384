"""Orders whose trouble is who buys: the same again, somebody on the blacklist, the same number twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.review_sets import world
from tests.review_sets.making import Case, Maker, held, near, usual
from tests.review_sets.payloads import Receiver
from tests.review_sets.people import in_words, widened

LIMIT = timedelta(minutes=10)
SECOND = timedelta(seconds=1)
REPEATED, BLACKLISTED, DUPLICATE = "REPEATED", "BLACKLISTED", "DUPLICATE"
EARLIER = "the first of two"


def repeats(m: Maker) -> Iterator[Case]:
    """The same buyer with the same goods, shortly after."""
    for after in (SECOND, timedelta(minutes=2), timedelta(minutes=5), LIMIT - SECOND, LIMIT):
        first = m.order()
        yield [usual(first, EARLIER), held(m.again(first, after), REPEATED, f"the same again after {after}")]
    first = m.order(m.a_store())
    second, third = m.again(first, timedelta(minutes=4)), m.again(first, timedelta(minutes=9))
    yield [usual(first, EARLIER), held(second, REPEATED, "the second of three"), held(third, REPEATED, "the third")]
    first = m.order(lines=(m.line("TEA-LJ-250", 1), m.line("CUP-500", 2)))
    turned = m.again(first, timedelta(minutes=1), lines=tuple(reversed(first.lines)))
    yield [usual(first, EARLIER), held(turned, REPEATED, "the same lines in another order")]
    first = m.order(lines=(m.line("SOCK-W", 2, 2000),))
    halves = m.again(first, timedelta(minutes=3), lines=(m.line("SOCK-W", 1, 2000), m.line("SOCK-W", 1, 2000)))
    yield [usual(first, EARLIER), held(halves, REPEATED, "the same units in two lines")]
    first = m.order(m.a_store(), buyer=0)
    yield [usual(first, EARLIER), held(m.again(first, timedelta(minutes=6)), REPEATED, "a guest by the same phone")]
    guest = m.order("TEAHOUSE", buyer=0)
    elsewhere = m.again(guest, timedelta(minutes=6), "WEB-EN")
    yield [usual(guest, EARLIER), held(elsewhere, REPEATED, "a guest by the same phone in another shop", later=1)]
    first = m.order("TEAHOUSE", cod=True)
    yield [
        usual(first, EARLIER),
        held(m.again(first, timedelta(minutes=7)), REPEATED, "paid at the door, placed twice"),
    ]


def repeats_that_are_none(m: Maker) -> Iterator[Case]:
    """Another basket, another time, another buyer, or nothing bought before."""
    soon = timedelta(minutes=3)
    for after in (LIMIT + SECOND, timedelta(minutes=30), timedelta(hours=5)):
        first = m.order()
        yield [usual(first, EARLIER), near(m.again(first, after), REPEATED, f"the same again, {after} later")]
    first = m.order(lines=(m.line("TEA-LJ-250", 1),))
    yield [usual(first, EARLIER), near(m.again(first, soon, lines=(m.line("TEA-PE-357"),)), REPEATED, "another SKU")]
    first = m.order(lines=(m.line("TEA-LJ-250", 1),))
    yield [
        usual(first, EARLIER),
        near(m.again(first, soon, lines=(m.line("TEA-LJ-250", 2),)), REPEATED, "two, not one"),
    ]
    first = m.order(lines=(m.line("CUP-500", 1),))
    more = m.again(first, soon, lines=(*first.lines, m.line("SOCK-W", 1)))
    yield [usual(first, EARLIER), near(more, REPEATED, "one line more")]
    first = m.order(status="cancelled")
    yield [usual(first, "cancelled"), near(m.again(first, soon, status="paid"), REPEATED, "after a cancelled one")]
    first = m.order(m.a_store(), status="unpaid")
    paid = m.again(first, soon, status="paid")
    yield [held(first, "UNPAID", "given up before payment"), near(paid, REPEATED, "after one that was never paid")]
    first = m.order(m.a_store(), status="failed")
    tried = m.again(first, soon, status="paid")
    yield [held(first, "PAYMENT_FAILED", "the first try to pay"), near(tried, REPEATED, "after a payment that failed")]
    first = m.order("TEAHOUSE")
    yield [
        usual(first, EARLIER),
        near(m.again(first, soon, "WEB-EN"), REPEATED, "that number in another shop", later=1),
    ]
    first = m.order(m.a_store())
    flatmate = m.again(first, soon, buyer=first.buyer + 500_000, to=replace(first.to, name="李敏"))
    yield [usual(first, EARLIER), near(flatmate, REPEATED, "another buyer at the same address")]
    first = m.order("TB-OUTLET")
    yield [usual(first, EARLIER), near(m.again(first, soon, buyer=first.buyer + 500_000), REPEATED, "the same mask")]
    refunded = m.order("TM-FLAGSHIP", lines=(m.line("CUP-500", 1, refund="SUCCESS"), m.line("SOCK-W", 1)))
    again = m.again(refunded, soon, lines=(m.line("CUP-500", 1),))
    yield [usual(refunded, "the cup was refunded"), near(again, REPEATED, "what was refunded before")]


def blacklisted(m: Maker) -> Iterator[Case]:
    """A phone, an address or a buyer that is on the list, spelled as people spell them."""
    for phone in world.BAD_PHONES:
        for written in (phone, f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}", f"{phone[:3]}-{phone[3:7]}-{phone[7:]}"):
            order = m.order(m.a_store())
            yield [held(replace(order, to=replace(order.to, phone=written)), BLACKLISTED, "a phone of the list")]
    for place in world.BAD_ADDRESSES:
        for street in _ways_to_write(*place[3:]):
            to = Receiver("王芳", m.people.phone(), *place[:3], street)
            yield [held(m.order(m.a_store(), to=to), BLACKLISTED, "an address of the list")]
    for shop, buyer in world.BAD_BUYERS:
        yield [held(m.order(shop, buyer=buyer), BLACKLISTED, "a buyer of the list")]


def _ways_to_write(road: str, house: int, block: int, flat: int) -> list[str]:
    return [
        f"{road}{house}号{block}幢{flat}室",
        widened(f"{road}{house}号{block}幢{flat}室"),
        f"{road} {house}号 {block}幢 {flat}室",
        f"{road}{house}号，{block}幢-{flat}室",
        f"{road}{in_words(house)}号{in_words(block)}幢{flat}室",
    ]


def nearly_blacklisted(m: Maker) -> Iterator[Case]:
    """A neighbour of somebody on the list, a number like theirs, or the same number elsewhere."""
    phone = world.BAD_PHONES[0]
    for other in (phone[:-1] + "9", phone[:-2] + phone[-1] + phone[-2], phone[:3] + "4" + phone[4:], world.ENDED_PHONE):
        order = m.order(m.a_store())
        yield [near(replace(order, to=replace(order.to, phone=other)), BLACKLISTED, "a phone like one of the list")]
    for shop in ("TM-FLAGSHIP", "JD-POP"):
        order = m.order(shop)
        masked = replace(order, to=replace(order.to, phone=phone))
        yield [near(masked, BLACKLISTED, "a mask that a phone of the list would have")]
    for place in world.BAD_ADDRESSES:
        road, house, block, flat = place[3:]
        for street in (
            f"{road}{house}号{block}幢{flat + 1}室",
            f"{road}{house}号{block + 1}幢{flat}室",
            f"{road}{house + 1}号{block}幢{flat}室",
            f"{road}{house}号",
        ):
            to = Receiver("王芳", m.people.phone(), *place[:3], street)
            yield [near(m.order(m.a_store(), to=to), BLACKLISTED, "a neighbour of an address of the list")]
    place = world.BAD_ADDRESSES[0]
    to = Receiver("王芳", m.people.phone(), "浙江省", "宁波市", "鄞州区", _ways_to_write(*place[3:])[0])
    yield [near(m.order(m.a_store(), to=to), BLACKLISTED, "the same street and flat in another city")]
    for shop, buyer in (("TB-OUTLET", 70001), ("WEB-EN", 70002), ("TEAHOUSE", 7000), ("JD-POP", 700031)):
        yield [near(m.order(shop, buyer=buyer), BLACKLISTED, "a buyer's number in another shop, or a part of one")]


def duplicates(m: Maker) -> Iterator[Case]:
    """A number that came before through another shop or id of the same platform."""
    for _ in range(3):
        first = m.order("TM-FLAGSHIP")
        again = m.order("TB-OUTLET", number=first.number, id=first.id)
        yield [usual(first, EARLIER), held(again, DUPLICATE, "the number of an order of the sister shop", later=1)]
    for shop in ("TEAHOUSE", "WEB-EN"):
        first = m.order(shop)
        again = m.order(shop, number=first.number)
        yield [usual(first, EARLIER), held(again, DUPLICATE, "a number that a plugin gave twice", later=1)]
    first = m.order("TEAHOUSE")
    copied = m.again(first, timedelta(minutes=2), number=first.number)
    yield [usual(first, EARLIER), held(copied, "DUPLICATE REPEATED", "an order copied whole", later=1)]


def no_duplicates(m: Maker) -> Iterator[Case]:
    """The same number where it means another order, or the very same order read again."""
    for _ in range(2):
        first = m.order("TEAHOUSE")
        other = m.order("WEB-EN", number=first.number)
        yield [usual(first, EARLIER), near(other, DUPLICATE, "a number that two stores gave, each for itself", later=1)]
    first = m.order("JD-POP")
    other = m.order("TEAHOUSE", number=first.number)
    yield [usual(first, EARLIER), near(other, DUPLICATE, "a number of another platform", later=1)]
    order = m.order()
    yield [usual(order, "read for the first time"), near(order, DUPLICATE, "the same order read again", later=1)]
    paid_late = m.order("TEAHOUSE", status="unpaid")
    paid = paid_late.created + timedelta(minutes=20)
    now = replace(paid_late, status="paid", paid=paid, modified=paid + timedelta(seconds=5))
    yield [held(paid_late, "UNPAID", "not paid yet"), near(now, DUPLICATE, "the same order, paid meanwhile", later=1)]
