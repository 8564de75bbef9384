from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from connectors import registry
from connectors.channels.woocommerce import WooCommerceChannel
from models.errors import SetupError
from models.settings import settings
from tasks.counterparts import mapping_version_id, open_carrier, open_channel, open_wms, read_mapping, shop_mapping
from tasks.credentials import Owner, keep_secrets, new_token, new_webhook_secret, secret_of, warehouse_of
from tasks.setup import add_shop, import_warehouses
from tests.shared_pool import emptied, shared_pool

WOO = {"endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1"}


@pytest.fixture(scope="module")
def counterparts_pool(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "counterparts") as url:
        yield url


@pytest.fixture
def conn(counterparts_pool: str) -> Iterator[psycopg.Connection]:
    with emptied(counterparts_pool) as url, psycopg.connect(url) as conn:
        yield conn


def add_warehouse(tmp_path: Path, endpoint: str = "https://wms.example.com/in") -> None:
    sheet = tmp_path / "warehouses.csv"
    sheet.write_text(f"code,name,division,endpoint\nWH-E,East,330110,{endpoint}\n")
    import_warehouses(sheet)


def test_a_shop_is_opened_with_its_credentials(conn: psycopg.Connection) -> None:
    add_shop("S1", "woocommerce", credentials=WOO)

    assert isinstance(open_channel(conn, "S1"), WooCommerceChannel)


def test_a_shop_has_what_its_platform_grants_it(conn: psycopg.Connection) -> None:
    add_shop("S1", "woocommerce", credentials=WOO, settings={"capabilities": {"page_size": 20, "lag_s": 90}})
    add_shop("S2", "woocommerce", credentials=WOO)

    mine, others = open_channel(conn, "S1").capabilities, open_channel(conn, "S2").capabilities

    assert (mine.page_size, mine.lag) == (20, timedelta(seconds=90))
    assert others == WooCommerceChannel.capabilities


def test_codes_that_the_platform_listed_go_before_the_mappings(conn: psycopg.Connection) -> None:
    add_shop("S1", "woocommerce", credentials=WOO)
    conn.execute(
        """insert into shop_carrier (shop_id, carrier, code, name, pattern, loaded_at)
           select id, 'yunda', 'YD-1', '', '', now() from shop"""
    )

    channel = open_channel(conn, "S1")

    assert isinstance(channel, WooCommerceChannel)
    assert (channel._carriers["yunda"], channel._carriers["ems"]) == ("YD-1", "EMS")


def test_every_connector_of_a_shop_shares_one_budget(conn: psycopg.Connection) -> None:
    add_shop("S1", "woocommerce", credentials=WOO)

    first, second = open_channel(conn, "S1"), open_channel(conn, "S1")

    assert isinstance(first, WooCommerceChannel)
    assert isinstance(second, WooCommerceChannel)
    assert first._access._terms.budget is second._access._terms.budget


def test_a_shop_without_a_credential_says_which(conn: psycopg.Connection) -> None:
    add_shop("S1", "woocommerce", credentials=WOO)
    conn.execute("delete from credential where name = 'consumer_key'")

    with pytest.raises(SetupError, match="S1: lacks the credential consumer_key"):
        open_channel(conn, "S1")


def test_an_unknown_counterpart_is_named(conn: psycopg.Connection) -> None:
    with pytest.raises(SetupError, match="shop S9: is not in the pool"):
        open_channel(conn, "S9")
    with pytest.raises(SetupError, match="warehouse WH-9: is not in the pool"):
        open_wms(conn, "WH-9")


def test_a_carrier_without_credentials_says_so(conn: psycopg.Connection) -> None:
    with pytest.raises(SetupError, match="kuaidi100: lacks the credential"):
        open_carrier(conn)


def test_plain_http_to_a_warehouse_goes_only_where_it_is_allowed(
    conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_warehouse(tmp_path, endpoint="http://10.0.0.7/in")
    open_wms(conn, "WH-E")

    monkeypatch.setenv("ORDERPOOL_ALLOW_HTTP", "false")
    settings.cache_clear()

    with pytest.raises(SetupError, match="WH-E: endpoint must be an https address"):
        open_wms(conn, "WH-E")


def test_every_call_to_one_shop_uses_one_client(conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    add_shop("S1", "woocommerce", credentials=WOO)
    add_shop("S2", "woocommerce", credentials=WOO)
    made = []
    usual = WooCommerceChannel.__init__

    def noting(self: WooCommerceChannel, client: httpx.Client, *rest: object) -> None:
        made.append(client)
        usual(self, client, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(WooCommerceChannel, "__init__", noting)
    for code in ("S1", "S1", "S2"):
        open_channel(conn, code)

    assert made[0] is made[1]
    assert made[0] is not made[2]
    assert (made[0].timeout.connect, made[0].timeout.read) == (5.0, 15.0)


def test_a_shop_reads_with_its_channels_mapping_or_with_its_own(conn: psycopg.Connection, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    usual = read_mapping(registry.mapping_for("woocommerce")).version
    text = registry.mapping_for("woocommerce").read_text("utf-8")
    own.write_text(text.replace(f"version: {usual}", "version: 77"))
    add_shop("S1", "woocommerce", credentials=WOO)
    add_shop("S2", "woocommerce", credentials=WOO, mapping=own)
    own.unlink()

    assert (shop_mapping(conn, "S1").version, shop_mapping(conn, "S2").version) == (usual, 77)


def test_a_mapping_version_is_kept_once_with_its_text(conn: psycopg.Connection) -> None:
    path = registry.mapping_for("woocommerce")
    mapping = read_mapping(path)

    first, again = mapping_version_id(conn, mapping), mapping_version_id(conn, mapping)

    assert first == again
    assert conn.execute("select name, version, digest, body from mapping_version").fetchall() == [
        ("woocommerce", str(mapping.version), mapping.digest, path.read_text("utf-8"))
    ]


def test_a_warehouse_is_known_by_its_pull_token(conn: psycopg.Connection, tmp_path: Path) -> None:
    add_warehouse(tmp_path)
    token = secret_of(conn, Owner.WAREHOUSE, "WH-E", "pull_token")

    assert warehouse_of(conn, token) == (1, "WH-E")
    assert warehouse_of(conn, token[:-1]) is None
    assert warehouse_of(conn, "密码") is None


def test_a_missing_secret_is_named(conn: psycopg.Connection) -> None:
    keep_secrets(conn, Owner.SHOP, "S1", {"session": "x"})

    with pytest.raises(SetupError, match="shop S1: has no credential app_key"):
        secret_of(conn, Owner.SHOP, "S1", "app_key")


def test_secrets_of_our_own_are_never_the_same() -> None:
    assert new_webhook_secret() != new_webhook_secret()
    assert len(new_token()) >= 43
