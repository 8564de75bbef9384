"""Small clients that sign as the platforms document, and an inbox for what the sandbox sends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

from sandbox.server import Sandbox

CHINA = timezone(timedelta(hours=8))
# one client for all: making one costs more than a call
HTTP = httpx.Client(timeout=5, trust_env=False)
NOON = datetime(2026, 11, 20, 4, 0, 0, tzinfo=UTC)


def neutral(no: str, at: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """An order of two lines, paid at once."""
    return {
        "no": no,
        "created_at": at.isoformat(),
        "paid_at": at.isoformat(),
        "buyer": "tom",
        "status": "paid",
        "receiver": {
            "name": "张三丰",
            "phone": "13800005678",
            "province": "浙江省",
            "city": "杭州市",
            "district": "余杭区",
            "address": "文一西路969号",
        },
        "lines": [
            {"line_no": "1", "sku": "TEA-1", "title": "茶", "quantity": 2, "price_fen": 2500, "refund": "none"},
            {"line_no": "2", "sku": "CUP", "title": "杯", "quantity": 1, "price_fen": 9900, "refund": "none"},
        ],
        "freight_fen": 800,
        "discount_fen": 1500,
        "buyer_note": "请发顺丰",
        **changes,
    }


def china(moment: datetime) -> str:
    """China time as the Taobao gateway wants it."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


class TopCaller:
    """Signs and sends TOP calls for one shop."""

    def __init__(self, sandbox: Sandbox, code: str = "tmall-1") -> None:
        self.shop = sandbox.shop(code)
        self._sandbox = sandbox

    def params(self, method: str, **params: Any) -> dict[str, str]:
        """Return a complete, signed parameter map."""
        now = datetime.fromisoformat(self._sandbox.do("GET", "/clock")["now"])
        filled = {
            "method": method,
            "app_key": self.shop["app_key"],
            "session": self.shop["session"],
            "timestamp": china(now),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
            **{key: str(value) for key, value in params.items()},
        }
        return filled | {"sign": self.sign(filled)}

    def sign(self, params: dict[str, str]) -> str:
        """Sign by the map's own sign_method."""
        secret = self.shop["app_secret"].encode()
        text = "".join(key + value for key, value in sorted(params.items())).encode()
        method = params["sign_method"]
        if method == "md5":
            return hashlib.md5(secret + text + secret).hexdigest().upper()
        name = "sha256" if method == "hmac-sha256" else "md5"
        return hmac.new(secret, text, name).hexdigest().upper()

    def call(self, method: str, **params: Any) -> Any:
        """Return the content of the answer, or {"error": ...}."""
        answer = HTTP.post(self.shop["endpoint"], data=self.params(method, **params)).json()
        if "error_response" in answer:
            return {"error": answer["error_response"]}
        root = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return answer[root]

    def window(self, **params: Any) -> Any:
        """Return one page of the trades changed in the hour before noon."""
        return self.call(
            "taobao.trades.sold.increment.get",
            **{
                "fields": "tid,status,modified",
                "start_modified": china(NOON - timedelta(hours=1)),
                "end_modified": china(NOON),
                "page_size": 10,
                **params,
            },
        )

    def tids(self, **params: Any) -> list[int]:
        """Return the trade numbers of one page."""
        return [trade["tid"] for trade in self.window(**params).get("trades", {}).get("trade", [])]


class WooCaller:
    """Calls one web shop."""

    def __init__(self, sandbox: Sandbox, code: str = "woo-1") -> None:
        self.shop = sandbox.shop(code)
        self.base = f"{self.shop['endpoint']}/wp-json/wc/v3"

    def basic(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Call with HTTP Basic."""
        auth = (self.shop["consumer_key"], self.shop["consumer_secret"])
        return HTTP.request(method, self.base + path, auth=auth, timeout=5, **kwargs)

    def oauth(self, path: str, now: datetime, query: dict[str, str] | None = None, **oauth: str) -> dict[str, str]:
        """Return the signed query of a GET."""
        hash_name = oauth.get("oauth_signature_method", "HMAC-SHA256")
        params = {
            **(query or {}),
            "oauth_consumer_key": self.shop["consumer_key"],
            "oauth_timestamp": str(int(now.timestamp())),
            "oauth_nonce": uuid4().hex,
            "oauth_signature_method": hash_name,
            **oauth,
        }
        joined = "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in sorted(params.items()))
        text = f"GET&{quote(self.base + path, '')}&{quote(joined, '')}"
        key = f"{self.shop['consumer_secret']}&".encode()
        code = hmac.new(key, text.encode(), hash_name.removeprefix("HMAC-").lower()).digest()
        return params | {"oauth_signature": base64.b64encode(code).decode()}


class WmsCaller:
    """Sends signed messages to one warehouse."""

    def __init__(self, sandbox: Sandbox, code: str = "WH-E") -> None:
        self.warehouse = sandbox.warehouse(code)

    def send(self, kind: str, data: dict[str, Any], webhook_id: str = "") -> httpx.Response:
        """Send one message, signed by the published library."""
        body = json.dumps({"type": kind, "timestamp": "2026-11-20T12:00:00+08:00", "data": data}, ensure_ascii=False)
        message_id, now = webhook_id or f"msg_{uuid4().hex}", datetime.now(UTC)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.warehouse["secret"]).sign(message_id, now, body),
        }
        return HTTP.post(self.warehouse["endpoint"], content=body.encode(), headers=headers)

    def create(self, outbound_no: str, webhook_id: str = "", **data: Any) -> httpx.Response:
        """Send an instruction to ship three pieces."""
        document = {
            "outbound_no": outbound_no,
            "version": 1,
            "channel": {"platform": "TMALL", "shop_code": "tmall-1", "order_nos": [f"9{outbound_no[2:]}"]},
            "carrier": {"code": "yuantong"},
            "lines": [{"line_no": "1", "sku": "TEA-1", "qty": 2}, {"line_no": "2", "sku": "CUP", "qty": 1}],
        }
        return self.send("outbound.created", document | data, webhook_id)


class Inbox:
    """Everything that arrived at a local address, and what to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[str], tuple[int, Any]] = lambda path: (200, {"result": True, "returnCode": "200"})
        self._arrived = threading.Condition()

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Keep a message."""
        with self._arrived:
            self.messages.append((headers, body))
            self._arrived.notify_all()

    def wait(self, count: int, seconds: float = 5) -> list[tuple[dict[str, str], bytes]]:
        """Return the messages once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.messages) >= count, seconds), len(self.messages)
        return self.messages

    def bodies(self) -> list[Any]:
        """Return the JSON bodies."""
        return [json.loads(body) for _, body in self.messages]


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Run an inbox on loopback for as long as the block lasts."""
    kept = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {key.lower(): value for key, value in self.headers.items()}
            kept.take({**headers, ":path": self.path}, body)
            self._reply()

        def do_GET(self) -> None:
            kept.take({key.lower(): value for key, value in self.headers.items()}, b"")
            self._reply()

        def _reply(self) -> None:
            status, content = kept.answer(self.path)
            encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
