"""What the warehouse system reports of its stock: snapshots in pages, and changes."""

from typing import Any

from sandbox.server import Sandbox
from tests.sandbox.clients import Inbox, WmsCaller


def open_with_stock(sandbox: Sandbox, received: Inbox, **settings: Any) -> None:
    """A warehouse with 10 TEA-1 and 4 CUP, whose callbacks go to the inbox."""
    body = {"code": "WH-E", "callback_url": received.url + "/hooks/wms/WH-E", "mode": "manual"}
    sandbox.do("POST", "/warehouses", body | {"stock": {"TEA-1": 10, "CUP": 4}} | settings)


def test_a_snapshot_comes_in_pages_of_one_name(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_with_stock(sandbox, received)

    sandbox.do("POST", "/warehouses/WH-E/stock", {"page_items": 1})

    pages = sorted((body["data"] for body in received.bodies()), key=lambda data: data["page"])
    assert [(page["page"], page["pages"], page["items"][0]["sku"]) for page in pages] == [
        (1, 2, "CUP"),
        (2, 2, "TEA-1"),
    ]
    assert len({(page["snapshot_id"], page["as_of"]) for page in pages}) == 1


def test_what_is_kept_for_accepted_documents_is_frozen(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_with_stock(sandbox, received)
    wms.create("OB1")
    sandbox.do("POST", "/warehouses/WH-E/accept", {})

    sandbox.do("POST", "/warehouses/WH-E/stock", {})

    items = received.bodies()[-1]["data"]["items"]
    assert [(item["sku"], item["available"], item["frozen"]) for item in items] == [("CUP", 3, 1), ("TEA-1", 8, 2)]


def test_units_that_come_or_go_are_told(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_with_stock(sandbox, received)

    sandbox.do(
        "POST", "/warehouses/WH-E/stock", {"change": {"TEA-1": 5, "CUP": -9}, "reason": "INBOUND", "ref_no": "P1"}
    )

    (body,) = received.bodies()
    told = [(item["sku"], item["delta"], item["reason"], item["ref_no"]) for item in body["data"]["items"]]
    assert told == [("TEA-1", 5, "INBOUND", "P1"), ("CUP", -4, "INBOUND", "P1")]
    assert sandbox.do("GET", "/books")["warehouses"]["WH-E"]["stock"] == {"TEA-1": 15, "CUP": 0}


def test_shipping_is_told_as_a_sale_where_the_warehouse_does_so(
    sandbox: Sandbox, wms: WmsCaller, received: Inbox
) -> None:
    open_with_stock(sandbox, received, tells_changes=True)
    wms.create("OB1")

    sandbox.do("POST", "/warehouses/WH-E/ship", {})

    told = {body["type"]: body["data"] for body in received.bodies()}
    assert set(told) == {"inventory.changed", "outbound.shipped"}
    assert {item["sku"]: (item["delta"], item["reason"]) for item in told["inventory.changed"]["items"]} == {
        "TEA-1": (-2, "SALE"),
        "CUP": (-1, "SALE"),
    }
