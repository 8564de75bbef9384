"""A pool connected to a sandbox: shops, warehouses and stock set up, hooks served on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.simulation import SITES, connect_shops, connect_warehouses, fill_stock
from models.database import connect
from sandbox.server import Sandbox, running
from tests.pipeline.orders import SKUS


@dataclass(frozen=True, slots=True)
class World:
    """The pool under test and the outside it talks to."""

    sandbox: Sandbox
    hooks_url: str

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        with connect() as conn:
            return conn.execute(query.encode(), arguments or None).fetchall()

    def load(self, shop: str, orders: list[dict[str, Any]]) -> None:
        """Put orders into a simulated shop."""
        self.sandbox.do("POST", f"shops/{shop}/orders", {"orders": orders})

    def books(self) -> dict[str, Any]:
        """What the outside received."""
        books: dict[str, Any] = self.sandbox.do("GET", "books")
        return books


@pytest.fixture
def world(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hooks_url: str) -> Iterator[World]:
    """A fresh pool with three warehouses full of stock, connected to a fresh sandbox."""
    from models.settings import settings

    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", hooks_url)
    settings.cache_clear()
    with running() as sandbox:
        connect_shops(sandbox.world())
        connect_warehouses(sandbox.world(), tmp_path)
        fill_stock(tmp_path, SKUS, {(place, sku): 1000 for place in SITES for sku in SKUS})
        for code in SITES:
            sandbox.do("POST", "warehouses", {"code": code, "callback_url": f"{hooks_url}/hooks/wms/{code}"})
        yield World(sandbox, hooks_url)


@pytest.fixture(scope="session")
def hooks_url() -> Iterator[str]:
    """The web application on a free port of loopback."""
    import socket
    import threading

    import uvicorn

    from web.app import create_app

    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    taken.close()
