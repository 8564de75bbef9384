"""A shop that takes ship-backs without a network, a warehouse that reports boxes, and what the outbox holds of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.base import ShipBack
from models.database import transaction
from models.errors import PipelineError
from models.messages import OutboxKind
from tasks.confirm import apply_confirmations
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.outbox import Pending, deliver
from tasks.route import route_batch
from tasks.ship_back_calls import report_calls
from tasks.ship_backs import Telling, render_ship_backs
from tasks.shop_settings import capabilities_of, set_shop
from tasks.track import track_batch
from tests.fakes import FakePool, payload, why


class Shop:
    """What a shop was told; `broken` says what stands in the way of which numbers, from the first call on."""

    def __init__(self, **capabilities: str) -> None:
        if capabilities:
            set_shop("WOO", capabilities)
        self.told: list[ShipBack] = []
        self.broken: dict[str, list[PipelineError]] = {}
        self._noting = threading.Lock()

    def ship_back(self, parcel: ShipBack) -> None:
        with self._noting:
            if waiting := self.broken.get(parcel.waybill):
                raise waiting.pop(0)
            self.told.append(parcel)

    def tell(self, *, forced: bool = False) -> list[str]:
        """Send what waits; gives the numbers that came."""
        before = len(self.told)
        deliver("shop:WOO", self._send, (OutboxKind.SHIP_BACK,), why(), [1], forced=forced)
        return [parcel.waybill for parcel in self.told[before:]]

    def _send(self, counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        return report_calls(self, "WOO", self.render(pending))

    def render(self, pending: Sequence[Pending]) -> list[Telling]:
        with transaction() as conn:
            row = conn.execute("select settings->'capabilities' from shop where code = 'WOO'").fetchone()
            return render_ship_backs(conn, pending, capabilities_of("WOO", "woocommerce", (row and row[0]) or {}))


def dispatched(pool: FakePool) -> FakePool:
    """The pool with one order of 3 TEA and 1 CUP, in a document of WH-A."""
    pool.stock(TEA=10, CUP=10, CUP_B=10)
    pool.take([payload(1, units={"TEA": 3, "CUP": 1})])
    pool.through_the_stages()
    return pool


def instructed(pool: FakePool, *baskets: Mapping[str, int]) -> FakePool:
    """The pool with one order per basket, all looked through by hand, each in a document."""
    batch_id = pool.batch_of(baskets)
    for stage in (lock_batch, route_batch, dispatch_batch, track_batch):
        with transaction() as conn:
            stage(conn, batch_id, why())
    return pool


def report(pool: FakePool, boxes: dict[str, dict[int, int]], *, no: str = "", final: bool = True) -> str:
    """Let boxes leave with these units per line of the document; gives why that was ignored."""
    found = no or str(pool.rows("select no from outbound_document order by id limit 1")[0][0])
    warehouse = "WH-B" if no == "OB-B" else "WH-A"
    packages = [
        {
            "package_no": waybill,
            "carrier_code": "yuantong",
            "tracking_no": waybill,
            "lines": [{"line_no": str(line), "qty": units} for line, units in pieces.items()],
        }
        for waybill, pieces in boxes.items()
    ]
    envelope = {"type": "outbound.shipped", "data": {"outbound_no": found, "final": final, "packages": packages}}
    with transaction() as conn:
        return apply_confirmations(conn, [(1, warehouse, envelope)], why())[1].ignored


def messages(pool: FakePool, kind: str = "ship_back") -> list[tuple[Any, ...]]:
    """Key and state of every message of a kind, oldest first."""
    return pool.rows("select key, state from outbox where kind = %s order by id", kind)


def errors(pool: FakePool) -> list[str]:
    """What stood in the way of each ship-back last."""
    return [row[0] for row in pool.rows("select last_error from outbox where kind = 'ship_back' order by id")]
