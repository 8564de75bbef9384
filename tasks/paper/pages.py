"""How things are laid on pages: blocks that are never torn, below a head, above a foot with the page's number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.paper.sheet import SOFT, Sheet

A4: Final = (210.0, 297.0)
MARGIN: Final = 10.0
_FOOT = 8.0


@dataclass(frozen=True, slots=True)
class Block:
    """Something of a known height in mm, drawn with its top at the y that it is given."""

    height: float
    draw: Callable[[Sheet, float], None]


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks that begin on a page of their own, below `first` on that page and `head` on those that follow."""

    first: Block
    head: Block
    blocks: Sequence[Block]


def draw_pages(sheet: Sheet, sections: Sequence[Section], foot: str, *, margin: float = MARGIN) -> None:
    """Every section on pages of its own, each page with the foot's text and `2 / 7`."""
    pages = [page for section in sections for page in _pages(section, sheet.height - 2 * margin - _FOOT)]
    for number, page in enumerate(pages, 1):
        y = margin
        for block in page:
            block.draw(sheet, y)
            y += block.height
        below = sheet.height - margin - 4
        sheet.text(margin, below, foot, 7.5, shade=SOFT)
        sheet.text(sheet.width - margin, below, f"{number} / {len(pages)}", 9, align="right")
        sheet.end_page()


def _pages(section: Section, room: float) -> list[list[Block]]:
    pages = [[section.first]]
    left = room - section.first.height
    for block in section.blocks:
        if block.height > left and len(pages[-1]) > 1:
            pages.append([section.head])
            left = room - section.head.height
        pages[-1].append(block)
        left -= block.height
    return pages
