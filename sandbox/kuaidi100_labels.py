"""The e-waybills of the tracking network: made, printed again, cancelled, and their labels as images."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import signatures
from sandbox.errors import ControlError
from sandbox.parcels import ParcelBook
from sandbox.world import World

REPEAT_LABEL_WITHIN = timedelta(hours=48)
PLATFORMS = frozenset("taobao cainiao jdalpha pinduoduoWx douyin kuaishou weipinhui wechatChannels xiaohongshu".split())
"""Branches that stand for a platform, which knows the receiver by a handle."""


class LabelRefusal(Exception):
    """An answer other than 200, by the vendor's code; the HTTP status is 200 all the same."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def answer(self) -> JSONResponse:
        """Return the documented body."""
        return JSONResponse({"success": False, "code": self.code, "message": self.message, "time": 1})


@dataclass(slots=True)
class Waybill:
    """One e-waybill that was made."""

    order_id: str
    company: str
    number: str
    task: str
    made_at: datetime
    prints: bool
    cancelled: bool = False


class LabelDesk:
    """Where waybills are asked for. `balance` is how many it still gives (None: no limit); `refuses` what it says to
    every further one, with `code`; `number` is that of the next one.
    """

    def __init__(self, world: World, parcels: ParcelBook, companies: frozenset[str]) -> None:
        self._world = world
        self._parcels = parcels
        self._companies = companies
        self.clear()

    def clear(self) -> None:
        """Forget the waybills made so far, and have balance again."""
        self._made: dict[str, Waybill] = {}
        self._by_task: dict[str, Waybill] = {}
        self._intercepts: dict[str, str] = {}
        self.balance: int | None = None
        self.refuses = self.number = ""
        self.code = 400

    def set_up(self, body: dict[str, Any]) -> dict[str, Any]:
        """Set the balance, or what is said to every further wish; an empty body lifts both."""
        if unknown := body.keys() - {"balance", "refuses", "code", "number"}:
            raise ControlError(f"waybills: {sorted(unknown)[0]} is none of balance, refuses, code, number")
        self.balance = None if body.get("balance") is None else int(body["balance"])
        self.refuses, self.code = str(body.get("refuses") or ""), int(body.get("code") or 400)
        self.number = str(body.get("number") or "")
        return {"balance": self.balance, "refuses": self.refuses, "code": self.code}

    def answer(self, form: dict[str, str]) -> Response:
        """Answer a signed call of any method."""
        try:
            param = self._checked(form)
            match form.get("method"):
                case "order":
                    data = self._order(param)
                case "printOld":
                    data = self._print_again(param)
                case "cancel":
                    data = self._cancel(param)
                case "interceptOrder":
                    data = self._intercept(param)
                case other:
                    raise LabelRefusal(400, f"不支持的method {other}")
        except LabelRefusal as refusal:
            return refusal.answer()
        return JSONResponse({"success": True, "code": 200, "message": "success", "time": 12, "data": data})

    def _checked(self, form: dict[str, str]) -> dict[str, Any]:
        text, stamp = form.get("param", ""), form.get("t", "")
        expected = signatures.kuaidi100(text, stamp, self._world.kuaidi_key, self._world.kuaidi_secret)
        if form.get("key") != self._world.kuaidi_key or not signatures.same(form.get("sign", ""), expected):
            raise LabelRefusal(503, "验证签名失败")
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError):
            raise LabelRefusal(400, "param格式不正确") from None

    def _order(self, param: dict[str, Any]) -> dict[str, Any]:
        self._check_wish(param)
        order_id, now = str(param.get("orderId") or ""), self._world.now()
        self._world.carrier_book.label_calls[order_id] += 1
        earlier = self._made.get(order_id) if order_id else None
        same = earlier is not None and now - earlier.made_at < REPEAT_LABEL_WITHIN
        if earlier is not None and same and param.get("reorder") in (False, "false"):
            return self._told(earlier)
        if self.refuses:
            raise LabelRefusal(self.code, self.refuses)
        if self.balance is not None:
            if self.balance < 1:
                raise LabelRefusal(601, "电子面单余额不足，请充值")
            self.balance -= 1
        return self._told(self._make(order_id, param, now))

    def _check_wish(self, param: dict[str, Any]) -> None:
        needed = ["printType", "kuaidicom", "sendMan"]
        if not param.get("oaid") and not param.get("caid"):
            needed.append("recMan")
        missing = [name for name in needed if not param.get(name)]
        if missing:
            raise LabelRefusal(400, f"{missing[0]}不能为空")
        if param["kuaidicom"] not in self._companies:
            raise LabelRefusal(400, "不支持的快递公司")
        to = param.get("recMan") or {}
        if "*" in str(to.get("name", "")) and param.get("net") not in PLATFORMS:
            # as carriers do, with what they do not understand
            raise LabelRefusal(400, f"收件人{to.get('name')}、地址{to.get('printAddr')}无法识别")

    def _intercept(self, param: dict[str, Any]) -> dict[str, Any]:
        """Take a parcel back, once."""
        number, wish = str(param.get("kuaidinum") or ""), param.get("interceptType")
        if wish not in ("RETURN_SEND_STATION", "RETURN_SEND_ADDR"):
            raise LabelRefusal(400, "interceptType不正确")
        if param.get("kuaidicom") not in self._companies or not 6 <= len(number) <= 32:
            raise LabelRefusal(400, "快递公司或单号不正确")
        if number in self._intercepts:
            raise LabelRefusal(400, "该运单已发起拦截")
        self._intercepts[number] = str(wish)
        return {}

    def _make(self, order_id: str, param: dict[str, Any], now: datetime) -> Waybill:
        company = str(param["kuaidicom"])
        number, self.number = self.number or self._world.printer.next(company), ""
        waybill = Waybill(order_id, company, number, signatures.kuaidi100(number), now, param["printType"] == "IMAGE")
        self._made[order_id] = self._by_task[waybill.task] = waybill
        man = param.get("recMan") or {}
        self._world.carrier_book.labels.append(
            {
                "order_id": order_id,
                "company": company,
                "number": number,
                "at": now.isoformat(),
                "net": str(param.get("net") or ""),
                "handle": str(param.get("oaid") or param.get("caid") or ""),
                "platform_order": str(param.get("thirdOrderId") or ""),
                "collection": str(param.get("collection") or ""),
                "to": man,
                "cancelled": 0,
            }
        )
        phone = "".join(sign for sign in str(man.get("mobile") or man.get("tel") or "") if sign.isdigit())
        self._parcels.handed_over(company, number, phone[-4:])
        return waybill

    def _told(self, waybill: Waybill) -> dict[str, Any]:
        return {
            "kuaidinum": waybill.number,
            "taskId": waybill.task,
            "label": self._address(waybill) if waybill.prints else "",
            "childNum": "",
            "returnNum": "",
            "bulkpen": "",
            "kdComOrderNum": f"KD{waybill.number}",
        }

    def _address(self, waybill: Waybill) -> str:
        return f"{self._world.url}/label/{waybill.task}"

    def _print_again(self, param: dict[str, Any]) -> dict[str, Any]:
        waybill = self._by_task.get(str(param.get("taskId") or ""))
        if waybill is None:
            raise LabelRefusal(400, "任务不存在")
        return {"taskId": waybill.task, "label": self._address(waybill) if waybill.prints else ""}

    def _cancel(self, param: dict[str, Any]) -> dict[str, Any]:
        number = str(param.get("kuaidinum") or "")
        waybill = next((each for each in self._by_task.values() if each.number == number), None)
        if waybill is None or str(param.get("orderId") or "") != f"KD{number}":
            raise LabelRefusal(400, "单号不存在")
        for row in self._world.carrier_book.labels:
            row["cancelled"] += row["number"] == number
        if waybill.cancelled:
            raise LabelRefusal(400, "该单号已取消")
        waybill.cancelled = True
        return {}

    async def image(self, request: Request) -> Response:
        """Answer GET /label/{task}: the label's picture."""
        waybill = self._by_task.get(request.path_params["task"])
        if waybill is None or not waybill.prints:
            return Response("not found", 404)
        return Response(picture(waybill.number), media_type="image/png")


def picture(text: str) -> bytes:
    """Return a small white PNG that carries a text."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\x00" + b"\xff" * 4 for _ in range(7))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 7, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"tEXt", b"Title\x00" + text.encode("latin-1"))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
