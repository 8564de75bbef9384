"""The handheld page in a real browser, over the real application and pool: a shift in an own warehouse."""

from collections.abc import Callable

import pytest

from tests.browsing import CHROMIUM
from tests.tasks.floor.house import House, waybill
from tests.web.handheld.pda import Pda

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it")

SignIn = Callable[[str], Pda]
BARCODES = {"TEA": "6901234567892", "CUP": "6909876543210", "POT": "6905555555551", "TRAY": "6907777777773"}


def test_twenty_orders_are_picked_checked_and_shipped(house: House, pda: SignIn) -> None:
    baskets = [{"TEA": 1 + n % 2, "CUP": 1} if n % 3 else {"POT": 2, "TRAY": 1} for n in range(20)]
    documents = house.orders(*baskets)
    house.waves()
    hand = pda("王芳")
    hand.picture("1-work")
    waves = [row[0] for row in house.pool.rows("select no from wave order by id")]
    for wave in waves:
        hand.page.locator(".card", has_text=wave).click()
        hand.shows(wave)
        hand.picture("2-wave")
        picks = house.pool.rows(
            """select k.barcode, p.wanted from wave_pick p join wave v on v.id = p.wave_id join sku k on k.id = p.sku_id
               where v.no = %s order by p.place""",
            wave,
        )
        for barcode, wanted in picks:
            hand.scan(*[barcode] * wanted)
        hand.picture("3-walked")
        hand.page.locator("#walked").click()
        hand.says("已拣")
        hand.picture("4-bench-list")
        hand.page.locator("#home").click()
    for number, (no, basket) in enumerate(zip(documents, baskets, strict=True)):
        hand.scan(no)
        hand.scan(*[BARCODES[sku] for sku, units in basket.items() for _ in range(units)])
        if number == 0:
            hand.picture("5-checked")
        hand.scan(waybill(number + 1))
        if number == 0:
            hand.says(waybill(1))
            hand.picture("6-shipped")
    hand.says(waybill(20))
    hand.all_sent()
    hand.is_calm()

    assert set(house.states().values()) == {("shipped", "done")}
