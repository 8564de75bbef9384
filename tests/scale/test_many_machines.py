"""The compose file run by process: two API servers, one for services, three workers, two live processes, web.

A window of every shop at a time goes through one worker, then through three; then one API server, one worker and the
leading live process are lost at once and Redis starts anew, in the middle of a third round.
"""

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from deployments import prefect_setup
from tasks.reconcile import reconcile
from tests.pipeline.prefect_api import PrefectApi
from tests.scale.machines import Machines, eventually, machines
from tests.scale.trading import Day, Run, one, outside

pytestmark = [pytest.mark.scale]

ORDERS = 600
WINDOWS = 2  # of every shop in each round
ROUND_S = 400.0
# Prefect's periodic work begins again up to 5 minutes after Redis was away, and then looks for runs that died: one that
# its worker had not begun is waited for 10 minutes.
LOSSES_S = 1300.0
SHIPPED = 100
UNTOLD = timedelta(seconds=10)
"""What an API server had heard so shortly before it was lost may not have come to Redis, and it takes so long until all
servers talk to Redis again."""

LEFT = "select count(*) from outbound_document where state in ('part_shipped', 'shipped')"
DOUBLED = """select count(*) from (select order_id, warehouse_id from allocation group by 1, 2
             having count(distinct document_id) > 1) twice"""


@dataclass(slots=True)
class Story:
    """The rounds, by what they were run with, and from when until when an API server or Redis was being lost."""

    machines: Machines
    day: Day
    rounds: dict[str, list[Run]] = field(default_factory=dict)
    lost: tuple[datetime, datetime] | None = None
    shipped: int = 0

    def play(self, name: str) -> None:
        """One undisturbed round."""
        self.rounds[name] = self.day.start(WINDOWS)
        self.finish(name)

    def finish(self, name: str, ended: float = 1.0, within_s: float = ROUND_S) -> None:
        """Wait until a share of a round's runs have ended."""
        runs = self.rounds[name]
        try:
            eventually(lambda: self.day.look(runs) >= ended * len(runs), f"{name}: runs ended", within_s)
        finally:
            states = Counter(run.state for run in runs)
            print(f"\n{name}: {dict(states)}, {sum(run.retried for run in runs)} retried", flush=True)


def _started(made: Machines) -> str:
    """Everything but the second and third worker; returns the API's address."""
    for service in ("postgres", "redis"):
        made.up(service)
    time.sleep(2)
    made.complete("migrate")
    for service in ("prefect-api-a", "prefect-api-b"):
        made.up(service)
        _await_api(made, service)
    for service in ("prefect-services", "prefect", "web"):
        made.up(service)
    made.complete("set-up")
    made.up("worker", 1)
    made.all_up("live")
    eventually(lambda: _answers(f"http://{made.address('web', 8080)}/health"), "web answers")
    return f"http://{made.address('prefect', 4200)}/api"


def _await_api(made: Machines, service: str) -> None:
    ready = f"http://{made.address(service, 4200)}/api/ready"
    eventually(lambda: _answers(ready), f"{service} is healthy")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    given = {"POSTGRES_PASSWORD": secrets.token_hex(12), "ORDERPOOL_KEY": secrets.token_hex(32)}
    with TemporaryDirectory(prefix="machines-") as place, machines(Path(place), given) as made:
        folder = made.folder
        api = _started(made)
        told = {name: made.resolved(value) for name, value in made.services["worker"].environment.items()}
        variables = told | {"ORDERPOOL_VAR": str(folder / "var")}
        with outside(variables, folder, f"http://{made.address('web', 8080)}") as (sandbox, shops):
            with prefect_setup.client() as prefect:
                prefect_setup.pause_schedules(prefect, paused=True)
            with PrefectApi.at(api) as client:
                begins = datetime.now(UTC) - timedelta(hours=4)
                told_story = Story(made, Day(sandbox, client, shops, begins, ORDERS))
                _play(told_story)
                yield told_story


