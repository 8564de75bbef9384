"""One accepted call of the Douyin gateway: its parameters, and the errors it can end with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.orders import Order
from sandbox.world import Shop, World

MESSAGES = {
    10000: "success",
    20000: "系统错误",
    30001: "权限不足",
    40001: "缺少必选参数",
    40003: "签名或授权校验失败",
    40004: "非法的参数",
    50001: "token处理失败",
    50002: "业务处理失败",
    60000: "请求过于频繁",
    70000: "接口不可用",
}


class DouyinError(Exception):
    """An error the gateway answers with."""

    def __init__(self, code: int, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_msg)
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg


def missing_parameter(name: str) -> DouyinError:
    """Return the error for a required parameter that is absent."""
    return DouyinError(40001, "isv.missing-parameter", f"{name} is required")


def invalid_parameter(name: str, why: str, number: int | None = None) -> DouyinError:
    """Return the error for a parameter that cannot be used, with the platform's number where it has one."""
    tail = "" if number is None else f":{number}"
    return DouyinError(40004, f"isv.parameter-invalid{tail}", f"{name}: {why}")


def refused(number: int, why: str) -> DouyinError:
    """Return a business error."""
    return DouyinError(50002, f"isv.business-failed:{number}", f"{number}:{why}")


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: the world, the shop of its token (if any), its business parameters and its signature."""

    world: World
    caller: Shop | None
    params: dict[str, Any]
    sign: str

    @property
    def shop(self) -> Shop:
        """The shop; only methods that need a token ask for it."""
        if self.caller is None:
            raise missing_parameter("access_token")
        return self.caller

    def text(self, name: str) -> str:
        """Return a required parameter as text."""
        value = self.params.get(name)
        if value is None or value == "" or isinstance(value, dict | list):
            raise missing_parameter(name)
        return str(value)

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; required when there is no default."""
        if default is not None and self.params.get(name) in (None, ""):
            return default
        return whole(name, self.text(name))

    def flag(self, name: str) -> bool:
        """Return a boolean, false when absent."""
        return self.params.get(name) in (True, "true", 1, "1")

    def moment(self, name: str) -> datetime | None:
        """Return an optional time, given in unix seconds; 0 is none."""
        seconds = self.number(name, 0)
        if seconds == 0:
            return None
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            raise invalid_parameter(name, "must be unix seconds") from None

    def rows(self, name: str, most: int) -> list[dict[str, Any]]:
        """Return a required list of objects."""
        return rows_in(self.params, name, most)

    def find(self, no: str) -> Order | None:
        """Return an order of the shop that is visible now."""
        order = self.shop.shelf.get(no)
        return order if order is not None and order.created_at <= self.world.now() else None


def whole(name: str, value: Any) -> int:
    """Return a whole number, also from text."""
    try:
        return int(str(value))
    except ValueError:
        raise invalid_parameter(name, "not a whole number") from None


def rows_in(params: dict[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    """Return a required list of objects inside some parameters."""
    rows = params.get(name)
    if not rows:
        raise missing_parameter(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid_parameter(name, "not a list of objects")
    if len(rows) > most:
        raise invalid_parameter(name, f"more than {most} entries")
    return rows
