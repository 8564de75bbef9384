"""Flow runs in processes of their own that can be killed. They are forked from one that has everything imported."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from typing import Any

from tests.forked import forking

FLOWS = {
    "audit_ingest": "flows.audit_ingest",
    "process_orders": "flows.process_orders",
    "push_stock": "flows.push_stock",
    "resume_orders": "flows.resume_orders",
    "track_parcels": "flows.track_parcels",
}
HANDED_ON = ("ORDERPOOL_DATABASE_URL", "ORDERPOOL_PUBLIC_URL")

_server = forking(*FLOWS.values(), "great_expectations", "pandas", "tests.pipeline.processes")


@contextmanager
def flow_process(flow: str, run_id: str) -> Iterator[ForkServerProcess]:
    """A process that takes up a flow run; killed at the end of the block if it still runs."""
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    process = _server.Process(target=_take_up, args=(flow, run_id, environment), daemon=True)
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            process.kill()
        process.join(10)


def run_to_its_end(flow: str, run_id: str, patience_s: float = 60) -> None:
    """Take up a flow run in a process of its own and wait until that ends."""
    with flow_process(flow, run_id) as process:
        process.join(patience_s)
        assert process.exitcode is not None, f"{flow} did not end within {patience_s} s"


def kill(process: ForkServerProcess) -> None:
    """kill -9."""
    process.kill()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL


def _take_up(flow: str, run_id: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from importlib import import_module
    from uuid import UUID

    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    from models.settings import settings

    settings.cache_clear()
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(run_id))
    wanted: Any = getattr(import_module(FLOWS[flow]), flow)
    run_flow(wanted, flow_run=run, parameters=run.parameters, return_type="state")
