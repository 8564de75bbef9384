"""What Prefect has to know of us: work pool, queues, deployments with their schedules, and automations.

Everything here can be repeated: it changes only what differs from `prefect.yaml` and the tables below.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    WorkPoolCreate,
)
from prefect.client.schemas.objects import ConcurrencyOptions, DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import MissingFlowError, ObjectNotFound, ScriptError
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments import automations
from deployments.addresses import read
from deployments.parts import WORK_POOL
from deployments.promo_mode import bring_in_line
from deployments.usual_pace import RUNS_AT_ONCE
from models.errors import SetupError
from models.rules.backfill_windows import MOST_AT_ONCE
from models.settings import CHECKOUT, SHANGHAI
from tasks.setup import FILE, list_shops

ORDERS_DEPLOYMENT = ("flows/process_orders.py:process_orders", "orders")
SHOP_SLUG = "shop-"


@dataclass(frozen=True)
class Queue:
    """A line of waiting runs; a lower `priority` goes first, and `limit` runs of it may be under way at once."""

    name: str
    priority: int
    limit: int | None = None


# Backfills keep to a part of the runs, so that live ones never wait for room: so many windows, and the runs that have
# them read.
QUEUES = (
    Queue("live", 1),
    Queue("default", 2),
    Queue("backfill-parents", 9, limit=2),
    Queue("backfill", 10, limit=MOST_AT_ONCE),
)


def client() -> SyncPrefectClient:
    """A client of our own server, whatever the user's Prefect profile says."""
    address = read().get("prefect_api_url")
    if address is None:
        raise SetupError("no Prefect server is known here: start OrderPool with `orderpool up` first")
    return SyncPrefectClient(address)


def await_server(patience_s: float) -> None:
    """Wait until the server answers; raises SetupError when it does not in time."""
    deadline = time.monotonic() + patience_s
    with client() as prefect:
        while (obstacle := prefect.api_healthcheck()) is not None:
            if time.monotonic() > deadline:
                raise SetupError(f"Prefect at {prefect.api_url} does not answer after {patience_s:.0f} s: {obstacle}")
            time.sleep(0.5)


def set_up(schedules: bool | None, tell: Callable[[str], None] = print) -> None:
    """Bring Prefect to what is written here and to the shops of the pool; a person's changes to schedules stay.

    `schedules` switches all schedules on or off; None leaves them as they are. Raises SetupError when a flow cannot
    be deployed, after all others are.
    """
    began = time.monotonic()
    with client() as prefect:
        set_up_work_pool(prefect)
        bring_in_line(prefect)
        try:
            changed = apply_deployments(prefect)
            for shop in list_shops():
                if shop.active and shop.channel != FILE:
                    add_shop_schedule(shop.code, shop.poll_minutes)
        finally:
            watched = set_up_alerts(prefect)
            if schedules is not None:
                pause_schedules(prefect, paused=not schedules)
    tell(f"automations: {watched.count} changed")
    tell(f"deployments: {len(changed)} changed after {time.monotonic() - began:.1f} s")


def set_up_work_pool(prefect: SyncPrefectClient) -> None:
    """Create the work pool and its queues, or bring the queues to what is written here."""
    try:
        prefect.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        prefect.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", concurrency_limit=RUNS_AT_ONCE))
    present = {queue.name: queue for queue in prefect.read_work_queues(work_pool_name=WORK_POOL)}
    for queue in QUEUES:
        found = present.get(queue.name) or prefect.create_work_queue(
            queue.name, priority=queue.priority, concurrency_limit=queue.limit, work_pool_name=WORK_POOL
        )
        if (found.priority, found.concurrency_limit) != (queue.priority, queue.limit):
            prefect.update_work_queue(found.id, priority=queue.priority, concurrency_limit=queue.limit)


def set_up_alerts(prefect: SyncPrefectClient) -> automations.SetUp:
    """Have Prefect keep our automations; the deployments come first, for one of them watches over that of orders."""
    try:
        orders: UUID | None = _orders_deployment(prefect).id
    except SetupError:
        orders = None
    return automations.set_up_automations(prefect, orders)


def apply_deployments(prefect: SyncPrefectClient, plan_file: Path = CHECKOUT / "prefect.yaml") -> list[str]:
    """Bring the deployments to what `prefect.yaml` says; returns the flows that had to change.

    Schedules of shops stay, and so do schedules that a person switched off. Raises SetupError naming every flow that
    cannot be loaded, after all others are done.
    """
    plan = yaml.safe_load(plan_file.read_text())
    present = {(found.entrypoint, found.name): found for found in prefect.read_deployments(limit=200)}
    changed: list[str] = []
    broken: dict[str, str] = {}
    for item in plan["deployments"]:
        found = present.get((item["entrypoint"], item["name"]))
        try:
            version = _version(item, plan["pull"])
            if found is None or found.version != version:
                _deploy(prefect, item, plan["pull"], version, found)
                changed.append(item["entrypoint"])
        except FileNotFoundError:
            broken[item["entrypoint"]] = "no such file"
        except (ScriptError, MissingFlowError) as error:
            broken[item["entrypoint"]] = str(error.__cause__ or error)
    if broken:
        raise SetupError(f"{len(broken)} flows not deployed: {'; '.join(f'{k}: {v}' for k, v in broken.items())}")
    return changed


