"""The faults: each strikes the running site at a moment drawn at random, and says what it hit."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from models.settings import settings
from tests.chaos.site import SHOPS, Site, await_true
from tests.pipeline.gates import closed_at
from tests.pipeline.prefect_api import ENDS

FLOWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("process_orders/orders", {"shop": "tmall-1"}),
    ("process_orders/orders", {"shop": "woo-1"}),
    ("track_parcels/every-minute", {}),
    ("resume_orders/every-minute", {}),
    ("deliver_outbox/every-minute", {}),
)
LONGEST_RUN_S = 4.0
"""Until when in its life a flow process is hit; its start takes the first seconds."""

STARTS_WITHIN_S = 180
"""Some seconds on a machine that has nothing else to do."""

WRONG_S = 7200

Strike = Callable[[Site, random.Random], str]


def a_flow_process(site: Site, draw: random.Random) -> str:
    """kill -9 of the process of one run, at some moment of its life."""
    deployment, parameters = draw.choice(FLOWS)
    run_id = site.prefect.start(deployment, parameters)
    await_true(
        lambda: run_id in site.flow_processes() or _has_ended(site, run_id), "a flow process", STARTS_WITHIN_S, 0.05
    )
    delay_s = draw.uniform(0, LONGEST_RUN_S)
    time.sleep(delay_s)
    with contextlib.suppress(KeyError, psutil.NoSuchProcess):
        site.flow_processes()[run_id].kill()
        return f"{deployment.partition('/')[0]}, {delay_s:.1f} s after its start"
    return f"{deployment.partition('/')[0]}, as it ended"


def _has_ended(site: Site, run_id: str) -> bool:
    return site.prefect.state(run_id)["type"] in ENDS


def the_worker(site: Site, draw: random.Random) -> str:
    """kill -9 of the worker and of all runs in it."""
    wanted = draw.sample(FLOWS, 2)
    for deployment, parameters in wanted:
        site.prefect.start(deployment, parameters)
    await_true(site.flow_processes, "a flow process", STARTS_WITHIN_S)
    time.sleep(draw.uniform(0, LONGEST_RUN_S))
    running = len(site.flow_processes())
    pid = site.kill("worker", with_children=True)
    return f"pid {pid} with {running} runs"


def the_live_process(site: Site, draw: random.Random) -> str:
    """kill -9 of the live process, with the runs in its threads."""
    time.sleep(draw.uniform(0, 2))
    return f"pid {site.kill('live')}"


def the_prefect_server(site: Site, draw: random.Random) -> str:
    """kill -9 of the Prefect server."""
    return f"pid {site.kill('prefect', with_children=True)}"


def the_postmaster(site: Site, draw: random.Random) -> str:
    """kill -9 of PostgreSQL's main process."""
    return f"pid {site.kill('postgres')}"


def a_backend(site: Site, draw: random.Random) -> str:
    """kill -9 of a process of PostgreSQL that serves one connection: all others are cut and it recovers."""
    served = site.rows("select pid, datname from pg_stat_activity where backend_type = 'client backend' order by pid")
    pid, database = draw.choice(served)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return f"one of {len(served)}, of {database}"