def _play(story: Story) -> None:
    made = story.machines
    story.play("one worker")
    for number in (2, 3):
        made.up("worker", number)
    eventually(lambda: all("started!" in made.log(f"worker-{n}") for n in (2, 3)), "workers started")
    story.play("three workers")
    story.rounds["losses"] = story.day.start(WINDOWS)
    story.finish("losses", ended=0.25)
    lost_at = datetime.now(UTC)
    made.lose("prefect-api-a")
    made.lose("worker-2")
    made.lose(_leader(made))
    story.finish("losses", ended=0.4)
    made.stop("redis")
    time.sleep(2)
    made.up("redis")
    story.lost = lost_at - UNTOLD, datetime.now(UTC) + UNTOLD
    story.finish("losses", within_s=LOSSES_S)
    story.shipped = story.day.outside.ship("WH-E", SHIPPED)


def _leader(made: Machines) -> str:
    standing_by = [name for name in ("live-1", "live-2") if "standing by" in made.log(name)]
    assert len(standing_by) == 1, [made.log(name) for name in ("live-1", "live-2")]
    return "live-2" if standing_by == ["live-1"] else "live-1"


def test_every_run_completed(story: Story) -> None:
    assert Counter(run.state for run in story.day.runs) == {"COMPLETED": 18 * WINDOWS}


def test_every_worker_took_runs(story: Story) -> None:
    for number in (1, 2, 3):
        assert "submitting flow run" in story.machines.log(f"worker-{number}").lower()


def test_every_task_run_was_recorded(story: Story) -> None:
    """All but those that somebody was told of who was lost before he could pass it on: Prefect tells of each once."""
    assert story.lost is not None
    untold = story.day.under_way(*story.lost)
    undisturbed = [run for run in story.day.runs if not run.retried and run.id not in untold]
    assert {run.id for name in ("one worker", "three workers") for run in story.rounds[name]} <= {
        run.id for run in undisturbed
    }

    def missing() -> dict[str, Counter[str]]:
        return {
            run.id: lacking for run in undisturbed if (lacking := story.day.expected(run) - story.day.recorded(run))
        }

    try:
        eventually(lambda: not missing(), "all task runs recorded", 60)
    finally:
        names = {run.id: name for name, runs in story.rounds.items() for run in runs}
        print(*(f"{names[run]}: {run} lacks {dict(lacking)}" for run, lacking in missing().items()), sep="\n")
    recorded = sum((story.day.recorded(run) for run in undisturbed), Counter[str]())
    assert recorded == sum((story.day.expected(run) for run in undisturbed), Counter[str]())
    print(f"\n{recorded.total()} task runs of {len(undisturbed)} undisturbed runs recorded, none missing")
    others = [run for run in story.day.runs if run.id in untold and not run.retried]
    lacking = sum((story.day.expected(run) - story.day.recorded(run)).total() for run in others)
    print(f"{len(others)} runs under way while an API server or Redis was lost: {lacking} of their task runs missing")


def test_every_order_went_to_its_warehouse_once(story: Story) -> None:
    total = 18 * WINDOWS * ORDERS
    warehouses = story.day.outside.do("GET", "books?summary=1")["warehouses"].values()

    assert one("select count(*) from orders") == total
    assert one("select count(*) from order_state where stage = 'dispatched'") == total
    assert one("select count(*) from outbox where kind = 'outbound.created' and state = 'delivered'") == one(
        "select count(*) from outbound_document"
    )
    assert sum(each["documents"] for each in warehouses) == one("select count(*) from outbound_document")
    assert one(DOUBLED) == 0


def test_reconcile_finds_nothing(story: Story) -> None:
    assert reconcile() == []


def test_second_live_process_took_over(story: Story) -> None:
    assert story.shipped >= SHIPPED
    eventually(lambda: one(LEFT) >= SHIPPED, "reports of warehouses worked on", 60)


def test_throughput_is_told(story: Story) -> None:
    rates = {name: story.day.rate(runs) for name, runs in story.rounds.items()}
    print()
    for name, rate in rates.items():
        retried = sum(run.retried for run in story.rounds[name])
        print(f"{name:<14} {rate:6.1f} orders/s, {len(story.rounds[name])} runs, {retried} of them retried")
    assert all(rates.values())
