"""The rows of a workbook, read in a process of its own: what breaks it, or fills the memory, ends that process alone.

A few thousand bytes can unpack to gigabytes, and one cell in the last corner makes the library ask for a table of all
cells before it; it then ends the process it works in. `python -m tasks.workbook_reader PATH` writes a line of JSON per
row that holds something: its line and its cells. It ends with 3 and a sentence when the file cannot be used.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from connectors.channels.file_rows import workbook_rows
from models.errors import FeedError

MAX_COLUMNS: Final = 500
MAX_ROWS: Final = 500_000
MAX_CHARS: Final = 100_000_000
"""What a sheet that people fill in holds at most; one text may stand in many cells."""

MEMORY_BYTES: Final = 1_000_000_000
TIME_S: Final = 60

_ROOT: Final = Path(__file__).resolve().parents[1]
_NOT_USABLE: Final = 3


def rows_apart(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of every row of the first sheet that holds something.

    Raises FeedError when the file is no workbook, or larger than what people fill in.
    """
    command = [sys.executable, "-m", "tasks.workbook_reader", str(path.resolve())]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=TIME_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise FeedError(f"takes longer than {TIME_S} s to read; is it a sheet that people fill in?") from error
    if done.returncode == _NOT_USABLE:
        raise FeedError(done.stderr.decode().strip())
    if done.returncode:
        raise FeedError("is too large to read, or damaged; delete what stands far away from the table")
    for line in done.stdout.splitlines():
        number, cells = json.loads(line)
        yield number, cells


def main(path: str) -> int:
    """Write the rows of the workbook to the standard output, within the bounds."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        for line, cells in _bounded(Path(path)):
            print(json.dumps([line, cells]))
    except FeedError as error:
        print(error, file=sys.stderr)
        return _NOT_USABLE
    return 0


def _bounded(path: Path) -> Iterator[tuple[int, list[str]]]:
    rows = chars = 0
    for row in workbook_rows(path):
        if len(row.cells) > MAX_COLUMNS:
            raise FeedError(f"has {len(row.cells)} columns; {MAX_COLUMNS} is the limit")
        if row.blank:
            continue
        rows, chars = rows + 1, chars + sum(map(len, row.cells))
        if rows > MAX_ROWS or chars > MAX_CHARS:
            raise FeedError(f"holds more than {MAX_ROWS:,} rows or {MAX_CHARS:,} characters; part it")
        yield row.line, row.cells


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
