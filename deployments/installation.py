"""One installation as a whole: bring its parts up, take them down, say how they are."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from deployments import addresses, embedded_postgres, processes, supervisor
from deployments.databases import embedded_names, ensure_databases
from deployments.parts import NAMES, PARTS, POSTGRES
from deployments.prefect_settings import environment
from models.data_keys import ensure_keys
from models.database import in_transaction
from models.errors import SetupError
from models.settings import clock, settings

GRACE_S = 10.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class PartStatus:
    """How one part is; `state` is running, starting, restarting or stopped."""

    part: str
    state: str
    pid: int | None
    since: datetime | None
    address: str


def bring_up(only: Sequence[str] = (), schedules: bool | None = None, tell: Tell = print) -> None:
    """Start what is missing of the parts, wait until they answer, and set Prefect up.

    `only` names some parts instead of all, on top of those that run already; PostgreSQL is always among them.
    `schedules` switches all schedules on or off; None leaves them as they are. Raises SetupError when a part does
    not come up or a deployment cannot be made; what could be started keeps running.
    """
    chosen = _checked(only)
    with processes.exclusive(settings().run_dir / "up.lock"):
        began = time.monotonic()
        ensure_databases()
        in_transaction(lambda conn: ensure_keys(conn, clock().now()))
        tell(f"{POSTGRES}: ready after {time.monotonic() - began:.1f} s")
        names = [name for name in NAMES if name in {POSTGRES, *chosen, *supervisor.wanted()}]
        for name in names:
            if name in PARTS and supervisor.running(name) is None:
                PARTS[name].publish()
        # A worker that meets a server without its work pool would make one of its own.
        early = [name for name in names if name == POSTGRES or not PARTS[name].needs]
        supervisor.want([name for name in names if name in early or supervisor.running(name)])
        supervisor.launch_supervisor()
        failure = None
        if "prefect" in names:
            failure = _set_up_prefect(schedules, tell)
        supervisor.want(names)
        for name in names:
            if name in PARTS and name != "prefect":
                _await(name, tell)
        if failure:
            raise failure


def take_down(tell: Tell = print) -> None:
    """Stop the supervisor, then every process it or its parts started, then PostgreSQL."""
    with processes.exclusive(settings().run_dir / "up.lock"):
        supervisor.want([])
        overseer = processes.recall(supervisor.record_of("supervisor"))
        if overseer:
            processes.end([overseer], GRACE_S)
        for name in reversed(PARTS):
            found = supervisor.running(name)
            if found:
                processes.end(processes.tree(found), GRACE_S)
                tell(f"{name}: stopped")
        # Flow runs whose worker was killed are nobody's children any more.
        processes.end(processes.marked(supervisor.mark()), GRACE_S)
        if embedded_postgres.is_running():
            embedded_postgres.stop()
            tell(f"{POSTGRES}: stopped")
        for record in (settings().run_dir / "parts").glob("*.json"):
            record.unlink()
        addresses.forget()


def status() -> list[PartStatus]:
    """How the supervisor and every wanted part are, and every other part that runs."""
    wanted = supervisor.wanted()
    shown = [name for name in NAMES if name in wanted or supervisor.running(name)] or list(NAMES)
    return [_status_of("supervisor", False), *(_status_of(name, name in wanted) for name in shown)]


def _status_of(name: str, wanted: bool) -> PartStatus:
    if name == POSTGRES and not embedded_names():
        return PartStatus(name, "elsewhere", None, None, "")
    found = processes.recall(supervisor.record_of(name)) if name == "supervisor" else supervisor.running(name)
    if found is None:
        return PartStatus(name, "restarting" if wanted else "stopped", None, None, "")
    healthy = name not in PARTS or PARTS[name].is_healthy()
    since = datetime.fromtimestamp(found.create_time(), UTC)
    return PartStatus(name, "running" if healthy else "starting", found.pid, since, _address_of(name))


def _address_of(name: str) -> str:
    if name == POSTGRES:
        # without the password
        return unquote(addresses.read().get("database_url", "").rpartition("@")[2].rpartition("?host=")[2])
    return PARTS[name].address() if name in PARTS else ""


def _checked(only: Sequence[str]) -> Sequence[str]:
    for name in only:
        if name not in NAMES:
            raise SetupError(f"{name} is no part of OrderPool; the parts are {', '.join(NAMES)}")
    return only or NAMES


def _set_up_prefect(schedules: bool | None, tell: Tell) -> SetupError | None:
    os.environ.update(environment())
    # Imported while the server starts, for both take seconds, and after Prefect's settings are in the environment.
    from deployments import prefect_setup

    _await("prefect", tell)
    try:
        prefect_setup.set_up(schedules, tell)
    except SetupError as error:
        return error
    return None


def _await(name: str, tell: Tell) -> None:
    part = PARTS[name]
    began = time.monotonic()
    while time.monotonic() - began < part.patience_s:
        if supervisor.running(name) and part.is_healthy():
            took = time.monotonic() - began
            tell(f"{name}: {part.address() or 'running'}" + (f" after {took:.1f} s" if took > 1 else ""))
            return
        time.sleep(0.2)
    log = settings().log_dir / f"{name}.log"
    raise SetupError(f"{name} does not answer after {part.patience_s} s; its log is {log}")
