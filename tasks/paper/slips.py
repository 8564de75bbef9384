"""The packing slip that goes into a parcel: one document on a thermal label, with the number that the bench scans."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tasks.paper.lettering import printable, wrap
from tasks.paper.pages import Block, Section, draw_pages
from tasks.paper.pick_list import Line
from tasks.paper.receiver_block import Party, party_block
from tasks.paper.sheet import BLACK, SOFT, WHITE, Sheet, line_height

_MARGIN: Final = 4.0
_UNITS_W: Final = 16.0
_SLOT_W: Final = 19.0
_CODE_H: Final = 18.0
_COLUMNS_H: Final = 5.5
_MOST_NOTE_LINES: Final = 6


class SlipSize(StrEnum):
    """The label it is printed on, in mm."""

    LABEL = "100x150"
    A6 = "a6"


SIZES: Final = {SlipSize.LABEL: (100.0, 150.0), SlipSize.A6: (105.0, 148.0)}


@dataclass(frozen=True, slots=True)
class Slip:
    """What lies in a document's parcel. `to` and `note` come masked. `slot` is None outside a wave.

    `mark` says why the document is not to be packed, "" when it is.
    """

    no: str
    slot: int | None
    shop: str
    order_nos: Sequence[str]
    carrier: str
    to: Party
    lines: Sequence[Line]
    note: str
    mark: str = ""


def draw_slips(slips: Sequence[Slip], size: SlipSize, title: str) -> bytes:
    """The PDF of several slips in their order; each begins on a page of its own and counts its own pages."""
    sheet = Sheet(*SIZES[size], title=title)
    for slip in slips:
        draw_pages(sheet, [_slip(slip, sheet.width)], slip.no, margin=_MARGIN)
    return sheet.pdf()


def _slip(slip: Slip, page_width: float) -> Section:
    width = page_width - 2 * _MARGIN
    blocks = [_line(line, width) for line in slip.lines]
    if slip.note:
        blocks.append(_note(slip.note, width))
    return Section(_first_head(slip, width), _next_head(slip, width), blocks)


def _first_head(slip: Slip, width: float) -> Block:
    slot_w = _SLOT_W if slip.slot is not None else 0.0
    facts = [
        line
        for text, most in (
            (f"店铺 Shop: {slip.shop}", 2),
            (f"订单 Orders: {', '.join(slip.order_nos)}", 4),
            (f"快递 Carrier: {slip.carrier}    件数 Units: {sum(line.units for line in slip.lines)}", 2),
        )
        for line in wrap(printable(text, 300), width, 9, most)
    ]
    to = party_block(_MARGIN, width, "收", slip.to, 9)
    height = _CODE_H + 2 + len(facts) * line_height(9) + to.height + _COLUMNS_H

    def draw(sheet: Sheet, y: float) -> None:
        if slip.slot is not None:
            sheet.box(_MARGIN, y, slot_w - 1, _CODE_H - 1, 0.3)
            size = 28 if slip.slot < 100 else 20
            sheet.text(_MARGIN + (slot_w - 1) / 2, y + 1.5, f"{slip.slot}", size, align="center")
            sheet.text(_MARGIN + (slot_w - 1) / 2, y + 13, "格 Slot", 7.5, align="center")
        _draw_code(sheet, _MARGIN + slot_w, y, width - slot_w, slip)
        below = sheet.lines(_MARGIN, y + _CODE_H + 1, facts, 9)
        to.draw(sheet, below)
        below += to.height
        sheet.text(_MARGIN, below + 1, "货品 Item", 7.5, shade=SOFT)
        sheet.text(_MARGIN + width, below + 1, "数量 Units", 7.5, align="right", shade=SOFT)
        sheet.rule(_MARGIN, below + _COLUMNS_H - 0.5, _MARGIN + width, below + _COLUMNS_H - 0.5, 0.4)

    return Block(height, draw)


def _draw_code(sheet: Sheet, x: float, y: float, width: float, slip: Slip) -> None:
    if slip.mark:
        sheet.box(x, y, width, 11, fill=BLACK)
        sheet.text(x + width / 2, y + 2.2, slip.mark, 15, align="center", shade=WHITE)
        sheet.text(x + width / 2, y + 12, slip.no, 9, align="center")
    else:
        sheet.code(x, y, width, _CODE_H - 1, slip.no)


def _next_head(slip: Slip, width: float) -> Block:
    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(_MARGIN, y, f"{slip.no} 续 continued", 10)
        sheet.rule(_MARGIN, y + 5.5, _MARGIN + width, y + 5.5, 0.4)

    return Block(6.5, draw)


def _line(line: Line, width: float) -> Block:
    name = wrap(printable(line.name or line.sku, 160), width - _UNITS_W, 9, 3)
    codes = "  ".join(dict.fromkeys(part for part in (line.sku, line.barcode) if part))
    code = wrap(printable(codes, 110), width - _UNITS_W, 7.5, 2)
    height = 2 + len(name) * line_height(9) + len(code) * line_height(7.5)

    def draw(sheet: Sheet, y: float) -> None:
        below = sheet.lines(_MARGIN, y + 1, name, 9)
        sheet.lines(_MARGIN, below, code, 7.5)
        sheet.text(_MARGIN + width, y + 1, f"{line.units}", 14, align="right")
        sheet.rule(_MARGIN, y + height, _MARGIN + width, y + height, 0.1)

    return Block(height, draw)


def _note(note: str, width: float) -> Block:
    lines = wrap(printable(f"买家留言 Note: {note}", 400), width - 4, 9, _MOST_NOTE_LINES)
    height = 6 + len(lines) * line_height(9)

    def draw(sheet: Sheet, y: float) -> None:
        sheet.box(_MARGIN, y + 2, width, height - 3)
        sheet.lines(_MARGIN + 2, y + 3.5, lines, 9)

    return Block(height, draw)
