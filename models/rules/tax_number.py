"""Tax numbers of companies in mainland China: their form and their check characters."""

import re
import unicodedata
from enum import StrEnum
from typing import Final

CREDIT_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The characters of a unified social credit code with their values 0 to 30 (GB 32100-2015, table 4: no I O S V Z)."""

_ORGANISATION_CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_CODE = re.compile(f"[{CREDIT_CHARACTERS}]{{2}}[0-9]{{6}}[{CREDIT_CHARACTERS}]{{10}}")
_OLD_CODE = re.compile(r"[0-9]{6}[0-9A-Z]{9}|[0-9]{15}[0-9A-Z]{5}")
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015_.·]+")


class TaxFault(StrEnum):
    """What is wrong with a tax number."""

    FORM = "tax_no_form"  # no tax number looks like this
    CHECK = "tax_no_check"  # a check character does not agree with the others


def tax_fault(tax_no: str, *, old_numbers: bool) -> TaxFault | None:
    """What is wrong with a company's tax number, None when it can be one.

    A unified social credit code of 18 characters is checked by both of its check characters. `old_numbers`: the form of
    those before October 2015 does as well: 15 characters (division and organisation code) or 20 (an identity card's
    number and 2 more).
    """
    text = plain_tax_no(tax_no)
    if old_numbers and _OLD_CODE.fullmatch(text):
        return None
    if not _CREDIT_CODE.fullmatch(text):
        return TaxFault.FORM
    organisation, check = text[8:16], text[16]
    if check_of_organisation(organisation) != check or check_of_credit_code(text[:17]) != text[17]:
        return TaxFault.CHECK
    return None


def plain_tax_no(tax_no: str) -> str:
    """The number in half-width capitals, without spaces and dashes."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", tax_no)).upper()


def check_of_credit_code(first_17: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015, 5.2.6).

    With C(i) the value of the i-th character and the weight W(i) = 3^(i-1) mod 31, it is the character of the value
    31 - (sum of C(i) W(i) mod 31), where 31 counts as 0.
    """
    total = sum(CREDIT_CHARACTERS.index(char) * pow(3, i, 31) for i, char in enumerate(first_17))
    return CREDIT_CHARACTERS[-total % 31]


def check_of_organisation(first_8: str) -> str:
    """The 9th character of an organisation code (GB 11714-1997, 3.3).

    With C(i) from 0 to 9 and A = 10 to Z = 35, and the weights 3, 7, 9, 10, 5, 8, 4, 2, it is 11 - (sum of C(i) W(i)
    mod 11), where 10 is written X and 11 is 0.
    """
    values = (_ORGANISATION_CHARACTERS.index(char) for char in first_8)
    check = -sum(value * weight for value, weight in zip(values, _ORGANISATION_WEIGHTS, strict=True)) % 11
    return "X" if check == 10 else str(check)
