"""A warehouse without a system of its own: its people work with OrderPool's handheld page, and read from the pool."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx

from connectors.base import Credentials, Envelope, Message, Now, RepeatClass
from models.errors import ChannelDenied


class HandheldWms:
    """One own warehouse. What it is told is in the pool already: an instruction is accepted by being there."""

    repeat_class = RepeatClass.DEDUPLICATED
    needs: ClassVar[tuple[str, ...]] = ()
    for_people: ClassVar[bool] = False
    reads_long: ClassVar[bool] = False
    in_house: ClassVar[bool] = True

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._now = now

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """All together: there is no call that could be too long."""
        return [messages] if messages else []

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Take the messages; every instruction among them is accepted."""
        at = self._now().isoformat()
        return {
            message.key: {
                "type": "outbound.accepted",
                "timestamp": at,
                "data": {"outbound_no": message.data["outbound_no"], "occurred_at": at},
            }
            for message in messages
            if message.type == "outbound.created"
        }

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Raise ChannelDenied: nobody but its own people speaks for it, and they sign in."""
        raise ChannelDenied(self.name, "incoming message", "its people report by the handheld page")
