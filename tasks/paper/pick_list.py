"""The pick list on A4: what to fetch in the order of places, then the documents it is for, by slot.

It serves a wave, and documents whose warehouse's own system has not got them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tasks.paper.lettering import printable, width_mm, wrap
from tasks.paper.pages import A4, MARGIN, Block, Section, draw_pages
from tasks.paper.sheet import BLACK, SOFT, WHITE, Sheet, china, line_height

_WIDTH: Final = A4[0] - 2 * MARGIN
_RIGHT: Final = A4[0] - MARGIN
_FACTS_IN_ROW: Final = 4
_FACT_W: Final = _WIDTH / _FACTS_IN_ROW - 3
_PLACE, _ITEM, _CODE, _WANTED, _GOT = MARGIN, 41.0, 114.0, 181.0, 184.0
_CODE_W: Final = 50.0
_COLUMNS_H: Final = 5.5
_SLOT_W: Final = 17.0
_LISTED_H, _LISTED_CODE_W = 20.0, 73.0

STOPPED: Final = "停发 Do not ship"
LEFT: Final = "已发出 Has left"


@dataclass(frozen=True, slots=True)
class Pick:
    """Units of a SKU to fetch from its place, "" when it has none. `barcode` is what a scanner may read off the goods.

    `dealt` says how many go into which slot, as (slot, units); `fetched` were fetched or found missing before.
    """

    place: str
    sku: str
    name: str
    barcode: str
    wanted: int
    dealt: Sequence[tuple[int, int]] = ()
    fetched: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Units of a SKU in a document, under the name that its buyer knows."""

    sku: str
    name: str
    barcode: str
    units: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A document of the list. `about` are lines that help to know it; `mark` says why it is not to be packed, else "".

    `lines` are told where no bench tells them.
    """

    slot: int
    no: str
    units: int
    about: Sequence[str]
    mark: str = ""
    lines: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class PickList:
    """One walk through a warehouse. `no` is the wave's number, "" when it is none's; `facts` are labels with values.

    `remark` is what everybody who gets the list must know.
    """

    title: str
    no: str
    facts: Sequence[tuple[str, str]]
    picks: Sequence[Pick]
    documents: Sequence[Listed]
    printed_at: datetime
    remark: str = ""


def draw_pick_list(listed: PickList) -> bytes:
    """The PDF: what to fetch, then the documents, which begin on a page of their own for the bench."""
    sheet = Sheet(*A4, title=f"{listed.title} {listed.no}".strip())
    with_lines = any(document.lines for document in listed.documents)
    documents = _running_head(listed, f"单据 Documents: {len(listed.documents)}", columns=False)
    sections = [
        Section(_first_head(listed), _running_head(listed, "拣货 To fetch", columns=True), _picks(listed.picks)),
        Section(documents, documents, (_each_with_lines if with_lines else _in_pairs)(listed.documents)),
    ]
    draw_pages(sheet, sections, f"{listed.no}  打印 Printed {china(listed.printed_at)}".strip())
    return sheet.pdf()


def _first_head(listed: PickList) -> Block:
    facts_h = -(-len(listed.facts) // _FACTS_IN_ROW) * 10.0

    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(MARGIN, y, listed.title, 17)
        if listed.no:
            sheet.text(MARGIN, y + 9, listed.no, 15)
            sheet.code(_RIGHT - 90, y, 90, 18, listed.no)
        sheet.text(MARGIN, y + 11, listed.remark, 11)
        for place, (label, value) in enumerate(listed.facts):
            x = MARGIN + place % _FACTS_IN_ROW * (_WIDTH / _FACTS_IN_ROW)
            top = y + 21 + place // _FACTS_IN_ROW * 10
            sheet.text(x, top, label, 7.5, shade=SOFT)
            sheet.words(x, top + 3.4, _FACT_W, value, _size_to_fit(value), most_lines=1)
        _name_columns(sheet, y + 22 + facts_h)

    return Block(22 + facts_h + _COLUMNS_H, draw)


def _size_to_fit(value: str) -> float:
    return next((size for size in (11.0, 9.5) if width_mm(printable(value, 60), size) <= _FACT_W), 8.0)


def _running_head(listed: PickList, part: str, *, columns: bool) -> Block:
    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(MARGIN, y, part, 12)
        sheet.text(_RIGHT, y, f"{listed.title} {listed.no}".strip(), 10, align="right")
        if columns:
            _name_columns(sheet, y + 8)
        else:
            sheet.rule(MARGIN, y + 7, _RIGHT, y + 7, 0.4)

    return Block(8 + (_COLUMNS_H if columns else 0), draw)


def _name_columns(sheet: Sheet, y: float) -> None:
    for x, name in ((_PLACE, "库位 Place"), (_ITEM, "货品 Item"), (_CODE, "条码 Barcode")):
        sheet.text(x, y, name, 8, shade=SOFT)
    sheet.text(_WANTED, y, "应拣 Units", 8, align="right", shade=SOFT)
    sheet.text(_RIGHT, y, "实拣 Got", 8, align="right", shade=SOFT)
    sheet.rule(MARGIN, y + _COLUMNS_H - 0.5, _RIGHT, y + _COLUMNS_H - 0.5, 0.4)


def _picks(picks: Sequence[Pick]) -> list[Block]:
    zones = [pick.place.partition("-")[0] for pick in picks]
    return [_pick(pick, ends_zone=zones[n : n + 2] != 2 * zones[n : n + 1]) for n, pick in enumerate(picks)]


def _pick(pick: Pick, *, ends_zone: bool) -> Block:
    place = wrap(printable(pick.place, 40) or "—", _ITEM - _PLACE - 2, 13, 2)
    sku = wrap(printable(pick.sku, 64), _CODE - _ITEM - 2, 11, 2)
    name = wrap(printable(pick.name, 160), _CODE - _ITEM - 2, 8.5, 3) if pick.name else []
    dealt = wrap(dealt_words(pick.dealt), _CODE - _ITEM - 2, 9, 3) if pick.dealt else []
    item_h = len(sku) * line_height(11) + len(name) * line_height(8.5) + len(dealt) * line_height(9)
    height = max(15.0, 3 + item_h, 3 + len(place) * line_height(13))

    def draw(sheet: Sheet, y: float) -> None:
        top = y + 1.5
        sheet.lines(_PLACE, top, place, 13)
        below = sheet.lines(_ITEM, top, sku, 11)
        below = sheet.lines(_ITEM, below, name, 8.5)
        sheet.lines(_ITEM, below, dealt, 9)
        sheet.code(_CODE, top, _CODE_W, 11, pick.barcode or pick.sku)
        if pick.wanted > 1:  # what is easily taken too few of
            sheet.box(_WANTED - 15, top, 16, 9, 0.6)
        sheet.text(_WANTED, top + 0.5, f"{pick.wanted}", 18 if pick.wanted < 1000 else 13, align="right")
        if pick.fetched:
            sheet.text(_WANTED, top + 9.3, f"已处理 Done {pick.fetched}", 7.5, align="right")
        sheet.box(_GOT, top, _RIGHT - _GOT, 9)
        sheet.rule(MARGIN, y + height, _RIGHT, y + height, 0.6 if ends_zone else 0.1)

    return Block(height, draw)


def dealt_words(dealt: Sequence[tuple[int, int]]) -> str:
    """How many units go into which slot."""
    return "分到 To: " + "  ".join(f"{slot}格×{units}" for slot, units in dealt)


def _in_pairs(documents: Sequence[Listed]) -> list[Block]:
    return [_pair(documents[first : first + 2]) for first in range(0, len(documents), 2)]


def _pair(documents: Sequence[Listed]) -> Block:
    def draw(sheet: Sheet, y: float) -> None:
        for place, document in enumerate(documents):
            _draw_listed(sheet, MARGIN + place * (_WIDTH / 2 + 2), y + 1.5, _WIDTH / 2 - 2, document)

    return Block(_LISTED_H + 3, draw)


def _draw_listed(sheet: Sheet, x: float, y: float, width: float, document: Listed) -> None:
    """A document's slot, what of it is scanned, and what it is, in a frame."""
    sheet.box(x, y, width, _LISTED_H)
    sheet.box(x, y, _SLOT_W, _LISTED_H)
    sheet.text(x + _SLOT_W / 2, y + 3, f"{document.slot}", 26 if document.slot < 100 else 18, align="center")
    sheet.text(x + _SLOT_W / 2, y + 15, f"{document.units} 件", 9, align="center")
    inner, code_w = x + _SLOT_W + 1, min(width - _SLOT_W - 2, _LISTED_CODE_W)
    if document.mark:
        sheet.box(inner, y + 1.5, code_w, 10, fill=BLACK)
        sheet.text(inner + code_w / 2, y + 3.5, document.mark, 13, align="center", shade=WHITE)
        sheet.text(inner + code_w / 2, y + 12, document.no, 7.5, align="center")
    else:
        sheet.code(inner, y + 1.5, code_w, 13.5, document.no)
    if width > _SLOT_W + _LISTED_CODE_W + 40:
        beside, below = inner + code_w + 3, y + 1
        for line in document.about:
            below = sheet.words(beside, below, x + width - beside - 2, line, 8.5, most_lines=1)
    else:
        sheet.words(inner, y + 15.5, width - _SLOT_W - 2, " · ".join(document.about), 7.5, most_lines=1)


