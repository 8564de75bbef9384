"""Divisions by what people call them."""

import pytest

from models.rules.division_names import code_beginning, divisions_named, is_code


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ("浙江", ["330000"]),
        ("浙江省", ["330000"]),
        ("北京", ["110000"]),
        ("杭州", ["330100"]),
        ("西湖区", ["330106", "360103"]),
        ("杭州 西湖", ["330106"]),
        ("杭州西湖区", ["330106"]),
        ("浙江省杭州市西湖区", ["330106"]),
        ("nowhere", []),
        ("", []),
    ],
)
def test_a_name_means_the_divisions_that_are_called_so(written: str, codes: list[str]) -> None:
    assert [each.code for each in divisions_named(written)] == codes


@pytest.mark.parametrize(("code", "beginning"), [("330000", "33"), ("330100", "3301"), ("330106", "330106")])
def test_all_codes_in_a_division_begin_alike(code: str, beginning: str) -> None:
    assert code_beginning(code) == beginning


def test_digits_of_whole_levels_are_a_code() -> None:
    assert [text for text in ("33", "330", "3301", "330106", "33a") if is_code(text)] == ["33", "3301", "330106"]