def _version(item: dict[str, Any], pull: list[Any]) -> str:
    # The parameters that a flow takes are a part of its deployment, so a changed file means a changed deployment.
    code = (CHECKOUT / item["entrypoint"].partition(":")[0]).read_bytes()
    return hashlib.sha256(json.dumps([item, pull], sort_keys=True).encode() + code).hexdigest()[:12]


def _deploy(
    prefect: SyncPrefectClient,
    item: dict[str, Any],
    pull: list[Any],
    version: str,
    found: DeploymentResponse | None,
) -> None:
    flow: Flow[..., Any] = load_flow_from_entrypoint(str(CHECKOUT / item["entrypoint"]), use_placeholder_flow=False)
    at_once = item.get("concurrency_limit")
    prefect.create_deployment(
        flow_id=prefect.create_flow_from_name(flow.name),
        name=item["name"],
        version=version,
        description=item["description"],
        entrypoint=item["entrypoint"],
        tags=item["tags"],
        pull_steps=pull,
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
        work_pool_name=item["work_pool"]["name"],
        work_queue_name=item["work_pool"]["work_queue_name"],
        concurrency_limit=at_once and at_once["limit"],
        concurrency_options=at_once and ConcurrencyOptions(collision_strategy=at_once["collision_strategy"]),
        schedules=_schedules(item, found),
    )


def _schedules(item: dict[str, Any], found: DeploymentResponse | None) -> list[DeploymentScheduleCreate]:
    # A deployment is written as a whole, so what people and shops did to its schedules has to be carried over.
    present = {schedule.slug: schedule for schedule in (found.schedules if found else [])}
    planned = [
        DeploymentScheduleCreate(
            schedule=CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]),
            active=present[schedule["slug"]].active if schedule["slug"] in present else True,
            slug=schedule["slug"],
        )
        for schedule in item.get("schedules", [])
    ]
    of_shops = [
        DeploymentScheduleCreate(
            schedule=schedule.schedule, active=schedule.active, parameters=schedule.parameters, slug=slug
        )
        for slug, schedule in present.items()
        if slug and slug.startswith(SHOP_SLUG)
    ]
    return planned + of_shops


def pause_schedules(prefect: SyncPrefectClient, paused: bool) -> None:
    """Stop every deployment from being run by its schedules, or let it be again."""
    for deployment in prefect.read_deployments(limit=200):
        if deployment.work_pool_name == WORK_POOL and deployment.paused != paused:
            (prefect.pause_deployment if paused else prefect.resume_deployment)(deployment.id)


def add_shop_schedule(shop_code: str, minutes: int = 15) -> None:
    """Have a shop's orders fetched every so many minutes; changes the interval of a shop that is already there."""
    with client() as prefect:
        deployment = _orders_deployment(prefect)
        schedule = _every(minutes)
        known = _shop_schedule(deployment, shop_code)
        if known is not None:
            prefect.update_deployment_schedule(deployment.id, known.id, schedule=schedule)
            return
        wanted = DeploymentScheduleCreate(
            schedule=schedule, active=True, parameters={"shop": shop_code}, slug=_shop_slug(shop_code)
        )
        prefect.create_deployment_schedules(deployment.id, [wanted])


def _every(minutes: int) -> CronSchedule | IntervalSchedule:
    # cron keeps to the quarters of the hour; it cannot say "every 25 minutes"
    if 60 % minutes == 0:
        return CronSchedule(cron=f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *", timezone=SHANGHAI.key)
    return IntervalSchedule(interval=timedelta(minutes=minutes), timezone=SHANGHAI.key)


def remove_shop_schedule(shop_code: str) -> None:
    """Fetch a shop's orders no more; nothing happens when it has no schedule."""
    with client() as prefect:
        deployment = _orders_deployment(prefect)
        known = _shop_schedule(deployment, shop_code)
        if known is not None:
            prefect.delete_deployment_schedule(deployment.id, known.id)


def _orders_deployment(prefect: SyncPrefectClient) -> DeploymentResponse:
    for found in prefect.read_deployments(limit=200):
        if (found.entrypoint, found.name) == ORDERS_DEPLOYMENT:
            return found
    raise SetupError(f"Prefect has no deployment {ORDERS_DEPLOYMENT[1]} of {ORDERS_DEPLOYMENT[0]}: run `orderpool up`")


def _shop_schedule(deployment: DeploymentResponse, shop_code: str) -> DeploymentSchedule | None:
    slug = _shop_slug(shop_code)
    return next((schedule for schedule in deployment.schedules if schedule.slug == slug), None)


def _shop_slug(shop_code: str) -> str:
    # Slugs are lower case, digits and dashes; the digest keeps apart codes that differ in other characters only.
    plain = re.sub(r"[^a-z0-9]+", "-", shop_code.lower()).strip("-")
    return f"{SHOP_SLUG}{plain}-{hashlib.sha256(shop_code.encode()).hexdigest()[:6]}"
