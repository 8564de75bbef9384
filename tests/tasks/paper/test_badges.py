"""Badges are cards with a code that scans."""

from tasks.paper.badges import Badge, draw_badges
from tests.printed import pages


def test_ten_cards_go_on_a_page() -> None:
    codes = [f"PB-{letter * 20}" for letter in "ABCDEFGHIJK"]
    found = pages(draw_badges([Badge("欧阳修远", "WH-HZ 杭州自营仓", code) for code in codes]))

    assert [sorted(page.codes) for page in found] == [codes[:10], codes[10:]]
    assert "欧阳修远" in found[0].text
    assert "WH-HZ 杭州自营仓" in found[0].text
