"""How many addresses are resolved per second on one core, against a floor measured in the same run.

The floor reads and writes the same CSV file with one dictionary look-up per row: what any reader of such a file
costs. Run as `python -m benchmarks.addresses [rows]`.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from models.rules.address import resolve_text
from tasks.address_file import parse_file
from tests.models.rules.address_cases import address_cases

_ROWS = 40_000
_SEED = 7
_ROUNDS = 3


def write_addresses(path: Path, rows: int) -> None:
    """Write a file of `rows` made-up addresses of all manners, in one fixed order."""
    texts = [case.text for case in address_cases(_SEED, 200)]
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("id", "text"))
        out.writerows((number, texts[number % len(texts)]) for number in range(rows))


def copy_rows(src: Path, dst: Path) -> None:
    """Read and write the file with one look-up per row."""
    known: dict[str, str] = {}
    with src.open(encoding="utf-8", newline="") as source, dst.open("w", encoding="utf-8", newline="") as target:
        out = csv.writer(target)
        for row_id, text in csv.reader(source):
            out.writerow((row_id, known.get(text, ""), "", "", ""))


def best_s(work: Callable[[Path, Path], object], src: Path, dst: Path) -> float:
    """Return the shortest of a few runs in seconds."""
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work(src, dst)
        times.append(time.perf_counter() - started)
    return min(times)


def main(rows: int = _ROWS) -> None:
    """Print addresses per second, the floor's rows per second and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        src, dst = Path(folder) / "addresses.csv", Path(folder) / "places.csv"
        write_addresses(src, rows)
        started = time.perf_counter()
        resolve_text("北京市")
        loading_s = time.perf_counter() - started
        floor_s, ours_s = best_s(copy_rows, src, dst), best_s(parse_file, src, dst)
    print(f"addresses: {rows / ours_s:,.0f}/s on one core ({rows:,} rows, tables loaded in {loading_s:.2f} s)")
    print(f"floor:     {rows / floor_s:,.0f}/s reading and writing the same file")
    print(f"ratio:     {ours_s / floor_s:.1f} times the floor")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
