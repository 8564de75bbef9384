"""The automations that Prefect runs for us: a run whose process died, or was never started, is called Crashed, and what
needs a person is told to our own hook, where it becomes an alert.

Each carries a digest of its definition in its description: a changed one is brought up to date, one that is here no
more is removed, and what people made themselves is left alone. One that a person switched off stays off.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from deployments.addresses import read
from deployments.prefect_settings import HEARTBEAT_S
from models.settings import settings
from tasks.run_alerts import SHORTEST_SILENCE, hook_token

HOOK_PATH = "/hooks/prefect"
HOOK_BLOCK = "orderpool-alerts"

ZOMBIES = "runs without a heartbeat are crashed"
UNBEGUN = "runs that were taken up and did not begin are crashed"
FAILED = "alert: a run failed"
CRASHED = "alert: a run crashed"
LATE = "alert: a run is late"
SILENT = "alert: no orders are fetched"

NO_HEARTBEAT = timedelta(seconds=3 * HEARTBEAT_S)
NO_BEGINNING = timedelta(minutes=10)
"""Far longer than the start of a process takes on a machine that is overrun."""

_KEPT = "Kept by OrderPool, version "

_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
_OF_DEPLOYMENTS = {"prefect.resource.role": "deployment"}

# what the hook takes of a run and nothing else; of its parameters only the shop
_RUN_TOLD = """{
  "kind": "run",
  "run_id": {{ flow_run.id | string | tojson }},
  "flow": {{ flow.name | tojson }},
  "deployment": {{ deployment.name | default("", true) | tojson }},
  "shop": {{ flow_run.parameters.shop | default("", true) | string | tojson }},
  "state_type": {{ event.resource["prefect.state-type"] | tojson }},
  "state_name": {{ event.resource["prefect.state-name"] | tojson }},
  "message": {{ (event.resource["prefect.state-message"] | default("", true))[:1000] | tojson }},
  "at": {{ event.resource["prefect.state-timestamp"] | tojson }}
}"""
_SILENCE_TOLD = '{"kind": "silence"}'


@dataclass(frozen=True, slots=True)
class SetUp:
    """What setting the automations up changed, by name."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many changed in all."""
        return len(self.created) + len(self.updated) + len(self.removed)


def set_up_automations(
    prefect: SyncPrefectClient,
    orders_deployment: UUID | None = None,
    *,
    no_heartbeat: timedelta = NO_HEARTBEAT,
    no_beginning: timedelta = NO_BEGINNING,
    silence: timedelta = SHORTEST_SILENCE,
) -> SetUp:
    """Have Prefect keep exactly the automations that are written here, besides those of people.

    `orders_deployment` is the one that fetches orders; where it is not deployed nobody waits for it. Where the
    address of our hook is not known yet, Prefect tells nobody: `watch_deadlines` finds the same things by itself.
    """
    wanted = [_zombies(no_heartbeat), _unbegun(no_beginning)]
    if hook := hook_url():
        block = _set_up_hook(prefect, hook)
        wanted += [_told(block, FAILED, "Failed", "TimedOut"), _told(block, CRASHED, "Crashed")]
        wanted += [_told(block, LATE, "Late")]
        wanted += [_silence(block, orders_deployment, silence)] if orders_deployment else []
    return _bring_to(prefect, [_versioned(automation) for automation in wanted])


def hook_url() -> str:
    """Where Prefect's server reaches our hook: the web process of this machine, else the address for the outside."""
    base = read().get("web_url") or settings().public_url
    return base.rstrip("/") + HOOK_PATH if base else ""


def _zombies(no_heartbeat: timedelta) -> AutomationCore:
    # the last two are names that our flows give to Completed
    ends = ("Completed", "Failed", "TimedOut", "Cancelled", "Crashed", "Skipped", "Paused")
    return _crashed_in_silence(
        ZOMBIES,
        "A run whose process died cannot say so itself.",
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{end}" for end in ends)},
        within=no_heartbeat,
        why=f"no heartbeat for {no_heartbeat.seconds} s: the process of this run died",
    )


def _unbegun(no_beginning: timedelta) -> AutomationCore:
    """A run whose worker died between taking it up and starting its process stays as it was, and gives no heartbeat.

    It would keep its place among the runs of the work pool for ever. Whatever is heard of it says that it is not so.
    """
    return _crashed_in_silence(
        UNBEGUN,
        "A worker that died cannot start what it took up, and no other worker takes it.",
        # each says that a worker went on with it
        after={f"prefect.flow-run.{step}" for step in ("Pending", "Submitting", "InfrastructurePending")},
        # these among it: a run that is retried is waited for anew
        expect={"prefect.flow-run.*"},
        within=no_beginning,
        why=f"not begun {no_beginning.seconds} s after it was taken up: its worker died",
    )


