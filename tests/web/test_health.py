"""What load balancers and people who monitor are told."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from models.database import version_of_code
from models.settings import clock, settings
from tests.web.conftest import Pool
from web.health import forget


@pytest.fixture(autouse=True)
def anew(pool: Pool) -> Iterator[None]:
    forget()
    yield
    forget()
    (settings().run_dir / "live.json").unlink(missing_ok=True)


def live_sign(text: str) -> None:
    place = settings().run_dir / "live.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_without_prefect_it_is_degraded_and_takes_work(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    monkeypatch.setenv("ORDERPOOL_PREFECT_API_URL", nobody)
    settings.cache_clear()
    answer = web.get("/health/ready")
    monkeypatch.undo()
    settings.cache_clear()

    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["prefect"]) == ("degraded", {"reachable": False})
    assert told["pool"] == {"reachable": True, "migrated": True}


def test_a_pool_of_another_version_takes_no_work(web: httpx.Client, pool: Pool) -> None:
    pool.execute("update alembic_version set version_num = '0001'")
    try:
        answer = web.get("/health/ready")
    finally:
        pool.execute(f"update alembic_version set version_num = '{version_of_code()}'")

    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert answer.json()["pool"] == {"reachable": True, "migrated": False}


def test_a_pool_that_is_away_takes_no_work(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://127.0.0.1:9/none")
    settings.cache_clear()
    answer = web.get("/health/ready")
    monkeypatch.undo()
    settings.cache_clear()

    assert (answer.status_code, answer.json()["pool"]["reachable"]) == (503, False)


def test_the_age_of_the_live_process_and_of_queues_is_told(web: httpx.Client, pool: Pool) -> None:
    live_sign(json.dumps({"at": clock().now().isoformat()}))
    pool.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, next_at, created_at,
             last_error, in_doubt)
           values ('ship_back', 'shop:WOO', 1, 1, 'k', 'pending', 0, now() - interval '1 hour', now(), '', false)"""
    )
    told = web.get("/health/ready").json()

    assert told["live"]["sign_of_life_s"] < 60
    assert 3590 < told["outbox"]["oldest_due_s"] < 3700
    assert told["inbox"]["oldest_s"] is None


@pytest.mark.parametrize("text", ["", "{}", '{"at": 1}', "[]"])
def test_a_sign_that_cannot_be_read_is_none(web: httpx.Client, text: str) -> None:
    live_sign(text)

    assert web.get("/health/ready").json()["live"] == {"sign_of_life_s": None}
