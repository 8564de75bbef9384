import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.address import Place, division, lineage, resolve_fields, resolve_text
from models.rules.divisions import Division, divisions, former_divisions, place
from tests.models.rules.address_cases import Case, address_cases

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "addresses_sample.csv"
# No rule was written looking at what these seeds give.
UNSEEN_SEEDS = (90_001, 90_002)


def shown(found: Place | None) -> tuple[str, str, str]:
    return (found.province, found.city, found.district) if found else ("", "", "")


def is_wrong(case: Case, found: Place | None) -> bool:
    """A refused row is not wrong; a province or city that is not the right one is."""
    province, city, _ = shown(found)
    return (province not in ("", case.province)) or (city not in ("", case.city))


def misses(cases: Iterable[Case]) -> list[tuple[Case, tuple[str, str, str]]]:
    return [(case, found) for case in cases if (found := shown(resolve_text(case.text))) != case.answer]


def named(text: str) -> str:
    return "".join(dict.fromkeys(shown(resolve_text(text))))


@pytest.fixture(scope="module")
def unseen() -> list[Case]:
    return [case for seed in UNSEEN_SEEDS for case in address_cases(seed, 100)]


def test_unseen_addresses_are_resolved_exactly(unseen: list[Case]) -> None:
    missed = misses(unseen)

    assert len(missed) <= 0.01 * len(unseen), missed[:20]


def test_unseen_addresses_are_hardly_ever_resolved_to_another_city(unseen: list[Case]) -> None:
    wrong = [case for case in unseen if is_wrong(case, resolve_text(case.text))]

    assert len(wrong) <= 0.002 * len(unseen), wrong[:20]


def test_no_manner_of_writing_fails_often(unseen: list[Case]) -> None:
    written = Counter(case.category for case in unseen)
    missed = Counter(case.category for case, _ in misses(unseen))

    assert {category for category, times in missed.items() if times > 0.10 * written[category]} == set()


def test_every_address_of_the_sample_is_exact() -> None:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    found = {row["id"]: resolve_text(row["text"]) for row in rows}

    assert len(rows) == 60
    assert {row["id"]: (*shown(found[row["id"]]), getattr(found[row["id"]], "code", "")) for row in rows} == {
        row["id"]: (row["province"], row["city"], row["district"], row["code"]) for row in rows
    }


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("济南市中区经七路", "山东省济南市市中区"),
        ("青岛市北区威海路", "山东省青岛市市北区"),
        ("石家庄桥西区新石北路", "河北省石家庄市桥西区"),
        ("吉林吉林船营区", "吉林省吉林市船营区"),
        ("青海海南共和县", "青海省海南藏族自治州共和县"),
        ("安徽省巢湖市庐江县", "安徽省合肥市庐江县"),
        ("山东莱芜市莱城区", "山东省济南市莱芜区"),
        ("铜仁地区铜仁市", "贵州省铜仁市碧江区"),
        ("吉林四平公主岭市", "吉林省长春市公主岭市"),
        ("重庆江北区观音桥", "重庆市两江新区"),
        ("北京昌平县", "北京市昌平区"),
        ("上海市黄埔区南京东路", "上海市黄浦区"),
        ("毫州市蒙城县", "安徽省亳州市蒙城县"),
        ("河北省刑台市桥东区", "河北省邢台市襄都区"),
        ("浙 江 省 杭 州 市 西 湖 区", "浙江省杭州市西湖区"),
        ("臺灣省台北市", "台湾省"),
        ("福建厦门海沧第一中学", "福建省厦门市海沧区"),
        ("山西省阳城市闻喜县", "山西省运城市闻喜县"),
        ("新疆阿克苏阿拉尔市", "新疆维吾尔自治区阿拉尔市"),
        ("东莞市东城区", "广东省东莞市"),
        ("河南郑州中原路8号", "河南省郑州市"),
        ("杭州市场路", ""),
        ("江苏鼓楼区", ""),
        ("江北区观音桥", ""),
        ("朝阳", ""),
        ("江苏省宿州市埇桥区", ""),
        ("从北京市朝阳区发往上海市徐汇区", ""),
        ("江宁 13800000000 人民路1号", ""),
        ("阿里巴巴西溪园区", ""),
        ("广东省", "广东省"),
    ],
)
def test_a_tricky_address(text: str, meant: str) -> None:
    assert named(text) == meant


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("河南省", "省直辖县级行政区划", "济源市", "北海街道"), "419001"),
        (("海南省", "陵水黎族自治县", "陵水黎族自治县"), "469028"),
        (("新疆", "自治区直辖县级行政区划", "石河子市"), "659001"),
        (("重庆市", "县", "云阳县"), "500235"),
        (("北京", "市辖区", "朝阳"), "110105"),
        (("上海", "上海城区", "浦东新区"), "310115"),
        (("广东", "东莞", "东莞市", "", "南城"), "441900"),
        (("吉林", "吉林", "船营"), "220204"),
        (("辽宁", "朝阳", "双塔"), "211302"),
        (("浙江省", "", "西湖区"), "330106"),
        (("杭州市", "", "西湖区"), "330106"),
        (("江苏省", "苏州市", "工业园区"), "320500"),
        (("台湾省", "台北市", "大安区"), "710000"),
        (("山东省", "莱芜市", "莱城区"), "370116"),
        (("浙江省", "杭州市", "其他区", "", "西湖区文三路"), "330106"),
        (("", "", "", "", "浙江省杭州市西湖区文三路"), "330106"),
        (("浙江省", "杭州市", "西湖区", "", "上海市青浦区重庆路"), "330106"),
        (("浙江省", "南京市", "鼓楼区"), None),
        (("江苏省", "", "鼓楼区"), None),
        (("NULL", "null", "-"), None),
    ],
)
def test_dirty_fields(fields: tuple[str, ...], code: str | None) -> None:
    found = resolve_fields(*fields)

    assert (found and found.code) == code


def test_official_names_lead_back_to_every_division() -> None:
    for code in divisions():
        meant = place(code)
        assert resolve_fields(meant.province, meant.city, meant.district) == meant
        assert resolve_text(f"{meant.province} {meant.city} {meant.district}") == meant


def test_every_former_division_leads_to_its_heir_with_its_city() -> None:
    for row in former_divisions():
        if row.level == "county":
            found = resolve_fields(row.province, row.city or row.province, row.name, "", "人民路1号")
            assert found is not None, row
            assert found.code == row.heir if row.heir else not found.district, row


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    resolve_text(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="省市区县州北京上海南东西江山朝阳城吉林大新路中一 ,号0", max_size=40))
def test_no_mixture_of_place_characters_raises_or_leaves_the_table(text: str) -> None:
    found = resolve_text(text)

    assert found is None or found == place(found.code)


def test_a_very_long_text_is_read_by_its_beginning() -> None:
    assert named("浙江省杭州市西湖区" + "南京市鼓楼区北京路" * 5000) == "浙江省杭州市西湖区"


def test_lineage_is_most_specific_first() -> None:
    assert lineage("330106") == ("330106", "330100", "330000")
    assert lineage("110105") == ("110105", "110000")
    assert lineage("419001") == ("419001", "410000")
    assert lineage("999999") == ()


def test_a_division_has_a_name_and_a_seat() -> None:
    found = division("330106")

    assert isinstance(found, Division)
    assert (found.name, found.level, found.parent_code) == ("西湖区", "county", "330100")
    assert (round(found.lat), round(found.lng)) == (30, 120)
    assert division("330199") is None
