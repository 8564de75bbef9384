"""What a PDF shows to a person and to a scanner."""

import os
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import zxingcpp

PIXELS_PER_POINT = 203 / 72
"""A thermal label printer's resolution: what is read here is read off a label."""


@dataclass(frozen=True)
class Page:
    """A page as it is seen: its size in whole mm, its text without line breaks, and the codes on it, top to bottom."""

    size: tuple[int, int]
    text: str
    codes: list[str]


def pages(pdf: bytes) -> list[Page]:
    """Every page of a file."""
    document = pypdfium2.PdfDocument(pdf)
    return [_page(document[number]) for number in range(len(document))]


def texts(pdf: bytes) -> list[str]:
    """The text of every page, without drawing it."""
    document = pypdfium2.PdfDocument(pdf)
    return [_text(document[number]) for number in range(len(document))]


def picture(pdf: bytes, name: str) -> None:
    """Keep a picture of the first page in the folder that SCREENSHOTS names; nothing without one."""
    if folder := os.environ.get("SCREENSHOTS"):
        pypdfium2.PdfDocument(pdf)[0].render(scale=1.3, grayscale=True).to_pil().save(Path(folder) / f"{name}.png")


def _page(page: pypdfium2.PdfPage) -> Page:
    image = page.render(scale=PIXELS_PER_POINT, grayscale=True).to_numpy()
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.barcode_formats_from_str("Code128"), try_downscale=False)
    codes = [code.text for code in sorted(found, key=lambda code: (code.position.top_left.y, code.position.top_left.x))]
    width, height = (round(points / 72 * 25.4) for points in page.get_size())
    return Page((width, height), _text(page), codes)


def _text(page: pypdfium2.PdfPage) -> str:
    return str(page.get_textpage().get_text_range()).replace("\r\n", "")
