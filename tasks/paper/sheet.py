"""A PDF that grows page by page, measured in millimetres from the top left: text, rules, and Code 128."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from threading import Lock
from typing import Final

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from models.settings import SHANGHAI
from tasks.paper.lettering import FONT, font, printable, width_mm, wrap

LINE: Final = 1.25
"""Height of a line of text in heights of its letters."""

MM_PER_POINT: Final = 25.4 / 72
_ASCENT: Final = 0.9  # from the top of a line to its base, in heights of a letter

BLACK, SOFT, WHITE = 0.0, 0.35, 1.0
"""Shades of what is drawn."""

DOT_MM: Final = 0.125
"""A dot of a thermal printer with 203 dpi: bars are whole dots wide, so that none is printed thinner than another."""

NARROWEST_MM: Final = 2 * DOT_MM
"""The narrowest bar: what hand scanners read from a thermal label and from office paper."""

WIDEST_MM: Final = 4 * DOT_MM
_writing = Lock()
"""Letters are copied out of the one font by a reader that has one place in its file."""

_QUIET = 10  # modules left white on either side (ISO/IEC 15417)
_LONGEST_CODE = 60


class Sheet:
    """Pages of one size, drawn one after the other. Sizes of letters are in points, all else in millimetres.

    Text must have gone through `printable` or be our own words. The same calls give the same bytes.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        font()
        self.width, self.height = width, height
        self._file = BytesIO()
        self._canvas = Canvas(self._file, pagesize=(width * mm, height * mm), invariant=1, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setProducer("OrderPool")
        self._canvas.setAuthor("OrderPool")

    def text(self, x: float, y: float, text: str, size: float, *, align: str = "left", shade: float = BLACK) -> None:
        """One line whose top is at `y`; `x` is its left end, its middle (`center`) or its right end (`right`)."""
        shift = {"left": 0.0, "center": 0.5, "right": 1.0}[align] * width_mm(text, size)
        self._canvas.setFillGray(shade)
        self._canvas.setFont(FONT, size)
        self._canvas.drawString((x - shift) * mm, self._up(y + size * MM_PER_POINT * _ASCENT), text)

    def lines(self, x: float, y: float, lines: Sequence[str], size: float, *, shade: float = BLACK) -> float:
        """Lines below each other; returns where the next one would begin."""
        for line in lines:
            self.text(x, y, line, size, shade=shade)
            y += line_height(size)
        return y

    def words(
        self, x: float, y: float, width: float, text: str, size: float, *, most_lines: int, shade: float = BLACK
    ) -> float:
        """Untrusted text, made printable and wrapped to `width`; returns where the next line would begin."""
        return self.lines(x, y, wrap(printable(text, 60 * most_lines), width, size, most_lines), size, shade=shade)

    def code(self, x: float, y: float, width: float, height: float, code: str) -> bool:
        """The code as Code 128 in the middle of a box, with its text below; its text alone when it does not fit.

        Returns whether there is something to scan.
        """
        bars = code_bars(code, width)
        text_size = 7.5
        if bars is None:
            told = wrap(printable(code, _LONGEST_CODE), width, text_size, 3)
            self.lines(x, y, told, text_size)
            return False
        bars.barHeight = (height - line_height(text_size)) * mm
        self._canvas.setFillGray(BLACK)
        bars.drawOn(self._canvas, (x + width / 2) * mm - bars.width / 2, self._up(y) - bars.barHeight)
        below = y + height - line_height(text_size) + 0.4
        self.text(x + width / 2, below, printable(code, _LONGEST_CODE), text_size, align="center")
        return True

    def rule(self, x: float, y: float, to_x: float, to_y: float, weight: float = 0.2, shade: float = BLACK) -> None:
        """A straight line."""
        self._canvas.setStrokeGray(shade)
        self._canvas.setLineWidth(weight * mm)
        self._canvas.line(x * mm, self._up(y), to_x * mm, self._up(to_y))

    def box(self, x: float, y: float, width: float, height: float, weight: float = 0.2, fill: float = WHITE) -> None:
        """A frame, filled with a shade."""
        self._canvas.setStrokeGray(BLACK)
        self._canvas.setFillGray(fill)
        self._canvas.setLineWidth(weight * mm)
        self._canvas.rect(x * mm, self._up(y + height), width * mm, height * mm, fill=1)

    def end_page(self) -> None:
        """End this page; what is drawn next stands on a new one."""
        self._canvas.showPage()

    def pdf(self) -> bytes:
        """The whole file; every page must have been ended."""
        with _writing:
            self._canvas.save()
        return self._file.getvalue()

    def _up(self, y: float) -> float:
        return (self.height - y) * mm


def china(at: datetime | None) -> str:
    """A time as people in China read it, "—" when there is none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else "—"


def line_height(size_pt: float) -> float:
    """How high a line of text of this size is, in mm."""
    return size_pt * MM_PER_POINT * LINE


def code_bars(code: str, width: float) -> Code128 | None:
    """The code in bars as wide as fit into `width` mm with their white margins.

    None when it cannot be written in Code 128, or its bars would be narrower than NARROWEST_MM.
    """
    if not code or len(code) > _LONGEST_CODE or not all(" " <= sign <= "~" for sign in code):
        return None
    bars = Code128(code, barWidth=1, quiet=False)
    fit_mm = width / (bars.width + 2 * _QUIET)
    dots = min(int(fit_mm / DOT_MM), round(WIDEST_MM / DOT_MM))
    if dots * DOT_MM < NARROWEST_MM:
        return None
    return Code128(code, barWidth=dots * DOT_MM * mm, quiet=False)
