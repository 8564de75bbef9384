"""docs/holds.md says of every hold what the code does."""

import re
from pathlib import Path

from models.hold import GIVES_UP_STOCK, HoldCode
from models.rules.hold_ends import ENDED_BY_NAME, ENDS_OTHERWISE

TEXT = (Path(__file__).parents[2] / "docs/holds.md").read_text("utf-8")
ROWS = {
    code: (ends, stock)
    for code, ends, stock in re.findall(r"^\| ([A-Z_]+) \|[^|]*\| ([^|]*) \| ([^|]*) \|$", TEXT, re.M)
}


def test_every_hold_has_one_row() -> None:
    assert list(ROWS) == re.findall(r"^\| ([A-Z_]+) \|", TEXT, re.MULTILINE)
    assert set(ROWS) == {code.value for code in HoldCode}


def test_who_ends_a_hold_is_as_in_the_code() -> None:
    assert {code for code, (ends, _) in ROWS.items() if "by a person" not in ends} == set(ENDS_OTHERWISE)
    assert {code for code, (ends, _) in ROWS.items() if "names the code" in ends} == set(ENDED_BY_NAME)


def test_what_becomes_of_stock_is_as_in_the_code() -> None:
    free = {code for code, (_, stock) in ROWS.items() if stock.startswith("free")}
    assert free == GIVES_UP_STOCK | {HoldCode.SHORT_STOCK}  # one that is short gives back what it had
