import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deployments import embedded_postgres
from deployments.embedded_postgres import FAST_AND_FORGETFUL, Server
from models.settings import settings


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose installations are stopped after the test; `settle` moves into one of them."""
    yield folder
    for data in sorted(folder.rglob("PG_VERSION")):
        if data.parent.name == "postgres":
            settle(data.parent.parent, monkeypatch)
            server = embedded_postgres.process()
            if server:
                server.kill()  # quicker than a stop, and the data is not needed any more
    monkeypatch.undo()
    settings.cache_clear()


def settle(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_VAR", str(var))
    settings.cache_clear()


def start() -> Server:
    return embedded_postgres.start(["shelf"], FAST_AND_FORGETFUL)


def note(server: Server, text: str) -> list[str]:
    with psycopg.connect(server.url("shelf")) as conn:
        conn.execute("create table if not exists note (text text)")
        conn.execute("insert into note values (%s)", (text,))
        return [row[0] for row in conn.execute("select text from note")]


def test_folder_with_spaces_is_reached_by_its_socket(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place / "order pool" / "var", monkeypatch)

    server = start()

    assert server.port is None
    assert note(server, "一") == ["一"]


def test_folder_too_deep_for_a_socket_is_reached_by_port_and_password(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(place / ("d" * 60) / ("e" * 60), monkeypatch)

    server = start()

    assert server.port is not None
    assert note(server, "1") == ["1"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url("shelf").replace(server.password, "guess"))


def test_start_twice_gives_the_same_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place, monkeypatch)

    first = start()
    before = embedded_postgres.process()
    second = start()

    assert first == second
    assert embedded_postgres.process() == before


def test_server_comes_back_after_a_kill_with_its_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place, monkeypatch)
    note(start(), "before")
    process = embedded_postgres.process()
    assert process is not None
    process.kill()
    process.wait(5)

    server = start()

    assert note(server, "after") == ["before", "after"]


def test_pid_file_of_a_stranger_is_put_aside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place, monkeypatch)
    note(start(), "before")
    embedded_postgres.stop()
    (place / "postgres" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{place / 'postgres'}\n{int(time.time())}\n5432\n"
    )

    assert not embedded_postgres.is_running()
    assert note(start(), "after") == ["before", "after"]


def test_copied_folder_gets_a_server_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place / "original", monkeypatch)
    original = start()
    note(original, "both")
    with psycopg.connect(original.url("postgres"), autocommit=True) as conn:
        conn.execute("checkpoint")
    shutil.copytree(
        place / "original",
        place / "copy",
        ignore=lambda _, names: [name for name in names if name.startswith(".s.PGSQL")],
    )
    settle(place / "copy", monkeypatch)

    copy = start()

    assert note(copy, "copy") == ["both", "copy"]
    assert note(original, "original") == ["both", "original"]


def test_stop_ends_the_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(place, monkeypatch)
    start()

    embedded_postgres.stop()

    assert not embedded_postgres.is_running()
