"""The invoice a buyer asks for: who it is made out to, and two versions of the wish become the fuller one."""

import re
from typing import Final

from models.incoming import IncomingInvoice, InvoiceKind

_COMPANY: Final = re.compile(
    r"公司|集团|(?:厂|店|院|校|所|局|社|会|部|行|室|中心|大学|中学|小学|政府|超市|企业|个体户|个体工商户)$"
    r"|\b(?:co|ltd|llc|inc|corp|gmbh|limited|company|corporation)\b\.?",
    re.IGNORECASE,
)
"""What names of companies and other bodies hold or end in, and names of people do not."""

_PERSON: Final = frozenset({"个人", "personal", "person", "individual"})
"""Titles that shops write for an invoice made out to a person."""


def wanted_invoice(said: InvoiceKind, title: str, tax_no: str) -> IncomingInvoice | None:
    """The invoice asked for, None when nothing is said of one.

    Where the shop does not say who it is made out to, a tax number or a title like a company's means a company, and any
    other title a person. A shop that writes the kind alone asks for an invoice as well.
    """
    if not (said or title or tax_no):
        return None
    return IncomingInvoice(said or _kind_of(title, tax_no), title, tax_no)


def _kind_of(title: str, tax_no: str) -> InvoiceKind:
    if tax_no or (title.lower() not in _PERSON and _COMPANY.search(title)):
        return InvoiceKind.COMPANY
    return InvoiceKind.PERSONAL


def fuller_invoice(known: IncomingInvoice | None, new: IncomingInvoice | None) -> IncomingInvoice | None:
    """The invoice as a newer version says, with what that one leaves empty or masks as it was known.

    Another title is another invoice, whose parts do not mix with the known one's.
    """
    if known is None or new is None:
        return new or known
    if new.title and new.title != known.title and not _hides(known.title, new.title):
        return new
    title = known.title or new.title
    tax_no = known.tax_no if not new.tax_no or _hides(known.tax_no, new.tax_no) else new.tax_no
    return IncomingInvoice(new.kind or known.kind, title, tax_no)


def _hides(known: str, new: str) -> bool:
    return bool(known) and "*" in new and "*" not in known
