"""Processes that something else than `orderpool up` starts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from deployments import addresses
from deployments.foreground import PROCESSES, Place
from models.errors import SetupError
from models.settings import CHECKOUT, settings
from tests.deployments.calling import run


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings in a folder of their own, with a Prefect on another machine."""
    monkeypatch.setenv("ORDERPOOL_VAR", str(tmp_path))
    monkeypatch.setenv("ORDERPOOL_PREFECT_API_URL", "http://prefect:4200/api")
    monkeypatch.delenv("ORDERPOOL_DATABASE_URL", raising=False)
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def test_address_that_is_given_goes_before_a_recorded_one(elsewhere: Path) -> None:
    addresses.record(prefect_api_url="http://127.0.0.1:20001/api", web_url="http://127.0.0.1:20002")

    assert settings().address("prefect_api_url") == "http://prefect:4200/api"
    assert addresses.read()["web_url"] == "http://127.0.0.1:20002"


def test_address_that_is_given_is_not_recorded(elsewhere: Path) -> None:
    addresses.record(web_url="http://127.0.0.1:20002")

    assert json.loads(settings().services_file.read_text()) == {"web_url": "http://127.0.0.1:20002"}


def test_unknown_process_is_told_with_those_there_are(elsewhere: Path) -> None:
    with pytest.raises(SetupError, match="wroker is no process of OrderPool; there are prefect-api, prefect-services,"):
        run("run", "wroker")


def test_migrate_asks_for_a_database(elsewhere: Path) -> None:
    with pytest.raises(SetupError, match="ORDERPOOL_DATABASE_URL names no database"):
        run("migrate")


def test_migrate_makes_the_database_that_is_missing(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "pool_to_be_made"
    url = postgres.replace("/postgres?", f"/{name}?").removesuffix("/postgres")
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", url if f"/{name}?" in url else f"{url}/{name}")
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    settings.cache_clear()
    try:
        assert run("migrate") == "orderpool: its tables are those of this version\n"
        assert run("migrate") == "orderpool: its tables are those of this version\n"
    finally:
        monkeypatch.undo()
        settings.cache_clear()
        with psycopg.connect(postgres, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)".encode())


def test_server_that_does_not_answer_is_named_without_the_password(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/orderpool")
    settings.cache_clear()

    with pytest.raises(SetupError, match="orderpool: the database server does not let us in") as caught:
        run("migrate")
    assert "secret" not in str(caught.value)


def test_api_servers_leave_services_to_others() -> None:
    assert "--no-services" in PROCESSES["prefect-api"](Place("0.0.0.0", None, ""))


def test_worker_is_called_after_its_machine_unless_named() -> None:
    unnamed = PROCESSES["worker"](Place("", None, ""))
    named = PROCESSES["worker"](Place("", None, "left"))

    assert unnamed[unnamed.index("--name") + 1].startswith("orderpool on ")
    assert named[named.index("--name") + 1] == "left"


def test_proxy_looks_names_of_containers_up_while_it_runs() -> None:
    (server,) = re.findall(
        r"^ *default-server .*", (CHECKOUT / "deployments" / "haproxy.cfg").read_text(), re.MULTILINE
    )

    assert "resolvers network" in server, "a container that is made anew has another address"


def test_containers_are_told_how_to_log_and_what_a_scrape_shows() -> None:
    services = yaml.safe_load((CHECKOUT / "deployments" / "compose.yaml").read_text())["services"]
    ours = {name: service["environment"] for name, service in services.items() if "build" in service}

    assert all("ORDERPOOL_LOG_FORMAT" in variables for variables in ours.values())
    assert "ORDERPOOL_METRICS_TOKEN" in ours["web"]
