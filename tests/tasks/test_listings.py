"""Listings: from a file, and from what a platform offers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.base import StockMode
from connectors.registry import CHANNELS
from deployments.simulation import connect_shops
from models.database import connect, transaction
from models.errors import SetupError
from sandbox.server import Sandbox
from tasks.catalog import Imported
from tasks.listings import ListingSync, import_listings, list_listings, sync_listings
from tasks.stock_push import decide_all
from tests.fakes import FakePool, why
from tests.tasks.waiting import wait_for_a_lock


def file(folder: Path, *rows: str, header: str = "shop,item_id,sku_ref,sku") -> Path:
    path = folder / "listings.csv"
    path.write_text("\n".join((header, *rows)))
    return path


@pytest.fixture
def stocked(pool: FakePool) -> FakePool:
    pool.stock(TEA=70, CUP=60)
    return pool


class TestFiles:
    def test_a_sku_may_have_several_listings(self, stocked: FakePool, tmp_path: Path) -> None:
        done = import_listings(file(tmp_path, "WOO,1,,TEA", "WOO,2,21,TEA", "WOO,2,22,CUP"))

        assert done == Imported(3, 0, 0)
        assert [(row.sku, row.item_id, row.sku_ref) for row in list_listings("WOO")] == [
            ("CUP", "2", "22"),
            ("TEA", "1", ""),
            ("TEA", "2", "21"),
        ]

    def test_the_same_file_again_changes_nothing(self, stocked: FakePool, tmp_path: Path) -> None:
        rows = file(tmp_path, "WOO,1,,TEA", "WOO,2,,CUP")
        import_listings(rows)

        assert import_listings(rows) == Imported(0, 0, 2)

    def test_an_answer_that_is_noted_meanwhile_and_a_change_do_not_block_each_other(
        self, stocked: FakePool, tmp_path: Path
    ) -> None:
        import_listings(file(tmp_path, "WOO,1,,TEA", "WOO,2,,CUP"))
        with transaction() as conn:
            decide_all(conn, why())
        changed = file(tmp_path, "WOO,1,,CUP", "WOO,2,,TEA")

        # as an answer is noted: the push first, the listing then
        with connect() as noting, ThreadPoolExecutor(1) as threads:
            noting.execute("select 1 from stock_push order by listing_id for update")
            importing = threads.submit(import_listings, changed)
            wait_for_a_lock(stocked)
            noting.execute("update listing set shown = 70")
            noting.commit()

            assert importing.result() == Imported(0, 2, 0)
        assert [row.shown for row in list_listings("WOO")] == [None, None]

    def test_a_listing_that_sells_another_sku_forgets_what_it_shows(self, stocked: FakePool, tmp_path: Path) -> None:
        import_listings(file(tmp_path, "WOO,1,,TEA"))
        stocked.execute("update listing set shown = 70, shown_version = 5")
        with transaction() as conn:
            decide_all(conn, why())

        done = import_listings(file(tmp_path, "WOO,1,,CUP"))

        assert done == Imported(0, 1, 0)
        assert stocked.rows("select shown, shown_version from listing") == [(None, 0)]
        assert stocked.rows("select state from outbox") == [("withdrawn",)]
        with transaction() as conn:
            decide_all(conn, why())
        assert stocked.rows("select units from stock_push") == [(60,)]

    def test_an_ended_listing_is_not_told_any_more(self, stocked: FakePool, tmp_path: Path) -> None:
        header = "店铺编码,商品ID,商家编码,在售"
        import_listings(file(tmp_path, "WOO,1,TEA,是", header=header))
        with transaction() as conn:
            decide_all(conn, why())

        import_listings(file(tmp_path, "WOO,1,TEA,否", header=header))

        with transaction() as conn:
            assert decide_all(conn, why()).listings == 0
        assert stocked.rows("select state from outbox") == [("withdrawn",)]

    def test_every_bad_row_is_named_and_nothing_is_written(self, stocked: FakePool, tmp_path: Path) -> None:
        rows = file(tmp_path, "WOO,1,,TEA", "NIL,1,,TEA", "WOO,2,,MILK", "WOO,,,CUP", "WOO,1,,CUP")

        with pytest.raises(SetupError) as caught:
            import_listings(rows)

        said = str(caught.value)
        assert "4 of 5 rows cannot be used" in said
        assert "line 3, shop 'NIL': there is no such shop" in said
        assert "line 4, sku 'MILK': there is no such SKU; import SKUs first" in said
        assert "line 5, item_id: is empty, and so is sku_ref" in said
        assert "line 6, sku_ref: line 2 says the same shop and item_id and sku_ref already" in said
        assert list_listings() == []


class TestPlatforms:
    @pytest.fixture
    def woo(self, stocked: FakePool, sandbox: Sandbox) -> Sandbox:
        connect_shops(sandbox.world())
        self.offer(sandbox, "TEA", "CUP", "MILK")
        return sandbox

    def offer(self, sandbox: Sandbox, *skus: str) -> None:
        sandbox.do("POST", "shops/woo-1/products", {"products": [{"sku": sku} for sku in skus]})

    def test_what_a_platform_offers_is_taken_over(self, woo: Sandbox) -> None:
        done = sync_listings("woo-1")

        assert done == ListingSync(2, 0, 0, 0, 0, ("MILK",))
        assert {row.sku for row in list_listings("woo-1")} == {"CUP", "TEA"}

    def test_reading_it_twice_changes_nothing(self, woo: Sandbox) -> None:
        sync_listings("woo-1")

        assert sync_listings("woo-1") == ListingSync(0, 0, 2, 0, 0, ("MILK",))

    def test_what_is_offered_no_more_ends(self, woo: Sandbox, stocked: FakePool) -> None:
        sync_listings("woo-1")
        stocked.execute(
            """insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
               select s.id, k.id, 'gone', '', true, 0, 0, '' from shop s, sku k
               where s.code = 'woo-1' and k.code = 'TEA'"""
        )

        assert sync_listings("woo-1").ended == 1
        assert [row.item_id for row in list_listings("woo-1") if not row.active] == ["gone"]

    def test_a_platform_that_offers_nothing_ends_nothing(
        self, stocked: FakePool, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        connect_shops(sandbox.world())
        import_listings(file(tmp_path, "woo-1,1,,TEA"))

        with pytest.raises(SetupError, match="shop woo-1: its platform says that it offers nothing; its 1 listings"):
            sync_listings("woo-1")
        assert [row.active for row in list_listings("woo-1")] == [True]

    def test_a_platform_that_lists_nothing_says_what_to_do_instead(self, woo: Sandbox) -> None:
        with pytest.raises(
            SetupError, match=r"shop tmall-1: tmall has no call that lists .* `orderpool listing import"
        ):
            sync_listings("tmall-1")


def test_a_shop_that_there_is_not_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop NIL: there is no such shop"):
        list_listings("NIL")


def test_every_channel_that_can_be_told_of_stock_takes_absolute_numbers() -> None:
    modes = {name: kind.capabilities.stock_modes for name, kind in CHANNELS.items()}

    assert {name for name, known in modes.items() if known and StockMode.ABSOLUTE not in known} == set()
