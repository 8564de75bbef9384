from datetime import timedelta
from typing import Any

import pytest

from connectors.base import PlatformCarrier
from models.settings import clock
from sandbox.server import Sandbox
from tasks.setup import add_shop
from tasks.shop_carriers import carriers_of, carriers_without_code, load_carriers, match_carriers, reload_due
from tests.fakes import FakePool

WANTED = ("endpoint", "app_key", "app_secret", "session", "refresh_token", "token_url")


def listed(**names: str) -> list[PlatformCarrier]:
    """A platform's carriers: name by code."""
    return [PlatformCarrier(code, name) for code, name in names.items()]


def matched(carriers: list[PlatformCarrier], **mapped: str) -> dict[str, str]:
    return {ours: theirs.code for ours, theirs in match_carriers(carriers, mapped).items()}


@pytest.fixture
def tmall(pool: FakePool, sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's Tmall shop, set up as shop tmall-1."""
    entry = sandbox.shop("tmall-1")
    add_shop("tmall-1", "tmall", credentials={key: entry[key] for key in WANTED})
    return entry


class TestMatching:
    def test_the_mappings_code_comes_first(self) -> None:
        assert matched(listed(A="圆通速递", B="圆通"), yuantong="B") == {"yuantong": "B"}

    def test_without_a_mapped_code_the_name_decides(self) -> None:
        assert matched(listed(A="圆通速递", B="EMS")) == {"yuantong": "A", "ems": "B"}

    def test_a_mapped_code_that_is_not_listed_gives_way_to_the_name(self) -> None:
        assert matched(listed(A="圆通速递"), yuantong="OLD") == {"yuantong": "A"}

    def test_a_mapped_code_that_is_another_carriers_gives_way_to_the_name(self) -> None:
        assert matched(listed(A="申通快递", B="圆通速递"), yuantong="A") == {"shentong": "A", "yuantong": "B"}

    @pytest.mark.parametrize("name", ["圆通快递", "圆通速运", "圆通", "圆通 速递", "圆通物流", "圆通（速递）"])
    def test_endings_and_spaces_do_not_matter(self, name: str) -> None:
        assert matched(listed(A=name)) == {"yuantong": "A"}

    def test_parcels_and_freight_of_one_house_are_kept_apart(self) -> None:
        assert matched(listed(A="中通速递", B="中通快运", C="德邦快递", D="德邦物流")) == {
            "zhongtong": "A",
            "zhongtongkuaiyun": "B",
            "debangkuaidi": "C",
            "debangwuliu": "D",
        }

    @pytest.mark.parametrize("name", ["京东物流", "顺丰", "德邦"])
    def test_what_may_be_two_of_ours_is_not_guessed(self, name: str) -> None:
        assert matched(listed(A=name)) == {}

    def test_what_may_be_two_of_theirs_is_not_guessed(self) -> None:
        assert matched(listed(A="圆通快递", B="圆通速运")) == {}


def test_a_platforms_list_is_kept_with_the_forms_of_numbers(pool: FakePool, tmall: dict[str, Any]) -> None:
    assert load_carriers("tmall-1") > 10

    rows = pool.rows("select code, name, pattern from shop_carrier where carrier = 'zhongtong'")
    assert rows == [("ZTO", "中通快递", "(ZTO)?[0-9]{8,16}")]


def test_loading_again_takes_the_place_of_the_former_list(pool: FakePool, tmall: dict[str, Any]) -> None:
    first = load_carriers("tmall-1")
    pool.execute("update shop_carrier set carrier = 'pigeon' where carrier = 'ems'")

    assert load_carriers("tmall-1") == first
    assert pool.rows("select count(*) from shop_carrier where carrier = 'pigeon'") == [(0,)]


def test_a_shop_that_takes_any_text_lists_none(pool: FakePool) -> None:
    add_shop(
        "W2", "woocommerce", credentials={"endpoint": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
    )

    assert load_carriers("W2") == 0


def test_carriers_are_shown_with_where_their_codes_come_from(pool: FakePool, tmall: dict[str, Any]) -> None:
    load_carriers("tmall-1")
    pool.execute("delete from shop_carrier where carrier = 'yunda'")
    pool.execute("update warehouse set carrier = 'kuayue' where code = 'WH-A'")

    found = carriers_of("tmall-1")

    rows = {row.carrier: (row.code, row.listed, row.used_by) for row in found.rows}
    assert rows["zhongtong"] == ("ZTO", True, ())
    assert rows["yunda"] == ("YUNDA", False, ("WH-B",))
    assert rows["kuayue"] == ("", False, ("WH-A",))
    assert [row.carrier for row in found.without_code] == ["kuayue"]


def test_carriers_of_warehouses_without_a_code_are_said_per_shop(pool: FakePool, tmall: dict[str, Any]) -> None:
    pool.execute("update warehouse set carrier = 'kuayue' where code = 'WH-A'")
    pool.execute("update shop set active = false where code = 'WOO'")

    assert carriers_without_code() == ["tmall-1: no code for 跨越速运 (kuayue) of WH-A"]


def test_a_list_is_loaded_again_after_a_day(pool: FakePool, tmall: dict[str, Any]) -> None:
    pool.execute("update shop set active = code = 'tmall-1'")

    assert reload_due(clock().now()) == (["tmall-1"], {})
    assert reload_due(clock().now()) == ([], {})
    assert reload_due(clock().now() + timedelta(days=1, minutes=1)) == (["tmall-1"], {})


def test_a_shop_that_waits_for_its_sellers_consent_is_left_alone(pool: FakePool, tmall: dict[str, Any]) -> None:
    pool.execute("update shop set active = code = 'tmall-1'")
    pool.execute("delete from credential where name = 'session'")

    assert reload_due(clock().now()) == ([], {})


def test_a_platform_that_is_down_stops_no_other(pool: FakePool, tmall: dict[str, Any], sandbox: Sandbox) -> None:
    entry = sandbox.shop("taobao-1")
    add_shop("taobao-1", "taobao", credentials={key: entry[key] for key in WANTED})
    pool.execute("update shop set active = code <> 'WOO'")
    sandbox.do("POST", "/faults", {"target": "shop:taobao-1", "kind": "http_503"})

    done, obstacles = reload_due(clock().now())

    assert done == ["tmall-1"]
    assert str(obstacles["taobao-1"]).startswith("taobao-1: taobao.logistics.companies.get: HTTP 503")
