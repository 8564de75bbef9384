"""What every simulated warehouse system does, whatever it speaks."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sandbox.callbacks import RETRY_DELAYS_S, Courier
from sandbox.clock import CHINA
from sandbox.faulty import Faulty
from sandbox.parcels import ParcelBook
from sandbox.warehouses import OPEN_STATES, Document, Warehouse
from sandbox.world import World


class WarehouseSystem(ABC):
    """The warehouses that speak one language: what they answer and what they report."""

    def __init__(self, world: World, courier: Courier, parcels: ParcelBook, faulty: Faulty) -> None:
        self._world = world
        self._courier = courier
        self._parcels = parcels
        self._faulty = faulty

    @abstractmethod
    async def accept(self, warehouse: Warehouse, documents: list[Document]) -> dict[str, int]:
        """Take documents into work and report so."""

    @abstractmethod
    async def ship(
        self,
        warehouse: Warehouse,
        documents: list[Document],
        wishes: dict[str, Any],
        retry_delays_s: tuple[float, ...] = (),
    ) -> dict[str, int]:
        """Ship documents now and report it."""

    async def _work(self, warehouse: Warehouse, document: Document) -> None:
        await self.accept(warehouse, [document])
        if warehouse.ship_after_s:
            await asyncio.sleep(warehouse.ship_after_s)
        if warehouse.documents.get(document.outbound_no) is document and document.state in OPEN_STATES:
            await self.ship(warehouse, [document], {}, RETRY_DELAYS_S)

    def _next_wms_no(self, warehouse: Warehouse) -> str:
        return f"W{self._world.now().astimezone(CHINA):%Y%m%d}{len(warehouse.documents):06}"

    def _hand_over(
        self, warehouse: Warehouse, document: Document, packages: Sequence[dict[str, Any]]
    ) -> dict[str, int]:
        """Give the boxes of a document to their carriers; return by how much the stock fell, by SKU."""
        document.state = "shipped"
        document.waybills = [package["tracking_no"] for package in packages]
        left: Counter[str] = Counter()
        for package in packages:
            self._parcels.handed_over(package["carrier_code"], package["tracking_no"])
            for line in package["lines"]:
                if line["sku"] in warehouse.stock:
                    left[line["sku"]] -= line["qty"]
        return warehouse.change_stock(left)


def taken_into_work(documents: list[Document]) -> list[Document]:
    """Mark what has just been received as accepted and return it."""
    fresh = [document for document in documents if document.state == "received"]
    for document in fresh:
        document.state = "accepted"
    return fresh


def count(warehouse: Warehouse, outcome: list[bool]) -> dict[str, int]:
    """Add the reports that were acknowledged, and those that were not, to a warehouse's books."""
    counts = Counter(sent=len(outcome), acknowledged=sum(outcome), failed=len(outcome) - sum(outcome))
    warehouse.callbacks.update(counts)
    return dict(counts)
