"""The administrative divisions of China: codes, official names, parents and seats.

The tables lie in `models/data`; they are read once, on first use.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
MUNICIPALITIES = frozenset({"110000", "120000", "310000", "500000"})
OVERSEAS = frozenset({"710000", "810000", "820000"})


@dataclass(frozen=True, slots=True)
class Division:
    """One row of the table of divisions.

    `code` is the six-digit GB/T 2260 code; `level` is `province`, `prefecture` or `county`; `parent_code` is ""
    for a province. `lat` and `lng` are WGS84 degrees of the seat, good for ranking distances, not for streets.
    """

    code: str
    name: str
    level: str
    parent_code: str
    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address lies, in current official names; "" where there is no such level or it is not known.

    A municipality is its own city; a county directly under its province has no city. `code` is the code of the
    most specific division named.
    """

    province: str
    city: str
    district: str
    code: str


@dataclass(frozen=True, slots=True)
class FormerDivision:
    """A renamed or abolished division; `heir` is the code of what it is now, "" when it was split or is gone."""

    code: str
    name: str
    level: str
    province: str
    city: str
    last_year: int
    heir: str


def rows_of(file_name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one table of `models/data`."""
    with (DATA / file_name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def divisions() -> dict[str, Division]:
    """Return every current division by code, provinces before their children."""
    return {
        row["code"]: Division(
            row["code"], row["name"], row["level"], row["parent_code"], float(row["lat"]), float(row["lng"])
        )
        for row in rows_of("divisions.csv")
    }


@cache
def former_divisions() -> tuple[FormerDivision, ...]:
    """Return the divisions that are no more but are still written, in the order of the table."""
    return tuple(
        FormerDivision(
            row["old_code"],
            row["old_name"],
            row["level"],
            row["province"],
            row["city"],
            int(row["last_year"]),
            row["current_code"],
        )
        for row in rows_of("divisions_former.csv")
    )


def division(code: str) -> Division | None:
    """Return the current division with this code, None when there is none."""
    return divisions().get(code)


@cache
def lineage(code: str) -> tuple[str, ...]:
    """Return the code, its prefecture and its province, most specific first; () for an unknown code."""
    found = divisions().get(code)
    if found is None:
        return ()
    return (code, *lineage(found.parent_code)) if found.parent_code else (code,)


@cache
def place(code: str) -> Place:
    """Return the official names along the lineage of a current code; KeyError for an unknown one."""
    table = divisions()
    names = {table[step].level: table[step].name for step in lineage(code)}
    province = names.get("province", "") or table[code].name
    city = province if lineage(code)[-1] in MUNICIPALITIES else names.get("prefecture", "")
    return Place(province, city, names.get("county", ""), code)
