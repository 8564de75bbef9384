"""A warehouse system that speaks Qimen: XML both ways, signed over query and body with one secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import httpx
from starlette.requests import Request
from starlette.responses import Response

from sandbox import signatures
from sandbox.callbacks import RETRY_DELAYS_S, Callback
from sandbox.clock import CHINA, wall_now
from sandbox.errors import ControlError
from sandbox.warehouse_system import WarehouseSystem, count, taken_into_work
from sandbox.warehouses import OPEN_STATES, Document, Receipt, Warehouse, pack, shipped_quantities
from sandbox.world import invented

TOLERANCE = timedelta(minutes=10)
PREFIX = "taobao.qimen."

Fields = dict[str, Any]
"""An element's children by name: texts, further fields, or a list of either for one that repeats."""


class Qimen(WarehouseSystem):
    """The simulated warehouses that speak Qimen: what they answer and what they report."""

    async def call(self, request: Request) -> Response:
        """Take one call of the order system."""
        code = request.path_params["code"]
        warehouse = self._world.warehouses.get(code)
        if warehouse is None or warehouse.speaks != "qimen":
            return _refused("isv.invalid-customer", f"no warehouse {code} speaks Qimen")
        body = (await request.body()).decode()
        query = dict(request.query_params)
        method = query.get("method", "").removeprefix(PREFIX)

        async def handle() -> Response:
            return self._answer(warehouse, query, method, body)

        return await self._faulty.apply(request, warehouse.target, method, handle, _gateway_error)

    def _answer(self, warehouse: Warehouse, query: dict[str, str], method: str, body: str) -> Response:
        if not self._is_signed(warehouse, query, body):
            return _refused("sign-check-failure", "Illegal request")
        answers = {
            "deliveryorder.create": self._create,
            "order.cancel": self._cancel,
            "inventory.query": self._stock,
        }
        if method not in answers:
            return _refused("isv.invalid-method", f"no method {method}")
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            return _refused("S001", f"报文格式错误: {error}")
        return answers[method](warehouse, root)

    def _is_signed(self, warehouse: Warehouse, query: dict[str, str], body: str) -> bool:
        given = query.pop("sign", "")
        habits = warehouse.qimen
        if query.get("app_key") != warehouse.app_key or query.get("customerId") != warehouse.customer_id:
            return False
        if query.get("sign_method") != habits.sign_method or not self._is_timely(query.get("timestamp", "")):
            return False
        expected = signatures.qimen(query, body, warehouse.app_secret, habits.sign_method, habits.wrap)
        return signatures.same(given, expected)

    def _is_timely(self, stamp: str) -> bool:
        try:
            sent = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError:
            return False
        # senders stamp with the wall clock or, in a simulated day, with the platform's
        return any(abs(now - sent) <= TOLERANCE for now in (wall_now(), self._world.now()))

    def _create(self, warehouse: Warehouse, root: ElementTree.Element) -> Response:
        no = _text(root, "deliveryOrder/deliveryOrderCode")
        lines = [_line(line) for line in root.findall("orderLines/orderLine")]
        if not no or not lines:
            return _refused("S002", "缺少必填字段: deliveryOrderCode, orderLines")
        receipt = f"create:{no}"
        if receipt in warehouse.receipts:
            warehouse.receipts[receipt].received += 1
            if warehouse.qimen.repeat == "exists":
                return _refused("S008", f"出库单号已存在:{no}")
            return _taken({"deliveryOrderId": warehouse.documents[no].wms_no})
        if unknown := [line["sku"] for line in lines if line["sku"] in warehouse.qimen.refuses]:
            return _refused("S003", f"商品编码不存在:{unknown[0]}")
        wms_no = self._next_wms_no(warehouse)
        document = Document(no, wms_no, 1, _data(root, lines))
        warehouse.receipts[receipt] = Receipt(receipt, "outbound.created", no, 1)
        warehouse.documents[no] = document
        if warehouse.mode == "auto":
            self._courier.later(self._work, warehouse, document)
        return _taken({"deliveryOrderId": wms_no})

    def _cancel(self, warehouse: Warehouse, root: ElementTree.Element) -> Response:
        no = _text(root, "orderCode")
        receipt = f"cancel:{no}"
        known = warehouse.receipts.setdefault(receipt, Receipt(receipt, "outbound.cancel_requested", no, 1, 0))
        known.received += 1
        document = warehouse.documents.get(no)
        if document is None:
            return _refused("S004", f"单据不存在:{no}")
        if document.state == "cancelled":
            return _refused("S010", f"单据已取消:{no}")
        reason = "SHIPPED" if document.state == "shipped" else warehouse.cancel_reason
        if not reason:
            document.state = "cancelled"
        if warehouse.qimen.cancel == "later":
            status = "CANCELEDFAIL" if reason else "CANCELED"
            self._courier.send_later(
                self._callbacks(warehouse, [self._process(document, status, reason)]),
                RETRY_DELAYS_S,
                partial(count, warehouse),
            )
            return _taken({})
        return _refused("S009", f"不能取消:{reason}") if reason else _taken({})

    def _stock(self, warehouse: Warehouse, root: ElementTree.Element) -> Response:
        """Answer in two batches where there is enough for two, with what is damaged beside them."""
        there = {str(item["sku"]): item for item in warehouse.stock_items()}
        rows: list[Fields] = []
        for criteria in root.findall("criteriaList/criteria"):
            sku = _text(criteria, "itemCode")
            known = {"warehouseCode": warehouse.code, "itemCode": sku}
            if sku in there:
                available, frozen = int(there[sku]["available"]), int(there[sku]["frozen"])
                first = available // 2
                rows.append(known | _batch("ZP", "B1", first, frozen))
                rows.append(known | _batch("ZP", "B2", available - first, 0))
            if sku in warehouse.qimen.defective:
                rows.append(known | _batch("CC", "B1", warehouse.qimen.defective[sku], 0))
        return _taken({"items": {"item": rows}})

    async def accept(self, warehouse: Warehouse, documents: list[Document]) -> dict[str, int]:
        """Take documents into work and report so."""
        fresh = taken_into_work(documents)
        return await self._send(warehouse, [self._process(document, "ACCEPT") for document in fresh])

    async def ship(
        self,
        warehouse: Warehouse,
        documents: list[Document],
        wishes: dict[str, Any],
        retry_delays_s: tuple[float, ...] = (),
    ) -> dict[str, int]:
        """Ship documents now: what is missing is told first, then the boxes, with `in_parts` one by one.

        With `left_over` the last of them is not called final: that nothing more leaves is told by itself.
        """
        said = [self._leave(warehouse, document, wishes) for document in documents if document.state in OPEN_STATES]
        # one document's reports go one after the other, those of several at once
        turns = [
            [reports[number] for reports in said if number < len(reports)]
            for number in range(max(map(len, said), default=0))
        ]
        groups = [self._callbacks(warehouse, reports) for reports in turns]
        return count(warehouse, await self._courier.deliver_in_turn(groups, retry_delays_s))

    def _leave(self, warehouse: Warehouse, document: Document, wishes: dict[str, Any]) -> list[tuple[str, str]]:
        """Let a document leave; return what there is to say of it."""
        short = wishes.get("short") or {}
        carrier = str(wishes.get("carrier") or document.data["carrier"]["code"] or warehouse.carrier)
        packages = pack(document, carrier, int(wishes.get("packages") or 1), short, self._world.printer)
        gone = self._hand_over(warehouse, document, packages)
        said = [self._lack(document, short)] if short else []
        parts = [[package] for package in packages] if wishes.get("in_parts") and packages else [packages]
        said += [self._confirm(document, part, final=part is parts[-1]) for part in parts]
        if wishes.get("left_over"):
            said[-1:] = [self._confirm(document, parts[-1], final=False), self._confirm(document, [], final=True)]
        if gone and warehouse.tells_changes:
            said.append(self._changed(warehouse, document, gone))
        return said

    async def send(self, warehouse: Warehouse, body: dict[str, Any]) -> dict[str, int]:
        """Send any call as the warehouse: its `method` and the text of its `body`."""
        return await self._send(warehouse, [(str(body["method"]), str(body["body"]))])

    async def report_stock(self, warehouse: Warehouse, page_items: int) -> dict[str, int]:
        """Refuse: the protocol tells differences, and is asked for what there is."""
        raise ControlError(f"warehouse {warehouse.code}: Qimen is asked for its stock, by inventory.query")

    async def change_stock(
        self, warehouse: Warehouse, changes: dict[str, Any], reason: str, ref_no: str = ""
    ) -> dict[str, int]:
        """Let units come or go and report by how much, as a correction."""
        done = warehouse.change_stock(changes)
        items = [
            {"itemCode": sku, "inventoryType": "ZP", "quantity": units, "totalQty": warehouse.stock[sku]}
            for sku, units in done.items()
        ]
        report = {
            "totalPage": 1,
            "currentPage": 1,
            "pageSize": len(items),
            "warehouseCode": warehouse.code,
            "checkOrderCode": ref_no,
            "checkTime": self._china_now(),
            "outBizCode": uuid4().hex,
            "adjustType": reason,
            "items": {"item": items},
        }
        return await self._send(warehouse, [("inventory.report", _xml("request", report))] if done else [])

    def _process(self, document: Document, status: str, info: str = "") -> tuple[str, str]:
        order = {"orderCode": document.outbound_no, "orderId": document.wms_no, "orderType": "JYCK"}
        process = {"processStatus": status, "operateTime": self._china_now(), "operateInfo": info}
        return "orderprocess.report", _xml("request", {"order": order, "process": process})

    def _lack(self, document: Document, short: dict[str, Any]) -> tuple[str, str]:
        items = [
            {
                "itemCode": line["sku"],
                "inventoryType": "ZP",
                "planQty": line["qty"],
                "lackQty": int(line["qty"]) - leaves,
                "reason": "实物报缺",
            }
            for line, leaves in shipped_quantities(document, short)
            if leaves < int(line["qty"])
        ]
        report = {
            "deliveryOrderCode": document.outbound_no,
            "deliveryOrderId": document.wms_no,
            "createTime": self._china_now(),
            "outBizCode": document.next_event_id(),
            "items": {"item": items},
        }
        return "itemlack.report", _xml("request", report)

    def _confirm(self, document: Document, packages: Sequence[dict[str, Any]], *, final: bool) -> tuple[str, str]:
        left = Counter[str]()
        for package in packages:
            for line in package["lines"]:
                left[line["line_no"]] += line["qty"]
        order = {
            "deliveryOrderCode": document.outbound_no,
            "deliveryOrderId": document.wms_no,
            "orderType": "JYCK",
            "status": "DELIVERED" if final else "PARTDELIVERED",
            "outBizCode": document.next_event_id(),
            "confirmType": 0 if final else 1,
            "orderConfirmTime": self._china_now(),
        }
        lines = [
            {
                "orderLineNo": line["line_no"],
                "itemCode": line["sku"],
                "inventoryType": "ZP",
                "planQty": line["qty"],
                "actualQty": left[line["line_no"]],
            }
            for line in document.data["lines"]
        ]
        said = {
            "deliveryOrder": order,
            "packages": {"package": [_package(package) for package in packages]},
            "orderLines": {"orderLine": lines},
        }
        return "deliveryorder.confirm", _xml("request", said)

    def _changed(self, warehouse: Warehouse, document: Document, gone: dict[str, int]) -> tuple[str, str]:
        biz = document.next_event_id()
        items = [
            {
                "warehouseCode": warehouse.code,
                "orderCode": document.outbound_no,
                "orderType": "JYCK",
                "outBizCode": biz,
                "itemCode": sku,
                "inventoryType": "ZP",
                "quantity": units,
                "changeTime": self._china_now(),
            }
            for sku, units in gone.items()
        ]
        return "stockchange.report", _xml("request", {"items": {"item": items}})

    def _callbacks(self, warehouse: Warehouse, reports: Sequence[tuple[str, str]]) -> list[Callback]:
        return [
            Callback(
                warehouse.target,
                warehouse.callback_url,
                method,
                partial(_rendered, body.encode()),
                _is_taken,
                partial(self._signed, warehouse, method, body),
            )
            for method, body in reports
            if warehouse.callback_url
        ]

    def _signed(self, warehouse: Warehouse, method: str, body: str, forged: bool) -> dict[str, str]:
        now = wall_now() if warehouse.stamps == "wall" else self._world.now()
        habits = warehouse.qimen
        query = {
            "method": method,
            "app_key": warehouse.app_key,
            "timestamp": f"{now.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
            "format": "xml",
            "v": "2.0",
            "sign_method": habits.sign_method,
            "customerId": warehouse.customer_id,
        }
        secret = invented("forged", 32) if forged else warehouse.app_secret
        return query | {"sign": signatures.qimen(query, body, secret, habits.sign_method, habits.wrap)}

    async def _send(
        self, warehouse: Warehouse, reports: Sequence[tuple[str, str]], retry_delays_s: tuple[float, ...] = ()
    ) -> dict[str, int]:
        taken = await self._courier.deliver(self._callbacks(warehouse, reports), retry_delays_s)
        return count(warehouse, taken)

    def _china_now(self) -> str:
        return f"{self._world.now().astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def _rendered(body: bytes, forged: bool) -> tuple[bytes, dict[str, str]]:
    return body, {"content-type": "text/xml;charset=UTF-8"}


