"""A packing slip fits its label, and its number scans."""

import pytest

from tasks.paper.pick_list import STOPPED, Line
from tasks.paper.receiver_block import Party
from tasks.paper.slips import Slip, SlipSize, draw_slips
from tests.printed import pages, picture

TO = Party("张*", "138****0000", "浙江省 杭州市 西湖区", "")


def slip(no: str = "OB20261122000017", **changes: object) -> Slip:
    facts = {
        "no": no, "slot": 7, "shop": "杭州茶叶旗舰店", "order_nos": ["2611220001", "2611220002"], "carrier": "圆通速递",
        "to": TO, "lines": [
            Line("TEA", "春茶明前龙井", "6901234567892", 3),
            Line("CUP-GW-01", "手绘青花盖碗 三才碗 家用陶瓷茶具 单个礼盒装（颜色随机，拍下备注）", "6901234500031", 1),
        ], "note": "周末送，电话138****0000",
    } | changes  # fmt: skip
    return Slip(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "mm"), [(SlipSize.LABEL, (100, 150)), (SlipSize.A6, (105, 148))])
def test_a_slip_tells_what_lies_in_the_parcel(size: SlipSize, mm: tuple[int, int]) -> None:
    pdf = draw_slips([slip()], size, "slips")
    picture(pdf, f"print-slip-{size}")
    (page,) = pages(pdf)

    assert (page.size, page.codes) == (mm, ["OB20261122000017"])
    for part in (
        "杭州茶叶旗舰店", "2611220001, 2611220002", "圆通速递", "张*", "138****0000", "浙江省 杭州市",
        "春茶明前龙井", "TEA", "周末送", "格 Slot", "1 / 1",
    ):  # fmt: skip
        assert part in page.text, part


def test_each_slip_counts_its_own_pages() -> None:
    many = [Line(f"SKU-{n}", "加厚纯棉四件套 适用于1.5米及1.8米床", "", 1) for n in range(30)]
    found = pages(draw_slips([slip(lines=many), slip("OB20261122000018")], SlipSize.LABEL, "slips"))

    assert [page.codes for page in found] == [["OB20261122000017"], *[[]] * (len(found) - 2), ["OB20261122000018"]]
    assert [f"1 / {len(found) - 1}" in page.text for page in found] == [True, *[False] * (len(found) - 1)]
    assert "1 / 1" in found[-1].text


def test_a_slip_of_what_must_not_leave_does_not_scan() -> None:
    (page,) = pages(draw_slips([slip(mark=STOPPED)], SlipSize.LABEL, "slips"))

    assert (page.codes, STOPPED in page.text) == ([], True)


def test_texts_as_long_as_they_come_stay_on_two_labels() -> None:
    far = Party("欧" + "*" * 200, "138****0000", "浙江省" * 90, "")
    long = slip(to=far, shop="店" * 500, note="请放门口" * 500, lines=[Line("S" * 200, "n" * 2_000, "9" * 80, 1)] * 2)
    first, second = pages(draw_slips([long], SlipSize.LABEL, "slips"))

    assert (first.codes, second.codes) == (["OB20261122000017"], [])
    assert "138****0000" in first.text
    assert "请放门口" in second.text
