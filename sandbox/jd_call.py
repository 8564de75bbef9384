"""One accepted call of the JD gateway: its business parameters, and the errors it can end with.

Only the gateway's codes 12, 15, 19, 21 and 2001 are documented; the numbers and words of all others are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.clock import CHINA
from sandbox.jd_order import is_delivered
from sandbox.orders import Order
from sandbox.world import Shop, World


class JdError(Exception):
    """An error with a code and a text in both languages."""

    def __init__(self, code: int, chinese: str, english: str) -> None:
        super().__init__(english)
        self.code, self.chinese, self.english = code, chinese, english


class GatewayError(JdError):
    """The gateway itself refuses: `error_response`."""


class BrokenCall(JdError):
    """The call is let through but cannot be read: another `code` than "0" in the responce."""


class Refused(JdError):
    """The method refuses: `success` is false in its result."""


def missing(name: str) -> Refused:
    """Return the refusal of a call that lacks a required parameter."""
    return Refused(1001, f"参数{name}不能为空", f"parameter {name} is missing")


def invalid(name: str, chinese: str, english: str) -> Refused:
    """Return the refusal of a parameter that cannot be taken."""
    return Refused(1002, f"参数{name}错误：{chinese}", f"parameter {name} is invalid: {english}")


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: the world, the shop of its token, its business parameters and its signature."""

    world: World
    shop: Shop
    params: dict[str, Any]
    sign: str

    def optional(self, name: str) -> str:
        """Return a parameter as text, "" when it is not there."""
        value = self.params.get(name)
        return "" if value is None else str(value)

    def text(self, name: str) -> str:
        """Return a required parameter."""
        value = self.optional(name)
        if not value:
            raise missing(name)
        return value

    def names(self, name: str) -> list[str]:
        """Return the entries of a required comma list."""
        return [entry.strip() for entry in self.text(name).split(",") if entry.strip()]

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`."""
        value = self.optional(name) or str(default)
        if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
            raise invalid(name, f"必须为1至{most}", f"must be 1 to {most}")
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """Return an optional China time."""
        value = self.optional(name)
        if not value:
            return None
        try:
            return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError:
            raise invalid(name, "时间格式", "must look like 2026-11-20 09:00:00") from None

    def order(self, name: str) -> Order:
        """Return the order that a parameter names."""
        order = self.shop.shelf.get(self.text(name))
        if order is None or order.created_at > self.world.now() or not is_delivered(order):
            raise Refused(3001, "订单不存在", "the order does not exist")
        return order
