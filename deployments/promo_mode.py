"""What a promo changes outside the pool: Prefect is brought to what the pool says now.

The pool decides whether a promo is in force, by its row and the clock. Here its end, its beginning and whatever else
made Prefect differ is noticed and mended: by the command, by the live process, and by `orderpool up`.
"""

from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments.parts import WORK_POOL
from deployments.usual_pace import RUNS_AT_ONCE
from models.settings import SHANGHAI
from tasks.promo import PromoInForce, current_promo

VARIABLE = "promo"
"""The variable of Prefect that shows the promo in force; it is not there without one."""


def bring_in_line(prefect: SyncPrefectClient) -> list[str]:
    """Bring the work pool's limit and the variable to what the pool says; returns what had to change, in words.

    A command and the live process may do so at once: each looks again until the pool still says what it told.
    """
    changes: list[str] = []
    while True:
        promo = current_promo()
        changes += _limit_runs(prefect, promo)
        # somebody else showed the same, or took it away, this moment
        with suppress(ObjectAlreadyExists, ObjectNotFound):
            changes += _show(prefect, promo)
            if current_promo() == promo:
                return changes


def tags_of(promo: PromoInForce | None) -> list[str]:
    """The tags of runs that are begun now."""
    return [f"promo:{promo.profile}"] if promo else []


def _limit_runs(prefect: SyncPrefectClient, promo: PromoInForce | None) -> list[str]:
    wanted = promo.settings.runs_at_once if promo else RUNS_AT_ONCE
    found = prefect.read_work_pool(WORK_POOL).concurrency_limit
    if found == wanted:
        return []
    prefect.update_work_pool(WORK_POOL, WorkPoolUpdate(concurrency_limit=wanted))
    return [f"{wanted} runs at once, before {found}"]


def _show(prefect: SyncPrefectClient, promo: PromoInForce | None) -> list[str]:
    found = prefect.read_variable_by_name(VARIABLE)
    wanted = _said(promo) if promo else None
    if (found.value if found else None) == wanted:
        return []
    if wanted is None:
        prefect.delete_variable_by_name(VARIABLE)
        return [f"variable {VARIABLE} removed"]
    if found is None:
        prefect.create_variable(VariableCreate(name=VARIABLE, value=wanted, tags=["orderpool"]))
    else:
        prefect.update_variable(VariableUpdate(name=VARIABLE, value=wanted))
    return [f"variable {VARIABLE} says {promo}"]


def _said(promo: PromoInForce) -> dict[str, object]:
    return {
        "profile": promo.profile,
        "until": promo.until.astimezone(SHANGHAI).isoformat(timespec="minutes"),
        "by": promo.by,
        "reason": promo.reason,
        "settings": promo.settings.to_json(),
    }
