"""Calls that the simulated parties make to the outside: webhooks and pushes, some of them faulty on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.world import World

AT_ONCE = 8
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Callback:
    """One message. `render(forged)` gives body and headers, signed anew for each attempt."""

    target: str
    url: str
    operation: str
    render: Callable[[bool], tuple[bytes, dict[str, str]]]
    acknowledged: Callable[[httpx.Response], bool]


def is_success(response: httpx.Response) -> bool:
    """Count any 2xx as delivered."""
    return response.is_success


class Courier:
    """Delivers callbacks, a few at a time, and runs what the parties do later on their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limit = asyncio.Semaphore(AT_ONCE)
        # a proxy of the machine must never see loopback traffic
        self._client = httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, follow_redirects=False)
        self._late: dict[str, list[Callback]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Drop what is still running and close the connections."""
        self.forget()
        await self._client.aclose()

    def forget(self) -> None:
        """Drop everything that was going to be sent later."""
        for task in list(self._tasks):
            task.cancel()
        self._late.clear()

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, callbacks: list[Callback]) -> list[bool]:
        """Send all, at most eight at once, and return which were acknowledged.

        A message held back by an out_of_order fault goes after the rest of its own group, or after the
        target's next message when it is alone; it counts as acknowledged until then.
        """
        held = [self._fault(callback, "out_of_order") for callback in callbacks]
        prompt = [callback for callback, late in zip(callbacks, held, strict=True) if not late]
        late = [callback for callback, is_late in zip(callbacks, held, strict=True) if is_late]
        outcome = dict(zip(map(id, prompt), await self._send_all(prompt), strict=True))
        if prompt:
            overdue = [message for callback in prompt for message in self._late.pop(callback.target, [])]
            outcome.update(zip(map(id, late), await self._send_all(late), strict=True))
            await self._send_all(overdue)
        else:
            for callback in late:
                self._late.setdefault(callback.target, []).append(callback)
        return [outcome.get(id(callback), True) for callback in callbacks]

    async def get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """Fetch something a message points at."""
        async with self._limit:
            return await self._client.get(url, headers=headers)

    def _fault(self, callback: Callback, kind: str) -> bool:
        return self._world.faults.take(callback.target, {kind}, callback.operation) is not None

    async def _send_all(self, callbacks: list[Callback]) -> list[bool]:
        return list(await asyncio.gather(*map(self._send, callbacks)))

    async def _send(self, callback: Callback) -> bool:
        # on a shop this fault means the shop refuses our signature, see Faulty
        forged = not callback.target.startswith("shop:") and self._fault(callback, "bad_signature")
        times = 2 if self._fault(callback, "duplicate") else 1
        return all([await self._attempt(callback, forged) for _ in range(times)])

    async def _attempt(self, callback: Callback, forged: bool) -> bool:
        body, headers = callback.render(forged)
        async with self._limit:
            try:
                response = await self._client.post(callback.url, content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL):
                return False
        return callback.acknowledged(response)
