"""Automations as the session's Prefect server keeps and fires them; runs get their states by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Pending, Running, Scheduled, Submitting

from deployments import automations, prefect_setup
from models.alert import AlertRule
from models.database import transaction
from models.settings import CHECKOUT
from tasks import prefect_runs
from tasks.alerts import OpenAlert, open_alerts
from tasks.prefect_runs import runs_in_trouble
from tasks.run_alerts import Trouble
from tests.deployments.test_prefect_setup import eventually
from tests.pipeline.conftest import hooks_url

__all__ = ["hooks_url"]

PLAN = CHECKOUT / "tests" / "deployments" / "data" / "troubled.yaml"
MINE = "a person's own"
FORMER = "alert: of a version before"
OURS = {
    automations.ZOMBIES,
    automations.UNBEGUN,
    automations.FAILED,
    automations.CRASHED,
    automations.LATE,
    automations.SILENT,
}
NO_BEGINNING = timedelta(seconds=10)


@pytest.fixture(scope="module")
def server(prefect_server: str, hooks_url: str) -> Iterator[SyncPrefectClient]:
    """The session's server, with deployments of a trial flow."""
    with temporary_settings({PREFECT_API_URL: prefect_server}), prefect_setup.client() as prefect:
        prefect_setup.apply_deployments(prefect, PLAN)
        yield prefect
        for deployment in prefect.read_deployments(limit=200):
            if "trial" in deployment.tags:
                prefect.delete_deployment(deployment.id)


@pytest.fixture
def prefect(server: SyncPrefectClient, database: str) -> SyncPrefectClient:
    """The server with our automations, which tell the web application of this process."""
    set_up(server)
    return server


@pytest.fixture
def impatient(prefect: SyncPrefectClient) -> Iterator[SyncPrefectClient]:
    """The server, where a run that was taken up has to begin within seconds."""
    set_up(prefect, no_beginning=NO_BEGINNING)
    yield prefect
    set_up(prefect)


def set_up(
    prefect: SyncPrefectClient,
    no_heartbeat: timedelta = automations.NO_HEARTBEAT,
    no_beginning: timedelta = automations.NO_BEGINNING,
) -> automations.SetUp:
    orders = prefect.read_deployment_by_name("ticker/failing").id
    return automations.set_up_automations(prefect, orders, no_heartbeat=no_heartbeat, no_beginning=no_beginning)


def run_in(prefect: SyncPrefectClient, *states: State[object], name: str = "failing", **parameters: object) -> UUID:
    """A run that went through these states."""
    deployment = prefect.read_deployment_by_name(f"ticker/{name}")
    run = prefect.create_flow_run_from_deployment(deployment.id, parameters=parameters, state=Scheduled())
    for state in states:
        prefect.set_flow_run_state(run.id, state, force=True)
    return run.id


def alerted(rule: AlertRule) -> OpenAlert | None:
    def found() -> OpenAlert | None:
        with transaction() as conn:
            return next((alert for alert in open_alerts(conn) if alert.rule is rule), None)

    return eventually(found, 30)


def asked(*runs: UUID) -> list[Trouble]:
    """What Prefect says of these runs."""
    wanted = {str(run) for run in runs}
    return [trouble for trouble in runs_in_trouble(datetime.now(UTC)) if trouble.run_id in wanted]


def ours(prefect: SyncPrefectClient) -> dict[str, Automation]:
    return {automation.name: automation for automation in prefect.read_automations()}


@pytest.mark.parametrize(
    ("state", "rule", "subject"),
    [
        (Failed(message="dispatch: 2 of 9 not delivered"), AlertRule.RUN_FAILED, "ticker/failing of WOO"),
        (Crashed(message="process was killed"), AlertRule.RUN_CRASHED, "ticker/failing of WOO"),
        (Scheduled(name="Late"), AlertRule.RUN_LATE, "ticker/failing"),
    ],
    ids=["failed", "crashed", "late"],
)
def test_a_run_in_trouble_is_an_alert(
    prefect: SyncPrefectClient, state: State[object], rule: AlertRule, subject: str
) -> None:
    run = run_in(prefect, state, shop="WOO")

    alert = alerted(rule)
    assert alert is not None
    assert alert.subject == subject
    assert f"/runs/flow-run/{run}" in alert.sentence
    assert str(state.message or "no worker took it up") in alert.sentence


def crashed(prefect: SyncPrefectClient, run: UUID) -> str | None:
    """What is said of a run that is called Crashed; None while it is not."""
    state = prefect.read_flow_run(run).state
    return str(state.message) if state and state.type is StateType.CRASHED else None


