"""Orders whose trouble is what was asked for or is still to come: invoices, notes, refunds, payment."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.review_sets import tax_numbers
from tests.review_sets.making import STORES, Case, Maker, held, near, usual
from tests.review_sets.payloads import Draft, trade
from tests.review_sets.wording import Words

BAD_INVOICE, REMARK, REFUNDING = "BAD_INVOICE", "REMARK", "REFUNDING"
ASKING = (*STORES, "JD-POP")
"""Shops whose orders say of an invoice."""
STAFFED = ("TM-FLAGSHIP", "TB-OUTLET", "JD-POP")
"""Shops whose orders carry notes of the seller's staff."""


def incomplete_invoices(m: Maker, words: Words) -> Iterator[Case]:
    """No title, no tax number, and numbers that no company has."""
    draw = m.draw
    for shop in ASKING:
        number = tax_numbers.credit_code(draw)
        yield [held(m.order(shop, invoice={"tax_no": number}), BAD_INVOICE, "a number without a title")]
    for company in words.companies:
        yield [
            held(m.order(draw.choice(ASKING), invoice={"title": company}), BAD_INVOICE, "a company without a number")
        ]
    yield [held(m.order("TEAHOUSE", invoice={"kind": "企业", "title": "老张"}), BAD_INVOICE, "said to be a company")]
    yield [held(m.order("WEB-EN", invoice={"kind": "company"}), BAD_INVOICE, "a company without anything")]
    yield [held(m.order("WEB-EN", invoice={"kind": "personal"}), BAD_INVOICE, "a person without a title")]
    right = tax_numbers.credit_code(draw)
    for wrong, what in (
        (tax_numbers.one_sign_off(right, draw), "a digit misread"),
        (tax_numbers.two_signs_swapped(right), "two signs swapped"),
        (right[:-1] + ("1" if right[-1] != "1" else "2"), "another check sign"),
        (tax_numbers.wrong_inside(draw), "a wrong check sign inside"),
        (tax_numbers.letters_for_digits(draw), "the letter O for a nought"),
        (right[:-1], "a sign too few"),
        (right + "0", "a sign too many"),
        ("91330100MA2XXXXXXX", "a number as in an example"),
        ("123456", "anything"),
    ):
        invoice = {"title": draw.choice(words.companies), "tax_no": wrong}
        yield [held(m.order(draw.choice(ASKING), invoice=invoice), BAD_INVOICE, what)]


def complete_invoices(m: Maker, words: Words) -> Iterator[Case]:
    """Right numbers of every age, persons, and numbers written with care."""
    draw = m.draw
    for company in words.companies:
        invoice = {"title": company, "tax_no": tax_numbers.credit_code(draw)}
        yield [near(m.order(draw.choice(ASKING), invoice=invoice), BAD_INVOICE, "a company in order")]
    for person in words.persons:
        yield [near(m.order(draw.choice(ASKING), invoice={"title": person}), BAD_INVOICE, "a person needs no number")]
    for number, what in (
        (tax_numbers.old_number(draw), "a number of 15 signs"),
        (tax_numbers.old_number(draw), "a number of 15 signs"),
        (tax_numbers.old_trader_number(draw), "a number of 20 signs"),
    ):
        invoice = {"title": draw.choice(words.companies), "tax_no": number}
        yield [near(m.order(draw.choice(ASKING), invoice=invoice), BAD_INVOICE, what)]
    code = tax_numbers.credit_code(draw)
    for number in (f"{code[:6]} {code[6:12]} {code[12:]}", f"{code[:8]}-{code[8:]}"):
        invoice = {"kind": "company", "title": words.companies[0], "tax_no": number}
        yield [near(m.order("TEAHOUSE", invoice=invoice), BAD_INVOICE, "a number in groups")]
    invoice = {"kind": "个人", "title": words.persons[-1], "tax_no": "123456"}
    yield [near(m.order("WEB-EN", invoice=invoice), BAD_INVOICE, "nobody checks a person's number")]
    unwanted = m.order("JD-POP", raw={"invoiceEasyInfo": {"invoiceTitle": "", "invoiceCode": ""}})
    yield [near(unwanted, BAD_INVOICE, "no invoice asked for, in so many words")]


def stopping_notes(m: Maker, words: Words) -> Iterator[Case]:
    """Notes that ask for something before the parcel leaves."""
    for note in words.stopping_by_buyers:
        yield [held(m.order(note=note), REMARK, "a buyer's note")]
    for memo in words.stopping_by_staff:
        yield [held(m.order(m.draw.choice(STAFFED), memo=memo), REMARK, "a note of the staff")]
    order = m.order("TM-FLAGSHIP", note=words.harmless_by_buyers[0], memo=words.stopping_by_staff[0])
    yield [held(order, REMARK, "the staff's note beside a harmless one")]


def harmless_notes(m: Maker, words: Words) -> Iterator[Case]:
    """Notes with the same words that ask for nothing."""
    for note in words.harmless_by_buyers:
        yield [near(m.order(note=note), REMARK, "a harmless note")]
    for memo in words.harmless_by_staff:
        yield [near(m.order(m.draw.choice(STAFFED), memo=memo), REMARK, "a harmless note of the staff")]


