import base64
import hashlib
import hmac
import json

import httpx

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

    assert answer.json() == {"result": "stored"}
    ((source, message_id, state, body),) = pool.inbox()
    assert (source, message_id, state) == ("shop:WOO", "d1", "new")
    assert json.loads(body) == {"topic": "order.updated", "order_id": "17"}


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

    assert answer.json() == {"result": "ignored"}
    assert pool.inbox() == []


def test_a_signed_body_that_is_no_order_is_refused(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/woocommerce/WOO", content=b"[]", headers=signed(b"[]")).status_code == 400


def test_an_unknown_shop_is_not_found(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/woocommerce/NOPE", content=b"webhook_id=12").status_code == 404
