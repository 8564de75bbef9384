"""audit_ingest: every day, what the platforms list is compared with what we have; what is missing is read at once."""

from datetime import date
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.pausing import pausable
from flows.stages import end_of_run, explained, reason, run_stages
from models.errors import StepFailed
from models.rules.faults import Fault
from models.rules.promo import Pausable
from tasks.audit_ingest import AuditCount, audit_orders, due_days, shops_to_audit
from tasks.run_names import audit_name
from tasks.windows import only_run_of


@flow(name="audit_ingest", flow_run_name=audit_name, persist_result=True)
@explained("audit_ingest", "shops")
@pausable(Pausable.AUDIT_INGEST)
def audit_ingest(shop: str | None = None, day: date | None = None) -> State[Any]:
    """Compare `day` of one shop, or of every shop, with the pool and the quarantine.

    Without `day` every day is compared that no audit has seen to its end, yesterday in China at least. Orders that are
    missing are read and taken through all stages. The run still fails and names them: a lost order is never silent.
    Retry compares again.
    """
    shops = [shop] if shop else shops_to_audit()
    failures: list[StepFailed] = []
    listed = 0
    for code in shops:
        with only_run_of(code) as alone:
            if not alone:
                sentence = f"audit: {code} was not compared; another run is busy with it"
                failures.append(StepFailed(sentence, Fault.ANOTHER_RUN))
                continue
            for asked in [day] if day else due_days(code):
                state: State[AuditCount] = audit_orders(code, asked, return_state=True)
                if not state.is_completed():
                    failures.append(reason(state))
                    continue
                count = state.result()
                listed += count.listed
                if count.missing:
                    failures.append(_missing(code, count))
                failures += run_stages(count.batch_ids)
    return end_of_run(failures, f"{listed} orders of {len(shops)} shops: none is missing")


def _missing(shop: str, count: AuditCount) -> StepFailed:
    examples = ", ".join(count.missing[:3])
    return StepFailed(
        f"audit: {len(count.missing)} of {count.listed} orders of {shop} on {count.day} were not in the pool "
        f"({examples}); {count.found} are read now",
        Fault.ORDERS_MISSING,
    )


if __name__ == "__main__":
    audit_ingest()
