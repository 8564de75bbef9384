import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from deployments.live import Live, run_work, waiting_work
from models.alert import AlertRule
from models.database import transaction
from models.errors import PipelineError, StepFailed
from models.sealing import seal
from models.settings import CHECKOUT, clock, settings
from models.telling import Language, RecipientKind, Severity
from sandbox.server import Sandbox
from tasks.alerts import raise_alerts
from tasks.progress_codes import ask_code
from tasks.progress_limits import Caller
from tasks.recipients import Recipient, add_recipient
from tasks.setup import add_shop
from tests.fakes import why

WOO = {"endpoint": "http://127.0.0.1:9", "consumer_key": "ck_1", "consumer_secret": "cs_1"}


def arrive(database: str, source: str, age: timedelta = timedelta(), body: str = "{}") -> None:
    at = clock().now() - age
    with psycopg.connect(database) as conn:
        conn.execute(
            """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
               values (%s, %s, %s, 'new', '', %s, %s)""",
            (source, os.urandom(8).hex(), seal(body), at, at + timedelta(days=30)),
        )


class Work:
    """Pieces of work that wait until a test lets them go, or fail."""

    def __init__(self, *failing: str) -> None:
        self.started: list[str] = []
        self.go = threading.Event()
        self._failing = failing

    def run(self, name: str) -> None:
        self.started.append(name)
        if name in self._failing:
            raise StepFailed(f"dispatch: 3 of 9 not delivered by {name}")
        self.go.wait(5)


def live_with(work: Work, *waiting: str, gap_s: float = 0.0) -> Live:
    return Live(lambda: list(waiting), work.run, gap_s=gap_s)


def sign_of_life() -> dict[str, object]:
    found: dict[str, object] = json.loads((settings().run_dir / "live.json").read_text())
    return found


class TestBeats:
    def test_work_under_way_is_not_started_again(self) -> None:
        work = Work()
        live = live_with(work, "reports", "shop:A")

        live.beat()
        live.beat()

        assert sorted(work.started) == ["reports", "shop:A"]
        assert set(sign_of_life()["running"]) == {"reports", "shop:A"}  # type: ignore[call-overload]
        work.go.set()
        assert live.finish(5) == []

    def test_only_some_shops_run_at_once_and_reports_always(self) -> None:
        work = Work()
        live = live_with(work, "shop:A", "shop:B", "shop:C", "reports")

        live.beat()

        assert sorted(work.started) == ["reports", "shop:A", "shop:B"]
        work.go.set()

    def test_a_failure_stops_nobody_else_and_is_told(self) -> None:
        work = Work("shop:A")
        live = live_with(work, "shop:A", "shop:B")
        work.go.set()

        live.beat()
        live.finish(5)
        live.beat()

        assert "shop:B" in work.started
        assert sign_of_life()["failing"] == {"shop:A": "dispatch: 3 of 9 not delivered by shop:A"}

    def test_failed_work_waits_longer_each_time(self) -> None:
        work = Work("shop:A")
        live = live_with(work, "shop:A", gap_s=0.05)

        starts = []
        deadline = time.monotonic() + 5
        while len(work.started) < 4 and time.monotonic() < deadline:
            before = len(work.started)
            live.beat()
            live.finish(1)
            if len(work.started) > before:
                starts.append(time.monotonic())
            time.sleep(0.005)

        gaps = [later - earlier for earlier, later in pairwise(starts)]
        assert gaps == sorted(gaps)
        assert gaps[0] >= 0.1

    @pytest.mark.parametrize(("gap_s", "runs"), [(0.05, 2), (60, 1)])
    def test_the_gap_counts_from_the_beginning_of_a_run(self, gap_s: float, runs: int) -> None:
        work = Work()
        live = live_with(work, "shop:A", gap_s=gap_s)

        live.beat()
        time.sleep(0.1)
        work.go.set()
        live.finish(5)
        live.beat()

        assert live.finish(5) == []
        assert work.started == ["shop:A"] * runs

    def test_what_does_not_end_in_time_is_named(self) -> None:
        work = Work()
        live = live_with(work, "shop:A")
        live.beat()

        assert live.finish(0.01) == ["shop:A"]
        work.go.set()

    def test_a_lost_pool_is_no_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def lost() -> list[str]:
            raise psycopg.OperationalError("gone")

        Live(lost, Work().run).beat()

        assert sign_of_life()["running"] == {}


