"""Set-up against a real server and worker."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse

from deployments import prefect_setup, processes, supervisor
from models.rules.backfill_windows import MOST_AT_ONCE
from models.settings import CHECKOUT

PLAN = CHECKOUT / "tests" / "deployments" / "data" / "prefect.yaml"

Found = TypeVar("Found")


@pytest.fixture
def prefect(prefect_worker: str) -> Iterator[SyncPrefectClient]:
    with prefect_setup.client() as client:
        yield client


@pytest.fixture
def ticking(prefect: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    prefect_setup.apply_deployments(prefect, PLAN)
    deployment = prefect.read_deployment_by_name("ticker/ticking")
    yield deployment
    prefect.delete_deployment(deployment.id)


def eventually(look: Callable[[], Found | None], within_s: float) -> Found | None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    return None


def test_ui_opens_with_the_retry_button(prefect_worker: str) -> None:
    page = httpx.get(prefect_worker.removesuffix("/api"), follow_redirects=True)

    assert page.status_code == 200
    assert not page.url.path.startswith("/v2")


def test_cron_deployment_has_a_scheduled_run_within_90_s(
    prefect: SyncPrefectClient, ticking: DeploymentResponse
) -> None:
    ours = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": [ticking.id]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    )

    assert eventually(lambda: prefect.read_flow_runs(flow_run_filter=ours), within_s=90)


def test_run_of_a_deployment_works_in_the_checkout(prefect: SyncPrefectClient, ticking: DeploymentResponse) -> None:
    # the run of a new minute would find this one under way, or this one that
    prefect.pause_deployment(ticking.id)
    run = prefect.create_flow_run_from_deployment(ticking.id, parameters={"shop": "tmall-1"})

    def end() -> StateType | None:
        state = prefect.read_flow_run(run.id).state
        return state.type if state and state.is_final() else None

    assert eventually(end, within_s=60) is StateType.COMPLETED


@pytest.mark.long
def test_run_whose_process_and_worker_died_is_crashed_within_120_s(
    prefect: SyncPrefectClient, ticking: DeploymentResponse
) -> None:
    prefect.update_deployment(ticking.id, DeploymentUpdate(paused=True))
    run = prefect.create_flow_run_from_deployment(ticking.id, parameters={"seconds": 600})

    def state() -> StateType | None:
        found = prefect.read_flow_run(run.id).state
        return found.type if found else None

    assert eventually(lambda: state() is StateType.RUNNING, within_s=60)
    time.sleep(5)  # for the first heartbeat to arrive
    worker = supervisor.running("worker")
    assert worker is not None
    for process in processes.tree(worker):
        process.kill()

    assert eventually(lambda: state() is StateType.CRASHED, within_s=120)


def test_deploying_again_changes_nothing(prefect: SyncPrefectClient, ticking: DeploymentResponse) -> None:
    assert prefect_setup.apply_deployments(prefect, PLAN) == []


def test_changed_deployment_keeps_shops_and_what_people_switched_off(
    prefect: SyncPrefectClient, ticking: DeploymentResponse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prefect_setup, "ORDERS_DEPLOYMENT", (ticking.entrypoint, ticking.name))
    prefect.update_deployment_schedule(ticking.id, ticking.schedules[0].id, active=False)
    prefect_setup.add_shop_schedule("天猫 1")
    changed = tmp_path / "prefect.yaml"
    changed.write_text(PLAN.read_text().replace("Runs every minute.", "Runs each minute."))

    assert prefect_setup.apply_deployments(prefect, changed) == [ticking.entrypoint]

    cron, shop = sorted(prefect.read_deployment(ticking.id).schedules, key=lambda schedule: str(schedule.slug))
    assert (cron.slug, cron.active) == ("every-minute", False)
    assert (shop.parameters, shop.active) == ({"shop": "天猫 1"}, True)


def test_shop_has_one_schedule_until_it_is_removed(
    prefect: SyncPrefectClient, ticking: DeploymentResponse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_setup, "ORDERS_DEPLOYMENT", (ticking.entrypoint, ticking.name))

    def of_shops() -> list[str]:
        schedules = prefect.read_deployment(ticking.id).schedules
        return [str(found.schedule) for found in schedules if (found.slug or "").startswith("shop-")]

    prefect_setup.add_shop_schedule("jd-1", minutes=15)
    prefect_setup.add_shop_schedule("jd-1", minutes=5)
    assert len(of_shops()) == 1
    assert "*/5 * * * *" in of_shops()[0]

    prefect_setup.add_shop_schedule("jd-1", minutes=25)
    assert len(of_shops()) == 1
    assert "seconds=1500" in of_shops()[0]

    prefect_setup.remove_shop_schedule("jd-1")
    assert of_shops() == []


def test_set_up_twice_makes_one_pool_and_its_queues(prefect: SyncPrefectClient) -> None:
    prefect_setup.set_up_work_pool(prefect)

    queues = {
        (queue.name, queue.priority, queue.concurrency_limit)
        for queue in prefect.read_work_queues(work_pool_name="orderpool")
    }
    assert queues == {
        ("live", 1, None),
        ("default", 2, None),
        ("backfill-parents", 9, 2),
        ("backfill", 10, MOST_AT_ONCE),
    }


def test_paused_schedules_can_be_switched_on_again(prefect: SyncPrefectClient, ticking: DeploymentResponse) -> None:
    try:
        prefect_setup.pause_schedules(prefect, paused=True)
        assert prefect.read_deployment(ticking.id).paused

        prefect_setup.pause_schedules(prefect, paused=False)
        assert not prefect.read_deployment(ticking.id).paused
    finally:
        # our own deployments are on this server too, and the tests that follow count on nothing but themselves
        prefect_setup.pause_schedules(prefect, paused=True)
