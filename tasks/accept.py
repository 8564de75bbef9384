"""accept: a person lets a batch through whose feed looked wrong."""

from models.database import transaction
from models.errors import SetupError
from models.settings import clock


def accept(batch_id: int, reason: str, actor: str) -> str:
    """Record who accepts a batch and why; its validate stage then turns feed findings into holds.

    Returns what was found. Raises SetupError when nothing was found against the batch, or no reason is given.
    """
    if not reason.strip():
        raise SetupError(f"batch {batch_id}: cannot be accepted without a reason")
    with transaction() as conn:
        row = conn.execute("select state, feed_findings from batch where id = %s for update", (batch_id,)).fetchone()
        if row is None or row[0] != "open":
            raise SetupError(f"batch {batch_id}: cannot be accepted; it is {row[0] if row else 'not in the pool'}")
        if not row[1]:
            raise SetupError(f"batch {batch_id}: nothing was found against it")
        conn.execute(
            "update batch set accepted_by = %s, accepted_reason = %s, accepted_at = %s where id = %s",
            (actor, reason, clock().now(), batch_id),
        )
    return "; ".join(row[1])
