import hashlib
import json
from urllib.parse import urlencode

import httpx

from tests.web.conftest import SALT, Pool

ACCEPTED = {"result": True, "returnCode": "200", "message": "成功"}
PARAM = json.dumps(
    {
        "status": "polling",
        "message": "到达",
        "autoCheck": "0",
        "comOld": "",
        "comNew": "",
        "lastResult": {
            "message": "ok",
            "state": "0",
            "status": "200",
            "ischeck": "0",
            "com": "yuantong",
            "nu": "YT9693083639795",
            "data": [
                {
                    "context": "[杭州市]已揽收 + 100%",
                    "time": "2026-11-21 18:20:11",
                    "ftime": "2026-11-21 18:20:11",
                    "status": "揽收",
                    "statusCode": "103",
                }
            ],
        },
    },
    ensure_ascii=False,
)


def push(param: str, salt: str = SALT) -> dict[str, str]:
    return {"sign": hashlib.md5((param + salt).encode()).hexdigest().upper(), "param": param}


def test_a_signed_push_is_kept_as_its_form(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/parcel-token", data=push(PARAM))

    assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    ((source, message_id, state, body),) = pool.inbox()
    digest = hashlib.sha256(PARAM.encode()).hexdigest()[:32]
    assert (source, message_id, state) == ("carrier:kuaidi100", f"parcel-token:{digest}", "new")
    assert json.loads(body) == push(PARAM)


def test_the_answer_is_exactly_what_the_vendor_wants(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/parcel-token", data=push(PARAM))

    assert answer.content == '{"result":true,"returnCode":"200","message":"成功"}'.encode()


def test_a_repeated_push_is_kept_once(web: httpx.Client, pool: Pool) -> None:
    for _ in range(2):
        assert web.post("/hooks/kuaidi100/parcel-token", data=push(PARAM)).json() == ACCEPTED

    assert len(pool.inbox()) == 1


def test_a_wrong_signature_is_said_in_the_vendors_words(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/parcel-token", data=push(PARAM, salt=""))

    assert answer.content == '{"result":false,"returnCode":"500","message":"签名错误"}'.encode()
    assert pool.inbox() == []


def test_an_unknown_parcel_is_accepted_and_not_kept(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/another-token", data=push(PARAM))

    assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    assert pool.inbox() == []


def test_a_signed_push_that_nobody_understands_is_kept_for_a_person(web: httpx.Client, pool: Pool) -> None:
    assert web.post("/hooks/kuaidi100/parcel-token", data=push("not json")).json() == ACCEPTED
    assert len(pool.inbox()) == 1


def test_a_body_that_is_no_form_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/parcel-token", content=b"\xff\xfe=1")

    assert answer.status_code == 400


def test_a_push_over_a_megabyte_is_refused(web: httpx.Client, pool: Pool) -> None:
    answer = web.post("/hooks/kuaidi100/parcel-token", content=urlencode({"param": "x" * 1_000_000}))

    assert answer.status_code == 413
