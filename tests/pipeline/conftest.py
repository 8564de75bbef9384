"""A pool connected to a sandbox: shops, warehouses and stock set up, hooks served on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from deployments import addresses
from deployments.simulation import SITES, connect_shops, connect_warehouses, fill_stock
from models.database import connect
from models.settings import settings
from sandbox.server import Sandbox, running
from tests.pipeline.leaks import People, everybody, leaks_in_database, leaks_in_files, people_of, receivers
from tests.pipeline.orders import SKUS
from tests.pipeline.prefect_api import PrefectApi
from web.app import create_app


@dataclass(frozen=True, slots=True)
class World:
    """The pool under test and the outside it talks to."""

    sandbox: Sandbox
    hooks_url: str
    people: People

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        with connect() as conn:
            return conn.execute(query.encode(), arguments or None).fetchall()

    def load(self, shop: str, orders: list[dict[str, Any]]) -> None:
        """Put orders into a simulated shop."""
        everybody(orders, self.people)
        self.sandbox.do("POST", f"shops/{shop}/orders", {"orders": orders})

    def change(self, shop: str, no: str, **body: Any) -> None:
        """Let something happen to an order of a simulated shop."""
        everybody([body], self.people)
        self.sandbox.do("POST", f"shops/{shop}/orders/{no}", body)

    def fault(self, kind: str, target: str, **more: Any) -> None:
        """Let a counterpart misbehave."""
        self.sandbox.do("POST", "faults", {"kind": kind, "target": target, **more})

    def no_faults(self) -> None:
        """Let everybody behave again."""
        self.sandbox.do("DELETE", "faults")

    def ship(self, **wishes: Any) -> None:
        """Let every warehouse ship what waits."""
        for code in SITES:
            self.sandbox.do("POST", f"warehouses/{code}/ship", wishes)

    def await_reports(self, count: int) -> None:
        """Wait until so many reports of warehouses are stored: some come in the background."""
        deadline = time.monotonic() + 10
        while self.rows("select count(*) from inbox") < [(count,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def travel(self, to: str) -> None:
        """Let every followed parcel travel on."""
        self.sandbox.do("POST", "carriers/kuaidi100/advance", {"to": to})

    def books(self) -> dict[str, Any]:
        """What the outside received."""
        books: dict[str, Any] = self.sandbox.do("GET", "books")
        return books


@contextmanager
def connected_world(
    folder: Path, hooks_url: str, units: int = 1000, more_shops: tuple[str, ...] = ()
) -> Iterator[World]:
    """A fresh sandbox connected to the pool that the settings lead to, with `units` of each SKU in each warehouse."""
    with running() as sandbox:
        for code in more_shops:
            sandbox.do("POST", "shops", {"code": code, "platform": "woocommerce"})
        connect_shops(sandbox.world())
        connect_warehouses(sandbox.world(), folder)
        fill_stock(folder, SKUS, {(place, sku): units for place in SITES for sku in SKUS})
        for code in SITES:
            sandbox.do("POST", "warehouses", {"code": code, "callback_url": f"{hooks_url}/hooks/wms/{code}"})
        world = World(sandbox, hooks_url, people_so_far)
        yield world
        url = settings().pool_url()
        people_of(url, people_so_far)
        assert leaks_in_database(url, people_so_far) == [], "somebody's name, phone or street is in clear in the pool"


people_so_far = receivers()
"""Everybody whom the tests of this session put in: none of them may be anywhere outside of sealed columns."""


@pytest.fixture(scope="session", autouse=True)
def nobody_is_anywhere() -> Iterator[None]:
    """When the session is over, Prefect's database, logs, stored results and pages of checks name nobody."""
    yield
    var = settings().var
    for folder in ("log", "prefect", "quality", "run"):
        assert leaks_in_files(var / folder, people_so_far) == [], f"somebody's name, phone or street is in var/{folder}"
    if not settings().services_file.exists() or "prefect_database_url" not in settings().services_file.read_text():
        return
    url = settings().address("prefect_database_url").replace("postgresql+asyncpg://", "postgresql://")
    assert leaks_in_database(url, people_so_far) == [], "somebody's name, phone or street is in Prefect's database"


@pytest.fixture
def world(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hooks_url: str) -> Iterator[World]:
    """A fresh pool with three warehouses full of stock, connected to a fresh sandbox."""
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", hooks_url)
    settings.cache_clear()
    with connected_world(tmp_path, hooks_url) as world:
        yield world


@pytest.fixture(scope="session")
def hooks_url(postgres: str) -> Iterator[str]:
    """The web application on a free port of loopback, recorded as this installation's."""
    taken = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    # flow runs in other processes read it there
    addresses.record(web_url=url)
    yield url
    server.should_exit = True
    thread.join(10)
    taken.close()


@pytest.fixture(scope="session")
def prefect_api(prefect_server: str) -> Iterator[PrefectApi]:
    """A client of the session's Prefect server."""
    with PrefectApi.at(prefect_server) as api:
        yield api
