"""The list of order numbers that a warehouse's system exports."""

import csv
from pathlib import Path

from models.errors import SetupError

COLUMN = "order_no"


def read_numbers(file: Path) -> list[str]:
    """Order numbers: the column `order_no` of a CSV, or without such a header the only column.

    Raises SetupError when the file cannot be read, or has several columns of which none is called so.
    """
    try:
        rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    header = [name.strip() for name in rows[0]] if rows else []
    if COLUMN in header:
        place, rows = header.index(COLUMN), rows[1:]
    elif any(len(row) > 1 for row in rows):
        raise SetupError(f"{file}: has several columns, and none is called {COLUMN}")
    else:
        place = 0
    return [row[place].strip() for row in rows if len(row) > place and row[place].strip()]
