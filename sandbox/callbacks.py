"""Calls that the simulated parties make to the outside: webhooks and pushes, some of them faulty on demand.

What is still to be sent or done is part of the world: after a restart with its journal the courier goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.world import World

AT_ONCE = 8
PATIENCE_S = 20.0
RETRY_DELAYS_S = (5.0, 30.0, 60.0, 120.0)
"""How long after each failure a party that repeats its messages sends them again."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One message. `render(forged)` gives body and headers, signed anew for each attempt.

    `query(forged)` gives parameters that go with the URL, where a party signs there. All functions can be pickled:
    a message that is owed outlives the process.
    """

    target: str
    url: str
    operation: str
    render: Callable[[bool], tuple[bytes, dict[str, str]]]
    acknowledged: Callable[[httpx.Response], bool]
    query: Callable[[bool], dict[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Something a party does later on its own."""

    function: Callable[..., Coroutine[Any, Any, Any]]
    arguments: tuple[Any, ...]


def is_success(response: httpx.Response) -> bool:
    """Count any 2xx as delivered."""
    return response.is_success


class Courier:
    """Delivers callbacks, a few at a time, and runs what the parties do later on their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owed: list[Callback] = []
        self._works: list[Work] = []
        self._late: dict[str, list[Callback]] = {}
        self.before_sending: Callable[[], Awaitable[None]] | None = None
        self._open()

    def _open(self) -> None:
        self._limit = asyncio.Semaphore(AT_ONCE)
        # a proxy of the machine must never see loopback traffic
        self._client = httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, follow_redirects=False)
        self._tasks: set[asyncio.Task[Any]] = set()

    def __getstate__(self) -> dict[str, Any]:
        held_back = [message for messages in self._late.values() for message in messages]
        return {"_world": self._world, "_owed": [*self._owed, *held_back], "_works": list(self._works)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_late": {}, "before_sending": None}
        self._open()

    def resume(self) -> None:
        """Go on with what a former process of this world left: send what it owed, begin its unfinished works anew."""
        works, self._works = self._works, []
        for work in works:
            self.later(work.function, *work.arguments)
        if self._owed:
            owed, self._owed = self._owed, []
            self.send_later(owed, RETRY_DELAYS_S)

    async def close(self) -> None:
        """Stop what is still running and close the connections."""
        self._stop()
        await self._client.aclose()

    def forget(self) -> None:
        """Drop everything that was going to be sent later."""
        self._stop()
        self._late.clear()
        self._owed.clear()
        self._works.clear()

    def _stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def release(self, target: str | None = None) -> None:
        """Send what is held back until the target's next message; of every target without one."""
        for held in [target] if target else list(self._late):
            if messages := self._late.pop(held, []):
                self.send_later(messages, RETRY_DELAYS_S)

    def later(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        """Do something in the background; after a restart it is begun anew, so it must look at what is done already."""
        work = Work(function, arguments)
        self._works.append(work)
        self._in_background(self._do(work))

    def send_later(
        self,
        callbacks: list[Callback],
        retry_delays_s: tuple[float, ...],
        then: Callable[[list[bool]], object] = lambda _: None,
    ) -> None:
        """Deliver in the background, owed from now on, and tell `then` which were acknowledged."""
        self._owed += callbacks

        async def send() -> None:
            then(await self.deliver(callbacks, retry_delays_s))

        self._in_background(send())

    async def _do(self, work: Work) -> None:
        await work.function(*work.arguments)
        self._works = [other for other in self._works if other is not work]

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, callbacks: list[Callback], retry_delays_s: tuple[float, ...] = ()) -> list[bool]:
        """Send all, those that fail again after each delay, and return which were acknowledged in the end."""
        mine = set(map(id, callbacks))
        self._owed = [*(other for other in self._owed if id(other) not in mine), *callbacks]
        if self.before_sending is not None:
            await self.before_sending()
        outcome = dict(zip(map(id, callbacks), await self._deliver_once(callbacks), strict=True))
        for delay in retry_delays_s:
            left = [callback for callback in callbacks if not outcome[id(callback)]]
            if left:
                await asyncio.sleep(delay)
                outcome.update(zip(map(id, left), await self._deliver_once(left), strict=True))
        self._owed = [other for other in self._owed if id(other) not in mine]
        return list(outcome.values())

    async def deliver_in_turn(self, groups: list[list[Callback]], retry_delays_s: tuple[float, ...] = ()) -> list[bool]:
        """Deliver one group after the other, all of them owed from now on."""
        self._owed += [callback for group in groups for callback in group]
        return [taken for group in groups for taken in await self.deliver(group, retry_delays_s)]

    async def _deliver_once(self, callbacks: list[Callback]) -> list[bool]:
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
        query = callback.query(forged) if callback.query else None
        async with self._limit:
            try:
                response = await self._client.post(callback.url, content=body, headers=headers, params=query)
            except (httpx.HTTPError, httpx.InvalidURL):
                return False
        return callback.acknowledged(response)
