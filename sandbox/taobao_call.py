"""One accepted call of the Taobao gateway: its parameters, and the errors it can end with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.clock import CHINA
from sandbox.orders import Order
from sandbox.world import Shop, World


class TopError(Exception):
    """An error the gateway answers with."""

    def __init__(self, code: int, msg: str, sub_code: str = "", sub_msg: str = "") -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_code, self.sub_msg = code, msg, sub_code, sub_msg


def missing_argument(name: str) -> TopError:
    """Return the error for a required parameter that is absent."""
    return TopError(40, f"Missing required arguments:{name}", f"isv.missing-parameter:{name}", f"{name} is required")


def invalid_argument(name: str, why: str) -> TopError:
    """Return the error for a parameter that cannot be read."""
    return TopError(41, f"Invalid arguments:{name}", f"isv.invalid-parameter:{name}", why)


def refused(sub_code: str, why: str) -> TopError:
    """Return a business error."""
    return TopError(15, "Remote service error", sub_code, why)


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: the world, the shop of its session (if any) and its parameters."""

    world: World
    caller: Shop | None
    params: dict[str, str]

    @property
    def shop(self) -> Shop:
        """The shop; only methods that need a session ask for it."""
        if self.caller is None:
            raise TopError(26, "Missing session", "isv.missing-session", "session is missing")
        return self.caller

    def text(self, name: str) -> str:
        """Return a required parameter."""
        value = self.params.get(name, "")
        if not value:
            raise missing_argument(name)
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; required when there is no default."""
        value = self.params.get(name, "")
        if not value and default is not None:
            return default
        try:
            return int(value or self.text(name))
        except ValueError:
            raise invalid_argument(name, "not a number") from None

    def flag(self, name: str) -> bool:
        """Return a boolean, false when absent."""
        return self.params.get(name, "").lower() in {"true", "1"}

    def moment(self, name: str) -> datetime | None:
        """Return an optional China time."""
        value = self.params.get(name, "")
        if not value:
            return None
        try:
            return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError:
            raise invalid_argument(name, "must look like 2026-11-20 09:00:00") from None

    def rows(self, name: str, most: int) -> list[dict[str, Any]]:
        """Return a required JSON list of objects."""
        try:
            rows = json.loads(self.text(name))
        except ValueError:
            raise invalid_argument(name, "not JSON") from None
        rows = [rows] if isinstance(rows, dict) else rows
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise invalid_argument(name, "not a list of objects")
        if len(rows) > most:
            raise invalid_argument(name, f"more than {most} entries")
        return rows

    def fields(self) -> list[str]:
        """Return the names of the required field list."""
        return [name.strip() for name in self.text("fields").split(",") if name.strip()]

    def order(self, tid: str) -> Order:
        """Return a trade of the shop that is visible now."""
        order = self.shop.shelf.get(tid)
        if order is None or order.created_at > self.world.now():
            raise refused("isv.trade-not-exist", "交易不存在")
        return order
