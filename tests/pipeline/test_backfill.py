"""A backfill at a real Prefect: its windows' runs are found by their keys and stand below it; a wrong wish says why."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed

from deployments import prefect_setup
from flows.backfill_orders import backfill_orders
from models.order import Cause
from models.settings import clock
from tasks.backfill import BackfillSpan, checked_wish, open_spans, register
from tasks.backfill_meter import Standing
from tasks.backfill_runs import PrefectWindows
from tests.fakes import FakePool
from tests.pipeline.prefect_api import PrefectApi
from tests.shared_pool import emptied, shared_pool


@pytest.fixture(scope="module")
def windows_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "backfills") as url:
        yield url


@pytest.fixture
def spans(windows_database: str) -> Iterator[list[BackfillSpan]]:
    with emptied(windows_database):
        FakePool()
        now = clock().now().replace(microsecond=0)
        wish = checked_wish("WOO", now - timedelta(hours=4), now - timedelta(hours=1), 60, 1, again=str(uuid.uuid4()))
        yield open_spans(register(wish, Cause("person:test", now, None, 1))[0].id)


@pytest.fixture
def prefect(prefect_server: str) -> Iterator[SyncPrefectClient]:
    with prefect_setup.client() as client:
        yield client


@pytest.fixture
def parent(prefect_api: PrefectApi) -> str:
    return prefect_api.open_run("backfill_orders", {})


def test_a_window_begun_again_is_the_same_run_whatever_its_state(
    prefect: SyncPrefectClient, parent: str, spans: list[BackfillSpan]
) -> None:
    runs = PrefectWindows(prefect, parent)
    begun = runs.begin(spans[0])
    prefect.set_flow_run_state(begun.id, Failed(message="ingest: 0 orders"), force=True)

    again = PrefectWindows(prefect, parent).begin(spans[0])

    assert (begun.standing, again.id, again.standing) == (Standing.UNDER_WAY, begun.id, Standing.FAILED)
    assert again.words == "ingest: 0 orders"


def test_the_windows_stand_below_the_backfill_in_few_steps(
    prefect: SyncPrefectClient, parent: str, spans: list[BackfillSpan], prefect_api: PrefectApi
) -> None:
    runs = PrefectWindows(prefect, parent)
    ids = {runs.begin(span).id for span in spans}
    # another attempt puts them at the same place
    PrefectWindows(prefect, parent).begin(spans[0])

    below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent]))
    assert {str(run.id) for run in prefect.read_flow_runs(flow_run_filter=below)} == ids
    steps = prefect_api.call("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [parent]}}})
    assert [step["name"] for step in steps] == ["windows of WOO"]


def test_how_runs_are_is_told_of_all_that_are_known(
    prefect: SyncPrefectClient, parent: str, spans: list[BackfillSpan]
) -> None:
    runs = PrefectWindows(prefect, parent)
    ids = [runs.begin(span).id for span in spans]
    prefect.set_flow_run_state(ids[0], Completed(), force=True)
    prefect.set_flow_run_state(ids[1], Crashed(message="died"), force=True)

    found = {run.id: run.standing for run in runs.look([*ids, "00000000-0000-4000-8000-000000000000"])}

    assert found == dict(zip(ids, (Standing.DONE, Standing.CRASHED, Standing.UNDER_WAY), strict=True))


def test_a_run_that_failed_goes_on_by_retry(prefect: SyncPrefectClient, parent: str, spans: list[BackfillSpan]) -> None:
    runs = PrefectWindows(prefect, parent)
    run_id = runs.begin(spans[0]).id
    prefect.set_flow_run_state(run_id, Failed(), force=True)

    runs.again(run_id)

    assert prefect.read_flow_run(run_id).state_name == "AwaitingRetry"  # type: ignore[arg-type]


def test_a_wrong_wish_fails_with_the_obstacle(prefect_server: str, spans: list[BackfillSpan]) -> None:
    now = clock().now()

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        state = backfill_orders(now - timedelta(hours=2), now - timedelta(hours=1), shop="NOPE", return_state=True)

    assert state.is_failed()
    assert str(state.message).startswith("backfill: 0 windows finished: shop NOPE: there is no such shop")
