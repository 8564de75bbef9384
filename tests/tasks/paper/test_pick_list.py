"""A pick list shows every pick in its place, every document by slot, and codes that scan."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from tasks.paper.pick_list import LEFT, STOPPED, Line, Listed, Pick, PickList, draw_pick_list
from tests.printed import pages, picture, texts

NO = "WV20261122000001"
FACTS = (("仓库 Warehouse", "WH-HZ 杭州自营仓"), ("快递 Carrier", "圆通速递"), ("发车 Leaves", "2026-11-22 16:30"))
AT = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def pick(number: int = 1, **changes: object) -> Pick:
    facts = {
        "place": f"A-{number:03}", "sku": f"SKU-{number:04}", "name": "春茶明前龙井", "barcode": f"69{number:011}",
        "wanted": 2,
    } | changes  # fmt: skip
    return Pick(**facts)  # type: ignore[arg-type]


def document(slot: int, **changes: object) -> Listed:
    facts = {"slot": slot, "no": f"OB20261122{slot:06}", "units": 2, "about": ("圆通速递", f"A{slot}")} | changes
    return Listed(**facts)  # type: ignore[arg-type]


def drawn(*picks: Pick, documents: tuple[Listed, ...] = (document(1),), no: str = NO) -> bytes:
    return draw_pick_list(PickList("拣货单 Pick list", no, FACTS, picks, documents, AT))


def test_a_list_is_a4_and_says_what_it_is_for() -> None:
    first, second = pages(drawn(pick(), documents=(document(1), document(2))))

    assert (first.size, second.size) == ((210, 297), (210, 297))
    assert first.codes == [NO, "6900000000001"]
    assert second.codes == ["OB20261122000001", "OB20261122000002"]
    for part in ("WH-HZ 杭州自营仓", "圆通速递", "2026-11-22 16:30", "A-001", "SKU-0001", "春茶明前龙井", "1 / 2"):
        assert part in first.text, part
    assert "2 / 2" in second.text


def test_a_whole_wave_scans_and_shows_names_in_chinese() -> None:
    goods = (
        ("A-01-2", "TEA-LJ-250", "明前龙井茶 250克 罐装 春茶", "6901234500017", 4, ((1, 2), (3, 1), (5, 1))),
        ("A-01-5", "TEA-BLC-100", "安吉白茶 100克 袋装", "6901234500024", 1, ((2, 1),)),
        (
            "A-03-1",
            "CUP-GW-01",
            "手绘青花盖碗 三才碗 家用陶瓷茶具 单个礼盒装（颜色随机，拍下备注）",
            "6901234500031",
            3,
            ((1, 1), (4, 2)),
        ),
        ("B-02-4", "POT-ZS-320", "宜兴紫砂壶 320毫升", "", 1, ((4, 1),)),
        ("B-07-1", "TRAY-ZM-L", "竹木茶盘 大号 带排水管", "6901234500055", 2, ((3, 1), (6, 1))),
        ("C-01-1", "BAG-GIFT", "礼品袋 中号", "6901234500062", 12, ((1, 3), (2, 3), (3, 3), (6, 3))),
    )
    facts = (
        *FACTS, ("库区 Zone", "多区 Several"), ("类型 Kind", "混合 Mixed"), ("单据 Documents", "6"),
        ("件数 Units", "23 / 6 SKU"), ("拣货员 Picker", "王芳"),
    )  # fmt: skip
    documents = [document(slot) for slot in range(1, 7)]
    pdf = draw_pick_list(PickList("拣货单 Pick list", NO, facts, [Pick(*each) for each in goods], documents, AT))
    picture(pdf, "print-pick-list")
    first, second = pages(pdf)

    assert first.codes == [NO, *(each[3] or each[1] for each in goods)]
    assert second.codes == [each.no for each in documents]
    assert [each[2][:10] for each in goods if each[2][:10] not in first.text] == []


def test_what_has_no_barcode_is_found_by_its_own_code() -> None:
    assert pages(drawn(pick(barcode="")))[0].codes == [NO, "SKU-0001"]


def test_a_code_that_no_scanner_could_read_is_written_out() -> None:
    codes = pages(drawn(pick(barcode="茶-1"), pick(2, barcode="X" * 60), pick(3, barcode="Y" * 500)))

    assert codes[0].codes == [NO]
    assert "茶-1" in codes[0].text


def test_it_says_into_which_slots_units_go() -> None:
    assert "分到 To: 3格×1 12格×2" in texts(drawn(pick(dealt=((3, 1), (12, 2)))))[0]


def test_a_document_that_must_not_leave_has_nothing_to_scan() -> None:
    documents = (document(1, mark=STOPPED), document(2), document(3, mark=LEFT))
    bench = pages(drawn(pick(), documents=documents))[1]

    assert bench.codes == ["OB20261122000002"]
    assert STOPPED in bench.text
    assert LEFT in bench.text


def test_a_long_name_wraps_and_is_bounded() -> None:
    (text, _bench) = texts(drawn(pick(name="加厚纯棉四件套" * 100)))

    assert "加厚纯棉四件套" * 2 in text
    assert text.count("加厚纯棉四件套") < 30
    assert "…" in text


def test_rare_characters_show_their_code_and_pictures_a_box() -> None:
    (text, _bench) = texts(drawn(pick(name="\u202e𠮷祥\x00杯\n500ml🔥️\u200b")))

    assert "[U+20BB7]祥杯 500ml□" in text


def test_three_hundred_picks_take_pages_of_their_own_with_a_code_each() -> None:
    found = pages(drawn(*(pick(number) for number in range(1, 301))))
    codes = [code for page in found[:-1] for code in page.codes]

    assert codes == [NO, *(f"69{number:011}" for number in range(1, 301))]
    assert [f"{n} / {len(found)}" in page.text for n, page in enumerate(found, 1)] == [True] * len(found)
    assert len(found) > 15


def test_sixty_pages_are_drawn_in_seconds() -> None:
    picks = [pick(number, name=f"春茶明前龙井 {number}") for number in range(1_100)]
    began = time.perf_counter()
    pdf = drawn(*picks)

    assert time.perf_counter() - began < 10
    assert len(texts(pdf)) >= 60


def test_documents_without_a_bench_tell_their_lines() -> None:
    lines = [Line(f"SKU-{n}", "保温杯", f"69{n}", n) for n in range(1, 60)]
    found = pages(drawn(pick(), documents=(document(1, lines=lines), document(2, lines=lines[:1])), no=""))

    assert [page.codes for page in found][1] == ["OB20261122000001"]
    assert "SKU-59 保温杯" in "".join(page.text for page in found)
    assert found[-1].codes == ["OB20261122000002"]


def test_the_same_list_gives_the_same_file_however_many_are_drawn_at_once() -> None:
    lists = [[pick(number, name=f"茶{chr(0x4E00 + number)}") for number in range(at, at + 40)] for at in (1, 500, 900)]
    alone = [drawn(*picks) for picks in lists]
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(lambda picks: drawn(*picks), lists * 3))

    assert together == alone * 3
