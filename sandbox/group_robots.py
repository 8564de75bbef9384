"""The robots that exist: their addresses, their security and what they took."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

WECOM, DINGTALK = "wecom", "dingtalk"
MOST_IN_A_MINUTE = 20
BLOCKED_FOR = timedelta(minutes=10)


@dataclass(slots=True)
class Robot:
    """One robot: how it is called, what it took, and for DingTalk the security its group chose."""

    platform: str
    key: str
    secret: str = ""
    keyword: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    calls: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None

    @property
    def target(self) -> str:
        """How faults name it."""
        return f"robot:{self.platform}"

    def too_fast(self, now: datetime) -> bool:
        """Count a call; DingTalk takes none for ten minutes once there were too many."""
        while self.calls and self.calls[0] <= now - timedelta(minutes=1):
            self.calls.popleft()
        if self.blocked_until is not None and now < self.blocked_until:
            return True
        if len(self.calls) >= MOST_IN_A_MINUTE:
            if self.platform == DINGTALK:
                self.blocked_until = now + BLOCKED_FOR
            return True
        self.calls.append(now)
        return False

    def as_json(self) -> dict[str, Any]:
        """Return everything it took, and how many it refused."""
        return {"messages": self.taken, "refused": self.refused}


def robot_entry(robot: Robot, url: str) -> dict[str, Any]:
    """Return how a client reaches a robot."""
    path = f"/cgi-bin/webhook/send?key={robot.key}"
    if robot.platform == DINGTALK:
        path = f"/robot/send?access_token={robot.key}"
    return {
        "code": robot.platform,
        "platform": robot.platform,
        "webhook_url": url + path,
        "secret": robot.secret,
        "keyword": robot.keyword,
    }
