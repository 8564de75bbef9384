"""The Kuaidi100 tracking network: subscribe, realtime query, carrier recognition, labels, pushes."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import signatures
from sandbox.callbacks import Callback, Courier
from sandbox.faulty import Faulty
from sandbox.forms import form_of, query_of
from sandbox.kuaidi100_labels import LabelDesk
from sandbox.parcels import TERMINAL, Parcel, ParcelBook, Subscription
from sandbox.waybills import SHAPES
from sandbox.world import World

TARGET = "carrier:kuaidi100"
PHONE_NEEDED = frozenset({"shunfeng", "shunfengkuaiyun", "zhongtong"})
OTHER_COMPANIES = frozenset(
    {"shunfengkuaiyun", "zhongtongkuaiyun", "zhaijisong", "kuayue", "annengwuliu", "jingdongkuaiyun", "fengwang"}
)
COMPANIES = frozenset(SHAPES) | OTHER_COMPANIES
NAMES = {
    "shunfeng": "顺丰速运",
    "yuantong": "圆通速递",
    "zhongtong": "中通快递",
    "shentong": "申通快递",
    "yunda": "韵达快递",
    "jtexpress": "极兔速递",
    "jd": "京东快递",
    "ems": "EMS",
    "youzhengguonei": "邮政快递包裹",
    "debangkuaidi": "德邦快递",
}
SIGN_TYPES = {"MD5", "SHA256", "SM3"} & {name.upper() for name in hashlib.algorithms_available}
QUERY_GAP = timedelta(minutes=30)
RESUBSCRIBE_GAP = timedelta(minutes=30)
SUBSCRIPTIONS_A_MONTH = 4


class Refusal(Exception):
    """An answer other than 200, by the vendor's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def answer(self) -> JSONResponse:
        """Return the documented error body; the HTTP status is 200 all the same."""
        return JSONResponse({"result": False, "returnCode": self.code, "message": self.message})


def _refuse(kind: str) -> Response:
    if kind == "expired_token":
        return Refusal("601", "KEY已过期").answer()
    return Refusal("504", "请求过于频繁").answer()


def _last_four(phone: str) -> str:
    return re.sub(r"\D", "", phone)[-4:]


