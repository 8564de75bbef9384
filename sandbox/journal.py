"""A world that outlives its process: it is written down before anybody is told what happened in it."""

from __future__ import annotations

import asyncio
import os
import pickle
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from sandbox.errors import JournalError
from sandbox.outside import Outside

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LONGEST_GATHERING_S = 0.1


class Journal:
    """The file that holds the whole world, written anew as a whole; 3,000 orders take some 50 ms.

    It survives the death of the process, not that of the machine: nothing is forced to the disk.
    """

    def __init__(self, file: Path, outside: Outside) -> None:
        self.outside = outside
        self._file = file
        self._lock = asyncio.Lock()
        self._asked = 0
        self._written = 0
        self._took_s = 0.0
        self.writings = 0
        outside.courier.before_sending = self.safe

    @classmethod
    def open(cls, file: Path) -> Journal:
        """The world that the file holds, a fresh one when there is no such file.

        Raises JournalError when it holds something else or the place cannot be written.
        """
        try:
            # our own file: nobody else's data is ever read here
            outside = pickle.loads(file.read_bytes()) if file.exists() else Outside()
        except (
            OSError,
            pickle.UnpicklingError,
            EOFError,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            ImportError,
        ) as error:
            raise JournalError(f"the journal {file} cannot be read: {error}") from error
        if not isinstance(outside, Outside):
            raise JournalError(f"the journal {file} does not hold a world")
        journal = cls(file, outside)
        try:
            journal._write()
        except OSError as error:
            raise JournalError(f"the journal {file} cannot be written: {error.strerror}") from error
        return journal

    async def safe(self) -> None:
        """Return once everything that has happened so far is in the file.

        Whoever asks while it is written waits for the next writing, together with the others: they are gathered for
        as long as the last one took, so that at most half of the time goes into it.
        """
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._written >= mine:
                return
            await asyncio.sleep(min(self._took_s, LONGEST_GATHERING_S))
            self._write()

    def _write(self) -> None:
        began = time.perf_counter()
        asked = self._asked
        fresh = self._file.with_name(self._file.name + ".new")
        fresh.write_bytes(pickle.dumps(self.outside, pickle.HIGHEST_PROTOCOL))
        os.replace(fresh, self._file)
        self._written, self._took_s = asked, time.perf_counter() - began
        self.writings += 1

    def guarding(self, app: App) -> App:
        """The application, whose answers leave once the world in which they are true is safe."""

        async def answer(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (scope["method"] == "GET" and scope["path"].startswith("/_control")):
                await app(scope, receive, send)
                return

            async def send_when_safe(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await self.safe()
                await send(message)

            await app(scope, receive, send_when_safe)

        return answer
