"""Sheets that people take out, as CSV or XLSX, with nothing in them that a spreadsheet would run."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from models.settings import SHANGHAI
from tasks.sheets import FORMULA_STARTS, GUARD

MOST_ROWS = 1_048_575  # what a sheet of a workbook holds below its header
_IN_MEMORY_BYTES = 4_000_000
_CHUNK_BYTES = 256 * 1024


class SheetKind(StrEnum):
    """How a sheet is written."""

    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES = {
    SheetKind.CSV: "text/csv; charset=utf-8",
    SheetKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def write_sheet(kind: SheetKind, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """A file with a header line and the rows, set to its beginning; the caller closes it. It has MOST_ROWS at most.

    Times are written as China's, yes and no as those words, nothing as an empty cell.
    """
    file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  the caller closes it
    bounded = (row for _, row in zip(range(MOST_ROWS), rows, strict=False))
    (_write_csv if kind is SheetKind.CSV else _write_workbook)(file, headers, bounded)
    file.seek(0)
    return file


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The file piece by piece; closes it at the end."""
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


def _write_csv(file: IO[bytes], headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    # with its mark at the beginning, Excel takes it for UTF-8
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows([_guarded(_plain(value)) for value in row] for row in rows)
    text.flush()
    text.detach()


def _write_workbook(file: IO[bytes], headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("OrderPool")
    sheet.freeze_panes = "A2"
    sheet.append(list(headers))
    for row in rows:
        sheet.append([_cell(sheet, _plain(value)) for value in row])
    book.save(file)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    return value if isinstance(value, int | float) or value is None else str(value)


def _guarded(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula, marked as text. Source: OWASP, CSV injection."""
    is_formula = isinstance(value, str) and value.lstrip(GUARD).startswith(FORMULA_STARTS)
    return GUARD + value if is_formula else value


def _cell(sheet: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    text = _guarded(value) if value.startswith(GUARD) else value  # what looks guarded would lose its mark when read
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"  # a text that begins with = is no formula
    return cell