def connections_of_the_pool(site: Site, draw: random.Random) -> str:
    """Every connection to the pool is cut at once."""
    cut = site.rows(
        """select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
    )
    return f"{len(cut)} connections"


def _mid_transaction(number: signal.Signals) -> Strike:
    def strike(site: Site, draw: random.Random) -> str:
        """PostgreSQL is stopped while a stage stands inside its transaction."""
        point = draw.choice(("ingested", "validated", "locked", "routed", "dispatched"))
        main = site.process("postgres")
        # to close the gate may meet a transaction that the database ends it for
        while main.is_running():
            with contextlib.suppress(psycopg.OperationalError), closed_at(settings().pool_url(), point) as gate:
                site.prefect.start("process_orders/orders", {"shop": draw.choice(SHOPS)})
                gate.wait_for_somebody(STARTS_WITHIN_S)
                main.send_signal(number)
                psutil.wait_procs([main], timeout=30)
        return f"while a run writes `{point}`"

    return strike


def the_sandbox(site: Site, draw: random.Random) -> str:
    """kill -9 of every platform, warehouse system and carrier; they come back with what they had acknowledged."""
    pid, away_s = site.kill("sandbox"), draw.uniform(0.5, 3)
    time.sleep(away_s)
    site.launch_sandbox()
    return f"pid {pid}, away for {away_s:.1f} s"


def the_web_process(site: Site, draw: random.Random) -> str:
    """kill -9 of the process that takes webhooks in."""
    return f"pid {site.kill('web')}"


def the_supervisor(site: Site, draw: random.Random) -> str:
    """kill -9 of the supervisor, and of a part that it would have started again."""
    part = draw.choice(("live", "web"))
    pid = site.kill("supervisor")
    site.kill(part)
    return f"pid {pid}, and {part} with it"


def a_platform_that_drops_connections(site: Site, draw: random.Random) -> str:
    """Calls to a platform end without an answer, before or after they took effect."""
    shop, kind = draw.choice(SHOPS), draw.choice(("timeout_before", "timeout_after"))
    times = draw.randint(2, 6)
    site.fault(f"shop:{shop}", kind, times=times, seconds=0.1)
    return f"{shop}, {times} calls {kind.partition('_')[2]} they took effect"


def a_platform_under_load(site: Site, draw: random.Random) -> str:
    """A third of the calls to a platform fail in one way or another."""
    shop = draw.choice(SHOPS)
    site.fault(f"shop:{shop}", "random", share=0.3, seconds=0.1, seed=draw.random())
    return shop


def a_warehouse_that_drops_connections(site: Site, draw: random.Random) -> str:
    """Instructions are taken, and nobody is told so; or the warehouse's system is away."""
    kind, place = draw.choice(("timeout_after", "timeout_before", "http_503")), draw.choice(("WH-E", "WH-S", "WH-N"))
    times = draw.randint(2, 10)
    site.fault(f"wms:{place}", kind, times=times, seconds=0.1)
    return f"{place}, {times} times {kind}"


def a_slow_warehouse(site: Site, draw: random.Random) -> str:
    """A warehouse's system takes seconds to answer."""
    place, seconds = draw.choice(("WH-E", "WH-S", "WH-N")), draw.uniform(1, 3)
    site.fault(f"wms:{place}", "slow", times=12, seconds=seconds)
    return f"{place}, {seconds:.1f} s for an answer"


def doubled_webhooks(site: Site, draw: random.Random) -> str:
    """Reports of warehouses, carriers and shops come twice."""
    for target in ("wms:WH-E", "wms:WH-S", "wms:WH-N", "carrier:kuaidi100", "shop:woo-1", "shop:douyin-1"):
        site.fault(target, "duplicate", times=25)
    return "25 of each sender"


def disordered_webhooks(site: Site, draw: random.Random) -> str:
    """Reports come in another order than things happened: shipped before accepted, delivered before collected."""
    for target in ("wms:WH-E", "wms:WH-S", "wms:WH-N", "carrier:kuaidi100"):
        site.fault(target, "out_of_order", times=12, share=0.5, seed=draw.random())
    return "every second report of four senders"


def two_workers_on_one_window(site: Site, draw: random.Random) -> str:
    """Two workers read the same orders at once: one window twice, one that overlaps it, and that of the watermark."""
    shop, now = draw.choice(SHOPS), datetime.now(UTC)
    asked = {"shop": shop, "since": (now - timedelta(minutes=2)).isoformat(), "until": _later(now)}
    overlapping = asked | {"since": (now - timedelta(seconds=draw.randint(60, 119))).isoformat()}
    with site.another_worker():
        wishes = [asked, asked, overlapping, {"shop": shop}]
        runs = [site.prefect.start("process_orders/orders", wish) for wish in wishes]
        for run_id in runs:
            site.prefect.wait(run_id, STARTS_WITHIN_S)
    return f"{shop}, 4 runs"


def _later(now: datetime) -> str:
    # the window ends at the present of the run that claims it
    return (now + timedelta(minutes=10)).isoformat()


def a_worker_with_a_wrong_clock(site: Site, draw: random.Random) -> str:
    """The only worker's clock is two hours off: its runs refuse to work, and say so."""
    ahead_s = draw.choice((WRONG_S, -WRONG_S))
    with site.without("worker"), site.another_worker(ORDERPOOL_CLOCK_AHEAD_S=str(ahead_s)):
        runs = [(deployment, site.prefect.start(deployment, parameters)) for deployment, parameters in FLOWS]
        for deployment, run_id in runs:
            state = site.prefect.wait(run_id, STARTS_WITHIN_S)
            assert state["type"] == "FAILED", f"{deployment}: {state['name']}: {state['message']}"
            assert "clock" in state["message"], f"{deployment}: {state['message']}"
    return f"{ahead_s / 3600:+.0f} h, {len(FLOWS)} runs"


KINDS: dict[str, Strike] = {
    "kill -9 of a flow process": a_flow_process,
    "kill -9 of the worker with its runs": the_worker,
    "kill -9 of the live process": the_live_process,
    "kill -9 of the Prefect server": the_prefect_server,
    "kill -9 of PostgreSQL's postmaster": the_postmaster,
    "kill -9 of a PostgreSQL backend": a_backend,
    "kill -9 of the sandbox": the_sandbox,
    "kill -9 of the web process": the_web_process,
    "kill -9 of the supervisor and a part": the_supervisor,
    "PostgreSQL stopped fast in a transaction": _mid_transaction(signal.SIGINT),
    "PostgreSQL stopped at once in a transaction": _mid_transaction(signal.SIGQUIT),
    "connections to the pool cut": connections_of_the_pool,
    "connections to a platform dropped": a_platform_that_drops_connections,
    "a platform that fails now and then": a_platform_under_load,
    "connections to a warehouse dropped": a_warehouse_that_drops_connections,
    "a slow warehouse": a_slow_warehouse,
    "webhooks doubled": doubled_webhooks,
    "webhooks out of order": disordered_webhooks,
    "two workers on one window": two_workers_on_one_window,
    "a worker's clock two hours off": a_worker_with_a_wrong_clock,
}


ASKING = frozenset(
    {
        a_flow_process,
        the_worker,
        a_backend,
        connections_of_the_pool,
        KINDS["PostgreSQL stopped fast in a transaction"],
        KINDS["PostgreSQL stopped at once in a transaction"],
        two_workers_on_one_window,
        a_worker_with_a_wrong_clock,
    }
)
"""Strikes that need an answer of Prefect or PostgreSQL, and so come once what was struck before is back."""


def fill_up(place: Path) -> Path:
    """Take all room on the disk of `place`; the file that holds it."""
    ballast = place / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    return ballast
