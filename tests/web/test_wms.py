import json
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook

from tests.web.conftest import INBOUND_SECRET, WAREHOUSE_SECRET, Pool, unique

BODY = json.dumps(
    {
        "type": "outbound.accepted",
        "timestamp": "2026-11-22T18:05:10+08:00",
        "data": {"event_id": "W1-1", "outbound_no": "OB20261122000007"},
    }
)


def signed(body: str, message_id: str, secret: str = INBOUND_SECRET, age: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - age
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }


def test_a_signed_message_is_kept_sealed(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-E", content=BODY, headers=signed(BODY, "m1"))

    assert (answer.status_code, answer.json()) == (200, {"result": "stored"})
    assert pool.inbox() == [("wms:WH-E", "m1", "new", BODY)]


def test_a_repeated_message_is_kept_once_and_answered_the_same(web: httpx.Client, pool: Pool) -> None:
    answers = [web.post("/hooks/wms/WH-E", content=BODY, headers=signed(BODY, "m1")) for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"result": "stored"}] * 2
    assert len(pool.inbox()) == 1


def test_a_message_signed_with_the_outgoing_secret_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-E", content=BODY, headers=signed(BODY, unique(), WAREHOUSE_SECRET))

    assert (answer.status_code, answer.json()) == (401, {"error": "the signature is wrong"})
    assert pool.inbox() == []


def test_a_changed_body_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-E", content=BODY.replace("W1-1", "W1-2"), headers=signed(BODY, unique()))

    assert answer.status_code == 401


def test_an_old_message_is_refused(web: httpx.Client, pool: Pool) -> None:
    headers = signed(BODY, unique(), age=timedelta(minutes=6))

    assert web.post("/hooks/wms/WH-E", content=BODY, headers=headers).status_code == 401


def test_a_message_without_signature_is_refused(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/wms/WH-E", content=BODY).status_code == 401


def test_an_unknown_warehouse_is_not_found(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-X", content=BODY, headers=signed(BODY, unique()))

    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


def test_a_body_over_a_megabyte_is_refused(web: httpx.Client, pool: Pool) -> None:
    body = "x" * 1_000_001

    answer = web.post("/hooks/wms/WH-E", content=body, headers=signed(body, unique()))

    assert answer.status_code == 413
    assert pool.inbox() == []


def test_a_signed_body_that_is_no_envelope_is_kept_for_a_person(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-E", content="[]", headers=signed("[]", "m2"))

    assert answer.status_code == 200
    assert pool.inbox() == [("wms:WH-E", "m2", "new", "[]")]


def test_a_message_with_an_endless_id_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/wms/WH-E", content=BODY, headers=signed(BODY, "m" * 201))

    assert answer.status_code == 400
    assert pool.inbox() == []


def batch(*entries: object) -> str:
    data = {"messages": entries}
    return json.dumps({"type": "outbound.batch", "timestamp": "2026-11-22T18:05:10+08:00", "data": data})


def test_each_message_of_a_batch_is_kept_by_its_own_id_once(web: httpx.Client, pool: Pool) -> None:
    inner = json.loads(BODY)
    body = batch({"id": "m1", **inner}, {"id": "m2", **inner})
    web.post("/hooks/wms/WH-E", content=BODY, headers=signed(BODY, "m1"))

    answers = [web.post("/hooks/wms/WH-E", content=body, headers=signed(body, unique())) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [(row[1], json.loads(row[3])) for row in pool.inbox()] == [("m1", inner), ("m2", inner)]


def test_a_batch_that_cannot_be_taken_apart_is_kept_whole(web: httpx.Client, pool: Pool) -> None:
    body = batch({"id": "m1"}, "m2")

    answer = web.post("/hooks/wms/WH-E", content=body, headers=signed(body, "b1"))

    assert answer.status_code == 200
    assert pool.inbox() == [("wms:WH-E", "b1", "new", body)]
