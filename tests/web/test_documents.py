import httpx
import pytest

from tests.web.conftest import OTHER_PULL_TOKEN, PULL_TOKEN, Pool
from web.hooks import documents

READER = {"authorization": f"Bearer {PULL_TOKEN}"}
STRANGER = {"authorization": f"Bearer {OTHER_PULL_TOKEN}"}


def test_a_warehouse_reads_its_whole_document(web: httpx.Client, pool: Pool) -> None:
    answer = web.get("/pull/outbound/OB20261122000007", params={"revision": 2}, headers=READER)

    data = answer.json()
    assert answer.status_code == 200
    assert (data["outbound_no"], data["version"], data["lines"][0]["sku"]) == ("OB20261122000007", 2, "TEA")
    assert "张三" not in answer.text


def test_an_old_revision_is_not_given_out(web: httpx.Client, pool: Pool) -> None:
    answer = web.get("/pull/outbound/OB20261122000007", params={"revision": 1}, headers=READER)

    assert (answer.status_code, answer.json()["error"]) == (409, "revision 1 is not the current one, which is 2")


def test_a_revision_that_is_no_number_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.get("/pull/outbound/OB20261122000007", params={"revision": "<b>"}, headers=READER)

    assert (answer.status_code, answer.json()) == (422, {"error": "not usable: revision"})


def test_another_warehouses_document_is_not_found(web: httpx.Client, pool: Pool) -> None:
    assert web.get("/pull/outbound/OB20261122000007", headers=STRANGER).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eA=="}])
def test_nobody_reads_without_a_token(web: httpx.Client, pool: Pool, headers: dict[str, str]) -> None:
    assert web.get("/pull/outbound/OB20261122000007", headers=headers).status_code == 401
    assert web.post("/receiver/rcv_abc", headers=headers).status_code == 401


def test_the_receiver_is_revealed_for_printing_and_the_order_tells_so(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/receiver/rcv_abc", headers=READER)

    assert answer.json() == {
        "name": "张三",
        "phone": "13800000000",
        "province": "广东省",
        "city": "深圳市",
        "district": "南山区",
        "town": "",
        "address": "科技路1号",
        "oaid": "",
        "buyer_note": "周末送",
        "seller_note": "",
    }
    assert pool.events() == [
        (1, "receiver_revealed", "wms:WH-E", {"purpose": "printing", "document": "OB20261122000007"})
    ]


def test_another_warehouses_receiver_is_not_found(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/receiver/rcv_abc", headers=STRANGER).status_code == 404
    assert pool.events() == []


def test_the_receiver_of_a_cancelled_document_stays_sealed(web: httpx.Client, pool: Pool) -> None:
    pool.execute("update outbound_document set state = 'cancelled'")

    assert web.post("/receiver/rcv_abc", headers=READER).status_code == 409


def test_an_erased_receiver_is_gone(web: httpx.Client, pool: Pool) -> None:
    pool.execute("update receiver set name_enc = null, erased_at = '2026-11-22'")

    assert web.post("/receiver/rcv_abc", headers=READER).status_code == 410


def test_a_warehouse_cannot_reveal_without_end(web: httpx.Client, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_limit", documents.RevealLimit(per_minute=2))

    answers = [web.post("/receiver/rcv_abc", headers=READER).status_code for _ in range(3)]

    assert answers == [200, 200, 429]
    assert len(pool.events()) == 2
