"""Texts cut by bytes, at the end of a line where that can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.cut_text import cut, cut_lines


def more(count: int) -> str:
    return f"还有 {count} 条"


def test_what_fits_is_left_as_it_is() -> None:
    assert cut_lines(["标题"], ["一", "二"], ["完"], more, 100) == "标题\n一\n二\n完"


def test_whole_lines_are_left_out_and_counted() -> None:
    lines = ["库存" * 5] * 10  # 31 bytes each with its line's end

    text = cut_lines(["标题"], lines, ["完"], more, 150)

    assert text == "\n".join(["标题", *lines[:4], "还有 6 条", "完"])


def test_a_line_that_is_too_long_by_itself_is_cut_between_two_characters() -> None:
    assert cut_lines([], ["库" * 100], [], more, 20) == "库" * 5 + "…"


@pytest.mark.parametrize(("most", "left"), [(9, "库存不"), (8, "库…"), (7, "库…"), (3, "…"), (2, "")])
def test_a_character_is_whole_or_not_there(most: int, left: str) -> None:
    assert cut("库存不", most) == left


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(0, 300), st.lists(st.text(max_size=9), max_size=2))
def test_it_never_is_longer_than_it_may_be(lines: list[str], most: int, tail: list[str]) -> None:
    lines = [line.encode("utf-8", "ignore").decode() for line in lines]

    assert len(cut_lines(["#"], lines, tail, more, most).encode("utf-8", "surrogatepass")) <= most