def _crashed_in_silence(
    name: str, description: str, *, after: set[str], expect: set[str], within: timedelta, why: str
) -> AutomationCore:
    """Call a run Crashed of which nothing that is expected is heard for so long after an event."""
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after=after,
            expect=expect,
            match=ResourceSpecification.model_validate(_RUNS),
            for_each={"prefect.resource.id"},
            threshold=1,
            within=within,
        ),
        # not forced: Prefect refuses it for a run that has ended meanwhile
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, force=False, message=why)],
    )


def _told(block: UUID, name: str, *states: str) -> AutomationCore:
    """Tell our hook of each run of a deployment that gets into one of these states."""
    return AutomationCore(
        name=name,
        description="Told to OrderPool, where it is an alert until it is over.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={f"prefect.flow-run.{state}" for state in states},
            match=ResourceSpecification.model_validate(_RUNS),
            match_related=ResourceSpecification.model_validate(_OF_DEPLOYMENTS),
            for_each={"prefect.resource.id"},
            threshold=1,
            within=timedelta(0),
        ),
        actions=[_call(block, _RUN_TOLD)],
    )


def _silence(block: UUID, orders_deployment: UUID, silence: timedelta) -> AutomationCore:
    """Have our hook look after the shops when no run that fetches orders completed for a while."""
    return AutomationCore(
        name=SILENT,
        description="OrderPool looks which shops are silent, and makes an alert of each.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            expect={"prefect.flow-run.Completed"},
            match=ResourceSpecification.model_validate(_RUNS),
            match_related=ResourceSpecification.model_validate(
                {"prefect.resource.id": f"prefect.deployment.{orders_deployment}"}
            ),
            threshold=1,
            within=silence,
        ),
        actions=[_call(block, _SILENCE_TOLD)],
    )


def _call(block: UUID, body: str) -> ActionTypes:
    return CallWebhook(block_document_id=block, payload=body)


def _set_up_hook(prefect: SyncPrefectClient, url: str) -> UUID:
    """The webhook block that leads to our hook, with its address and token as they are now."""
    data: dict[str, Any] = {
        "method": "POST",
        "url": url,
        "headers": {
            "Authorization": f"Bearer {hook_token()}",
            "Content-Type": "application/json",
            # a connection that Prefect kept may be closed by our side just when it is used again
            "Connection": "close",
        },
    }
    try:
        known = prefect.read_block_document_by_name(HOOK_BLOCK, "webhook", include_secrets=True)
    except ObjectNotFound:
        kind = prefect.read_block_type_by_slug("webhook")
        schema = prefect.get_most_recent_block_schema_for_block_type(kind.id)
        assert schema is not None, "the server registers it when it starts"
        made = BlockDocumentCreate(
            name=HOOK_BLOCK, block_type_id=kind.id, block_schema_id=schema.id, data=data, is_anonymous=False
        )
        return prefect.create_block_document(made, include_secrets=False).id
    if any(known.data.get(name) != value for name, value in data.items()):
        prefect.update_block_document(known.id, BlockDocumentUpdate(data=data))
    return known.id


def _versioned(automation: AutomationCore) -> AutomationCore:
    definition = automation.model_dump(mode="json", exclude={"trigger": {"id"}, "enabled": True})
    # sets come in any order
    definition["trigger"] = {
        name: sorted(value) if isinstance(value, list) else value for name, value in definition["trigger"].items()
    }
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:12]
    described = f"{automation.description} {_KEPT}{digest}"
    return automation.model_copy(update={"description": described})


def _bring_to(prefect: SyncPrefectClient, wanted: list[AutomationCore]) -> SetUp:
    names = {automation.name for automation in wanted}
    ours: dict[str, list[Automation]] = {}
    for found in prefect.read_automations():
        if _KEPT in found.description or found.name == ZOMBIES:
            ours.setdefault(found.name, []).append(found)
    created, updated, removed = [], [], []
    for automation in wanted:
        known = ours.get(automation.name, [])[:1]
        if not known:
            prefect.create_automation(automation)
            created.append(automation.name)
        elif known[0].description != automation.description:
            prefect.update_automation(known[0].id, automation.model_copy(update={"enabled": known[0].enabled}))
            updated.append(automation.name)
    for name, several in ours.items():
        for extra in several[1 if name in names else 0 :]:
            prefect.delete_automation(extra.id)
            removed.append(name)
    return SetUp(tuple(created), tuple(updated), tuple(removed))