class TestWaitingWork:
    def test_nothing_waits_in_an_empty_pool(self, database: str) -> None:
        assert waiting_work() == []

    def test_reports_and_ripe_notices_wait(self, database: str) -> None:
        add_shop("W1", "woocommerce", credentials=WOO)
        add_shop("W2", "woocommerce", credentials=WOO)
        arrive(database, "wms:WH-E")
        arrive(database, "shop:W1", age=timedelta(minutes=2))
        arrive(database, "shop:W2")

        assert waiting_work() == ["reports", "shop:W1"]

    def test_a_shops_own_lag_decides_when_its_notices_are_ripe(self, database: str) -> None:
        add_shop("W1", "woocommerce", credentials=WOO, settings={"capabilities": {"lag_s": 600}})
        add_shop("W2", "woocommerce", credentials=WOO, settings={"capabilities": {"lag_s": "broken"}})
        arrive(database, "shop:W1", age=timedelta(minutes=2))
        arrive(database, "shop:W2", age=timedelta(minutes=2))

        assert waiting_work() == ["shop:W2"]

    def test_codes_that_buyers_wait_for_need_no_run(self, database: str) -> None:
        with transaction() as conn:
            ask_code(conn, "13900000001", Caller("", b"b"), clock().now())

        assert waiting_work() == ["codes"]
        run_work("codes")  # nobody has this phone: nothing is sent
        assert waiting_work() == []

    def test_notices_of_a_shop_that_is_off_or_unknown_wait_for_nobody(self, database: str) -> None:
        add_shop("W1", "woocommerce", credentials=WOO)
        arrive(database, "shop:W1", age=timedelta(minutes=2))
        arrive(database, "shop:W9", age=timedelta(minutes=2))
        with psycopg.connect(database) as conn:
            conn.execute("update shop set active = false")

        assert waiting_work() == []


def test_the_process_ends_cleanly_when_told_to(database: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.live"], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "ORDERPOOL_VAR": str(tmp_path)}, text=True,
    )  # fmt: skip
    sign = tmp_path / "run" / "live.json"
    deadline = time.monotonic() + 15
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)

    assert process.returncode == 0, output
    assert json.loads(sign.read_text())["pid"] == process.pid
    assert output.rstrip().endswith("stopped")


def test_reports_are_applied_by_a_run_of_the_deployment(prefect_server: str, database: str) -> None:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterStartTime

    from deployments.prefect_setup import client

    arrive(database, "wms:WH-E", body='{"type": "outbound.accepted", "timestamp": "x", "data": {}}')
    before = datetime.now(UTC)

    run_work("reports")

    with psycopg.connect(database) as conn:
        assert conn.execute("select state from inbox").fetchall() == [("ignored",)]
    with client() as prefect:
        # other tests of this server have had reports applied too, and its schedules plan runs to come
        runs = prefect.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["track_parcels"])),
            flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(after_=before)),
        )
    (run,) = (run for run in runs if not run.auto_scheduled)
    assert run.deployment_id is not None
    assert run.state_name == "Completed"


def test_a_failed_run_of_a_shop_is_told_in_its_own_words(prefect_server: str, database: str) -> None:
    with pytest.raises(PipelineError, match="process_orders Failed: "):
        run_work("shop:S9")


def test_people_are_told_of_alerts_without_prefect(
    database: str, running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    running_sandbox.do("POST", "/reset")
    robot = {"webhook_url": running_sandbox.robot("wecom")["webhook_url"]}
    wish = Recipient("on-call", RecipientKind.WECOM, Language.CHINESE, tuple(Severity), 1)
    assert waiting_work() == []
    with transaction() as conn:
        add_recipient(conn, wish, robot, why(at=clock().now()))
        raise_alerts(conn, AlertRule.INGEST_SILENT, lambda *_: {"shop:A": "shop A: silent"}, clock().now())

    assert waiting_work() == ["alerts"]
    run_work("alerts")

    assert running_sandbox.do("GET", "/books?summary=1")["robots"]["wecom"]["messages"] == 1