def test_a_run_that_is_taken_up_and_does_not_begin_is_crashed_and_can_be_retried(impatient: SyncPrefectClient) -> None:
    begun = run_in(impatient, Pending(), Running(), name="waiting", shop="A")
    put_back = run_in(impatient, Pending(), Scheduled(name="AwaitingConcurrencySlot"), name="waiting", shop="B")
    lost = run_in(impatient, Pending(), name="killed", shop="C")

    assert eventually(lambda: crashed(impatient, lost), 60) == "not begun 10 s after it was taken up: its worker died"
    alert = alerted(AlertRule.RUN_CRASHED)
    assert alert is not None
    assert alert.subject == "ticker/killed of C"
    assert (crashed(impatient, begun), crashed(impatient, put_back)) == (None, None)

    # its worker dies again: the wait begins anew with each time it is taken up, and with each step of the worker's
    submitted = run_in(impatient, Pending(), Submitting(), name="killed", shop="D")
    impatient.set_flow_run_state(lost, AwaitingRetry())
    impatient.set_flow_run_state(lost, Pending())
    assert crashed(impatient, lost) is None
    assert eventually(lambda: crashed(impatient, submitted), 60)
    assert eventually(lambda: crashed(impatient, lost), 60)


def test_prefect_is_asked_for_runs_in_trouble(prefect: SyncPrefectClient) -> None:
    failed = run_in(prefect, Running(), Failed(message="no"), name="waiting", shop="A")
    done = run_in(prefect, Running(), Completed(), name="waiting", shop="B")
    late = run_in(prefect, Scheduled(name="Late"), name="waiting", shop="C")

    found = {(trouble.rule, trouble.work, trouble.followed) for trouble in asked(failed, done, late)}
    assert found == {
        (AlertRule.RUN_FAILED, "ticker/waiting of A", False),
        (AlertRule.RUN_LATE, "ticker/waiting", False),
    }


def test_a_later_run_of_the_same_work_that_completed_follows_it(prefect: SyncPrefectClient) -> None:
    one = run_in(prefect, Running(), Failed(message="no"), name="silent", shop="A")
    other = run_in(prefect, Running(), Failed(message="no"), name="silent", shop="B")
    run_in(prefect, Running(), Completed(), name="silent", shop="A")

    assert {trouble.work: trouble.followed for trouble in asked(one, other)} == {
        "ticker/silent of A": True,
        "ticker/silent of B": False,
    }


def test_a_run_that_followed_is_found_behind_those_of_a_busier_shop(
    prefect: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_runs, "PAGE", 2)
    quiet = run_in(prefect, Running(), Failed(message="no"), name="silent", shop="quiet")
    run_in(prefect, Running(), Completed(), name="silent", shop="quiet")
    for _ in range(3):
        run_in(prefect, Running(), Completed(), name="silent", shop="busy")

    assert [trouble.followed for trouble in asked(quiet)] == [True]


def test_a_run_that_completed_by_retry_is_in_no_trouble(prefect: SyncPrefectClient) -> None:
    run = run_in(prefect, Running(), Failed(message="no"), Scheduled(name="AwaitingRetry"), Running(), Completed())

    assert asked(run) == []


def test_automations_are_set_up_once(prefect: SyncPrefectClient) -> None:
    assert set(ours(prefect)) == OURS
    assert set_up(prefect) == automations.SetUp((), (), ())


def test_a_changed_automation_is_updated_and_stays_switched_off(prefect: SyncPrefectClient) -> None:
    prefect.pause_automation(ours(prefect)[automations.ZOMBIES].id)

    assert set_up(prefect, timedelta(seconds=99)).updated == (automations.ZOMBIES,)
    changed = ours(prefect)[automations.ZOMBIES]
    assert not changed.enabled
    assert "no heartbeat for 99 s" in str(changed.actions)

    prefect.resume_automation(changed.id)
    set_up(prefect)


def test_a_former_automation_is_removed_and_that_of_a_person_stays(prefect: SyncPrefectClient) -> None:
    known = ours(prefect)[automations.ZOMBIES]
    for name, description in ((MINE, ""), (FORMER, "Kept by OrderPool, version 0")):
        other = AutomationCore(name=name, description=description, trigger=known.trigger, actions=[DoNothing()])
        prefect.create_automation(other)

    assert set_up(prefect).removed == (FORMER,)
    left = ours(prefect)
    assert set(left) == OURS | {MINE}
    prefect.delete_automation(left[MINE].id)


def test_prefect_knows_the_hook_and_shows_its_token_to_nobody(prefect: SyncPrefectClient) -> None:
    block = prefect.read_block_document_by_name(automations.HOOK_BLOCK, "webhook", include_secrets=True)
    assert block.data["url"] == automations.hook_url()
    shown = prefect.read_block_document_by_name(automations.HOOK_BLOCK, "webhook", include_secrets=False)
    assert "Bearer" not in str(shown.data), "the token is kept as a secret"
