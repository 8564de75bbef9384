"""Sheets that people fill in: read whole, every bad cell collected, so that a file counts fully or not at all."""

import csv
import io
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.channels.file_rows import WORKBOOK_STARTS
from connectors.converters import TIMES, BadValue, whole
from connectors.mapping_file import plain_header
from models.errors import FeedError, SetupError
from tasks.workbook_reader import MAX_ROWS, rows_apart

SHOWN_PROBLEMS = 20
MAX_COUNT = 100_000_000  # above it a column was mistaken for another

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes a text for a formula by, in either width. Source: OWASP, CSV injection."""

GUARD = "'"
"""What our own files mark such a text with, so that it stays one."""

_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: our name, other headers it may have, and how its text becomes a value.

    A `secret` column's values are never repeated in an error.
    """

    name: str
    aliases: tuple[str, ...]
    read: Callable[[str], Any]
    required: bool = False
    default: Any = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad cell: where it is, what it holds, and why that does not do."""

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        shown = f" {self.value!r}" if self.value else ""
        return f"line {self.line}, {self.column}{shown}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by our column names; `line` is where it begins in the file, from 1."""

    line: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass(slots=True)
class Sheet:
    """A file as read so far; `ignored` are headers that mean nothing here."""

    path: Path
    columns: Sequence[Column]
    rows: list[Row] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, row: Row, column: str, reason: str, value: str | None = None) -> None:
        """Note that a row cannot be taken."""
        hidden = any(known.secret for known in self.columns if known.name == column)
        shown = "" if hidden else str(row[column]) if value is None else value
        self.problems.append(Problem(row.line, column, shown, reason))

    def refuse_repeats(self, *key: str) -> None:
        """Note every row whose key columns an earlier row has already."""
        seen: dict[Hashable, int] = {}
        for row in self.rows:
            first = seen.setdefault(tuple(row[column] for column in key), row.line)
            if first != row.line:
                self.refuse(row, key[-1], f"line {first} says the same {' and '.join(key)} already")

    def require_clean(self) -> None:
        """Raise SetupError with the first problems when there is any."""
        if not self.problems:
            return
        found = sorted(self.problems, key=lambda problem: problem.line)
        bad_rows = len({problem.line for problem in found})
        more = len(found) - SHOWN_PROBLEMS
        lines = [f"{self.path}: {bad_rows} of {max(len(self.rows), bad_rows)} rows cannot be used; nothing was written"]
        lines += [f"  {problem}" for problem in found[:SHOWN_PROBLEMS]]
        raise SetupError("\n".join(lines + ([f"  and {more} more"] if more > 0 else [])))


def read_sheet(path: Path, columns: Sequence[Column]) -> Sheet:
    """Read the first sheet of a workbook, or a CSV file (UTF-8 or GB18030, commas, semicolons or tabs).

    Bad cells are noted in the sheet.

    Raises SetupError when the file as a whole cannot be used.
    """
    sheet = Sheet(path, columns)
    records = _all_records(path)
    try:
        header = next(records)[1]
    except StopIteration:
        raise SetupError(f"{path}: is empty; its first line must name the columns") from None
    places = _places(sheet, header)
    for line, cells in records:
        if any(cell.strip() for cell in cells):
            if len(sheet.rows) == MAX_ROWS:
                raise SetupError(f"{path}: has more than {MAX_ROWS:,} rows; part it")
            sheet.rows.append(_row(sheet, line, cells, places, len(header)))
    return sheet


def sheet_of(columns: Sequence[Column], rows: Sequence[Mapping[str, str]], source: str) -> Sheet:
    """What a page's form holds, as a sheet of these rows; `source` is what errors call it.

    Bad cells are noted in the sheet, cells that a row lacks are empty.
    """
    sheet = Sheet(Path(source), columns)
    names = [column.name for column in columns]
    places = {name: place for place, name in enumerate(names)}
    for line, given in enumerate(rows, 1):
        cells = [given.get(name, "") for name in names]
        sheet.rows.append(_row(sheet, line, cells, places, len(names)))
    return sheet


