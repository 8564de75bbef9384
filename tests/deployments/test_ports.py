import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import ports
from models.settings import settings


@pytest.fixture(autouse=True)
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ORDERPOOL_VAR", str(folder))
    settings.cache_clear()
    yield folder
    monkeypatch.undo()
    settings.cache_clear()


def test_port_once_chosen_is_kept() -> None:
    assert ports.kept("web") == ports.kept("web") == ports.kept_free("web")


def test_two_parts_have_two_ports() -> None:
    assert ports.kept("web") != ports.kept("prefect")


def test_port_taken_by_a_stranger_is_given_up() -> None:
    first = ports.kept("web")
    with socket.create_server((ports.HOST, first)):
        second = ports.kept_free("web")

    assert second != first
    assert ports.kept("web") == second