class Kuaidi100:
    """The vendor's side of every call, and what it pushes."""

    def __init__(self, world: World, courier: Courier, parcels: ParcelBook, faulty: Faulty) -> None:
        self._world = world
        self._courier = courier
        self._parcels = parcels
        self._faulty = faulty
        self.labels = LabelDesk(world, parcels, COMPANIES)

    def clear(self) -> None:
        """Forget the labels made so far."""
        self.labels.clear()

    async def subscribe(self, request: Request) -> Response:
        """Answer POST /poll."""
        return await self._answer(request, self._subscribe)

    async def query(self, request: Request) -> Response:
        """Answer POST /poll/query.do."""
        return await self._answer(request, self._query)

    async def recognition(self, request: Request) -> Response:
        """Answer GET or POST /autonumber/auto."""
        return await self._answer(request, self._recognition)

    async def label(self, request: Request) -> Response:
        """Answer POST /label/order and /eorderapi.do; faults find it by path and method (`/label/order cancel`)."""
        return await self._answer(request, self.labels.answer)

    async def _answer(self, request: Request, answer: Callable[[dict[str, str]], Response]) -> Response:
        fields = await form_of(request)
        operation = f"{request.url.path} {fields.get('method', '')}".strip()
        # only carrier recognition is documented with its parameters in the query
        if request.method == "GET":
            fields = query_of(request)

        async def handle() -> Response:
            try:
                return answer(fields)
            except Refusal as refusal:
                return refusal.answer()

        return await self._faulty.apply(request, TARGET, operation, handle, _refuse)

    def _subscribe(self, form: dict[str, str]) -> Response:
        try:
            param = json.loads(form["param"])
            options = dict(param.get("parameters") or {})
            company, number = str(param.get("company") or ""), str(param["number"])
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Refusal("500", "服务器错误：参数格式不正确") from None
        if form.get("schema") != "json":
            raise Refusal("500", "服务器错误：schema只支持json")
        if param.get("key") != self._world.kuaidi_key:
            raise Refusal("600", "您不是合法的订阅者（即授权Key出错）")
        if str(options.get("autoCom") or "") == "1":
            if company:
                raise Refusal("701", "订阅方的订阅数据存在错误：autoCom=1时公司编码必须为空")
            company = next(iter(recognise(number)), "")
            if not company:
                raise Refusal("702", "识别不到该单号对应的快递公司")
        url, phone = str(options.get("callbackurl") or ""), str(options.get("phone") or "")
        if company not in COMPANIES:
            raise Refusal("700", "订阅方的订阅数据存在错误：不支持的快递公司")
        if not 6 <= len(number) <= 32 or not url.startswith(("http://", "https://")):
            raise Refusal("701", "订阅方的订阅数据存在错误：单号或回调地址不正确")
        if company in PHONE_NEEDED and len(_last_four(phone)) < 4:
            raise Refusal("701", "订阅方的订阅数据存在错误：该快递公司需要手机号")
        return self._subscribed(company, number, phone, options)

    def _subscribed(self, company: str, number: str, phone: str, options: dict[str, Any]) -> Response:
        now = self._world.now()
        row = self._world.carrier_book.subscriptions.setdefault(
            (company, number),
            {
                "company": company,
                "number": number,
                "count": 0,
                "callbackurl": str(options["callbackurl"]),
                "phone": _last_four(phone),
            },
        )
        row["count"] += 1
        parcel = self._parcels.handed_over(company, number)
        running = parcel.subscription
        if running is not None and (
            running.status == "polling" or (running.ended_at and now - running.ended_at < RESUBSCRIBE_GAP)
        ):
            raise Refusal("501", "重复订阅")
        month_ago = now - timedelta(days=30)
        parcel.subscribed_at = [moment for moment in parcel.subscribed_at if moment > month_ago]
        if len(parcel.subscribed_at) >= SUBSCRIPTIONS_A_MONTH:
            raise Refusal("701", "订阅方的订阅数据存在错误：同一单号一个月内只能订阅4次")
        parcel.subscribed_at.append(now)
        parcel.phone = _last_four(phone) or parcel.phone
        salt = options.get("salt")
        parcel.subscription = Subscription(
            callbackurl=str(options["callbackurl"]),
            salt=None if salt is None else str(salt),
            resultv2=str(options.get("resultv2") or ""),
        )
        row |= {"callbackurl": parcel.subscription.callbackurl, "phone": parcel.phone}
        return JSONResponse({"result": True, "returnCode": "200", "message": "提交成功"})

    def _query(self, form: dict[str, str]) -> Response:
        text, sign_type = form.get("param", ""), form.get("signType") or "MD5"
        if not text or not form.get("customer") or not form.get("sign"):
            raise Refusal("400", "提交的数据不完整，或者贵公司没授权")
        if sign_type not in SIGN_TYPES:
            raise Refusal("400", f"提交的数据不完整：不支持的signType {sign_type}")
        expected = signatures.kuaidi100(text, self._world.kuaidi_key, form["customer"], sign_type=sign_type)
        if form["customer"] != self._world.kuaidi_customer or not signatures.same(form["sign"], expected):
            raise Refusal("503", "验证签名失败")
        try:
            param = json.loads(text)
            company, number = str(param["com"]), str(param["num"])
        except (KeyError, ValueError, TypeError):
            raise Refusal("400", "提交的数据不完整，或者贵公司没授权") from None
        if company not in COMPANIES:
            raise Refusal("400", "找不到对应公司")
        if not 6 <= len(number) <= 32:
            raise Refusal("400", "提交的数据不完整：快递单号长度不正确")
        resultv2 = str(param.get("resultv2") or "")
        if resultv2 == "8" and not param.get("to"):
            raise Refusal("400", "提交的数据不完整：resultv2=8需要目的地")
        self._world.carrier_book.queries[number] += 1
        return self._history(company, number, str(param.get("phone") or ""), resultv2, param.get("order") != "asc")

    def _history(self, company: str, number: str, phone: str, resultv2: str, newest_first: bool) -> Response:
        parcel = self._parcels.find(company, number)
        if company in PHONE_NEEDED:
            known = parcel.phone if parcel else ""
            if len(_last_four(phone)) < 4 or (known and _last_four(phone) != known):
                raise Refusal("408", "快递公司参数异常：验证码错误")
        if parcel is None:
            raise Refusal("500", "查询无结果，请隔段时间再查")
        now = self._world.now()
        if parcel.queried_at and timedelta(0) <= now - parcel.queried_at < QUERY_GAP:
            if number not in self._world.carrier_book.locked:
                self._world.carrier_book.locked.append(number)
            raise Refusal("504", "查询过于频繁，该单号已被锁定")
        parcel.queried_at = now
        if not parcel.scans:
            raise Refusal("500", "查询无结果，请隔段时间再查")
        answer = parcel.result(resultv2, company, newest_first)
        if resultv2 in {"4", "8"}:
            answer |= {"routeInfo": _route(parcel), "isLoop": False}
        return JSONResponse(answer)

    def _recognition(self, params: dict[str, str]) -> Response:
        if not params.get("key"):
            raise Refusal("701", "key缺失")
        if params["key"] != self._world.kuaidi_key:
            raise Refusal("601", "KEY已过期或未开通")
        number = params.get("num", "")
        if not 6 <= len(number) <= 32:
            raise Refusal("201", "单号不正确")
        return JSONResponse(
            [{"lengthPre": len(number), "comCode": code, "name": NAMES.get(code, code)} for code in recognise(number)]
        )

    async def advance(self, body: dict[str, Any]) -> dict[str, int]:
        """Move parcels on (or give up on them) and push what their followers should know.

        Without `waybills` these are all followed parcels; named ones move even when nobody follows.
        """
        waybills, limit = body.get("waybills"), body.get("limit")
        pushes: list[Callback] = []
        for parcel in self._parcels.chosen(None if waybills is None else list(map(str, waybills))):
            if limit is not None and len(pushes) >= int(limit):
                break
            push = self._abort(parcel, body) if body.get("abort") else self._move(parcel, str(body.get("to")))
            if push is not None:
                pushes.append(push)
        outcome = await self._courier.deliver(pushes)
        counts = Counter(sent=len(pushes), acknowledged=sum(outcome), failed=len(pushes) - sum(outcome))
        self._world.carrier_book.pushed.update(counts)
        return dict(counts)

    def _move(self, parcel: Parcel, to: str) -> Callback | None:
        subscription = parcel.subscription
        if subscription is not None and subscription.status == "abort" and not parcel.corrected_to:
            return None
        if not parcel.advance(to, self._world.now()) or subscription is None:
            return None
        ended = parcel.stage in TERMINAL
        subscription.status = "shutdown" if ended else "polling"
        subscription.ended_at = self._world.now() if ended else None
        corrected = parcel.corrected_to
        return self._push(
            subscription,
            {
                "status": subscription.status,
                "billstatus": "check" if ended else "change",
                "message": "签收" if ended else "到达",
                "autoCheck": "1" if corrected else "0",
                "comOld": parcel.company if corrected else "",
                "comNew": corrected,
                "lastResult": parcel.result(subscription.resultv2, corrected or parcel.company),
            },
        )

    def _abort(self, parcel: Parcel, body: dict[str, Any]) -> Callback | None:
        subscription = parcel.subscription
        if subscription is None or subscription.status != "polling":
            return None
        subscription.status, subscription.ended_at = "abort", self._world.now()
        parcel.corrected_to = str(body.get("comNew") or "")
        return self._push(
            subscription,
            {
                "status": "abort",
                "billstatus": "",
                "message": body["abort"] if isinstance(body["abort"], str) else "3天查询无记录",
                "autoCheck": "0",
                "comOld": "",
                "comNew": parcel.corrected_to,
                "lastResult": parcel.result(subscription.resultv2),
            },
        )

    def _push(self, subscription: Subscription, content: dict[str, Any]) -> Callback:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return Callback(
            TARGET, subscription.callbackurl, content["status"], partial(_signed, subscription, text), _understood
        )


