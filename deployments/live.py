"""The long-lived process that works on what was pushed to us within seconds; a scheduled run would start slower.

It looks for waiting messages every two seconds and runs the same flows as the schedules do, in threads of its own.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

import psycopg

from deployments.addresses import write_private
from deployments.leadership import Leadership
from deployments.prefect_settings import environment
from deployments.promo_live import PROMO, PromoKeeper, lag_of, shops_at_once, shops_to_read
from deployments.usual_pace import SHOPS_AT_ONCE
from models.database import transaction
from models.errors import PipelineError, SetupError
from models.logs import write_log
from models.settings import clock, settings
from tasks.progress_codes import has_codes
from tasks.promo import current_promo
from tasks.recipients import is_anyone_told
from tasks.release_room import room_came
from tasks.stock_push import has_crossed, shows_stock
from tasks.tell import tell
from tasks.track import has_reports

if TYPE_CHECKING:
    from prefect import Flow

BEAT_S = 2.0
GAP_S = 5.0  # between the beginnings of two runs of the same work, so that what comes meanwhile goes together
LONGEST_WAIT_S = 60.0
GRACE_S = 8.0

REPORTS = "reports"
STOCK = "stock"
RESUME = "resume"
CODES = "codes"
SHOP = "shop:"
ALERTS = "alerts"

_log = logging.getLogger("orderpool.live")


def waiting_work() -> list[str]:
    """What can be worked on now: `codes` for buyers, `reports` of warehouses and carriers, `shop:CODE` for each shop
    with notices, `stock`.

    There is always stock to look at where anything was shown: whether it must be told at once is asked by the work, as
    it is with `alerts` where there is somebody to tell. A notice is ripe once the shop's windows may end after it, else
    the read it asks for would not see the change. During a promo every shop waits that was not read for as long as the
    promo says; `resume` waits when there is room for orders that wait for it.
    """
    now = clock().now()
    with transaction() as conn:
        rows = conn.execute(
            """select i.source, s.channel, s.settings->'capabilities', min(i.received_at)
               from inbox i join shop s on i.source = 'shop:' || s.code
               where i.state = 'new' and i.source like 'shop:%' and s.active group by 1, 2, 3 order by 4"""
        ).fetchall()
        told = [ALERTS] if is_anyone_told(conn) else []
    ripe = [
        source
        for source, channel, own, oldest in rows
        if oldest + lag_of(source.removeprefix(SHOP), channel, own or {}) <= now
    ]
    shops = dict.fromkeys([*ripe, *(SHOP + code for code in shops_to_read())])
    before = [
        *([CODES] if has_codes() else []),
        *([REPORTS] if has_reports() else []),
        *([RESUME] if room_came() else []),
    ]
    return [*told, *before, *shops, *([STOCK] if shows_stock() else [])]


def run_work(work: str) -> None:
    """Run the flow that some work needs; raises when it fails. Codes need none: somebody waits for them."""
    if work == CODES:
        from tasks.progress_sms import send_codes

        if obstacles := send_codes().obstacles:
            raise PipelineError("; ".join(obstacles))
        return
    if work == ALERTS:
        # no run of a flow: people are told with Prefect down, too
        tell()
        return
    from flows.process_orders import process_orders
    from flows.push_stock import push_stock
    from flows.resume_orders import resume_orders
    from flows.track_parcels import track_parcels

    if work == REPORTS:
        run_deployed(track_parcels, "every-minute", {})
    elif work == RESUME:
        run_deployed(resume_orders, "every-minute", {})
    elif work == STOCK:
        # asked here, not while work is looked for: it takes longer, and a run of the flow is for something that is done
        if has_crossed(clock().now()):
            run_deployed(push_stock, "every-five-minutes", {"at_once": True})
    else:
        run_deployed(process_orders, "orders", {"shop": work.removeprefix(SHOP)})


def run_deployed(flow: "Flow[Any, Any]", deployment: str, parameters: dict[str, Any]) -> None:
    """Run a flow here and now as a run of its deployment, so that Retry in the UI hands it to a worker.

    Raises PipelineError with the run's own words when it fails.
    """
    from prefect.client.schemas.objects import State
    from prefect.flow_engine import run_flow_sync
    from prefect.states import Pending

    from deployments.prefect_setup import client
    from deployments.promo_mode import tags_of

    tags = tags_of(current_promo())
    with client() as prefect:
        found = prefect.read_deployment_by_name(f"{flow.name}/{deployment}")
        # born pending, not scheduled: no worker takes it
        flow_run = prefect.create_flow_run_from_deployment(
            found.id, parameters=parameters, state=Pending(message="run by the live process"), tags=tags
        )
    state = run_flow_sync(flow, flow_run=flow_run, parameters=parameters, return_type="state")
    if isinstance(state, State) and not state.is_completed():
        raise PipelineError(f"{flow.name} {state.name}: {state.message}")


@dataclass(slots=True)
class Job:
    """One piece of work that never runs twice at once, and when it may run again."""

    thread: threading.Thread | None = None
    since: datetime | None = None
    failures: int = 0
    obstacle: str = ""
    not_before: float = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return self.thread is not None and self.thread.is_alive()


@dataclass(slots=True)
class Live:
    """Starts what waits. `find` names the work, `run` does one piece of it and raises when it fails.

    `shops_at_once` is asked anew with each look: so many shops are worked on at a time.
    `leads` is whether this process is the one at work; None before it asked.
    """

    find: Callable[[], list[str]]
    run: Callable[[str], None]
    gap_s: float = GAP_S
    shops_at_once: Callable[[], int] = lambda: SHOPS_AT_ONCE
    jobs: dict[str, Job] = field(default_factory=dict)
    leads: bool | None = None

    def beat(self) -> None:
        """Look once, start what may start, and leave a sign of life."""
        try:
            most = self.shops_at_once()
            for work in self.find():
                self._start(work, most)
        except (psycopg.Error, SetupError) as error:
            _log.error("the pool does not answer: %s", _words(error))
        self._leave_sign()

    def finish(self, grace_s: float) -> list[str]:
        """Wait for what is under way; returns what did not end in time."""
        deadline = time.monotonic() + grace_s
        for job in self.jobs.values():
            if job.thread is not None:
                job.thread.join(max(deadline - time.monotonic(), 0))
        return self._running()

    def _start(self, work: str, most_shops: int) -> None:
        job = self.jobs.setdefault(work, Job())
        crowded = work.startswith(SHOP) and sum(name.startswith(SHOP) for name in self._running()) >= most_shops
        if job.is_running or crowded or time.monotonic() < job.not_before:
            return
        job.since = clock().now()
        # a daemon: a run cut off by the end of the process is safe to repeat
        job.thread = threading.Thread(target=self._work, args=(work, job), name=work, daemon=True)
        job.thread.start()

    def _work(self, work: str, job: Job) -> None:
        job.not_before = time.monotonic() + self.gap_s
        try:
            self.run(work)
            job.failures, job.obstacle = 0, ""
        except Exception as error:  # noqa: BLE001  whatever one flow raises, the others go on
            job.failures, job.obstacle = job.failures + 1, _words(error)
            wait_s = min(self.gap_s * 2 ** min(job.failures, 10), LONGEST_WAIT_S)
            job.not_before = time.monotonic() + wait_s
            told = {"event": "work_failed", "work": work, "failures": job.failures, "again_in_s": wait_s}
            _log.error("%s: %s; again in %.0f s", work, job.obstacle, wait_s, extra=told)

    def _running(self) -> list[str]:
        return [work for work, job in self.jobs.items() if job.is_running]

    def _leave_sign(self) -> None:
        sign = {
            "pid": os.getpid(),
            "at": clock().now().isoformat(),
            "running": {work: job.since.isoformat() for work, job in self.jobs.items() if job.is_running and job.since},
            "failing": {work: job.obstacle for work, job in self.jobs.items() if job.obstacle},
        }
        write_private(settings().run_dir / "live.json", json.dumps(sign, ensure_ascii=False, indent=2) + "\n")


def main() -> None:
    """Work until SIGTERM or Ctrl-C."""
    os.environ.update(environment())
    write_log("live")
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    keeper, leadership = PromoKeeper(), Leadership()
    live = Live(
        lambda: [*keeper.work(), *waiting_work()],
        lambda work: keeper.tell() if work == PROMO else run_work(work),
        shops_at_once=shops_at_once,
    )
    _log.info("looking for pushed messages every %.0f s", BEAT_S)
    while not stop.is_set():
        take_turn(live, leadership)
        stop.wait(BEAT_S)
    left = live.finish(GRACE_S)
    leadership.give_up()
    _log.info("stopped%s", f"; cut off, and safe to run again: {', '.join(left)}" if left else "")


def take_turn(live: Live, leadership: Leadership) -> None:
    """Look once for what waits, if this is the live process at work."""
    try:
        leads = leadership.held()
    except (psycopg.Error, SetupError) as error:
        _log.error("the pool does not answer: %s", _words(error))
        return
    if leads:
        live.beat()
    if leads != live.leads:
        live.leads = leads
        _log.info("leading: what waits is worked on here" if leads else "standing by: another live process works")


def _words(error: Exception) -> str:
    # only our own errors are worded without what was sent
    return str(error) if isinstance(error, PipelineError) else type(error).__name__


if __name__ == "__main__":
    main()
