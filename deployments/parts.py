"""The processes that an installation is made of, in the order in which they start."""

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from deployments import addresses, ports

WORK_POOL = "orderpool"
POSTGRES = "postgres"


@dataclass(frozen=True)
class Part:
    """A supervised process.

    `arguments` are for the Python interpreter and take the part's port. `needs` names the parts that must answer
    before it is started. `health` is the path that answers 200 once it works; without one, running is enough.
    `publishes` gives the addresses to record, made from its base URL.
    """

    name: str
    arguments: Callable[[int], list[str]]
    needs: tuple[str, ...] = ()
    health: str = ""
    publishes: dict[str, str] = field(default_factory=dict)
    patience_s: int = 60

    def command(self) -> list[str]:
        """The command line, with the port kept for this part."""
        return [sys.executable, *self.arguments(ports.kept(self.name) if self.health else 0)]

    def address(self) -> str:
        """The base URL, empty for a part that does not listen."""
        return f"http://{ports.HOST}:{ports.kept(self.name)}" if self.health else ""

    def is_healthy(self) -> bool:
        """Whether it answers now; for a part that does not listen, True."""
        return not self.health or _answers(self.address() + self.health)

    def publish(self) -> None:
        """Choose a port that is free now and record the addresses that follow from it."""
        if self.health:
            ports.kept_free(self.name)
            addresses.record(**{name: self.address() + path for name, path in self.publishes.items()})


def _prefect(port: int) -> list[str]:
    return ["-m", "prefect", "server", "start", "--host", ports.HOST, "--port", str(port)]


def _worker(_port: int) -> list[str]:
    name = f"orderpool on {socket.gethostname()}"
    pool = ["--pool", WORK_POOL, "--type", "process", "--install-policy", "never"]
    return ["-m", "prefect", "worker", "start", "--name", name, *pool]


def _live(_port: int) -> list[str]:
    return ["-m", "deployments.live"]


def _web(port: int) -> list[str]:
    return ["-m", "web.serve", "--port", str(port)]


PREFECT = Part(
    "prefect",
    _prefect,
    health="/api/health",
    publishes={"prefect_api_url": "/api", "prefect_ui_url": ""},
    patience_s=120,
)
WORKER = Part("worker", _worker, needs=("prefect",))
LIVE = Part("live", _live, needs=("prefect",))
WEB = Part("web", _web, health="/health", publishes={"web_url": ""})

PARTS: dict[str, Part] = {part.name: part for part in (PREFECT, WORKER, LIVE, WEB)}

NAMES: tuple[str, ...] = (POSTGRES, *PARTS)
"""Every part that can be asked for; PostgreSQL first, because everything stands on it."""


def _answers(url: str) -> bool:
    # No proxy of the environment may stand between a machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=3) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
