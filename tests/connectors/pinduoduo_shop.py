"""A Pinduoduo shop of the sandbox and the connector to it, for the tests of both directions."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from connectors.base import Credentials, Terms
from connectors.channels import pinduoduo
from connectors.channels.pinduoduo import PinduoduoChannel
from connectors.mapping import load_mapping
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders

MAPPING = load_mapping(Path(pinduoduo.__file__).parents[1] / "mappings" / "pinduoduo.yaml")
READING = MAPPING.gated(PinduoduoChannel.ready_to_ship)
NOW = NOON + timedelta(minutes=5)


def order_sn(place: int) -> str:
    """The number of a loaded order, from 1."""
    return f"261120-{place:015}"


class Shop:
    """The sandbox's shop, and the connector to it."""

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self.credentials: dict[str, str] = sandbox.do("POST", "/shops", {"code": "pdd-1", "platform": "pinduoduo"})
        self.channel = self.opened()

    def opened(self, terms: Terms = Terms(), **credentials: str) -> PinduoduoChannel:  # noqa: B008  it is frozen
        known: Credentials = {**self.credentials, **credentials}
        return PinduoduoChannel(self.client, "pdd-1", known, READING, lambda: NOW, terms)

    def load(self, count: int, **more: Any) -> list[str]:
        loaded = [{**order, "no": order_sn(at)} for at, order in enumerate(orders(count, **more), 1)]
        self.sandbox.do("POST", "/shops/pdd-1/orders", {"orders": loaded})
        return [order["no"] for order in loaded]

    def happen(self, place: int = 1, **change: Any) -> None:
        self.sandbox.do("POST", f"/shops/pdd-1/orders/{order_sn(place)}", change)

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.do("POST", "/faults", {"target": "shop:pdd-1", "kind": kind, **more})

    def book(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.do("GET", "/books")["shops"]["pdd-1"]
        return found

    def ship_backs(self) -> list[tuple[str, str]]:
        return [(row["carrier"], row["waybill"]) for row in self.book()["ship_backs"]]

    def shown(self, place: int = 1) -> dict[str, Any]:
        found = self.channel.order(order_sn(place))
        assert found is not None
        return found
