"""Answers that go wrong on purpose: late, never, or with the platform's own refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from sandbox.faults import ANSWER_KINDS, CALLBACK_KINDS
from sandbox.world import World

MAINTENANCE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


class NoAnswer(Response):
    """Ends the connection without a byte of an answer."""

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Send nothing; the connection is closed already."""


class Faulty:
    """Puts the faults in force between a request and its handler."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopping = False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_stopping": False}

    def stop(self) -> None:
        """Let nobody wait any longer: the server is about to end."""
        self._stopping = True

    async def apply(
        self,
        request: Request,
        target: str,
        operation: str,
        handle: Callable[[], Awaitable[Response]],
        refuse: Callable[[str], Response],
    ) -> Response:
        """Answer the request, or fail it as the first fault on this target wants.

        `refuse(kind)` words rate_limit, bad_signature and expired_token as this platform does.
        """
        # a bad signature of anybody else is one on what it sends, not on what it is sent
        kinds = ANSWER_KINDS if target.startswith("shop:") else ANSWER_KINDS - CALLBACK_KINDS
        fault = self._world.faults.take(target, kinds, operation)
        if fault is None:
            return await handle()
        if fault.kind == "slow":
            await self._wait(request, fault.seconds)
            return await handle()
        if fault.kind in {"timeout_before", "timeout_after"}:
            if fault.kind == "timeout_after":
                await handle()
            await self._wait(request, fault.seconds)
            return await hang_up(request)
        if fault.kind == "http_503":
            return PlainTextResponse("Service Unavailable", 503)
        return HTMLResponse(MAINTENANCE, fault.status) if fault.kind == "html" else refuse(fault.kind)

    async def _wait(self, request: Request, seconds: float) -> None:
        """Hold the connection, at most until the client gives up or the server ends."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self._stopping and (left := deadline - asyncio.get_running_loop().time()) > 0:
            if await request.is_disconnected():
                return
            await asyncio.sleep(min(0.05, left))


async def hang_up(request: Request) -> Response:
    """Close the connection without an answer."""
    transport = request.scope.get("state", {}).get("transport")
    if transport is not None:
        transport.close()
        # two turns of the loop let the server notice, so that it does not complain of a missing answer
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return NoAnswer()
