"""The letters on paper: the one font that every sheet embeds, what it can write, and where lines break."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONT: Final = "WenQuanYiMicroHei"
ELLIPSIS: Final = "…"
_FILE = Path(__file__).parent / "data" / "WenQuanYiMicroHei.ttf"
_PIECE = re.compile(r"[!-~]+|\s+|.", re.DOTALL)
_NO_LINE_BEGINS_WITH = frozenset("，。、；：？！）】》」』”’…%,.;:?!)]}")


_reading = Lock()


def font() -> TTFont:
    """The font, read once in a process and known to the drawing library from then on."""
    with _reading:
        return _read()


@cache
def _read() -> TTFont:
    read = TTFont(FONT, str(_FILE))
    pdfmetrics.registerFont(read)
    return read


def printable(text: str, most: int) -> str:
    """The text as one line of at most `most` characters that the font can write.

    Control and invisible characters go. A letter that the font lacks shows its code, as `[U+2B4E7]`, so that the rare
    character of a name can be looked up; any other character that it lacks is a box.
    """
    seen = (" " if sign.isspace() else sign for sign in unicodedata.normalize("NFC", text) if not _is_unseen(sign))
    shown = " ".join("".join(seen).split())
    if len(shown) > most:
        shown = shown[: most - 1].rstrip() + ELLIPSIS
    known = font().face.charToGlyph
    return "".join(sign if ord(sign) in known else _stand_in(sign) for sign in shown)


def _is_unseen(sign: str) -> bool:
    # Cc and Cf steer, variation selectors (U+FE00 to U+FE0F among them) choose the look of the sign before
    steers = unicodedata.category(sign) in ("Cc", "Cf") and not sign.isspace()
    return steers or "VARIATION SELECTOR" in unicodedata.name(sign, "")


def _stand_in(sign: str) -> str:
    return f"[U+{ord(sign):04X}]" if unicodedata.category(sign).startswith("L") else "□"


def width_mm(text: str, size_pt: float) -> float:
    """How wide the text is."""
    return float(font().stringWidth(text, size_pt)) / mm


def wrap(text: str, width: float, size_pt: float, most_lines: int) -> list[str]:
    """The text in lines of at most `width` mm; what `most_lines` do not hold is cut, and an ellipsis says so.

    Chinese breaks between any two characters, but no line begins with closing punctuation; Latin breaks between words,
    and within a word that is wider than a line.
    """
    lines = [""]
    for piece in _pieces(text, width, size_pt):
        if width_mm(lines[-1] + piece.rstrip(), size_pt) <= width:
            lines[-1] += piece
        elif piece in _NO_LINE_BEGINS_WITH and len(lines[-1]) > 1:
            lines[-1:] = [lines[-1][:-1], lines[-1][-1] + piece]
        elif not piece.isspace():
            lines.append(piece)
    lines = [line.rstrip() for line in lines]
    if len(lines) <= most_lines:
        return lines
    return [*lines[: most_lines - 1], _cut(lines[most_lines - 1], width, size_pt)]


def _pieces(text: str, width: float, size_pt: float) -> Iterator[str]:
    for piece in _PIECE.findall(text):
        if width_mm(piece, size_pt) <= width:
            yield piece
        else:
            yield from piece


def _cut(line: str, width: float, size_pt: float) -> str:
    while line and width_mm(line + ELLIPSIS, size_pt) > width:
        line = line[:-1]
    return line + ELLIPSIS
