"""TCP ports on 127.0.0.1: a free one is chosen once for each part and then kept."""

import json
import random
import socket
from pathlib import Path

from deployments.addresses import write_private
from models.errors import SetupError
from models.settings import settings

HOST = "127.0.0.1"

# Below the range from which the system takes ports for outgoing connections, so that a kept port stays free.
CHOICE = range(20000, 32000)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def kept(part: str) -> int:
    """The port of a part, chosen at the first call."""
    known = _read()
    return known[part] if part in known else _choose(part, known)


def kept_free(part: str) -> int:
    """The port for a part that is about to start: the kept one unless a stranger took it meanwhile."""
    known = _read()
    if part in known and is_free(known[part]):
        return known[part]
    return _choose(part, known)


def _choose(part: str, known: dict[str, int]) -> int:
    for port in random.sample(CHOICE, 200):
        if port not in known.values() and is_free(port):
            write_private(_file(), json.dumps({**known, part: port}, indent=2) + "\n")
            return port
    raise SetupError(f"{part}: no free port on {HOST} from {CHOICE.start} to {CHOICE.stop}")


def _read() -> dict[str, int]:
    try:
        known: dict[str, int] = json.loads(_file().read_text())
    except FileNotFoundError:
        return {}
    return known


def _file() -> Path:
    return settings().run_dir / "ports.json"
