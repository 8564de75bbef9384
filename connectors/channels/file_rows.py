"""The rows of a CSV or a workbook as lists of texts, read without holding the file in memory."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from connectors.converters import EXACT_FLOAT
from connectors.mapping_file import FileSpec
from models.errors import FeedError

MAX_LINES_PER_ROW: Final = 200  # a longer one is a quotation mark that was never closed
CHUNK_BYTES: Final = 1 << 20

WORKBOOK_STARTS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16_STARTS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORMULA_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_SPACES: Final = " \t\r\n\u3000\xa0\ufeff\u200b"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the number of its first line in the file, from 1, and its cells as trimmed text."""

    line: int
    cells: list[str]

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not any(self.cells)


def rows_of(path: Path, spec: FileSpec) -> Iterator[Row]:
    """Every row of the file from its header row on; raises FeedError when the file cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(WORKBOOK_STARTS):
            yield from workbook_rows(path, spec.sheet, spec.header_row)
        else:
            yield from _csv_rows(path, spec)
    except OSError as error:
        raise FeedError(f"{path.name}: cannot be opened: {error.strerror or error}") from error


def workbook_rows(path: Path, sheet_name: str = "", header_row: int = 1) -> Iterator[Row]:
    """Every row of a sheet ("": the first) from its header row on, numbers and times as text.

    Raises FeedError when it cannot be read.
    """
    try:
        with CalamineWorkbook.from_path(path) as book:
            if sheet_name and sheet_name not in book.sheet_names:
                raise FeedError(f"{path.name}: has no sheet {sheet_name}; it has {', '.join(book.sheet_names)}")
            sheet = book.get_sheet_by_name(sheet_name) if sheet_name else book.get_sheet_by_index(0)
            # calamine starts at the first row that holds something
            first = sheet.start[0] + 1 if sheet.start else 1
            for line, values in enumerate(sheet.iter_rows(), first):
                if line >= header_row:
                    yield Row(line, [_cell(value) for value in values])
    except CalamineError as error:
        raise FeedError(f"{path.name}: is no readable workbook: {error}") from error


def _csv_rows(path: Path, spec: FileSpec) -> Iterator[Row]:
    encoding = spec.encoding or _encoding(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            head = [file.readline() for _ in range(spec.header_row)]
            delimiter = max(",\t;", key=head[-1].count)
            file.seek(0)
            yield from _parsed(path, csv.reader(file, delimiter=delimiter), spec.header_row)
    except UnicodeDecodeError as error:
        raise FeedError(f"{path.name}: is no {encoding} text (byte {error.start})") from error


def _parsed(path: Path, reader: Any, header_row: int) -> Iterator[Row]:
    line = 1
    try:
        for cells in reader:
            if reader.line_num - line >= MAX_LINES_PER_ROW:
                raise FeedError(f"{path.name}: line {line} opens a quotation mark that is not closed")
            if line >= header_row:
                yield Row(line, [_trimmed(cell) for cell in cells])
            line = reader.line_num + 1
    except csv.Error as error:
        raise FeedError(f"{path.name}: line {line} cannot be read: {error}") from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(2) in _UTF16_STARTS:
            return "utf-16"
    # gb18030 accepts nearly everything, so it comes last
    for encoding in ("utf-8-sig", "gb18030"):
        if _decodes(path, encoding):
            return encoding
    raise FeedError(f"{path.name}: is neither UTF-8 nor GB18030 text; is it a spreadsheet saved under another name?")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _trimmed(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < EXACT_FLOAT:
        return str(int(value))
    # a spreadsheet's sums carry dust in the last digits
    return repr(round(value, 6)) if abs(value) < EXACT_FLOAT else repr(value)


def _trimmed(cell: str) -> str:
    """A cell's text; `="123"` and `'123` are how exports keep a spreadsheet from touching numbers."""
    trimmed = cell.strip(_SPACES)
    formula = _FORMULA_TEXT.fullmatch(trimmed)
    if formula:
        trimmed = formula[1].strip(_SPACES)
    return trimmed[1:] if trimmed[:1] == "'" and trimmed[1:2].isdigit() else trimmed
