"""An own warehouse behind the real application, and handhelds on its network: plain HTTP, not localhost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browsing import chromium
from tests.clocks import TickingClock, in_force
from tests.fakes import FakePool
from tests.shared_pool import emptied, shared_pool
from tests.tasks.floor.house import House
from tests.web.handheld.pda import BARCODES, HOST, Pda


@pytest.fixture(scope="session")
def floor_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "handheld") as url:
        yield url


@pytest.fixture
def house(floor_database: str) -> Iterator[House]:
    """An own warehouse with 90 of each of four SKUs, which have barcodes, names and places."""
    with emptied(floor_database), in_force(TickingClock(timedelta(milliseconds=50))):
        pool = FakePool()
        pool.stock(TEA=90, CUP=90, POT=90, TRAY=90)
        pool.execute(
            """update sku set barcode = v.barcode, name = v.name
               from unnest(%s::text[], %s::text[], %s::text[]) v(code, barcode, name) where v.code = sku.code""",
            list(BARCODES),
            list(BARCODES.values()),
            ["龙井茶 250g", "青瓷杯", "紫砂壶 200ml", "竹茶盘"],
        )
        pool.execute(
            """insert into sku_place (warehouse_id, sku_id, place)
               select w.id, k.id, v.place from warehouse w, sku k,
                 (values ('TEA', 'A-01-1'), ('CUP', 'A-03-2'), ('POT', 'B-02-1'), ('TRAY', 'B-07-4')) v(code, place)
               where w.code = 'WH-A' and v.code = k.code"""
        )
        pool.execute("update warehouse set name = '杭州仓' where code = 'WH-A'")
        yield House(pool)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    # on a warehouse's network the page has a name that browsers do not trust, and not localhost's privileges
    with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser:
        yield browser


@pytest.fixture
def pda(chrome: Browser, web: httpx.Client, house: House) -> Iterator[Callable[[str], Pda]]:
    """Makes a handheld that somebody signed in on with a new badge."""
    made: list[Pda] = []
    with ExitStack() as stack:

        def sign_in(name: str) -> Pda:
            window = chrome.new_context(
                base_url=f"http://{HOST}:{web.base_url.port}", viewport={"width": 480, "height": 800}, locale="zh-CN"
            )
            stack.callback(window.close)
            hand = Pda(window, house)
            made.append(hand)
            hand.sign_in(name)
            return hand

        yield sign_in
        assert [error for hand in made for error in hand.errors] == []


@pytest.fixture
def picked(house: House) -> Callable[..., list[str]]:
    """Orders whose goods are at the bench; gives the numbers of their documents."""

    def make(*baskets: Mapping[str, int]) -> list[str]:
        documents = house.orders(*baskets)
        for wave in house.waves():
            house.fetch(wave)
        return documents

    return make
