"""Aliyun Market's express query: the same parcels as the tracking network knows, told without codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.clock import CHINA
from sandbox.faulty import Faulty
from sandbox.forms import query_of
from sandbox.kuaidi100 import recognise
from sandbox.parcels import SCANS, Parcel, ParcelBook
from sandbox.world import World

TARGET = "carrier:aliyun"
TYPES = {
    "SFEXPRESS": ("shunfeng", "顺丰速运"),
    "YTO": ("yuantong", "圆通速递"),
    "ZTO": ("zhongtong", "中通快递"),
    "STO": ("shentong", "申通快递"),
    "YUNDA": ("yunda", "韵达快递"),
    "EMS": ("ems", "EMS"),
    "JD": ("jd", "京东快递"),
    "DEPPON": ("debangkuaidi", "德邦快递"),
    "CHINAPOST": ("youzhengguonei", "邮政快递包裹"),
    "JITU": ("jtexpress", "极兔速递"),
}
PHONE_NEEDED = frozenset({"shunfeng", "zhongtong"})
STATUS = {
    "collected": "0",
    "in_transit": "1",
    "arrived_city": "1",
    "out_for_delivery": "2",
    "at_pickup_point": "2",
    "delivered": "3",
    "problem": "5",
    "returning": "5",
    "returned": "6",
}
QUERY_GAP = timedelta(minutes=30)


def _said(status: str, message: str, **more: Any) -> JSONResponse:
    return JSONResponse({"status": status, "msg": message, **more})


def _refused(status: int, message: str) -> Response:
    """The gateway's refusal: the reason stands in a header, the body is empty."""
    return Response(b"", status, {"x-ca-error-message": message, "x-ca-request-id": "0C2B8A1E-SANDBOX"})


def _refuse(kind: str) -> Response:
    if kind == "expired_token":
        return _refused(403, "Quota Exhausted")
    return _refused(429, "Throttled by Flow Control")


class Aliyun:
    """The gateway and the supplier behind it."""

    def __init__(self, world: World, parcels: ParcelBook, faulty: Faulty) -> None:
        self._world = world
        self._parcels = parcels
        self._faulty = faulty
        self._asked: dict[str, datetime] = {}

    def clear(self) -> None:
        """Forget who asked when."""
        self._asked.clear()

    async def track(self, request: Request) -> Response:
        """Answer GET /kdi."""
        return await self._answer(request, self._track)

    async def carrier_of(self, request: Request) -> Response:
        """Answer GET /exCompany."""
        return await self._answer(request, self._carrier_of)

    async def carriers(self, request: Request) -> Response:
        """Answer GET /getExpressList."""
        names = {code: name for code, (_, name) in TYPES.items()}
        return await self._answer(request, lambda _: _said("200", "查询成功", result=names))

    async def _answer(self, request: Request, answer: Callable[[dict[str, str]], Response]) -> Response:
        async def handle() -> Response:
            if request.headers.get("authorization") != f"APPCODE {self._world.aliyun_appcode}":
                return _refused(400, "Invalid AppCode `not exists`")
            return answer(query_of(request))

        return await self._faulty.apply(request, TARGET, request.url.path, handle, _refuse)

    def _track(self, asked: dict[str, str]) -> Response:
        number, _, phone = asked.get("no", "").partition(":")
        if not re.fullmatch(r"[0-9A-Za-z-]{6,32}", number):
            return _said("201", "快递单号错误")
        wanted = asked.get("type", "").upper()
        if wanted not in ("", "AUTO") and wanted not in TYPES:
            return _said("203", "快递公司不存在")
        company = TYPES[wanted][0] if wanted in TYPES else next(iter(recognise(number)), "")
        if not company:
            return _said("204", "快递公司识别失败")
        self._book(number)
        parcel = self._parcels.find(company, number)
        if parcel is None or not parcel.scans:
            return _said("205", "没有信息")
        if company in PHONE_NEEDED and (len(phone) != 4 or (parcel.phone and phone != parcel.phone)):
            return _said("205", "没有信息")
        return _said("0", "ok", result=_result(parcel, company))

    def _book(self, number: str) -> None:
        now, book = self._world.now(), self._world.carrier_book
        book.asked_elsewhere[number] += 1
        if number in self._asked and now - self._asked[number] < QUERY_GAP:
            book.asked_too_soon.append(number)
        self._asked[number] = now

    def _carrier_of(self, asked: dict[str, str]) -> Response:
        number = asked.get("no", "").partition(":")[0]
        found = [{"type": code, "name": name} for code, (own, name) in TYPES.items() if own in recognise(number)]
        return _said("0", "ok", number=number, list=found) if found else _said("204", "快递公司识别失败")


def _result(parcel: Parcel, company: str) -> dict[str, Any]:
    code, name = next((code, name) for code, (own, name) in TYPES.items() if own == company)
    rows = [
        {"time": f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}", "status": _bracketed(SCANS[stage].sentence)}
        for stage, at in reversed(parcel.scans)
    ]
    return {
        "number": parcel.number,
        "type": code.lower(),
        "list": rows,
        "deliverystatus": STATUS[parcel.stage],
        "issign": "1" if parcel.stage == "delivered" else "0",
        "expName": name,
        "expSite": "",
        "expPhone": "95311",
        "courier": "李师傅",
        "courierPhone": "13800138000",
        "updateTime": rows[0]["time"],
        "takeTime": "",
        "logo": "",
    }


def _bracketed(sentence: str) -> str:
    """The sentence as this supplier writes it."""
    return sentence.replace("[", "【").replace("]", "】")
