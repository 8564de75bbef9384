"""Access tokens of a marketplace's shop: issued, refreshed, ended."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta


class TokenBook:
    """The tokens of one shop. The newest access token is good until it ends; refreshing needs the newest refresh token.

    The tokens that a shop opens with are the same on every start.
    """

    def __init__(self, owner: str, now: datetime, life: timedelta, refresh_life: timedelta) -> None:
        self._owner = owner
        self._life, self._refresh_life = life, refresh_life
        self._issued = 0
        self.issue(now)

    def issue(self, now: datetime) -> None:
        """End the tokens there are and give new ones."""
        self.access = self._invented("access")
        self.refresh = self._invented("refresh")
        self._issued += 1
        self.begin(now)

    def begin(self, now: datetime) -> None:
        """Let the life of the present tokens begin now."""
        self.ends, self.refresh_ends = now + self._life, now + self._refresh_life

    def accepts(self, access_token: str, now: datetime) -> bool:
        """Whether calls with this token are answered."""
        return access_token == self.access and now < self.ends

    def refreshes(self, refresh_token: str, now: datetime) -> bool:
        """Whether this refresh token still gets new tokens."""
        return refresh_token == self.refresh and now < self.refresh_ends

    def _invented(self, kind: str) -> str:
        return hashlib.sha256(f"sandbox {kind} token {self._owner} {self._issued}".encode()).hexdigest()[:40]
