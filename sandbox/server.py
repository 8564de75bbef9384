"""The sandbox as an HTTP server on 127.0.0.1, in this process or in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.answers import json_answer
from sandbox.control import Control
from sandbox.journal import Journal
from sandbox.outside import Outside

HOST = "127.0.0.1"
REST_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class ClosableProtocol(H11Protocol):
    """Lets a handler close its connection without an answer, as a dying server does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the connection to the handlers through the request's state."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class AnnouncingServer(uvicorn.Server):
    """Tells when it listens and when it is about to end."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell, then end."""
        self._ending()
        await super().shutdown(sockets)


def build_app(outside: Outside) -> Starlette:
    """Return the application with all simulated parties and the control API."""

    async def health(request: Request) -> Response:
        return json_answer({"status": "ok"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        outside.courier.resume()
        yield
        await outside.courier.close()

    return Starlette(
        routes=[
            *Control(outside).routes(),
            Route("/_control/health", health),
            Route("/router/rest", outside.taobao.call, methods=["GET", "POST"]),
            Route("/token", outside.taobao.token, methods=["GET", "POST"]),
            Route("/authorize", outside.taobao.authorize),
            *outside.jd.routes(),
            *outside.pinduoduo.routes(),
            *outside.douyin.routes(),
            Route("/woo/{code}/wp-json/wc/v3/{path:path}", outside.woo.call, methods=REST_METHODS),
            Route("/wms/{code}/inbound", outside.wms.inbound, methods=["POST"]),
            Route("/qimen/{code}/router/qimen/service", outside.qimen.call, methods=["POST"]),
            Route("/poll", outside.kuaidi100.subscribe, methods=["POST"]),
            Route("/poll/query.do", outside.kuaidi100.query, methods=["POST"]),
            Route("/poll/maptrack.do", outside.kuaidi100.query, methods=["POST"]),
            Route("/autonumber/auto", outside.kuaidi100.recognition, methods=["GET", "POST"]),
            Route("/aliyun/kdi", outside.aliyun.track),
            Route("/aliyun/exCompany", outside.aliyun.carrier_of),
            Route("/aliyun/getExpressList", outside.aliyun.carriers),
            Route("/label/order", outside.kuaidi100.label, methods=["POST"]),
            Route("/eorderapi.do", outside.kuaidi100.label, methods=["POST"]),
            *outside.robots.routes(),
            Route("/aliyun/sms", outside.sms.call, methods=["GET", "POST"]),
            Route("/label/{task}", outside.kuaidi100.labels.image),
        ],
        lifespan=lifespan,
    )


def listen(port: int) -> socket.socket:
    """Take the port on loopback; 0 takes a free one."""
    # named as TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen(512)
    except OSError:
        taken.close()
        raise
    return taken


def make_server(
    outside: Outside, port: int, listening: Callable[[], None], journal: Journal | None = None
) -> AnnouncingServer:
    """Return a server for this world that will be found on `port`; with a journal the world outlives it."""
    outside.world.url = f"http://{HOST}:{port}"
    app = build_app(outside)
    config = uvicorn.Config(
        journal.guarding(app) if journal else app,
        http=ClosableProtocol,
        ws="none",
        # a forwarded scheme would change the address that clients signed
        proxy_headers=False,
        loop="asyncio",
        # an access log would print keys and phone numbers from query strings
        access_log=False,
        log_level="error",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
        server_header=False,
    )
    return AnnouncingServer(config, listening, outside.faulty.stop)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: its address, and a client whose paths start below /_control."""

    url: str
    control: httpx.Client

    def world(self) -> dict[str, Any]:
        """Return every endpoint with its credentials."""
        answer: dict[str, Any] = self.do("GET", "/world")
        return answer

    def shop(self, code: str) -> dict[str, Any]:
        """Return one shop's endpoint and credentials."""
        return self._entry("shops", code)

    def warehouse(self, code: str) -> dict[str, Any]:
        """Return one warehouse's endpoint and secrets."""
        return self._entry("warehouses", code)

    def carrier(self, code: str = "kuaidi100") -> dict[str, Any]:
        """Return the tracking network's endpoints and credentials."""
        return self._entry("carriers", code)

    def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the control API and return its answer; httpx.HTTPStatusError when it refuses."""
        response = self.control.request(method, path.lstrip("/"), json=body)
        response.raise_for_status()
        return response.json()

    def robot(self, code: str) -> dict[str, Any]:
        """Return one group robot's address and secrets."""
        return self._entry("robots", code)

    def sms(self, code: str = "aliyun") -> dict[str, Any]:
        """Return the SMS service's endpoint and credentials."""
        return self._entry("sms", code)

    def _entry(self, kind: str, code: str) -> dict[str, Any]:
        return next(entry for entry in self.world()[kind] if entry["code"] == code)


@contextmanager
def running(port: int = 0) -> Iterator[Sandbox]:
    """Run a sandbox in a thread for as long as the block lasts."""
    taken = listen(port)
    started = threading.Event()
    server = make_server(Outside(), taken.getsockname()[1], started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, name="sandbox", daemon=True)
    thread.start()
    try:
        if not started.wait(10):
            raise RuntimeError("the sandbox did not start within 10 s")
        url = f"http://{HOST}:{taken.getsockname()[1]}"
        with httpx.Client(base_url=f"{url}/_control/", timeout=60, trust_env=False) as control:
            yield Sandbox(url, control)
    finally:
        server.should_exit = True
        thread.join(10)
        taken.close()