def _signed(subscription: Subscription, text: str, forged: bool) -> tuple[bytes, dict[str, str]]:
    fields = {"param": text}
    if subscription.salt is not None:
        fields["sign"] = signatures.kuaidi100(text, "forged" if forged else subscription.salt)
    return urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def _understood(response: httpx.Response) -> bool:
    try:
        answer = response.json()
        return response.is_success and answer["result"] is True and str(answer["returnCode"]) == "200"
    except (ValueError, KeyError, TypeError):
        return False


def _route(parcel: Parcel) -> dict[str, Any]:
    start = {"number": "CN330110000000", "name": "浙江,杭州市,余杭区"}
    goal = {"number": "CN440305000000", "name": "广东,深圳市,南山区"}
    there = parcel.stage in {"arrived_city", "out_for_delivery", "at_pickup_point", "delivered", "problem"}
    return {"from": start, "cur": goal if there else start, "to": goal}


_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"SF\d{12,13}", "shunfeng"),
    (r"YT\d{13}", "yuantong"),
    (r"JT\d{13}", "jtexpress"),
    (r"JD[A-Z]{0,2}\d{9,13}", "jd"),
    (r"DPK\d{12}", "debangkuaidi"),
    (r"77\d{13}", "shentong"),
    (r"7[3-9]\d{12}", "zhongtong"),
    (r"4[36]\d{13}", "yunda"),
    (r"98\d{11}", "youzhengguonei"),
    (r"1[0-3]\d{11}", "ems"),
)


def recognise(number: str) -> list[str]:
    """Return the carriers this number could belong to, likeliest first."""
    return [code for pattern, code in _PATTERNS if re.fullmatch(pattern, number)]
