"""One process of an installation in the foreground, for containers and systemd: whoever started it restarts it."""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from deployments.parts import WORK_POOL
from deployments.prefect_settings import environment
from models.errors import SetupError
from models.settings import CHECKOUT


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process listens, and the name by which a worker is known."""

    host: str
    port: int | None
    name: str


def _prefect_api(place: Place) -> list[str]:
    return ["-m", "prefect", "server", "start", *_listening(place, 4200), "--no-services"]


def _prefect_services(_place: Place) -> list[str]:
    return ["-m", "prefect", "server", "services", "start"]


def _worker(place: Place) -> list[str]:
    name = place.name or f"orderpool on {socket.gethostname()}"
    pool = ["--pool", WORK_POOL, "--type", "process", "--install-policy", "never"]
    return ["-m", "prefect", "worker", "start", "--name", name, *pool]


def _live(_place: Place) -> list[str]:
    return ["-m", "deployments.live"]


def _web(place: Place) -> list[str]:
    return ["-m", "web.serve", *_listening(place, 8080)]


def _listening(place: Place, usual_port: int) -> list[str]:
    return ["--host", place.host, "--port", str(place.port or usual_port)]


PROCESSES: dict[str, Callable[[Place], list[str]]] = {
    "prefect-api": _prefect_api,
    "prefect-services": _prefect_services,
    "worker": _worker,
    "live": _live,
    "web": _web,
}
"""What a machine can run, with the arguments for the Python interpreter."""


def become(process: str, place: Place) -> NoReturn:
    """Turn this process into one of the installation's, which then gets the signals of whoever started it.

    Raises SetupError for a process that does not exist.
    """
    if process not in PROCESSES:
        raise SetupError(f"{process} is no process of OrderPool; there are {', '.join(PROCESSES)}")
    os.chdir(CHECKOUT)
    command = [sys.executable, *PROCESSES[process](place)]
    os.execve(sys.executable, command, {**os.environ, **environment()})