def _is_taken(response: httpx.Response) -> bool:
    """Whether the order system took a report: its flag decides."""
    try:
        return ElementTree.fromstring(response.content).findtext("flag") == "success"
    except ElementTree.ParseError:
        return False


def _text(root: ElementTree.Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def _line(line: ElementTree.Element) -> dict[str, Any]:
    return {
        "line_no": _text(line, "orderLineNo"),
        "sku": _text(line, "itemCode"),
        "qty": int(_text(line, "planQty")),
        "batch": _text(line, "batchCode") or None,
        "order_no": _text(line, "sourceOrderCode"),
    }


def _data(root: ElementTree.Element, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an order in the words that all simulated warehouses keep it in."""
    return {
        "channel": {"order_nos": list(dict.fromkeys(line["order_no"] for line in lines))},
        "carrier": {
            "code": _text(root, "deliveryOrder/logisticsCode"),
            "tracking_no": _text(root, "deliveryOrder/expressCode"),
        },
        "lines": lines,
    }


def _batch(kind: str, batch: str, units: int, frozen: int) -> Fields:
    return {"inventoryType": kind, "quantity": units, "lockQuantity": frozen, "batchCode": batch}


def _package(package: dict[str, Any]) -> Fields:
    return {
        "logisticsCode": package["carrier_code"],
        "expressCode": package["tracking_no"],
        "packageCode": package["package_no"],
        "weight": package["weight_kg"],
        "items": {"item": [{"itemCode": line["sku"], "quantity": f"{line['qty']}.0"} for line in package["lines"]]},
    }


def _xml(name: str, fields: Fields) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>{_element(name, fields)}'


def _element(name: str, content: Any) -> str:
    if isinstance(content, list):
        return "".join(_element(name, one) for one in content)
    inner = (
        "".join(_element(key, value) for key, value in content.items())
        if isinstance(content, dict)
        else escape(str(content))
    )
    return f"<{name}>{inner}</{name}>"


def _taken(more: Fields) -> Response:
    return _response({"flag": "success", "code": "0", "message": "ok"} | more)


def _refused(code: str, message: str) -> Response:
    return _response({"flag": "failure", "code": code, "message": message, "sub_code": code, "sub_message": ""})


def _response(fields: Fields) -> Response:
    return Response(_xml("response", fields), media_type="text/xml;charset=UTF-8")


def _gateway_error(kind: str) -> Response:
    """Word a fault as the gateway does."""
    fields = {"code": "25", "msg": "Invalid signature"}
    if kind == "rate_limit":
        fields = {"code": "7", "msg": "App Call Limited", "sub_code": "accesscontrol.limited-by-api-access-count"}
    return Response(_xml("error_response", fields), media_type="text/xml;charset=UTF-8")
