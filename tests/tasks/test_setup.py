import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.registry import CHANNELS
from models.errors import SetupError
from models.settings import CHECKOUT
from tasks.carrier_files import import_carriers, import_rates, import_rules
from tasks.counterparts import open_channel, open_wms
from tasks.credentials import Owner, keep_secrets, secrets_of
from tasks.setup import (
    add_carrier,
    add_shop,
    check_shop,
    import_areas,
    import_skus,
    import_stock,
    import_warehouses,
    list_shops,
    needs_consent,
    token_standing,
)
from tests.shared_pool import emptied, shared_pool

WOO = {"endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
SECRET = "whsec_" + "QUJD" * 8

Table = list[tuple[object, ...]]


def rows(database: str, statement: str) -> Table:
    with psycopg.connect(database) as conn:
        return conn.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def setup_pool(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "setup") as url:
        yield url


@pytest.fixture
def database(setup_pool: str) -> Iterator[str]:
    with emptied(setup_pool) as url:
        yield url


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


@pytest.fixture
def catalog(database: str, sheet: Path) -> str:
    """Warehouses WH-E and WH-W and the SKUs TEA and CUP, without stock."""
    sheet.write_text(
        "code,name,division,endpoint\nWH-E,East,330110,https://east.example.com/in\n"
        "WH-W,West,四川省成都市武侯区,https://west.example.com/in\n"
    )
    import_warehouses(sheet)
    sheet.write_text("code,name\nTEA,Green tea\nCUP,Red cup\n")
    import_skus(sheet)
    return database


class TestShops:
    def test_a_shop_is_added_with_sealed_credentials(self, database: str) -> None:
        added = add_shop("woo-1", "woocommerce", "My shop", WOO)

        assert (added.is_new, list(added.made)) == (True, ["webhook_secret"])
        (shop,) = list_shops()
        assert (shop.code, shop.name, shop.poll_minutes) == ("woo-1", "My shop", 15)
        assert shop.credentials == ("consumer_key", "consumer_secret", "endpoint", "webhook_secret")
        assert not rows(database, "select 1 from credential where value_enc like '%cs_1%'::bytea")

    def test_adding_again_changes_what_is_given_and_keeps_the_rest(self, database: str) -> None:
        add_shop("S1", "woocommerce", "My shop", WOO)

        again = add_shop("S1", "woocommerce", credentials={"consumer_key": "ck_2"}, poll_minutes=5, lock_unpaid=True)

        assert (again.is_new, again.made) == (False, {})
        (shop,) = list_shops()
        assert (shop.name, shop.poll_minutes, shop.lock_unpaid) == ("My shop", 5, True)
        with psycopg.connect(database) as conn:
            assert secrets_of(conn, Owner.SHOP, "S1")["consumer_key"] == "ck_2"
            assert secrets_of(conn, Owner.SHOP, "S1")["consumer_secret"] == "cs_1"

    def test_missing_credentials_are_named_and_nothing_is_stored(self, database: str) -> None:
        with pytest.raises(SetupError, match="shop S1: woocommerce needs the credentials endpoint, consumer_secret"):
            add_shop("S1", "woocommerce", credentials={"consumer_key": "ck_1"})

        assert list_shops() == []

    def test_taobao_has_its_gateway_by_itself(self, database: str) -> None:
        add_shop("S1", "taobao", credentials={"app_key": "1", "app_secret": "2", "session": "3"})

        with psycopg.connect(database) as conn:
            open_channel(conn, "S1")
            assert secrets_of(conn, Owner.SHOP, "S1")["endpoint"] == "https://gw.api.taobao.com/router/rest"

    @pytest.mark.parametrize("channel", CHANNELS)
    def test_a_shop_of_every_channel_is_added_without_the_token_that_a_consent_gives(
        self, database: str, channel: str
    ) -> None:
        kind = CHANNELS[channel]
        add_shop("S1", channel, credentials={name: "x" for name in kind.needs if name != kind.token})

        with psycopg.connect(database) as conn:
            there = secrets_of(conn, Owner.SHOP, "S1")
        assert kind.usual_endpoint in ("", there.get("endpoint"))
        assert needs_consent("S1") == (kind.authoriser is not None)
        if needs_consent("S1"):
            health = check_shop("S1")
            assert (health.ok, health.missing) == (False, (kind.token,))
            assert "`orderpool shop authorize S1`" in health.detail

    @pytest.mark.parametrize("channel", CHANNELS)
    def test_only_an_own_store_gets_a_webhook_secret(self, database: str, channel: str) -> None:
        kind = CHANNELS[channel]

        added = add_shop("S1", channel, credentials=dict.fromkeys(kind.needs, "x"))

        assert list(added.made) == (["webhook_secret"] if channel == "woocommerce" else [])

    def test_a_token_given_by_hand_has_no_known_end(self, database: str) -> None:
        add_shop("S1", "taobao", credentials={"app_key": "1", "app_secret": "2", "session": "3"})

        standing = token_standing("S1")

        assert standing is not None
        assert (standing.present, standing.ends_at, standing.refreshable) == (True, None, False)

    def test_a_gateway_that_was_given_stays(self, database: str) -> None:
        keys = {"app_key": "1", "app_secret": "2", "session": "3"}
        add_shop("S1", "taobao", credentials={**keys, "endpoint": "http://127.0.0.1:9"})
        add_shop("S1", "taobao", credentials=keys)

        with psycopg.connect(database) as conn:
            assert secrets_of(conn, Owner.SHOP, "S1")["endpoint"] == "http://127.0.0.1:9"

    def test_a_shop_of_files_needs_nothing(self, database: str) -> None:
        add_shop("S", "file")

        assert check_shop("S").ok

    @pytest.mark.parametrize("code", ["", "-a", "a b", "a" * 33, "淘宝"])
    def test_a_bad_code_is_refused(self, database: str, code: str) -> None:
        with pytest.raises(SetupError, match="a code has up to 32 letters, digits and dashes"):
            add_shop(code, "file")

    def test_an_unknown_channel_is_refused_with_those_there_are(self, database: str) -> None:
        with pytest.raises(SetupError, match=r"there is no channel ebay; there are .*file, .*taobao"):
            add_shop("S1", "ebay")

    def test_a_shop_cannot_change_its_channel(self, database: str) -> None:
        add_shop("S1", "file")

        with pytest.raises(SetupError, match="shop S1: is on file"):
            add_shop("S1", "woocommerce", credentials=WOO)

    def test_a_mapping_of_its_own_must_be_one(self, database: str, sheet: Path) -> None:
        sheet.write_text("name: x\n")

        with pytest.raises(SetupError, match="lacks version"):
            add_shop("S1", "woocommerce", credentials=WOO, mapping=sheet)

        assert list_shops() == []

    def test_a_check_says_that_the_shop_cannot_be_reached(self, database: str) -> None:
        add_shop("S1", "woocommerce", credentials=WOO)

        health = check_shop("S1")

        assert (health.ok, health.missing) == (False, ("endpoint",))

    def test_a_check_says_which_credentials_are_missing(self, database: str) -> None:
        add_shop("S1", "woocommerce", credentials=WOO)
        with psycopg.connect(database) as conn:
            conn.execute("delete from credential where name = 'consumer_secret'")

        assert check_shop("S1").missing == ("consumer_secret",)

    def test_an_unknown_shop_cannot_be_checked(self, database: str) -> None:
        with pytest.raises(SetupError, match="shop S9: is not in the pool"):
            check_shop("S9")

    def test_a_carrier_needs_its_credentials(self, database: str) -> None:
        with pytest.raises(SetupError, match="carrier kuaidi100: needs the credentials customer"):
            add_carrier("kuaidi100", {"key": "k"})


class TestWarehouses:
    def test_headers_in_chinese_and_gb18030_are_read(self, database: str, sheet: Path) -> None:
        sheet.write_bytes(
            "仓库编码,仓库名称,所在地区,详细地址,发件人,推送地址,默认快递,备注\r\n"
            "WH-E,华东仓,浙江省杭州市余杭区,仓前街道1号,杭州仓,https://wms.example.com/in,圆通速递,x\r\n".encode(
                "gb18030"
            )
        )

        done = import_warehouses(sheet)

        assert (done.added, done.ignored, list(done.secrets)) == (1, ("备注",), ["WH-E"])
        assert rows(database, "select code, name, division_code, address, carrier, wms from warehouse") == [
            ("WH-E", "华东仓", "330110", "仓前街道1号", "yuantong", "webhook")
        ]

    def test_made_up_secrets_open_the_connector_and_are_told_once(self, database: str, sheet: Path) -> None:
        sheet.write_text("code,name,division,endpoint\nWH-E,East,330110,https://wms.example.com/in\n")

        first, again = import_warehouses(sheet), import_warehouses(sheet)

        assert sorted(first.secrets["WH-E"]) == ["inbound_secret", "pull_token", "secret"]
        assert (again.added, again.changed, again.same, again.secrets) == (0, 0, 1, {})
        with psycopg.connect(database) as conn:
            open_wms(conn, "WH-E")

    def test_a_later_file_may_leave_credentials_out(self, database: str, sheet: Path) -> None:
        sheet.write_text(f"code,name,division,endpoint,secret\nWH-E,East,330110,https://wms.example.com/in,{SECRET}\n")
        import_warehouses(sheet)
        sheet.write_text("code,name,division\nWH-E,East two,330110\n")

        assert import_warehouses(sheet).changed == 1
        with psycopg.connect(database) as conn:
            assert secrets_of(conn, Owner.WAREHOUSE, "WH-E")["secret"] == SECRET

    def test_kind_cutoff_limit_and_use_are_read(self, database: str, sheet: Path) -> None:
        sheet.write_text(
            "仓库编码,仓库名称,所在地区,推送地址,仓库类型,截单时间,每日上限,启用\n"
            "WH-E,East,330110,https://wms.example.com/in,供应商,16:30,500,否\n"
        )

        import_warehouses(sheet)

        assert rows(database, "select kind, cutoff::text, daily_limit, active from warehouse") == [
            ("supplier", "16:30:00", 500, False)
        ]

    def test_a_lowered_limit_never_falls_below_what_a_day_has_used(self, catalog: str, sheet: Path) -> None:
        with psycopg.connect(catalog) as conn:
            conn.execute(
                """insert into warehouse_day select id, d, 10, u from warehouse, (values
                     ('2000-01-01'::date, 9), ('2999-01-01', 9), ('2999-01-02', 1)) v(d, u) where code = 'WH-E'"""
            )
        sheet.write_text("code,name,division,daily_limit\nWH-E,East,330110,5\n")

        import_warehouses(sheet)

        assert rows(catalog, "select limit_documents from warehouse_day order by day") == [(10,), (9,), (5,)]

    def test_bad_kinds_times_and_limits_are_named(self, database: str, sheet: Path) -> None:
        sheet.write_text("code,name,division,kind,cutoff,daily_limit,active\nWH-E,East,330110,x,25:00,-1,maybe\n")

        with pytest.raises(SetupError) as refused:
            import_warehouses(sheet)

        said = str(refused.value)
        assert "line 2, kind 'x': is neither own nor supplier" in said
        assert "line 2, cutoff '25:00': is not a time of day such as 16:30" in said
        assert "line 2, daily_limit '-1': is not a whole number from 0" in said
        assert "line 2, active 'maybe': is neither yes nor no" in said

    def test_every_bad_cell_is_named_and_nothing_is_written(self, database: str, sheet: Path) -> None:
        sheet.write_text(
            "code,name,division,endpoint,secret,carrier\n"
            "WH-E,East,330110,https://wms.example.com/in,,yuantong\n"
            "WH E,,火星,ftp://x,whsec_tooshort,pigeon\n"
            "WH-W,West,西湖区,,,\n"
            "WH-E,Twice,330110,https://wms.example.com/in,,\n"
        )

        with pytest.raises(SetupError) as refused:
            import_warehouses(sheet)

        said = str(refused.value)
        assert said.startswith(f"{sheet}: 3 of 4 rows cannot be used; nothing was written\n")
        assert "line 3, code 'WH E': is not a warehouse code" in said
        assert "line 3, name: is empty" in said
        assert "line 3, division '火星': names no division" in said
        assert "line 3, endpoint 'ftp://x': is not an http or https address" in said
        assert "line 3, secret: is not `whsec_`" in said
        assert "whsec_tooshort" not in said
        assert "line 3, carrier 'pigeon': is not a carrier we know" in said
        assert "line 4, division '西湖区': names no division, or more than one" in said
        assert "line 4, endpoint: is empty" in said
        assert "line 5, code 'WH-E': line 2 says the same code already" in said
        assert rows(database, "select 1 from warehouse") == []


class TestFiles:
    def test_a_missing_column_is_named(self, database: str, sheet: Path) -> None:
        sheet.write_text("name\nTea\n")

        with pytest.raises(SetupError, match=r"lacks the column code \(商家编码\)"):
            import_skus(sheet)

    def test_two_columns_of_one_meaning_are_refused(self, database: str, sheet: Path) -> None:
        sheet.write_text("code,商家编码\n1,2\n")

        with pytest.raises(SetupError, match="two columns mean code: code and 商家编码"):
            import_skus(sheet)

    @pytest.mark.parametrize(
        ("content", "obstacle"),
        [
            (b"", "is empty"),
            (b"PK\x03\x04", "is no readable workbook"),
            (b"\x81", "is neither UTF-8 nor GB18030"),
            (b'code\n"a\n', "unexpected end of data"),
        ],
    )
    def test_a_file_that_is_no_csv_is_refused(self, database: str, sheet: Path, content: bytes, obstacle: str) -> None:
        sheet.write_bytes(content)

        with pytest.raises(SetupError, match=obstacle):
            import_skus(sheet)

    def test_a_file_that_is_not_there_is_said_plainly(self, database: str, sheet: Path) -> None:
        with pytest.raises(SetupError, match="cannot be read: No such file"):
            import_skus(sheet)

    def test_a_code_that_excel_rounded_is_refused(self, database: str, sheet: Path) -> None:
        sheet.write_text("code\n6.9E+12\n")

        with pytest.raises(SetupError, match="Excel has turned this code into a number"):
            import_skus(sheet)

    def test_a_row_with_too_many_cells_is_refused(self, database: str, sheet: Path) -> None:
        sheet.write_text("code,name\nA,Tea, green\n")

        with pytest.raises(SetupError, match="line 2, the row: has 3 cells under 2 headers"):
            import_skus(sheet)

    def test_only_twenty_bad_cells_are_listed(self, database: str, sheet: Path) -> None:
        sheet.write_text("code,weight_g\n" + "".join(f"A{i},heavy\n" for i in range(25)))

        with pytest.raises(SetupError) as refused:
            import_skus(sheet)

        lines = str(refused.value).splitlines()
        assert lines[0] == f"{sheet}: 25 of 25 rows cannot be used; nothing was written"
        assert (len(lines), lines[-1]) == (22, "  and 5 more")

    def test_lines_are_counted_as_an_editor_does(self, database: str, sheet: Path) -> None:
        sheet.write_bytes(b'\xef\xbb\xbfcode;name\r\nA;"two\r\nlines"\r\n\r\nB;Tea;x\r\n')

        with pytest.raises(SetupError) as refused:
            import_skus(sheet)

        assert "line 2, name 'two\\r\\nlines': holds a line break" in str(refused.value)
        assert "line 5, the row" in str(refused.value)

    def test_skus_are_added_and_changed(self, database: str, sheet: Path) -> None:
        sheet.write_text("商家编码,商品名称,条形码,重量(克)\nTEA,Tea,6901234567892,100\n")
        import_skus(sheet)
        sheet.write_text("code,name,barcode,weight_g\nTEA,Green tea,6901234567892,100\nCUP,Cup,,\n")

        done = import_skus(sheet)

        assert (done.added, done.changed, done.same) == (1, 1, 0)
        assert rows(database, "select code, name, barcode, weight_g from sku order by code") == [
            ("CUP", "Cup", "", 0),
            ("TEA", "Green tea", "6901234567892", 100),
        ]


class TestAreas:
    def test_areas_of_every_level_are_read_by_name_or_code(self, catalog: str, sheet: Path) -> None:
        sheet.write_text("warehouse,division,priority\nWH-E,浙江省,1\nWH-E,上海,2\nWH-E,深圳市,3\nWH-E,440305,4\n")

        assert import_areas(sheet).added == 4
        assert rows(catalog, "select division_code, priority from service_area order by priority") == [
            ("330000", 1),
            ("310000", 2),
            ("440300", 3),
            ("440305", 4),
        ]

    def test_a_file_is_the_whole_of_the_warehouses_it_names(self, catalog: str, sheet: Path) -> None:
        sheet.write_text("warehouse,division,priority\nWH-E,330000,1\nWH-E,310000,1\nWH-W,510000,1\n")
        import_areas(sheet)
        sheet.write_text("warehouse,division,priority\nWH-E,330000,2\n")

        done = import_areas(sheet)

        assert (done.added, done.changed, done.same, done.removed) == (0, 1, 0, 1)
        assert rows(catalog, "select division_code, priority from service_area order by 1") == [
            ("330000", 2),
            ("510000", 1),
        ]

    def test_the_whole_country_is_every_province(self, catalog: str, sheet: Path) -> None:
        sheet.write_text("仓库编码,地区,优先级\nWH-W,全国,9\n")

        assert import_areas(sheet).added == 34

    def test_a_province_that_is_named_keeps_its_own_priority(self, catalog: str, sheet: Path) -> None:
        sheet.write_text("warehouse,division,priority\nWH-E,全国,9\nWH-E,浙江省,1\n")

        assert import_areas(sheet).added == 34
        assert rows(catalog, "select priority from service_area where division_code = '330000'") == [(1,)]

    def test_an_area_given_twice_or_to_nobody_is_refused(self, catalog: str, sheet: Path) -> None:
        sheet.write_text("warehouse,division\nWH-E,浙江省\nWH-E,330000\n")
        with pytest.raises(SetupError, match="line 3, division '330000': line 2 says the same warehouse and division"):
            import_areas(sheet)

        sheet.write_text("warehouse,division\nWH-X,浙江省\n")
        with pytest.raises(SetupError, match="line 2, warehouse 'WH-X': there is no such warehouse"):
            import_areas(sheet)


def test_the_examples_of_the_guide_can_be_imported(database: str, sheet: Path) -> None:
    guide = (CHECKOUT / "docs" / "first-shop.md").read_text("utf-8")
    examples = re.findall(r"```csv\n(.*?)```", guide, re.DOTALL)
    files = [sheet.with_name(f"{number}.csv") for number in range(len(examples))]
    for file, example in zip(files, examples, strict=True):
        file.write_text(example)

    readers: tuple[Callable[[Path], Any], ...] = (
        import_warehouses,
        import_skus,
        import_areas,
        import_carriers,
        import_rates,
        import_rules,
        import_stock,
    )
    ignored = [name for read, file in zip(readers, files, strict=True) for name in read(file).ignored]

    assert ignored == []
    assert rows(database, "select sum(on_hand) from sku_pool") == [(1900,)]


def test_secrets_of_others_stay_when_one_is_kept(database: str) -> None:
    with psycopg.connect(database) as conn:
        keep_secrets(conn, Owner.SHOP, "A", {"key": "1"})
        keep_secrets(conn, Owner.WAREHOUSE, "A", {"key": "2"})
        keep_secrets(conn, Owner.SHOP, "A", {"key": "3"})

        assert secrets_of(conn, Owner.SHOP, "A") == {"key": "3"}
        assert secrets_of(conn, Owner.WAREHOUSE, "A") == {"key": "2"}
