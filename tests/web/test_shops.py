import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import httpx
import pytest

from connectors import registry
from connectors.base import Push
from sandbox.server import Sandbox, running
from tasks.setup import add_shop
from tests.web.conftest import WEBHOOK_SECRET, Pool

BODY = json.dumps({"id": 17, "status": "processing", "billing": {"phone": "13800000000"}}).encode()


def signed(body: bytes, topic: str = "order.updated", delivery: str = "d1") -> dict[str, str]:
    digest = hmac.digest(WEBHOOK_SECRET.encode(), body, hashlib.sha256)
    return {
        "x-wc-webhook-signature": base64.b64encode(digest).decode(),
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-delivery-id": delivery,
    }


def test_the_first_ping_is_answered_and_not_kept(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/woocommerce/WOO", content=b"webhook_id=12")

    assert answer.status_code == 200
    assert pool.inbox() == []


def test_a_signed_notice_is_kept_without_the_buyers_data(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY))

    assert answer.json() == {"code": 0, "msg": "success"}
    ((source, message_id, state, body),) = pool.inbox()
    assert (source, message_id, state) == ("shop:WOO", "d1", "new")
    assert json.loads(body) == {"order_id": "17"}


def test_a_repeated_delivery_is_kept_once(web: httpx.Client, pool: Pool) -> None:
    for _ in range(2):
        assert web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY)).status_code == 200

    assert len(pool.inbox()) == 1


def test_a_notice_without_a_delivery_id_is_known_by_its_body(web: httpx.Client, pool: Pool) -> None:
    for _ in range(2):
        web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY, delivery=""))

    assert len(pool.inbox()) == 1


def test_a_wrong_signature_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/woocommerce/WOO", content=BODY + b" ", headers=signed(BODY))

    assert answer.status_code == 401
    assert pool.inbox() == []


def test_notices_about_other_things_are_ignored(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY, topic="product.updated"))

    assert answer.status_code == 200
    assert pool.inbox() == []


def test_a_signed_body_that_is_no_order_is_refused(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/woocommerce/WOO", content=b"[]", headers=signed(b"[]")).status_code == 400


def test_an_unknown_shop_is_not_found(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/woocommerce/NOPE", content=b"webhook_id=12").status_code == 404


def test_a_shop_is_found_under_its_own_channel_only(web: httpx.Client, pool: Pool) -> None:
    add_shop("FILE", "file")

    for path in ("taobao/WOO", "file/FILE", "woocommerce/FILE", "nothing/WOO"):
        assert web.post(f"/hooks/{path}", content=BODY, headers=signed(BODY)).status_code == 404


def test_a_shop_that_is_switched_off_gets_no_notices(web: httpx.Client, pool: Pool) -> None:
    pool.execute("update shop set active = false")

    assert web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY)).status_code == 404


def test_a_long_message_id_is_kept_as_its_digest(web: httpx.Client, pool: Pool) -> None:
    for _ in range(2):
        web.post("/hooks/woocommerce/WOO", content=BODY, headers=signed(BODY, delivery="d" * 500))

    assert [len(message_id) for _, message_id, _, _ in pool.inbox()] == [64]


class TestDouyin:
    """Notices as the sandbox sends them."""

    @pytest.fixture
    def sandbox(self, web: httpx.Client, pool: Pool) -> Iterator[Sandbox]:
        """A sandbox whose Douyin shop D1 is in the pool and sends its notices to us."""
        with running() as sandbox:
            sandbox.do("POST", "/shops", {"code": "D1", "platform": "douyin"})
            entry = sandbox.shop("D1")
            needs = registry.CHANNELS["douyin"].needs
            add_shop("D1", "douyin", credentials={name: entry[name] for name in ("endpoint", *needs)})
            address = f"{web.base_url}/hooks/douyin/D1"
            sandbox.do("POST", "/shops", {"code": "D1", "platform": "douyin", "webhook_url": address})
            yield sandbox

    def load(self, sandbox: Sandbox, no: str) -> dict[str, int]:
        """Put an order into the shop and have it announced; how its notice went."""
        at = "2026-11-20T04:00:00+00:00"
        order = {
            "no": no,
            "created_at": at,
            "paid_at": at,
            "modified_at": at,
            "buyer": "b",
            "status": "paid",
            "receiver": {
                "name": "张伟",
                "phone": "13800005678",
                "province": "浙江省",
                "city": "杭州市",
                "address": "某路1号",
            },
            "lines": [{"line_no": f"{no[:-1]}9", "sku": "TEA", "title": "茶", "quantity": 1, "price_fen": 2000}],
        }
        went = sandbox.do("POST", "/shops/D1/orders", {"orders": [order], "notify": True})
        outcome: dict[str, int] = went["webhook"]
        return outcome

    def test_a_signed_notice_is_kept_and_acknowledged(self, sandbox: Sandbox, pool: Pool) -> None:
        went = self.load(sandbox, "6920000000000000001")

        assert went["acknowledged"] == went["sent"] > 0
        assert {(source, body) for source, _, _, body in pool.inbox()} == {
            ("shop:D1", '{"order_id": "6920000000000000001"}')
        }

    def test_a_repeated_notice_is_kept_once(self, sandbox: Sandbox, pool: Pool) -> None:
        sandbox.do("POST", "/faults", {"target": "shop:D1", "kind": "duplicate"})
        self.load(sandbox, "6920000000000000001")

        messages = [message_id for _, message_id, _, _ in pool.inbox()]
        assert len(messages) == len(set(messages)) > 0

    def test_a_forged_notice_is_refused(self, web: httpx.Client, sandbox: Sandbox, pool: Pool) -> None:
        data = json.dumps({"p_id": 6920000000000000001, "shop_id": int(sandbox.shop("D1")["owner_id"])})
        body = json.dumps([{"tag": "101", "msg_id": "m1", "data": data}])
        headers = {"app-id": sandbox.shop("D1")["app_key"], "event-sign": hashlib.md5(body.encode()).hexdigest()}

        assert web.post("/hooks/douyin/D1", content=body, headers=headers).status_code == 401
        assert pool.inbox() == []

    def test_a_test_notice_is_acknowledged_and_not_kept(self, web: httpx.Client, sandbox: Sandbox, pool: Pool) -> None:
        entry = sandbox.shop("D1")
        body = '[{"tag":"0","msg_id":"0","data":"2026-11-20 12:00:00"}]'
        sign = hashlib.md5(f"{entry['app_key']}{body}{entry['app_secret']}".encode()).hexdigest()
        headers = {"app-id": entry["app_key"], "event-sign": sign}

        answer = web.post("/hooks/douyin/D1", content=body, headers=headers)

        assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "success"})
        assert pool.inbox() == []


def test_only_channels_that_push_over_http_have_a_hook(web: httpx.Client, pool: Pool) -> None:
    for name, kind in registry.CHANNELS.items():
        answer = web.get(f"/hooks/{name}/X")

        assert answer.status_code == (405 if kind.capabilities.push is Push.HTTP else 404)
