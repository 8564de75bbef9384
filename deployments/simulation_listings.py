"""The listings of simulated shops, brought in as a person brings in real ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from connectors.registry import CHANNELS
from deployments.simulation import write_csv
from tasks.listings import import_listings, sync_listings


class Control(Protocol):
    """A simulated outside world."""

    def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call its control API and return the answer."""


def list_products(control: Control, folder: Path, shops: Iterable[str], skus: Mapping[str, str]) -> dict[str, int]:
    """Let each simulated shop offer these SKUs (code to name), and take over which listing sells which.

    Through the platform where it lists its products, else from a file. Returns the listings per shop.
    """
    platforms = {shop["code"]: shop["platform"] for shop in control.do("GET", "world")["shops"]}
    count = {}
    for shop in shops:
        offered = [{"sku": code, "title": name} for code, name in skus.items()]
        control.do("POST", f"shops/{shop}/products", {"products": offered})
        if CHANNELS[platforms[shop]].capabilities.lists_products:
            done = sync_listings(shop)
            count[shop] = done.added + done.changed + done.same
        else:
            count[shop] = _from_file(control, folder, shop, skus)
    return count


def shown(control: Control, shop: str) -> dict[str, int]:
    """The units that a simulated shop shows its buyers now, by SKU code."""
    return {row["sku_code"]: row["units"] for row in control.do("GET", f"shops/{shop}/stock")["listings"]}


def _from_file(control: Control, folder: Path, shop: str, skus: Mapping[str, str]) -> int:
    rows = [
        {"shop": shop, "item_id": row["item_id"], "sku_ref": row["sku_ref"], "sku": row["sku_code"]}
        for row in control.do("GET", f"shops/{shop}/stock")["listings"]
        if row["sku_code"] in skus
    ]
    done = import_listings(write_csv(folder / f"listings-{shop}.csv", rows))
    return done.added + done.changed + done.same
