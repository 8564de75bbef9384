"""The invoice a buyer asks for: who it is for is found out where nobody says it, and a later version never loses it."""

import pytest

from models.incoming import IncomingInvoice, InvoiceKind
from models.rules.invoice import fuller_invoice, wanted_invoice

COMPANY, PERSONAL, UNSAID = InvoiceKind.COMPANY, InvoiceKind.PERSONAL, InvoiceKind.UNSAID
KNOWN = IncomingInvoice(COMPANY, "梧桐里茶业有限公司", "91330106MA2CFRX43E")


def test_nothing_said_is_no_invoice() -> None:
    assert wanted_invoice(UNSAID, "", "") is None


@pytest.mark.parametrize(
    ("title", "tax_no", "kind"),
    [
        ("梧桐里茶业有限公司", "", COMPANY),
        ("杭州市第二人民医院", "", COMPANY),
        ("青岛海风贸易商行", "", COMPANY),
        ("宁波第三中学", "", COMPANY),
        ("Wutong Tea Co., Ltd.", "", COMPANY),
        ("张伟", "91330106MA2CFRX43E", COMPANY),
        ("", "91330106MA2CFRX43E", COMPANY),
        ("个人", "", PERSONAL),
        ("张伟", "", PERSONAL),
        ("李学", "", PERSONAL),
        ("Colin Ltdmann", "", PERSONAL),
    ],
)
def test_who_it_is_for_is_found_out(title: str, tax_no: str, kind: InvoiceKind) -> None:
    assert wanted_invoice(UNSAID, title, tax_no) == IncomingInvoice(kind, title, tax_no)


def test_who_it_is_for_is_believed_where_the_shop_says_it() -> None:
    assert wanted_invoice(PERSONAL, "张家小店", "") == IncomingInvoice(PERSONAL, "张家小店", "")


def test_the_kind_alone_asks_for_an_invoice() -> None:
    assert wanted_invoice(COMPANY, "", "") == IncomingInvoice(COMPANY, "", "")


@pytest.mark.parametrize(
    "later",
    [
        None,
        IncomingInvoice(UNSAID, "", ""),
        IncomingInvoice(COMPANY, KNOWN.title, ""),
        IncomingInvoice(COMPANY, "梧桐里****公司", "9133**********3E"),
    ],
)
def test_what_a_later_version_leaves_out_or_masks_stays(later: IncomingInvoice | None) -> None:
    assert fuller_invoice(KNOWN, later) == KNOWN


def test_parts_of_two_titles_do_not_mix() -> None:
    assert fuller_invoice(KNOWN, IncomingInvoice(PERSONAL, "张伟", "")) == IncomingInvoice(PERSONAL, "张伟", "")


def test_a_tax_number_that_comes_later_is_taken() -> None:
    without = IncomingInvoice(COMPANY, KNOWN.title, "")
    assert fuller_invoice(without, KNOWN) == KNOWN
    assert fuller_invoice(None, KNOWN) == KNOWN
