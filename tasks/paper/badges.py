"""Badges of pickers on A4, ten cards to be cut out: a name and the code that signs its owner in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.paper.pages import A4
from tasks.paper.sheet import SOFT, Sheet

_CARD_W, _CARD_H = 85.6, 54.0
"""A bank card's size (ISO/IEC 7810 ID-1), for which there are holders everywhere."""

_ACROSS, _DOWN = 2, 5
_LEFT: Final = (A4[0] - _ACROSS * _CARD_W) / 2
_TOP: Final = (A4[1] - _DOWN * _CARD_H) / 2


@dataclass(frozen=True, slots=True)
class Badge:
    """Whoever holds it works as this picker: it is printed once and kept nowhere."""

    picker: str
    warehouse: str
    code: str


def draw_badges(badges: Sequence[Badge]) -> bytes:
    """The PDF."""
    sheet = Sheet(*A4, title="Badges")
    for first in range(0, len(badges), _ACROSS * _DOWN):
        for place, badge in enumerate(badges[first : first + _ACROSS * _DOWN]):
            _draw_card(sheet, _LEFT + place % _ACROSS * _CARD_W, _TOP + place // _ACROSS * _CARD_H, badge)
        sheet.end_page()
    return sheet.pdf()


def _draw_card(sheet: Sheet, x: float, y: float, badge: Badge) -> None:
    sheet.box(x, y, _CARD_W, _CARD_H, 0.1)
    sheet.words(x + 6, y + 6, _CARD_W - 12, badge.picker, 20, most_lines=1)
    sheet.words(x + 6, y + 16, _CARD_W - 12, badge.warehouse, 10, most_lines=2, shade=SOFT)
    sheet.code(x + 2, y + 29, _CARD_W - 4, 20, badge.code)
