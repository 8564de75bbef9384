"""A robot of a WeCom (企业微信) group.

Source: WeCom's description of group robots: POST /cgi-bin/webhook/send?key=..., markdown of 4,096 bytes, 20 messages a
minute; errors come with HTTP 200 and an errcode.
"""

from typing import Any, ClassVar

import httpx

from connectors.base import Budget, Credentials, Now
from connectors.messages.notice import MOST_BYTES, Notice, in_markdown
from connectors.messages.robot import Robot
from connectors.messages.webhook_address import secret_url
from models.rules.cut_text import cut_lines


class WecomRobot(Robot):
    """Credentials: webhook_url, the whole address that WeCom shows for the robot, whose key is its only secret."""

    needs: ClassVar[tuple[str, ...]] = ("webhook_url",)
    limited = frozenset({45009})
    denied = frozenset({93000, 40001, 41001})  # no such robot, no key, a wrong one

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now, budget: Budget) -> None:
        super().__init__(client, name, now, budget)
        self._url = str(secret_url(name, credentials, "key"))

    def send(self, notice: Notice) -> None:
        """Post the notice as markdown."""
        self._post(self._url, body_of(notice))


def body_of(notice: Notice) -> dict[str, Any]:
    """The message: a bold title, each line quoted, the page to open."""
    text = cut_lines(
        [f"**{notice.title}**"],
        [f"> {line.text}{in_markdown(line.links)}" for line in notice.lines],
        [f"[{notice.page.label}]({notice.page.url})"] if notice.page else [],
        lambda count: f"> {notice.left_out % count}",
        MOST_BYTES,
    )
    return {"msgtype": "markdown", "markdown": {"content": text}}
