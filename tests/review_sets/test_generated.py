"""The labelled orders are what the generator writes, it knows nothing of the product, and they leave no rule out."""

import ast
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.review_sets.generate import FOLDER, SETS, lines_of, world_text

HERE = Path(__file__).parent
LEAST_ORDERS = 500
LEAST_NEAR = 3


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", SETS)
def test_the_generator_writes_the_orders_that_are_kept(name: str) -> None:
    assert (FOLDER / f"{name}.jsonl").read_text("utf-8") == "\n".join(lines_of(SETS[name])) + "\n"


def test_the_generator_writes_the_world_that_is_kept() -> None:
    assert (FOLDER / "world.json").read_text("utf-8") == world_text()


def test_the_generator_imports_nothing_of_the_product() -> None:
    modules = {
        name
        for path in HERE.glob("*.py")
        if not path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported(node)
    }

    assert {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names} == {
        name for name in modules if name.startswith("tests.review_sets")
    }


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("name", SETS)
def test_every_code_has_defects_and_near_misses(name: str) -> None:
    orders = rows(name)
    planted = Counter(code for row in orders for code in row["holds"])
    near = Counter(row["near"] for row in orders if row["near"] and not row["holds"])

    assert len(orders) >= LEAST_ORDERS
    assert {code: near[code] for code in planted if near[code] < LEAST_NEAR} == {}
    assert {code for code in near if planted[code] < LEAST_NEAR} == set()


def test_the_sets_share_no_note_and_no_order() -> None:
    first, second = ({json.dumps(row["payload"], ensure_ascii=False) for row in rows(name)} for name in SETS)
    notes = [
        {row["payload"].get(key) for row in rows(name) for key in ("customer_note", "buyer_message", "orderRemark")}
        for name in SETS
    ]

    assert not first & second
    # a few notes are common to the orders with two defects
    assert len(notes[0] & notes[1]) < len(notes[0]) / 5
