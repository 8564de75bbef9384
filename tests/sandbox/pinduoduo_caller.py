"""A small client of the Pinduoduo gateway that signs as the platform documents."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, neutral

INCREMENT = "pdd.order.number.list.increment.get"
SEND = "pdd.logistics.online.send"
EXTRA = "pdd.order.upload.extra.logistics"
NUMBER = "JT1234567890123"
ALL = {"order_status": 5, "refund_status": 5, "is_lucky_flag": 0}


def order_sn(place: int) -> str:
    """Return the number of a loaded order, from 1."""
    return f"261120-{place:015}"


def unix(**ahead: float) -> int:
    """Return a time so far from noon as the gateway takes it."""
    return int((NOON + timedelta(**ahead)).timestamp())


class PddCaller:
    """Signs and sends calls for one shop."""

    def __init__(self, sandbox: Sandbox, code: str = "pdd-1") -> None:
        self.shop = sandbox.do("POST", "/shops", {"code": code, "platform": "pinduoduo"})
        self.sandbox = sandbox

    def params(self, method: str, **params: Any) -> dict[str, str]:
        """Return a complete, signed parameter map."""
        now = datetime.fromisoformat(self.sandbox.do("GET", "/clock")["now"])
        filled = {
            "type": method,
            "client_id": self.shop["app_key"],
            "access_token": self.shop["access_token"],
            "timestamp": str(int(now.timestamp())),
            "data_type": "JSON",
            **{key: str(value) for key, value in params.items()},
        }
        return filled | {"sign": self.sign(filled)}

    def sign(self, params: dict[str, str]) -> str:
        secret = self.shop["app_secret"]
        joined = "".join(key + value for key, value in sorted(params.items()))
        return hashlib.md5(f"{secret}{joined}{secret}".encode()).hexdigest().upper()

    def whole(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer with its envelope."""
        answer: dict[str, Any] = HTTP.post(self.shop["endpoint"], data=self.params(method, **params)).json()
        return answer

    def call(self, method: str, **params: Any) -> Any:
        """Return the content of the answer, or {"error": ...}."""
        ((name, content),) = self.whole(method, **params).items()
        return {"error": content} if name == "error_response" else content

    def window(self, **params: Any) -> Any:
        """Return one page of what changed in the half hour before noon."""
        times = {
            "start_updated_at": int((NOON - timedelta(minutes=30)).timestamp()),
            "end_updated_at": int(NOON.timestamp()),
        }
        return self.call(INCREMENT, **{**ALL, **times, "page_size": 10, **params})

    def listed(self, **params: Any) -> list[str]:
        return [order["order_sn"] for order in self.window(**params)["order_sn_list"]]

    def order(self, no: str = order_sn(1)) -> dict[str, Any]:
        found: dict[str, Any] = self.call("pdd.order.information.get", order_sn=no)["order_info"]
        return found

    def ship(self, number: str = NUMBER, **params: Any) -> Any:
        return self.call(SEND, **{"order_sn": order_sn(1), "logistics_id": 384, "tracking_number": number, **params})

    def add(self, number: str, kind: int = 1) -> Any:
        tracks = json.dumps([{"shipping_id": 121, "tracking_number": number}])
        return self.call(EXTRA, order_sn=order_sn(1), extra_track_list=tracks, extra_track_type=kind)

    def book(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.do("GET", "/books")["shops"]["pdd-1"]
        return found

    def load(self, count: int = 1, **changes: Any) -> list[str]:
        """Load orders, changed a second apart, the last one ten seconds before noon; their numbers, oldest first."""
        numbers = [order_sn(place) for place in range(1, count + 1)]
        orders = [
            neutral(no, NOON - timedelta(seconds=10 + count - place), **changes) for place, no in enumerate(numbers)
        ]
        self.sandbox.do("POST", "/shops/pdd-1/orders", {"orders": orders})
        return numbers

    def refused(self, answer: Any) -> str:
        """Return what a refused call says is in the way; nothing was booked for it."""
        assert (answer["error"]["error_code"], self.book()["ship_backs"]) == (50001, [])
        return str(answer["error"]["sub_msg"])
