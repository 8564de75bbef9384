"""One accepted call of the Pinduoduo gateway: its parameters, and the errors it can end with."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.orders import Order
from sandbox.pinduoduo_order import is_known_to_sellers
from sandbox.world import Shop, World


class PddError(Exception):
    """An error the gateway answers with; `sub_code` may be null, as on the platform."""

    def __init__(self, code: int, msg: str, sub_msg: str = "", sub_code: str | None = None) -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_msg, self.sub_code = code, msg, sub_msg or msg, sub_code


def bad_public(name: str) -> PddError:
    """Return the error for a public parameter that is absent or cannot be used."""
    return PddError(10001, f"公共参数错误:{name}")


def bad_argument(name: str, why: str) -> PddError:
    """Return the error for a parameter of the method that is absent or cannot be used."""
    return PddError(10000, f"参数错误:{name}", why)


def refused(why: str) -> PddError:
    """Return a business error: `sub_msg` says what is in the way."""
    return PddError(50001, "业务服务错误", why, "50001")


def too_often(why: str) -> PddError:
    """Return the error of a call beyond its quota."""
    return PddError(52101, "当前接口被限流，请稍后重试", why, "52101")


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: the world, the shop of its token (if any) and its parameters."""

    world: World
    caller: Shop | None
    params: dict[str, str]

    @property
    def shop(self) -> Shop:
        """The shop; only methods that need a token ask for it."""
        if self.caller is None:
            raise bad_public("access_token")
        return self.caller

    def text(self, name: str) -> str:
        """Return a required parameter."""
        value = self.params.get(name, "")
        if not value:
            raise bad_argument(name, f"{name}不能为空")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; required when there is no default."""
        value = self.params.get(name, "")
        if not value and default is not None:
            return default
        try:
            return int(value or self.text(name))
        except ValueError:
            raise bad_argument(name, f"{name}必须为整数") from None

    def one_of(self, name: str, allowed: Collection[int], default: int | None = None) -> int:
        """Return a whole number out of those allowed; required when there is no default."""
        found = self.number(name, default)
        if found not in allowed:
            raise bad_argument(name, f"{name}取值不合法")
        return found

    def flag(self, name: str) -> bool:
        """Return a boolean, false when absent."""
        return self.params.get(name, "").lower() == "true"

    def span(self, start_name: str, end_name: str, longest: timedelta) -> tuple[datetime, datetime]:
        """Return a required window in unix seconds; refuses one that is turned round or too long."""
        start, end = self._moment(start_name), self._moment(end_name)
        if end < start:
            raise refused("开始时间不能大于结束时间")
        if end - start > longest:
            raise refused(f"开始时间和结束时间间隔不能超过{int(longest.total_seconds() // 60)}分钟")
        return start, end

    def _moment(self, name: str) -> datetime:
        seconds = self.number(name)
        if not 0 < seconds < 10**10:
            raise bad_argument(name, f"{name}必须为秒级时间戳")
        return datetime.fromtimestamp(seconds, UTC)

    def page(self) -> tuple[int, int]:
        """Return page number and page size."""
        page, size = self.number("page", 1), self.number("page_size", 100)
        if page < 1:
            raise bad_argument("page", "page从1开始")
        if not 1 <= size <= 100:
            raise bad_argument("page_size", "page_size最大为100")
        return page, size

    def rows(self, name: str, most: int) -> list[dict[str, Any]]:
        """Return a required JSON list of objects."""
        try:
            rows = json.loads(self.text(name))
        except ValueError:
            raise bad_argument(name, f"{name}不是JSON") from None
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise bad_argument(name, f"{name}必须为对象列表")
        if len(rows) > most:
            raise bad_argument(name, f"{name}最多{most}条")
        return rows

    def order(self, order_sn: str) -> Order:
        """Return an order of the shop that is visible now."""
        order = self.shop.shelf.get(order_sn)
        if order is None or order.created_at > self.world.now() or not is_known_to_sellers(order):
            raise refused("订单不存在")
        return order
