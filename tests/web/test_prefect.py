"""What Prefect's automations tell the hook, as they tell it."""

import json
from typing import Any

import httpx
import pytest
from psycopg.rows import TupleRow

from models.database import connect
from tasks.run_alerts import hook_token
from tests.web.conftest import Pool

RUN = "0197f7c6-0f0a-7cc3-8d5b-6f3d54a0a001"
TOLD = {
    "kind": "run",
    "run_id": RUN,
    "flow": "process_orders",
    "deployment": "orders",
    "shop": "WOO",
    "state_type": "FAILED",
    "state_name": "Failed",
    "message": "dispatch: 2 of 9 not delivered",
    "at": "2026-11-20T04:00:00+00:00",
}


def tell(web: httpx.Client, body: object, token: str | None = None) -> httpx.Response:
    return web.post(
        "/hooks/prefect",
        content=body if isinstance(body, str) else json.dumps(body),
        headers={"authorization": f"Bearer {hook_token() if token is None else token}"},
    )


def alerts(pool: Pool) -> list[TupleRow]:
    with connect(pool.url) as conn:
        return conn.execute("select rule, subject, sentence from alert where closed_at is null order by id").fetchall()


def test_a_run_in_trouble_becomes_one_alert_however_often_it_is_told(web: httpx.Client, pool: Pool) -> None:
    assert [tell(web, TOLD).status_code for _ in range(2)] == [204, 204]

    ((rule, subject, sentence),) = alerts(pool)
    assert (rule, subject) == ("run_failed", "process_orders/orders of WOO")
    assert "dispatch: 2 of 9 not delivered" in sentence


def test_silence_has_every_shop_looked_at(web: httpx.Client, pool: Pool) -> None:
    pool.execute("update shop set watermark = now() - interval '2 hours', active = true")

    assert tell(web, {"kind": "silence"}).status_code == 204
    assert [(rule, subject) for rule, subject, _ in alerts(pool)] == [("ingest_silent", "shop:WOO")]


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", "Bearer 错"])
def test_who_does_not_show_the_token_is_refused(web: httpx.Client, pool: Pool, shown: str) -> None:
    headers = {b"authorization": shown.encode()}

    assert web.post("/hooks/prefect", content=json.dumps(TOLD), headers=headers).status_code == 401
    assert alerts(pool) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{", "body"),
        ([], "body"),
        ({"kind": "other"}, "body"),
        (TOLD | {"run_id": "x"}, "run.run_id"),
        (TOLD | {"at": "2026-11-20T04:00:00"}, "run.at"),
        (TOLD | {"message": "x" * 2001}, "run.message"),
        (TOLD | {"parameters": {"shop": "WOO"}}, "run.parameters"),
    ],
    ids=["no JSON", "a list", "an unknown kind", "no run", "no zone", "a long message", "more than is taken"],
)
def test_a_body_that_is_not_ours_is_refused_by_the_name_of_what_is_wrong(
    web: httpx.Client, pool: Pool, body: Any, named: str
) -> None:
    answer = tell(web, body)

    assert (answer.status_code, answer.json()["error"]) == (422, f"not usable: {named}")
    assert alerts(pool) == []
