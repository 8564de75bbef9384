"""A warehouse system that speaks JSON webhooks, signed in both directions by Standard Webhooks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import signatures
from sandbox.callbacks import RETRY_DELAYS_S, Callback, Courier, is_success
from sandbox.clock import CHINA, wall_now
from sandbox.faulty import Faulty
from sandbox.parcels import ParcelBook
from sandbox.warehouses import OPEN_STATES, Document, Receipt, Warehouse, pack
from sandbox.world import World, webhook_secret

TOLERANCE_S = 300
MAX_BODY_BYTES = 20 * 1024
PULL_TRIES = 3
PAGE_ITEMS = 100


class Wms:
    """All simulated warehouses: what they answer and what they report."""

    def __init__(self, world: World, courier: Courier, parcels: ParcelBook, faulty: Faulty) -> None:
        self._world = world
        self._courier = courier
        self._parcels = parcels
        self._faulty = faulty

    async def inbound(self, request: Request) -> Response:
        """Take one message from the order system."""
        code = request.path_params["code"]
        if code not in self._world.warehouses:
            return JSONResponse({"error": f"no warehouse {code}"}, 404)
        warehouse = self._world.warehouse(code)
        body = await request.body()

        async def handle() -> Response:
            return self._take(request, warehouse, body)

        return await self._faulty.apply(request, warehouse.target, "inbound", handle, _refuse)

    def _take(self, request: Request, warehouse: Warehouse, body: bytes) -> Response:
        if problem := self._signature_problem(request, body, warehouse.secret):
            return JSONResponse({"error": problem}, 401)
        if len(body) > MAX_BODY_BYTES:
            return JSONResponse({"error": "the body is too large: send a pull_url instead of the lines"}, 413)
        try:
            message = json.loads(body)
            kind, data = str(message["type"]), dict(message["data"])
            version = int(data.get("version") or 1)
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "the body is not a message with type and data"}, 400)
        webhook_id = request.headers["webhook-id"]
        if webhook_id in warehouse.receipts:
            warehouse.receipts[webhook_id].received += 1
            return JSONResponse({"result": "duplicate"})
        warehouse.receipts[webhook_id] = Receipt(webhook_id, kind, str(data.get("outbound_no") or ""), version)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return JSONResponse(self._handle(warehouse, kind, data, bearer))

    def _signature_problem(self, request: Request, body: bytes, secret: str) -> str | None:
        headers = request.headers
        message_id, stamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
        given = headers.get("webhook-signature")
        if not message_id or not stamp or not given:
            return "missing required headers"
        if "." in message_id:
            return "webhook-id must not contain a dot"
        if not stamp.isascii() or not stamp.isdigit():
            return "webhook-timestamp is not unix seconds"
        # Senders stamp with the wall clock or, in a simulated day, with the platform's
        times = (wall_now().timestamp(), self._world.now().timestamp())
        if all(abs(now - int(stamp)) > TOLERANCE_S for now in times):
            return "webhook-timestamp is outside the tolerance"
        expected = signatures.standard_webhook(message_id, stamp, body, secret)
        if not any(signatures.same(entry, expected) for entry in given.split(" ")):
            return "no matching signature found"
        return None

    def _handle(self, warehouse: Warehouse, kind: str, data: dict[str, Any], bearer: str) -> dict[str, Any]:
        if kind == "outbound.created":
            return self._created(warehouse, data, bearer)
        if kind == "inventory.query_requested":
            self._courier.later(self.report_stock, warehouse, PAGE_ITEMS, RETRY_DELAYS_S)
            return {"result": "accepted"}
        about_document = {
            "outbound.cancel_requested": self._cancel,
            "outbound.hold": self._hold,
            "outbound.released": self._release,
            "outbound.address_changed": self._change_address,
        }
        if kind in about_document:
            return self._with_document(warehouse, data, about_document[kind])
        if kind == "picklist.created":
            return {"result": "accepted"}
        return {"result": "ignored", "reason": f"unknown type {kind}"}

    def _created(self, warehouse: Warehouse, data: dict[str, Any], bearer: str) -> dict[str, Any]:
        no, version = str(data.get("outbound_no") or ""), int(data.get("version") or 1)
        if not no:
            return {"result": "ignored", "reason": "outbound_no is missing"}
        known = warehouse.documents.get(no)
        if known is not None and version <= known.version:
            return {"result": "duplicate" if version == known.version else "ignored", "reason": "version is known"}
        if known is not None and known.state == "shipped":
            rejection = {"reason_code": "SHIPPED", "reason": "already shipped"}
            self._report(warehouse, known, "outbound.rejected", rejection)
            return {"result": "ignored", "reason": "already shipped"}
        wms_no = (
            known.wms_no if known else f"W{self._world.now().astimezone(CHINA):%Y%m%d}{len(warehouse.documents):06}"
        )
        document = Document(no, wms_no, version, data, events=known.events if known else 0)
        document.pull_url = str(data.get("pull_url") or "")
        document.pull_token = str(data.get("pull_token") or bearer or warehouse.pull_token)
        warehouse.documents[no] = document
        if warehouse.mode == "auto":
            self._courier.later(self._work, warehouse, document)
        elif document.is_thin:
            self._courier.later(self._pull, warehouse, document)
        return {"result": "accepted", "wms_no": wms_no}

    def _with_document(
        self, warehouse: Warehouse, data: dict[str, Any], handle: Callable[[Warehouse, Document, dict[str, Any]], None]
    ) -> dict[str, Any]:
        document = warehouse.documents.get(str(data.get("outbound_no")))
        if document is None:
            return {"result": "ignored", "reason": "unknown outbound_no"}
        handle(warehouse, document, data)
        return {"result": "accepted"}

    def _cancel(self, warehouse: Warehouse, document: Document, data: dict[str, Any]) -> None:
        reason = "SHIPPED" if document.state == "shipped" else warehouse.cancel_reason
        if reason:
            self._report(warehouse, document, "outbound.cancel_failed", {"reason_code": reason})
            return
        document.state = "cancelled"
        detail = {"reason_code": str(data.get("reason_code") or "REQUESTED")}
        self._report(warehouse, document, "outbound.cancelled", detail)

    def _hold(self, warehouse: Warehouse, document: Document, data: dict[str, Any]) -> None:
        if document.state in OPEN_STATES:
            document.state = "held"

    def _release(self, warehouse: Warehouse, document: Document, data: dict[str, Any]) -> None:
        if document.state == "held":
            document.state = "received"
            if warehouse.mode == "auto":
                self._courier.later(self._work, warehouse, document)

    def _change_address(self, warehouse: Warehouse, document: Document, data: dict[str, Any]) -> None:
        if document.state in OPEN_STATES | {"held"}:
            document.data = {**document.data, "receiver": data.get("receiver")}
            document.version = max(document.version, int(data.get("version") or 0))

    async def _work(self, warehouse: Warehouse, document: Document) -> None:
        await self.accept(warehouse, [document])
        if warehouse.ship_after_s:
            await asyncio.sleep(warehouse.ship_after_s)
        if warehouse.documents.get(document.outbound_no) is document and document.state in OPEN_STATES:
            await self.ship(warehouse, [document], {}, RETRY_DELAYS_S)

    async def accept(self, warehouse: Warehouse, documents: list[Document]) -> dict[str, int]:
        """Take documents into work and report so."""
        fresh = [document for document in documents if document.state == "received"]
        for document in fresh:
            document.state = "accepted"
        reports = [self._callback(warehouse, "outbound.accepted", self._facts(document)) for document in fresh]
        return await self._send(warehouse, reports)

    async def ship(
        self,
        warehouse: Warehouse,
        documents: list[Document],
        wishes: dict[str, Any],
        retry_delays_s: tuple[float, ...] = (),
    ) -> dict[str, int]:
        """Ship documents now and report each with one final callback."""
        await asyncio.gather(*(self._pull(warehouse, document) for document in documents if document.is_thin))
        reports = []
        for document in documents:
            if document.is_thin or document.state not in OPEN_STATES:
                continue
            asked = (document.data.get("carrier") or {}).get("code")
            carrier = str(wishes.get("carrier") or asked or warehouse.carrier)
            packages = pack(
                document, carrier, int(wishes.get("packages") or 1), wishes.get("short") or {}, self._world.printer
            )
            document.state = "shipped"
            document.waybills = [package["tracking_no"] for package in packages]
            left: Counter[str] = Counter()
            for package in packages:
                self._parcels.handed_over(package["carrier_code"], package["tracking_no"])
                for line in package["lines"]:
                    if line["sku"] in warehouse.stock:
                        left[line["sku"]] -= line["qty"]
            gone = warehouse.change_stock(left)
            if gone and warehouse.tells_changes:
                reports.append(self._changed(warehouse, gone, "SALE", document.outbound_no))
            detail = {"final": bool(wishes.get("final", True)), "packages": packages}
            reports.append(self._callback(warehouse, "outbound.shipped", self._facts(document) | detail))
        return await self._send(warehouse, reports, retry_delays_s)

    async def send(self, warehouse: Warehouse, body: dict[str, Any]) -> dict[str, int]:
        """Send any message as the warehouse; `webhook_id` repeats an earlier one."""
        callback = self._callback(
            warehouse, str(body.get("type")), dict(body.get("data") or {}), str(body.get("webhook_id") or "")
        )
        return await self._send(warehouse, [callback])

    def _report(self, warehouse: Warehouse, document: Document, kind: str, detail: dict[str, Any]) -> None:
        callback = self._callback(warehouse, kind, self._facts(document) | detail)
        if warehouse.callback_url:
            self._courier.send_later([callback], RETRY_DELAYS_S, partial(_count, warehouse))

    async def report_stock(
        self, warehouse: Warehouse, page_items: int = PAGE_ITEMS, retry_delays_s: tuple[float, ...] = ()
    ) -> dict[str, int]:
        """Report all that lies in a warehouse now, in pages."""
        items = warehouse.stock_items()
        pages = [items[start : start + page_items] for start in range(0, len(items), page_items)] or [[]]
        now = self._world.now().astimezone(CHINA).isoformat()
        said = {"snapshot_id": uuid4().hex, "as_of": now, "pages": len(pages), "occurred_at": now, "complete": True}
        reports = [
            self._callback(
                warehouse,
                "inventory.snapshot",
                said | {"event_id": uuid4().hex, "page": number, "items": page},
            )
            for number, page in enumerate(pages, start=1)
        ]
        return await self._send(warehouse, reports, retry_delays_s)

    async def change_stock(
        self, warehouse: Warehouse, changes: dict[str, Any], reason: str, ref_no: str = ""
    ) -> dict[str, int]:
        """Let units come or go and report by how much."""
        done = warehouse.change_stock(changes)
        return await self._send(warehouse, [self._changed(warehouse, done, reason, ref_no)] if done else [])

    def _changed(self, warehouse: Warehouse, changes: dict[str, int], reason: str, ref_no: str) -> Callback:
        items = [
            {"sku": sku, "stock_type": "GOOD", "delta": change, "reason": reason, "ref_no": ref_no}
            for sku, change in changes.items()
        ]
        data = {"event_id": uuid4().hex, "occurred_at": self._world.now().astimezone(CHINA).isoformat()}
        return self._callback(warehouse, "inventory.changed", data | {"items": items})

    def _facts(self, document: Document) -> dict[str, Any]:
        return {
            "event_id": document.next_event_id(),
            "outbound_no": document.outbound_no,
            "wms_no": document.wms_no,
            "occurred_at": self._world.now().astimezone(CHINA).isoformat(),
        }

    def _callback(self, warehouse: Warehouse, kind: str, data: dict[str, Any], webhook_id: str = "") -> Callback:
        message_id = webhook_id or f"msg_{uuid4().hex}"
        happened = data.get("occurred_at") or self._world.now().astimezone(CHINA).isoformat()
        body = json.dumps({"type": kind, "timestamp": happened, "data": data}, ensure_ascii=False).encode()
        render = partial(self._signed, warehouse, message_id, body)
        return Callback(warehouse.target, warehouse.callback_url, kind, render, is_success)

    def _signed(self, warehouse: Warehouse, message_id: str, body: bytes, forged: bool) -> tuple[bytes, dict[str, str]]:
        secret = webhook_secret("forged") if forged else warehouse.callback_secret
        now = wall_now() if warehouse.stamps == "wall" else self._world.now()
        stamp = str(int(now.timestamp()))
        return body, {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": signatures.standard_webhook(message_id, stamp, body, secret),
        }

    async def _send(
        self, warehouse: Warehouse, callbacks: list[Callback], retry_delays_s: tuple[float, ...] = ()
    ) -> dict[str, int]:
        if not warehouse.callback_url:
            callbacks = []
        return _count(warehouse, await self._courier.deliver(callbacks, retry_delays_s))

    async def _pull(self, warehouse: Warehouse, document: Document) -> None:
        """Fetch a document that was announced without its lines."""
        headers = {"authorization": f"Bearer {document.pull_token}"} if document.pull_token else {}
        for attempt in range(PULL_TRIES):
            if attempt:
                await asyncio.sleep(attempt)
            try:
                response = await self._courier.get(document.pull_url, headers)
                if response.is_success:
                    fetched = response.json()
                    document.data = {**document.data, **(fetched.get("data") or fetched)}
                    return
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
                continue
        warehouse.pull_failures += 1


def _count(warehouse: Warehouse, outcome: list[bool]) -> dict[str, int]:
    counts = Counter(sent=len(outcome), acknowledged=sum(outcome), failed=len(outcome) - sum(outcome))
    warehouse.callbacks.update(counts)
    return dict(counts)


def _refuse(kind: str) -> Response:
    if kind == "rate_limit":
        return JSONResponse({"error": "too many requests"}, 429, {"Retry-After": "1"})
    return JSONResponse({"error": "no matching signature found"}, 401)
