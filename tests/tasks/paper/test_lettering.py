"""Lines break where Chinese and Latin may break, and never grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.paper.lettering import printable, width_mm, wrap


def test_chinese_breaks_anywhere_and_latin_between_words() -> None:
    assert wrap("春茶明前龙井", 12, 10, 9) == ["春茶明", "前龙井"]
    assert wrap("green tea leaves", 16, 10, 9) == ["green tea", "leaves"]


def test_no_line_begins_with_a_full_stop() -> None:
    assert wrap("春茶明。前龙井", 12, 10, 9) == ["春茶", "明。前", "龙井"]


@given(st.text(max_size=60), st.floats(10, 60), st.integers(1, 4))
def test_no_line_is_wider_than_its_room(text: str, width: float, most: int) -> None:
    lines = wrap(printable(text, 50), width, 10, most)

    assert len(lines) <= most
    assert all(width_mm(line, 10) <= width for line in lines)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_whatever_is_written_can_be_printed(text: str) -> None:
    shown = printable(text, 20)

    assert shown.isprintable()
    assert printable(shown, 500) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("龙井  茶\t250g\n", "龙井 茶 250g"),
        ("a\u200bb\ufe0f", "ab"),
        ("𠮷", "[U+20BB7]"),
        ("🔥", "□"),
        ("日本語カナ", "日本語カナ"),
    ],
)
def test_what_the_font_lacks_is_seen_to_lack(text: str, shown: str) -> None:
    assert printable(text, 20) == shown