def _each_with_lines(documents: Sequence[Listed]) -> list[Block]:
    blocks = []
    for document in documents:
        lines = [_line(line) for line in document.lines]
        blocks.append(_document(document, lines[0] if lines else None))
        blocks += lines[1:]
    return blocks


def _document(document: Listed, first: Block | None) -> Block:
    """The head of a document with its first line, so that no head stands alone at the end of a page."""

    def draw(sheet: Sheet, y: float) -> None:
        _draw_listed(sheet, MARGIN, y + 3, _WIDTH, document)
        if first:
            first.draw(sheet, y + _LISTED_H + 4)

    return Block(_LISTED_H + 4 + (first.height if first else 0), draw)


def _line(line: Line) -> Block:
    words = wrap(printable(f"{line.sku}  {line.name}", 200), 110, 9, 3)
    height = max(8.0, 2 + len(words) * line_height(9))

    def draw(sheet: Sheet, y: float) -> None:
        sheet.box(MARGIN + 3, y + 1.5, 4.5, 4.5)
        sheet.lines(MARGIN + 11, y + 1.5, words, 9)
        sheet.words(134, y + 1.5, 36, line.barcode, 9, most_lines=1)
        sheet.text(_WANTED + 6, y + 0.8, f"{line.units}", 13, align="right")
        sheet.rule(MARGIN + 11, y + height, _RIGHT, y + height, 0.1, SOFT)

    return Block(height, draw)
