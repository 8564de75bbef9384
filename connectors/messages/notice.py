"""What people are told, before a robot or a mailbox words it its own way."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, NamedTuple, Protocol

import httpx

from connectors.base import Budget, Credentials, Now

MOST_BYTES: Final = 4000
"""Of a robot's markdown, in UTF-8: the platforms take 4,096."""

CALLS_PER_S: Final = 18 / 60
"""A robot takes 20 messages a minute, all senders together; two are left for others who know its address."""

PAUSE_S: Final = 600.0
"""How long a robot is left alone that says it was told too much."""


class Link(NamedTuple):
    """A page to open, by what it is called."""

    label: str
    url: str


class Line(NamedTuple):
    """One thing that is told, without any markup of its own, and the pages about it."""

    text: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to people. `key` is the same for each attempt; `left_out` says that so many (%d) lines did not fit."""

    key: str
    title: str
    lines: tuple[Line, ...]
    page: Link | None
    left_out: str
    at: datetime


class Messenger(Protocol):
    """Somebody who can be told."""

    needs: ClassVar[tuple[str, ...]]  # the credentials it cannot do without
    name: str

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now, budget: Budget) -> None: ...

    def send(self, notice: Notice) -> None:
        """Tell it; returns only if the other side said that it took the message.

        Raises ChannelUnavailable, RateLimited, ChannelDenied or ChannelRejected when it did not, OutcomeUnknown when
        it went silent.
        """


def in_markdown(links: tuple[Link, ...]) -> str:
    """The links behind a line, as robots of groups read them."""
    return "".join(f" [{link.label}]({link.url})" for link in links)
