"""A custom robot of a DingTalk (钉钉) group.

Source: DingTalk's description of custom robots: POST /robot/send?access_token=..., signed with the base64 of the
HMAC-SHA256 of "timestamp\\nsecret", which stands percent-encoded once in the query; 20 messages a minute, then none for
10 minutes; errors come with HTTP 200 and an errcode.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from connectors.base import Budget, Credentials, Now
from connectors.messages.notice import MOST_BYTES, Notice, in_markdown
from connectors.messages.robot import Robot
from connectors.messages.webhook_address import secret_url
from models.rules.cut_text import cut_lines


class DingtalkRobot(Robot):
    """Credentials: webhook_url, optionally secret (`SEC...`, where the group wants calls signed) and keyword (a word
    that each message must have).
    """

    needs: ClassVar[tuple[str, ...]] = ("webhook_url",)
    limited = frozenset({130101, 130102})
    denied = frozenset({310000, 300001, 300005, 400013, 400101, 40035})  # wrong sign, keyword or IP; token unknown

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now, budget: Budget) -> None:
        super().__init__(client, name, now, budget)
        self._url = str(secret_url(name, credentials, "access_token"))
        self._secret = credentials.get("secret", "")
        self._keyword = credentials.get("keyword", "")

    def send(self, notice: Notice) -> None:
        """Post the notice as markdown, signed where there is a secret."""
        url = signed_url(self._url, self._secret, self._now()) if self._secret else self._url
        self._post(url, body_of(notice, self._keyword))


def sign(timestamp_ms: str, secret: str) -> str:
    """The signature of a call at this time, in base64."""
    code = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(code.digest()).decode()


def signed_url(url: str, secret: str, at: datetime) -> str:
    """The address with time and signature."""
    timestamp_ms = str(round(at.timestamp() * 1000))
    return f"{url}&timestamp={timestamp_ms}&sign={quote(sign(timestamp_ms, secret), safe='')}"


def body_of(notice: Notice, keyword: str = "") -> dict[str, Any]:
    """The message: a heading, the lines as a list, the page to open. The keyword stands in the heading."""
    title = notice.title if keyword in notice.title else f"{notice.title} ({keyword})"
    text = cut_lines(
        [f"#### {title}"],
        [f"- {line.text}{in_markdown(line.links)}" for line in notice.lines],
        [f"[{notice.page.label}]({notice.page.url})"] if notice.page else [],
        lambda count: f"- {notice.left_out % count}",
        MOST_BYTES,
    )
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": {"isAtAll": False}}