def _all_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error
    return _cells(path) if raw.startswith(WORKBOOK_STARTS) else _records(path, _text(path, raw))


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from rows_apart(path)
    except FeedError as error:
        raise SetupError(f"{path}: cannot be read: {error}") from error


def _text(path: Path, raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SetupError(f"{path}: is neither UTF-8 nor GB18030 text")


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise SetupError(f"{path}: line {line}: {error}") from error


def _places(sheet: Sheet, header: list[str]) -> dict[str, int]:
    spellings = {
        plain_header(spelling).casefold(): column.name
        for column in sheet.columns
        for spelling in (column.name, *column.aliases)
    }
    places: dict[str, int] = {}
    ignored = []
    for place, written in enumerate(header):
        name = spellings.get(plain_header(written).casefold())
        if name is None:
            ignored += [written.strip()] if written.strip() else []
        elif name in places:
            raise SetupError(f"{sheet.path}: two columns mean {name}: {header[places[name]]} and {written}")
        else:
            places[name] = place
    missing = [column for column in sheet.columns if column.required and column.name not in places]
    if missing:
        names = ", ".join(f"{column.name} ({'/'.join(column.aliases[:1])})" for column in missing)
        raise SetupError(f"{sheet.path}: lacks the column {names}; its first line must name the columns")
    sheet.ignored = tuple(ignored)
    return places


def _row(sheet: Sheet, line: int, cells: list[str], places: dict[str, int], width: int) -> Row:
    row = Row(line, {})
    if any(cell.strip() for cell in cells[width:]):
        sheet.problems.append(Problem(line, "the row", "", f"has {len(cells)} cells under {width} headers"))
    for column in sheet.columns:
        place = places.get(column.name, -1)
        written = _unguarded(cells[place].strip()) if 0 <= place < len(cells) else ""
        row.values[column.name] = written or column.default
        if written:
            try:
                row.values[column.name] = column.read(written)
            except BadValue as error:
                sheet.refuse(row, column.name, error.why, written)
        elif column.required:
            sheet.refuse(row, column.name, "is empty", "")
    return row


def _unguarded(written: str) -> str:
    is_guarded = written.startswith(GUARD) and written.lstrip(GUARD).startswith(FORMULA_STARTS)
    return written[1:] if is_guarded else written


def as_text(written: str) -> str:
    """Any text, without control characters."""
    if any(ord(char) < 32 for char in written):
        raise BadValue("holds a line break or another control character")
    return written


def as_code(written: str) -> str:
    """A code of at most 64 characters; refuses what Excel makes of long digits."""
    if _SCIENTIFIC.fullmatch(written):
        raise BadValue("Excel has turned this code into a number; make the column text and type it again")
    if len(written) > 64:
        raise BadValue("has more than 64 characters")
    return as_text(written)


def as_moment(written: str) -> datetime:
    """A time, meant in China where it names no zone."""
    moment: datetime = TIMES["china_time"](written)
    return moment


def as_count(written: str) -> int:
    """A whole number from 0."""
    number = whole(written)
    if not 0 <= number <= MAX_COUNT:
        raise BadValue(f"is not a whole number from 0 to {MAX_COUNT}")
    return number


def as_room(written: str) -> int:
    """How many there may be at once: a whole number from 1."""
    number = whole(written)
    if not 1 <= number <= MAX_COUNT:
        raise BadValue(f"is not a whole number from 1 to {MAX_COUNT}")
    return number


def as_change(written: str) -> int:
    """Units in (+) or out (-)."""
    number = whole(written)
    if not 0 < abs(number) <= MAX_COUNT:
        raise BadValue(f"is not a whole number up to {MAX_COUNT} above or below 0")
    return number
