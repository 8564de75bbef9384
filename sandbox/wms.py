"""A warehouse system that speaks JSON webhooks, signed in both directions by Standard Webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import signatures
from sandbox.callbacks import RETRY_DELAYS_S, Callback, is_success
from sandbox.clock import CHINA, wall_now
from sandbox.warehouse_system import WarehouseSystem, count, taken_into_work
from sandbox.warehouses import OPEN_STATES, Document, Receipt, Warehouse, pack
from sandbox.world import webhook_secret

TOLERANCE_S = 300
MAX_BODY_BYTES = 20 * 1024
PULL_TRIES = 3
PAGE_ITEMS = 100
BATCH = "outbound.batch"
MOST_IN_A_BATCH = 100
ENTRY_BYTES = 200  # what is written around a message in a batch, its id included


@dataclass(frozen=True, slots=True)
class Report:
    """What a warehouse has to say, under the id by which it is taken once."""

    id: str
    kind: str
    happened: str
    data: dict[str, Any]

    def body(self) -> dict[str, Any]:
        """Return the envelope."""
        return {"type": self.kind, "timestamp": self.happened, "data": self.data}


class Wms(WarehouseSystem):
    """All simulated warehouses: what they answer and what they report."""

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
            int(data.get("version") or 1)
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "the body is not a message with type and data"}, 400)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if kind != BATCH:
            return JSONResponse(self._take_one(warehouse, request.headers["webhook-id"], kind, data, bearer))
        try:
            carried = [(str(one["id"]), str(one["type"]), dict(one["data"])) for one in data["messages"]]
        except (KeyError, TypeError, ValueError):
            return JSONResponse({"error": "the batch is not a list of messages with id, type and data"}, 400)
        return JSONResponse({"results": [self._take_one(warehouse, *one, bearer) for one in carried]})

    def _take_one(
        self, warehouse: Warehouse, webhook_id: str, kind: str, data: dict[str, Any], bearer: str
    ) -> dict[str, Any]:
        if webhook_id in warehouse.receipts:
            warehouse.receipts[webhook_id].received += 1
            return {"result": "duplicate"}
        receipt = Receipt(webhook_id, kind, str(data.get("outbound_no") or ""), int(data.get("version") or 1))
        warehouse.receipts[webhook_id] = receipt
        return self._handle(warehouse, kind, data, bearer)

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
        wms_no = known.wms_no if known else self._next_wms_no(warehouse)
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

    async def accept(self, warehouse: Warehouse, documents: list[Document]) -> dict[str, int]:
        """Take documents into work and report so."""
        reports = [self._said("outbound.accepted", self._facts(document)) for document in taken_into_work(documents)]
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
            gone = self._hand_over(warehouse, document, packages)
            if gone and warehouse.tells_changes:
                reports.append(self._changed(gone, "SALE", document.outbound_no))
            detail = {"final": bool(wishes.get("final", True)), "packages": packages}
            reports.append(self._said("outbound.shipped", self._facts(document) | detail))
        return await self._send(warehouse, reports, retry_delays_s)

    async def send(self, warehouse: Warehouse, body: dict[str, Any]) -> dict[str, int]:
        """Send any message as the warehouse; `webhook_id` repeats an earlier one."""
        said = self._said(str(body.get("type")), dict(body.get("data") or {}), str(body.get("webhook_id") or ""))
        return await self._send(warehouse, [said])

    def _report(self, warehouse: Warehouse, document: Document, kind: str, detail: dict[str, Any]) -> None:
        said = [self._said(kind, self._facts(document) | detail)]
        if warehouse.callback_url:
            self._courier.send_later([self._callback(warehouse, said)], RETRY_DELAYS_S, partial(count, warehouse))

    async def report_stock(
        self, warehouse: Warehouse, page_items: int = PAGE_ITEMS, retry_delays_s: tuple[float, ...] = ()
    ) -> dict[str, int]:
        """Report all that lies in a warehouse now, in pages."""
        items = warehouse.stock_items()
        pages = [items[start : start + page_items] for start in range(0, len(items), page_items)] or [[]]
        now = self._world.now().astimezone(CHINA).isoformat()
        said = {"snapshot_id": uuid4().hex, "as_of": now, "pages": len(pages), "occurred_at": now, "complete": True}
        reports = [
            self._said("inventory.snapshot", said | {"event_id": uuid4().hex, "page": number, "items": page})
            for number, page in enumerate(pages, start=1)
        ]
        return await self._send(warehouse, reports, retry_delays_s)

    async def change_stock(
        self, warehouse: Warehouse, changes: dict[str, Any], reason: str, ref_no: str = ""
    ) -> dict[str, int]:
        """Let units come or go and report by how much."""
        done = warehouse.change_stock(changes)
        return await self._send(warehouse, [self._changed(done, reason, ref_no)] if done else [])

    def _changed(self, changes: dict[str, int], reason: str, ref_no: str) -> Report:
        items = [
            {"sku": sku, "stock_type": "GOOD", "delta": change, "reason": reason, "ref_no": ref_no}
            for sku, change in changes.items()
        ]
        data = {"event_id": uuid4().hex, "occurred_at": self._world.now().astimezone(CHINA).isoformat()}
        return self._said("inventory.changed", data | {"items": items})

    def _facts(self, document: Document) -> dict[str, Any]:
        return {
            "event_id": document.next_event_id(),
            "outbound_no": document.outbound_no,
            "wms_no": document.wms_no,
            "occurred_at": self._world.now().astimezone(CHINA).isoformat(),
        }

    def _said(self, kind: str, data: dict[str, Any], webhook_id: str = "") -> Report:
        happened = data.get("occurred_at") or self._world.now().astimezone(CHINA).isoformat()
        return Report(webhook_id or f"msg_{uuid4().hex}", kind, happened, data)

    def _callback(self, warehouse: Warehouse, reports: list[Report]) -> Callback:
        """Make the message that carries one report, or several as a batch."""
        whole = reports[0]
        if len(reports) > 1:
            carried = [{"id": report.id, **report.body()} for report in reports]
            whole = Report(f"msg_{uuid4().hex}", BATCH, whole.happened, {"messages": carried})
        body = json.dumps(whole.body(), ensure_ascii=False).encode()
        render = partial(self._signed, warehouse, whole.id, body)
        return Callback(warehouse.target, warehouse.callback_url, whole.kind, render, is_success)

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
        self, warehouse: Warehouse, reports: list[Report], retry_delays_s: tuple[float, ...] = ()
    ) -> dict[str, int]:
        if not warehouse.callback_url:
            reports = []
        groups = _in_batches(reports) if warehouse.batches else [[report] for report in reports]
        callbacks = [self._callback(warehouse, group) for group in groups]
        taken = await self._courier.deliver(callbacks, retry_delays_s)
        return count(warehouse, [done for group, done in zip(groups, taken, strict=True) for _ in group])

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


def _in_batches(reports: list[Report]) -> list[list[Report]]:
    groups: list[list[Report]] = []
    room = 0
    for report in reports:
        size = len(json.dumps(report.body(), ensure_ascii=False).encode()) + ENTRY_BYTES
        if size > room or len(groups[-1]) == MOST_IN_A_BATCH:
            groups.append([])
            room = MAX_BODY_BYTES - ENTRY_BYTES
        groups[-1].append(report)
        room -= size
    return groups


def _refuse(kind: str) -> Response:
    if kind == "rate_limit":
        return JSONResponse({"error": "too many requests"}, 429, {"Retry-After": "1"})
    return JSONResponse({"error": "no matching signature found"}, 401)