def refunds(m: Maker) -> Iterator[Case]:
    """A refund is asked for, or money went back and nobody says for what."""
    for state in ("WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS", "SELLER_REFUSE_BUYER"):
        lines = (m.line("CUP-500", 1, refund=state), m.line("SOCK-W", 1))
        yield [held(m.order(m.a_trade_shop(), lines=lines), REFUNDING, "a refund is asked for a line")]
    for back in ("-20.00", "-0.01"):
        order = m.order(m.a_store(), raw={"refunds": [{"id": 7, "total": back}]})
        yield [held(order, REFUNDING, "money went back for no line in particular")]


def no_refunds(m: Maker) -> Iterator[Case]:
    """Withdrawn or done with, and what is left is to be shipped."""
    for state in ("CLOSED", "NO_REFUND"):
        lines = (m.line("CUP-500", 1, refund=state), m.line("SOCK-W", 1))
        yield [near(m.order(m.a_trade_shop(), lines=lines), REFUNDING, "the refund was taken back")]
    for shop in ("TM-FLAGSHIP", "TB-OUTLET"):
        lines = (m.line("CUP-500", 1, refund="SUCCESS"), m.line("SOCK-W", 1))
        yield [near(m.order(shop, lines=lines), REFUNDING, "a line refunded, the other to be shipped")]
    yield [near(m.order(m.a_store(), raw={"refunds": []}), REFUNDING, "no refund in a list of them")]
    yield [near(m.order(m.a_trade_shop(), memo="上一单已退款，本单正常"), REFUNDING, "a refund of another order")]


def payments(m: Maker) -> Iterator[Case]:
    """Not paid, not to leave, or gone already."""
    for shop, status, code in (
        ("TEAHOUSE", "unpaid", "UNPAID"),
        ("WEB-EN", "waiting", "UNPAID"),
        ("TM-FLAGSHIP", "unpaid", "UNPAID"),
        ("TEAHOUSE", "failed", "PAYMENT_FAILED"),
        ("WEB-EN", "failed", "PAYMENT_FAILED"),
        ("WEB-EN", "failed", "PAYMENT_FAILED"),
        ("TM-FLAGSHIP", "forbidden", "BLOCKED"),
        ("TB-OUTLET", "forbidden", "BLOCKED"),
        ("JD-POP", "forbidden", "BLOCKED"),
        ("JD-POP", "locked", "BLOCKED"),
        ("TEAHOUSE", "shipped", "SHIPPED_ELSEWHERE"),
        ("TM-FLAGSHIP", "shipped", "SHIPPED_ELSEWHERE"),
        ("JD-POP", "shipped", "SHIPPED_ELSEWHERE"),
    ):
        yield [held(m.order(shop, status=status), code, status)]
    deposit = {"type": "step", "step_trade_status": "FRONT_PAID_FINAL_NOPAID", "step_paid_fee": "10.00"}
    yield [held(m.order("TM-FLAGSHIP", raw=deposit), "UNPAID", "only the deposit is paid")]
    stored = m.order("TB-OUTLET")
    away = replace(stored, raw=_kept_by_the_platform(stored))
    yield [held(away, "SHIPPED_ELSEWHERE", "it lies in a warehouse of the platform")]
    paid_by_nobody = m.order("TEAHOUSE", raw={"date_paid_gmt": None})
    yield [held(paid_by_nobody, "UNPAID", "processing without a day of payment")]


def paid_after_all(m: Maker) -> Iterator[Case]:
    """Paid at the door, in two parts, at the second try, and what was closed before it came to that."""
    for shop in ("TEAHOUSE", "TM-FLAGSHIP", "JD-POP", "WEB-EN"):
        yield [near(m.order(shop, cod=True), "UNPAID", "to be paid at the door")]
    both = {"type": "step", "step_trade_status": "FRONT_PAID_FINAL_PAID"}
    yield [near(m.order("TB-OUTLET", raw=both), "UNPAID", "deposit and rest are paid")]
    for shop in STORES * 2:
        failed = m.order(shop, status="failed")
        paid = failed.created + timedelta(minutes=30)
        now = replace(failed, status="paid", paid=paid, modified=paid + timedelta(seconds=5))
        yield [
            held(failed, "PAYMENT_FAILED", "the first try"),
            near(now, "PAYMENT_FAILED", "paid at the second", later=1),
        ]
    for shop in ("TM-FLAGSHIP", "TB-OUTLET", "TM-FLAGSHIP"):
        yield [near(m.order(shop, status="part"), "SHIPPED_ELSEWHERE", "a part has left, this has not")]
    for shop in ("TEAHOUSE", "TM-FLAGSHIP", "JD-POP"):
        note = "先不要发货"
        yield [
            near(m.order(shop, status="cancelled", note=note), "BLOCKED", "closed by the shop: nobody asks any more")
        ]
    released = m.order("JD-POP", status="forbidden")
    yield [
        held(released, "BLOCKED", "paused"),
        near(
            replace(released, status="paid", modified=released.modified + timedelta(hours=1)),
            "BLOCKED",
            "and let go",
            later=1,
        ),
    ]
    yield [usual(m.order("JD-POP", memo="正常"), "a paid one")]


def _kept_by_the_platform(order: Draft) -> dict[str, object]:
    lines = [{**line, "store_code": "CAINIAO-1"} for line in trade(order)["orders"]["order"]]
    return {"orders": {"order": lines}}
