"""Products and variations of a web shop, and the numbers it lowers by itself when it sells."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import NOON, WooCaller, neutral

HOUR = timedelta(hours=1)


def offer(sandbox: Sandbox, *rows: dict[str, Any], shop: str = "woo-1") -> list[dict[str, Any]]:
    """Put products into a shop; its listings."""
    sandbox.do("POST", f"/shops/{shop}/products", {"products": list(rows)})
    found: list[dict[str, Any]] = sandbox.do("GET", f"/shops/{shop}/stock")["listings"]
    return found


def sell(sandbox: Sandbox, no: str = "701", shop: str = "woo-1", **changes: Any) -> None:
    """Load an order of 2 TEA-1 and 1 CUP, paid at noon unless said otherwise."""
    sandbox.do("POST", f"/shops/{shop}/orders", {"orders": [neutral(no, **changes)]})


def units(sandbox: Sandbox, shop: str = "woo-1") -> dict[str, int]:
    return {row["sku_code"]: row["units"] for row in sandbox.do("GET", f"/shops/{shop}/stock")["listings"]}


@pytest.fixture(autouse=True)
def goods(sandbox: Sandbox) -> None:
    offer(sandbox, {"sku": "TEA-1", "stock": 10}, {"sku": "CUP", "stock": 5})


def test_a_paid_order_lowers_what_is_shown_once(sandbox: Sandbox, woo: WooCaller) -> None:
    sell(sandbox)

    shown = [woo.basic("GET", "/products", params={"sku": "TEA-1"}).json()[0]["stock_quantity"] for _ in range(2)]

    assert (shown, units(sandbox)) == ([8, 8], {"TEA-1": 8, "CUP": 4})


def test_an_unpaid_order_takes_nothing_until_it_is_paid(sandbox: Sandbox) -> None:
    sell(sandbox, status="unpaid", paid_at=None, created_at=(NOON - HOUR).isoformat())
    before = units(sandbox)

    sandbox.do("POST", "/shops/woo-1/orders/701", {"event": "pay"})

    assert (before, units(sandbox)) == ({"TEA-1": 10, "CUP": 5}, {"TEA-1": 8, "CUP": 4})


def test_an_order_takes_when_its_time_has_come(sandbox: Sandbox) -> None:
    sell(sandbox, created_at=(NOON + HOUR).isoformat(), paid_at=(NOON + HOUR).isoformat())
    before = units(sandbox)

    sandbox.do("POST", "/clock", {"advance_s": 3601})

    assert (before, units(sandbox)) == ({"TEA-1": 10, "CUP": 5}, {"TEA-1": 8, "CUP": 4})


def test_a_cancelled_order_gives_back(sandbox: Sandbox, woo: WooCaller) -> None:
    sell(sandbox)
    taken = units(sandbox)

    woo.basic("PUT", "/orders/701", json={"status": "cancelled"})

    assert (taken, units(sandbox)) == ({"TEA-1": 8, "CUP": 4}, {"TEA-1": 10, "CUP": 5})


def test_a_refunded_order_gives_nothing_back(sandbox: Sandbox) -> None:
    sell(sandbox)
    units(sandbox)

    sandbox.do("POST", "/shops/woo-1/orders/701", {"event": "refund"})

    assert units(sandbox) == {"TEA-1": 8, "CUP": 4}


def test_a_number_that_is_set_after_a_sale_knows_of_it(sandbox: Sandbox) -> None:
    sell(sandbox, created_at=(NOON - HOUR).isoformat(), paid_at=(NOON - HOUR).isoformat())

    assert units(sandbox) == {"TEA-1": 10, "CUP": 5}


def test_a_number_may_fall_below_nothing(sandbox: Sandbox, woo: WooCaller) -> None:
    for no in ("701", "702", "703", "704", "705", "706"):
        sell(sandbox, no)

    (tea,) = woo.basic("GET", "/products", params={"sku": "TEA-1"}).json()

    assert (tea["stock_quantity"], tea["stock_status"]) == (-2, "outofstock")


def test_other_platforms_leave_the_numbers_to_the_seller(sandbox: Sandbox) -> None:
    offer(sandbox, {"sku": "TEA-1", "stock": 10}, {"sku": "CUP", "stock": 5}, shop="tmall-1")
    sell(sandbox, "291", shop="tmall-1")

    assert units(sandbox, "tmall-1") == {"TEA-1": 10, "CUP": 5}


def test_variations_stand_under_their_product(sandbox: Sandbox, woo: WooCaller) -> None:
    rows = offer(sandbox, *({"sku": sku, "article": "MUG", "stock": 4} for sku in ("RED", "BLUE")))
    mugs = [row for row in rows if row["sku_ref"]]

    (product,) = [row for row in woo.basic("GET", "/products").json() if row["type"] == "variable"]
    variations = woo.basic("GET", f"/products/{product['id']}/variations", params={"orderby": "id", "order": "asc"})

    assert {str(product["id"])} == {row["item_id"] for row in mugs}
    assert sorted(product["variations"]) == [row["id"] for row in variations.json()]
    assert sorted(row["sku_ref"] for row in mugs) == sorted(str(row["id"]) for row in variations.json())


def test_a_batch_of_variations_tells_errors_by_row(sandbox: Sandbox, woo: WooCaller) -> None:
    (mug,) = [row for row in offer(sandbox, {"sku": "RED", "article": "MUG", "stock": 4}) if row["sku_ref"]]
    updates = [{"id": int(mug["sku_ref"]), "stock_quantity": 7}, {"id": 1, "stock_quantity": 7}]

    answer = woo.basic("POST", f"/products/{mug['item_id']}/variations/batch", json={"update": updates}).json()

    assert answer["update"][0]["stock_quantity"] == 7
    assert answer["update"][1]["error"]["code"] == "woocommerce_rest_product_variation_invalid_id"
    assert units(sandbox)["RED"] == 7


def test_one_variation_takes_a_number(sandbox: Sandbox, woo: WooCaller) -> None:
    (mug,) = [row for row in offer(sandbox, {"sku": "RED", "article": "MUG", "stock": 4}) if row["sku_ref"]]

    path = f"/products/{mug['item_id']}/variations/{mug['sku_ref']}"

    assert woo.basic("PUT", path, json={"stock_quantity": 9}).json()["stock_quantity"] == 9


def test_an_order_names_the_variation_it_sold(sandbox: Sandbox, woo: WooCaller) -> None:
    rows = offer(sandbox, {"sku": "RED", "article": "MUG", "stock": 4})
    mug = next(row for row in rows if row["sku_ref"])
    line = {"line_no": "1", "sku": "RED", "title": "杯", "quantity": 1, "price_fen": 2500}
    sell(sandbox, lines=[line], discount_fen=0)

    (item,) = woo.basic("GET", "/orders/701").json()["line_items"]

    assert (str(item["product_id"]), str(item["variation_id"])) == (mug["item_id"], mug["sku_ref"])


def test_products_are_listed_in_pages_by_id(sandbox: Sandbox, woo: WooCaller) -> None:
    query = {"orderby": "id", "order": "asc", "per_page": "1"}

    pages = [woo.basic("GET", "/products", params={**query, "page": str(page)}) for page in (1, 2, 3)]

    ids = [row["id"] for page in pages for row in page.json()]
    assert (len(ids), ids == sorted(ids), pages[0].headers["x-wp-totalpages"]) == (2, True, "2")


@pytest.mark.parametrize(("stop", "status"), [("audit", 401), ("busy", 500)])
def test_a_product_that_is_stopped_is_an_error_in_its_row(
    sandbox: Sandbox, woo: WooCaller, stop: str, status: int
) -> None:
    tea, cup = offer(sandbox, {"sku": "TEA-1", "stop": stop})
    updates = [{"id": int(row["item_id"]), "stock_quantity": 1} for row in (tea, cup)]

    rows = woo.basic("POST", "/products/batch", json={"update": updates}).json()["update"]

    assert (rows[0]["error"]["data"]["status"], rows[1]["stock_quantity"]) == (status, 1)
