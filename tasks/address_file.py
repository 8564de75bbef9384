"""Resolves a CSV file of addresses, row by row."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from models.errors import FeedError
from models.rules.address import resolve_text


@dataclass(frozen=True, slots=True)
class ParseCount:
    """How many rows of a file were read and for how many of them a place was found."""

    rows: int
    resolved: int

    @property
    def refused(self) -> int:
        """Rows whose text does not decide a place."""
        return self.rows - self.resolved


def parse_file(src: Path, dst: Path) -> ParseCount:
    """Resolve the column `text` of a CSV file with columns `id` and `text`; write id, province, city, district, code.

    Refused rows get empty columns.

    Reads UTF-8 (with or without a byte order mark) or GB 18030, row by row. `dst` appears only when all rows are
    written. Raises FeedError naming the file and the column or line at fault.
    """
    rows = resolved = 0
    part = dst.with_name(f"{dst.name}.part")
    try:
        with _open_text(src) as source, part.open("w", encoding="utf-8", newline="") as target:
            out = csv.writer(target, lineterminator="\n")
            out.writerow(("id", "province", "city", "district", "code"))
            for row_id, text in _rows(src, source):
                found = resolve_text(text)
                rows += 1
                resolved += found is not None
                out.writerow(
                    (row_id, found.province, found.city, found.district, found.code)
                    if found
                    else (row_id, "", "", "", "")
                )
        os.replace(part, dst)
    finally:
        part.unlink(missing_ok=True)
    return ParseCount(rows, resolved)


def _open_text(src: Path) -> TextIO:
    try:
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                with src.open(encoding=encoding, newline="") as probe:
                    while probe.read(1 << 20):
                        pass
                return src.open(encoding=encoding, newline="")
            except UnicodeDecodeError:
                continue
    except OSError as error:
        raise FeedError(f"{src}: cannot be read: {error.strerror}") from error
    raise FeedError(f"{src}: neither UTF-8 nor GB 18030 text")


def _rows(src: Path, source: TextIO) -> Iterator[tuple[str, str]]:
    reader = csv.reader(source, strict=True)
    try:
        header = [name.strip("\ufeff ") for name in next(reader, [])]
        for column in ("id", "text"):
            if header.count(column) != 1:
                raise FeedError(f"{src}: needs one column {column!r}, its header has {', '.join(header) or 'nothing'}")
        id_at, text_at = header.index("id"), header.index("text")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise FeedError(f"{src}: line {reader.line_num} has {len(row)} columns, the header has {len(header)}")
            yield row[id_at], row[text_at]
    except csv.Error as error:
        raise FeedError(f"{src}: line {reader.line_num}: {error}") from error
