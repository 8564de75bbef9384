"""The demo's outside world: the sandbox as a process of its own, and what the demo lets happen in it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from deployments import ports, processes, supervisor
from models.errors import SetupError
from models.settings import CHECKOUT, settings

PATIENCE_S = 30.0
ORDERS_PER_CALL = 500


@dataclass(frozen=True, slots=True)
class Outside:
    """The running sandbox; its client's paths start below /_control."""

    url: str
    control: httpx.Client

    def do(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the control API and return its answer; httpx.HTTPStatusError when it refuses."""
        response = self.control.request(method, path, json=body)
        response.raise_for_status()
        return response.json()

    def world(self) -> dict[str, Any]:
        """Every endpoint with its credentials."""
        answer: dict[str, Any] = self.do("GET", "world")
        return answer

    def books(self) -> dict[str, Any]:
        """Everything that the outside received."""
        answer: dict[str, Any] = self.do("GET", "books")
        return answer

    def load_orders(self, shop: str, orders: Sequence[Mapping[str, Any]]) -> None:
        """Put orders into a shop."""
        for start in range(0, len(orders), ORDERS_PER_CALL):
            self.do("POST", f"shops/{shop}/orders", {"orders": list(orders[start:][:ORDERS_PER_CALL])})

    def connect_warehouse(self, code: str, hooks_url: str, pull_token: str, *, batches: bool = False) -> None:
        """Tell a warehouse where its reports go, whether in batches, and with which token it fetches long documents."""
        callback_url = f"{hooks_url}/hooks/wms/{code}"
        wish = {"code": code, "callback_url": callback_url, "pull_token": pull_token, "batches": batches}
        self.do("POST", "warehouses", wish)

    def speak_qimen(self, code: str, hooks_url: str) -> None:
        """Let a warehouse's system speak Qimen from now on, and report there."""
        wish = {"code": code, "speaks": "qimen", "callback_url": f"{hooks_url}/hooks/qimen/{code}"}
        self.do("POST", "warehouses", wish)

    def break_warehouse(self, code: str) -> None:
        """Let a warehouse's system answer 503 until it is mended."""
        self.do("POST", "faults", {"target": f"wms:{code}", "kind": "http_503"})

    def mend_warehouse(self, code: str) -> None:
        """Let it answer again."""
        self.do("DELETE", f"faults?target=wms:{code}&kind=http_503")

    def garble(self, target: str, kind: str, times: int) -> None:
        """Let the next callbacks of a warehouse or carrier come twice, or in the wrong order."""
        self.do("POST", "faults", {"target": target, "kind": kind, "times": times})

    def waiting_in(self, code: str) -> int:
        """How many documents a warehouse has not shipped."""
        return int(self.do("GET", "books?summary=1")["warehouses"][code]["outstanding"])

    def ship(self, code: str, limit: int | None = None, *, repeats: bool = False) -> int:
        """Let a warehouse ship what waits there, at most `limit` documents; returns how many reports it made.

        With `repeats` it reports again what we did not take.
        """
        return int(self.do("POST", f"warehouses/{code}/ship", {"limit": limit, "repeats": repeats})["sent"])

    def advance_parcels(self, to: str, waybills: Sequence[str]) -> int:
        """Let these parcels travel on, as far as somebody follows them; returns how many pushes that made."""
        return int(self.do("POST", "carriers/kuaidi100/advance", {"to": to, "waybills": list(waybills)})["sent"])

    def put_clock_forward(self, seconds: float) -> None:
        """Let the platforms' time jump ahead; what they signed or stamped so far stays as it was."""
        self.do("POST", "clock", {"advance_s": seconds})

    def await_answer(self) -> None:
        """Return once it answers; raises SetupError when it does not in time."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if self.control.get("health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        log = settings().log_dir / "sandbox.log"
        raise SetupError(f"the sandbox does not answer after {PATIENCE_S:.0f} s; its log is {log}")

    def behave(self) -> None:
        """Take down every fault, for whoever looks around afterwards."""
        self.do("DELETE", "faults")


@contextmanager
def sandbox_process(journal: Path | None = None) -> Iterator[Outside]:
    """Run the sandbox in a process of its own for as long as the block lasts; one that is left over is ended.

    With a journal its world survives a kill: `launch_sandbox` with the same file goes on with it.
    """
    record = settings().run_dir / "sandbox.json"
    stop_sandbox(record)
    url = f"http://{ports.HOST}:{ports.kept_free('sandbox')}"
    child = launch_sandbox(journal)
    try:
        # a whole warehouse's reports go out within one call
        with httpx.Client(base_url=f"{url}/_control/", timeout=600, trust_env=False) as control:
            outside = Outside(url, control)
            outside.await_answer()
            yield outside
    finally:
        stop_sandbox(record)
        child.wait(timeout=10)


def launch_sandbox(journal: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the sandbox on the port kept for it, and write down which process it is."""
    command = [sys.executable, "-m", "sandbox", "--port", str(ports.kept("sandbox"))]
    # with the mark, `orderpool down` ends it too when a demo was killed
    env = {**os.environ, processes.MARK: supervisor.mark()}
    log = settings().log_dir / "sandbox.log"
    child = processes.launch([*command, *(("--journal", str(journal)) if journal else ())], env, log, CHECKOUT)
    processes.remember(settings().run_dir / "sandbox.json", child.pid)
    return child


def stop_sandbox(record: Path) -> None:
    """End the sandbox that was written down there, if it still runs."""
    found: psutil.Process | None = processes.recall(record)
    if found:
        processes.end(processes.tree(found), grace_s=5)
    record.unlink(missing_ok=True)
