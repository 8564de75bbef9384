"""Badges are cards with a code that scans."""

import random

from tasks.floor_people import BADGE_CHARS, BADGE_LETTERS, BADGE_MARK
from tasks.paper.badges import Badge, draw_badges
from tests.printed import pages


def test_ten_cards_go_on_a_page() -> None:
    codes = [f"PB-{letter * 20}" for letter in "ABCDEFGHIJK"]
    found = pages(draw_badges([Badge("欧阳修远", "WH-HZ 杭州自营仓", code) for code in codes]))

    assert [sorted(page.codes) for page in found] == [codes[:10], codes[10:]]
    assert "欧阳修远" in found[0].text
    assert "WH-HZ 杭州自营仓" in found[0].text


def test_any_code_that_a_badge_may_have_is_printed_and_scans() -> None:
    draw = random.Random(1)
    codes = [BADGE_MARK + "".join(draw.choices(BADGE_LETTERS, k=BADGE_CHARS)) for _ in range(100)]
    found = pages(draw_badges([Badge("王芳", "WH-HZ", code) for code in codes]))

    assert sorted(code for page in found for code in page.codes) == sorted(codes)
