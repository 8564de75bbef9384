"""Lists of numbers reach the database as they are, whatever else is in them."""

from typing import Any

import pytest

from models.database import connect


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "smallint[]"),
        ([-5, 70_000], "integer[]"),
        ([2**40, 0], "bigint[]"),
        ([1, None, 3], "smallint[]"),
        ([[1, 2], [3, 4]], "smallint[]"),
        ([True, False], "boolean[]"),
        ([None, None], "int[]"),
        ([], "int[]"),
        (["a,b", 'c"d', "NULL", "", None], "text[]"),
    ],
)
def test_a_list_comes_back_as_it_went(database: str, values: list[Any], kind: str) -> None:
    with connect() as conn:
        row = conn.execute(f"select %s::{kind}".encode(), (values,)).fetchone()

    assert row == (values,)


def test_the_smallest_type_that_holds_all_numbers_is_told(database: str) -> None:
    with connect() as conn:
        kinds = [
            conn.execute("select pg_typeof(%s)::text", (values,)).fetchone()
            for values in ([1], [40_000], [2**40], [1, None])
        ]

    assert kinds == [("smallint[]",), ("integer[]",), ("bigint[]",), ("smallint[]",)]
