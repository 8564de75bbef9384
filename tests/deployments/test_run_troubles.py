"""Each trouble that our automations watch for, caused in an installation with a server, a worker and web pages."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx
import psycopg
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry

from deployments import addresses, automations, prefect_setup, processes, supervisor
from deployments.scratch import Scratch, scratch_installation
from models.alert import AlertRule
from models.database import transaction
from models.order import Cause
from models.settings import CHECKOUT, clock, settings
from tasks.alerts import OpenAlert, open_alerts
from tasks.prefect_runs import runs_in_trouble
from tasks.watch import watch_all
from tests.deployments.test_prefect_setup import eventually
from tests.pipeline.leaks import leaks_in_files, receivers
from tests.pipeline.orders import SKUS, order
from tests.pipeline.test_worker import process_of

pytestmark = pytest.mark.long

PLAN = CHECKOUT / "tests" / "deployments" / "data" / "troubled.yaml"
NO_HEARTBEAT = timedelta(seconds=15)
SILENCE = timedelta(seconds=10)
PARTS = ("postgres", "prefect", "worker", "live", "web")
MINE = "a person's own"
FORMER = "alert: of a version before"


@dataclass(slots=True)
class Story:
    """What happened: the alerts as they were opened, and those left when each trouble was over."""

    changed: automations.SetUp
    changed_again: automations.SetUp | None = None
    names: set[str] = field(default_factory=set)
    told: dict[AlertRule, OpenAlert] = field(default_factory=dict)
    crashed: dict[str, OpenAlert] = field(default_factory=dict)
    runs: dict[str, UUID] = field(default_factory=dict)
    while_failed: list[OpenAlert] = field(default_factory=list)
    after_retry: list[OpenAlert] = field(default_factory=list)
    after_all: list[OpenAlert] = field(default_factory=list)
    old_run_left: bool = True
    new_run_left: bool = False
    ui_url: str = ""
    orders_end: str = ""
    leaks: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(postgres: str) -> Iterator[Story]:
    """An installation in which a run fails, one is killed, one dies with its worker, one waits, one shop is silent."""
    with (
        TemporaryDirectory(prefix="op-") as place,
        _quick_installation(Path(place)) as scratch,
        prefect_setup.client() as prefect,
        temporary_settings({PREFECT_API_URL: str(prefect.api_url)}),
    ):
        orders = _start_orders(prefect, scratch)
        story = _live_through(prefect, scratch.folder)
        story.orders_end = str(prefect.read_flow_run(orders).state_name)
        story.leaks = leaks_in_files(scratch.folder / "log", receivers())
        story.logs = {path.stem: path.read_text() for path in (scratch.folder / "log").glob("*.log")}
        yield story


def _quick_installation(folder: Path) -> AbstractContextManager[Scratch]:
    """An installation that finds things out within seconds, and whose logs are for machines."""
    return scratch_installation(
        folder,
        only=PARTS,
        PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS="3",
        PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS="3",
        PREFECT_WORKER_QUERY_SECONDS="1",
        ORDERPOOL_LOG_FORMAT="json",
    )


def _start_orders(prefect: SyncPrefectClient, scratch: Scratch) -> UUID:
    """Let a run take some orders with known receivers through the stages."""
    scratch.connect(SKUS, 1000)
    scratch.outside.load_orders("woo-1", [order(n, clock().now()) for n in range(20)])
    deployment = prefect.read_deployment_by_name("process_orders/orders")
    return prefect.create_flow_run_from_deployment(deployment.id, parameters={"shop": "woo-1"}).id


def _live_through(prefect: SyncPrefectClient, folder: Path) -> Story:
    prefect_setup.apply_deployments(prefect, PLAN)
    story = _set_up(prefect)
    present = folder / "present"
    story.runs = {
        "failing": _start(prefect, "failing", needs=str(present)),
        "killed": _start(prefect, "killed", needs=str(present), seconds=600),
    }
    _add_silent_shop()
    assert eventually(lambda: _is(prefect, story.runs["killed"], StateType.RUNNING), 90)
    os.kill(process_of(str(story.runs["killed"])), signal.SIGKILL)
    story.told[AlertRule.RUN_FAILED] = _alerted(AlertRule.RUN_FAILED, "ticker/failing")
    _watch()
    story.while_failed = _open()
    present.touch()
    prefect.set_flow_run_state(story.runs["failing"], AwaitingRetry(message="Retry by the person on call"))
    story.crashed["killed"] = _alerted(AlertRule.RUN_CRASHED, "ticker/killed")
    story.runs["silent"] = _start(prefect, "silent", seconds=600)
    assert eventually(lambda: _is(prefect, story.runs["failing"], StateType.COMPLETED), 90)
    _watch()
    story.after_retry = _open()
    _lose_worker(prefect, story.runs["silent"])
    story.runs["waiting"] = _start(prefect, "waiting")
    story.told[AlertRule.RUN_LATE] = _alerted(AlertRule.RUN_LATE, "ticker/waiting")
    story.crashed["silent"] = _alerted(AlertRule.RUN_CRASHED, "ticker/silent")
    story.told[AlertRule.INGEST_SILENT] = _alerted(AlertRule.INGEST_SILENT, "shop:quiet")
    _end_all(prefect, story, present)
    return story


def _set_up(prefect: SyncPrefectClient) -> Story:
    """Short waits, in the place of what `up` set up; beside it an automation of a person and a former one of ours."""
    zombies = prefect.read_automations_by_name(automations.ZOMBIES)[0]
    for name, description in ((MINE, ""), (FORMER, "Kept by OrderPool, version 0")):
        other = AutomationCore(name=name, description=description, trigger=zombies.trigger, actions=[DoNothing()])
        prefect.create_automation(other)
    orders = prefect.read_deployment_by_name("process_orders/orders").id
    changed = automations.set_up_automations(prefect, orders, no_heartbeat=NO_HEARTBEAT, silence=SILENCE)
    story = Story(changed, ui_url=addresses.read()["prefect_ui_url"])
    story.changed_again = automations.set_up_automations(prefect, orders, no_heartbeat=NO_HEARTBEAT, silence=SILENCE)
    story.names = {automation.name for automation in prefect.read_automations()}
    return story


def _end_all(prefect: SyncPrefectClient, story: Story, present: Path) -> None:
    """The worker is back, the shop is read again, and the killed run is followed by one that completes."""
    supervisor.want(list(PARTS))
    again = _start(prefect, "killed", needs=str(present), seconds=600)
    with transaction() as conn:
        conn.execute("update shop set watermark = %s", (clock().now(),))
    _make_old(story.runs["failing"])
    for run in (story.runs["waiting"], again):
        assert eventually(partial(_is, prefect, run, StateType.COMPLETED), 90)
    _watch()
    story.after_all = _open()
    story.old_run_left = not eventually(lambda: not _is_there(prefect, story.runs["failing"]), 15)
    story.new_run_left = _is_there(prefect, story.runs["waiting"]) is not None


def _start(prefect: SyncPrefectClient, name: str, **parameters: object) -> UUID:
    deployment = prefect.read_deployment_by_name(f"ticker/{name}")
    return prefect.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def _is(prefect: SyncPrefectClient, run: UUID, wanted: StateType) -> bool:
    return prefect.read_flow_run(run).state_type is wanted


def _is_there(prefect: SyncPrefectClient, run: UUID) -> FlowRun | None:
    try:
        return prefect.read_flow_run(run)
    except ObjectNotFound:
        return None


def _open() -> list[OpenAlert]:
    with transaction() as conn:
        return open_alerts(conn)


def _alerted(rule: AlertRule, subject: str) -> OpenAlert:
    def found() -> OpenAlert | None:
        return next((alert for alert in _open() if (alert.rule, alert.subject) == (rule, subject)), None)

    alert = eventually(found, 90)
    assert alert is not None, (rule, subject, _open())
    return alert


def _watch() -> None:
    watch_all(Cause("test", clock().now(), None, 1), runs_in_trouble)


def _has_heartbeat(prefect: SyncPrefectClient, run: UUID) -> bool:
    wanted = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    answer = httpx.post(f"{prefect.api_url}events/filter", json={"filter": wanted}, trust_env=False)
    return bool(answer.json()["events"])


def _lose_worker(prefect: SyncPrefectClient, run: UUID) -> None:
    """Kill the worker with all its flow processes, and let no other take its place."""
    assert eventually(lambda: _has_heartbeat(prefect, run), 90)
    supervisor.want([part for part in PARTS if part != "worker"])
    worker = supervisor.running("worker")
    assert worker is not None
    for process in processes.tree(worker):
        with suppress(Exception):
            process.kill()


def _add_silent_shop() -> None:
    now = clock().now()
    with transaction() as conn:
        conn.execute(
            """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at,
                 watermark) values ('quiet', 'woocommerce', '', true, false, 15, '{}', %s, %s)""",
            (now - timedelta(days=1), now - timedelta(minutes=50)),
        )


def _make_old(run: UUID) -> None:
    url = settings().address("prefect_database_url").replace("postgresql+asyncpg://", "postgresql://")
    with psycopg.connect(url) as conn:
        conn.execute("update flow_run set end_time = end_time - interval '31 days' where id = %s", (run,))


def test_changed_automations_are_updated_and_former_ones_removed(story: Story) -> None:
    assert set(story.changed.updated) == {automations.ZOMBIES, automations.SILENT}
    assert story.changed.removed == (FORMER,)
    assert story.changed.created == ()


def test_a_second_set_up_changes_nothing(story: Story) -> None:
    assert story.changed_again == automations.SetUp((), (), ())


def test_what_a_person_made_stays_beside_ours(story: Story) -> None:
    told = {automations.FAILED, automations.CRASHED, automations.LATE, automations.SILENT}

    assert story.names == {automations.ZOMBIES, automations.UNBEGUN, MINE} | told


def test_a_failed_run_is_an_alert_with_its_reason_and_its_page(story: Story) -> None:
    sentence = story.told[AlertRule.RUN_FAILED].sentence

    assert "FileNotFoundError: ticker: " in sentence
    assert f"{story.ui_url}/runs/flow-run/{story.runs['failing']}" in sentence


def test_the_alert_of_a_failed_run_stays_until_its_retry_completed(story: Story) -> None:
    assert AlertRule.RUN_FAILED in {alert.rule for alert in story.while_failed}
    assert AlertRule.RUN_FAILED not in {alert.rule for alert in story.after_retry}


def test_a_killed_run_is_an_alert(story: Story) -> None:
    assert str(story.runs["killed"]) in story.crashed["killed"].sentence


def test_a_run_without_a_heartbeat_is_an_alert(story: Story) -> None:
    assert "no heartbeat for 15 s: the process of this run died" in story.crashed["silent"].sentence


def test_a_run_that_no_worker_takes_up_is_an_alert(story: Story) -> None:
    assert "no worker took it up" in story.told[AlertRule.RUN_LATE].sentence


def test_a_shop_of_which_nothing_is_read_is_an_alert(story: Story) -> None:
    assert story.told[AlertRule.INGEST_SILENT].sentence.startswith("shop quiet: no orders were fetched since ")


def test_what_is_over_is_no_alert_any_more(story: Story) -> None:
    left = [(alert.rule, alert.subject) for alert in story.after_all]

    assert left == [(AlertRule.RUN_CRASHED, "ticker/silent")], "nobody retried that one, and none followed it"


def test_an_old_run_is_removed_from_prefect_and_a_new_one_kept(story: Story) -> None:
    assert not story.old_run_left
    assert story.new_run_left


def test_no_receiver_is_in_logs_that_machines_read(story: Story) -> None:
    assert story.orders_end == "Completed"
    assert "woo-1" in story.logs["worker"]
    assert story.leaks == []


@pytest.mark.parametrize("part", ["live", "supervisor", "web", "worker"])
def test_logs_for_machines_are_one_object_per_line(story: Story, part: str) -> None:
    lines = story.logs[part].splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]

    # Prefect's command line greets in words of its own
    assert len(told) >= 2, story.logs[part][-2000:]
    assert all({"at", "level", "part", "logger", "message"} <= set(record) for record in told)
    assert part == "worker" or len(told) == len(lines)
